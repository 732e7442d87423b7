//! The end of a restore: every balance is proven, step by step, and the restore is closed for ever.
//!
//! A large program takes more than one request: a step ends between two members, and the next one goes on there. Lines that
//! come meanwhile let the proof begin again.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::MemberAudit;

use super::RestoreError;
use super::restore::{CHECKING, RESTORE, RestoreStatus, SEALED, STATUS};
use crate::items::{Item, Reader, bytes, item, name, packed, text};
use crate::kinds::{MemberItem, MembersItem};
use crate::scan::PAGE_ITEMS;
use crate::writes::{Write, Written};
use crate::{Store, StoreError, keys, random};

/// Disagreements that are named; the others are counted.
const NAMED: usize = 20;
/// Names the check that may seal the restore.
const TOKEN: &str = "g";

/// What the check of a restore has found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreProgress {
    /// Members whose balances were compared with their entries.
    #[serde(rename = "m")]
    pub members: u64,
    /// Their entries.
    #[serde(rename = "e")]
    pub entries: u64,
    /// How many balances do not agree.
    #[serde(rename = "d")]
    pub discrepancies: u64,
    /// The first of them.
    #[serde(rename = "n")]
    pub named: Vec<String>,
    /// The key after which the next step goes on.
    #[serde(rename = "k")]
    after: Option<[String; 2]>,
}

/// How a step of a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreCheck {
    /// There are members left.
    Unfinished(RestoreProgress),
    /// Balances do not follow from their entries. The next check begins anew.
    Refuted(RestoreProgress),
    /// Every balance is proven, and the restore is closed.
    Sealed(RestoreProgress),
}

/// The partition that is being read.
#[derive(Default)]
struct Current {
    pk: String,
    /// The member whose partition it is.
    member: Option<MemberId>,
    entries: u64,
    audit: MemberAudit,
    account: Account,
}

impl Current {
    /// Takes an item of the partition.
    fn add(&mut self, program: &ProgramId, item: &Item) -> Result<(), StoreError> {
        let reader = Reader::new(RESTORE, item);
        let (pk, sk) = (reader.text(name::PK)?, reader.text(name::SK)?);
        match MembersItem::parse(pk, sk) {
            Some(MembersItem::Of(of, member, kind)) if of == *program => {
                self.member = Some(member);
                match kind {
                    MemberItem::Account => self.account = reader.body()?,
                    MemberItem::Entry => {
                        self.entries += 1;
                        self.audit.add(&reader.body()?);
                    }
                    MemberItem::Profile
                    | MemberItem::Alias
                    | MemberItem::Listing
                    | MemberItem::Notes
                    | MemberItem::Mark
                    | MemberItem::Kept
                    | MemberItem::Coupon
                    | MemberItem::Friend
                    | MemberItem::Advocated => {}
                }
                Ok(())
            }
            Some(_) => Ok(()),
            None => Err(StoreError::UnknownKind { operation: RESTORE, key: format!("{pk} {sk}") }),
        }
    }

    /// Compares the member's account with the entries.
    fn prove(self, progress: &mut RestoreProgress) {
        let Some(member) = self.member else { return };
        progress.members += 1;
        progress.entries += self.entries;
        for what in self.audit.compare(&self.account) {
            progress.discrepancies += 1;
            if progress.named.len() < NAMED {
                progress.named.push(format!("{member}: {what}"));
            }
        }
    }
}

impl Store {
    /// Proves balances of a restored program by their entries, from where the last step ended, until `is_late`. Seals the restore
    /// once all are proven. A step proves at least a page of the table.
    ///
    /// # Errors
    /// [`RestoreError::InUse`] and [`RestoreError::Sealed`]; [`RestoreError::Changed`] when lines came meanwhile; when DynamoDB
    /// fails.
    pub async fn seal_restore(
        &self,
        program: &ProgramId,
        is_late: &(dyn Fn() -> bool + Sync),
    ) -> Result<RestoreCheck, RestoreError> {
        let (mut progress, token) = self.begin_check(program).await?;
        let mut current = Current::default();
        let start = progress.after.take();
        let mut last = start.clone();
        let mut next = last.as_ref().map(|[pk, sk]| {
            Item::from([(name::PK.to_owned(), text(pk.as_str())), (name::SK.to_owned(), text(sk.as_str()))])
        });
        loop {
            let (items, further) = self.scan_table(RESTORE, &self.tables.members, PAGE_ITEMS, next).await?;
            for item in &items {
                let reader = Reader::new(RESTORE, item);
                let (pk, sk) = (reader.text(name::PK)?, reader.text(name::SK)?);
                if current.pk != pk {
                    // The items of a partition are consecutive: the one before is complete.
                    std::mem::take(&mut current).prove(&mut progress);
                    current.pk = pk.to_owned();
                    progress.after = last.take();
                }
                current.add(program, item)?;
                last = Some([pk.to_owned(), sk.to_owned()]);
            }
            next = further;
            if next.is_none() {
                break;
            }
            // A partition that is larger than a page is read to its end.
            if progress.after.is_some() && progress.after != start && is_late() {
                self.note_check(program, &token, &progress).await?;
                return Ok(RestoreCheck::Unfinished(progress));
            }
        }
        current.prove(&mut progress);
        if progress.discrepancies > 0 {
            self.note_check(program, &token, &RestoreProgress::default()).await?;
            return Ok(RestoreCheck::Refuted(progress));
        }
        let sealed = item(&keys::restore(program), [(STATUS, text(SEALED))]);
        match self.write_check(&token, Write::put(&self.tables.programs, sealed)).await {
            Ok(()) => Ok(RestoreCheck::Sealed(progress)),
            // The response to a write that sealed it may be lost; the SDK repeats the write.
            Err(RestoreError::Changed) if self.is_restore_sealed(program).await? => Ok(RestoreCheck::Sealed(progress)),
            Err(error) => Err(error),
        }
    }

    /// Marks the restore as being checked; returns what earlier steps found, and the name of this one.
    async fn begin_check(&self, program: &ProgramId) -> Result<(RestoreProgress, AttributeValue), RestoreError> {
        let status = self.restore_status(program).await?;
        let key = keys::restore(program);
        let progress = match status {
            Some(RestoreStatus::Checking) => {
                let found = self.get(RESTORE, &self.tables.programs, &key, true).await?;
                let reader = found.as_ref().map(|item| Reader::new(RESTORE, item));
                let progress = reader.filter(|reader| reader.has(name::BODY)).map(Reader::body);
                progress.transpose()?.unwrap_or_default()
            }
            Some(RestoreStatus::Open) | None => RestoreProgress::default(),
        };
        let token = text(random::id("chk_"));
        let begun = check_item(program, &token, &progress)?;
        let begun = Write::put(&self.tables.programs, begun).when("attribute_not_exists(pk) OR st <> :sealed");
        match self.write(RESTORE, &begun.value(":sealed", text(SEALED))).await? {
            Written::Done => Ok((progress, token)),
            Written::Refused(_) => Err(RestoreError::Sealed),
        }
    }

    /// Stores what a check has found.
    async fn note_check(
        &self,
        program: &ProgramId,
        token: &AttributeValue,
        progress: &RestoreProgress,
    ) -> Result<(), RestoreError> {
        let noted = check_item(program, token, progress)?;
        self.write_check(token, Write::put(&self.tables.programs, noted)).await
    }

    /// Writes on condition that no lines and no other check came meanwhile.
    async fn write_check(&self, token: &AttributeValue, write: Write) -> Result<(), RestoreError> {
        match self.write(RESTORE, &write.when("g = :token").value(":token", token.clone())).await? {
            Written::Done => Ok(()),
            Written::Refused(_) => Err(RestoreError::Changed),
        }
    }

    /// True when a restore was closed.
    async fn is_restore_sealed(&self, program: &ProgramId) -> Result<bool, StoreError> {
        let found = self.get(RESTORE, &self.tables.programs, &keys::restore(program), true).await?;
        Ok(found.is_some_and(|item| Reader::new(RESTORE, &item).text(STATUS).is_ok_and(|status| status == SEALED)))
    }
}

fn check_item(program: &ProgramId, token: &AttributeValue, progress: &RestoreProgress) -> Result<Item, StoreError> {
    let body = bytes(packed(RESTORE, progress)?);
    Ok(item(&keys::restore(program), [(STATUS, text(CHECKING)), (TOKEN, token.clone()), (name::BODY, body)]))
}
