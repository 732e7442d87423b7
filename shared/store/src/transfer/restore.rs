//! Restoring an export into a program without members and facts.

use futures::stream::{self, TryStreamExt as _};
use serde_json::Value;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;

use super::{ExportKind, codec};
use crate::items::{Item, Reader, item, name, number, text};
use crate::kinds::{MemberItem, MembersItem};
use crate::members::profile_guards;
use crate::writes::{ABSENT, Write, Written};
use crate::{ActiveProgram, Store, StoreError, keys};

pub(super) const RESTORE: &str = "restoring a program";
pub(super) const STATUS: &str = "st";
const OPEN: &str = "open";
/// Balances are being proven; another line opens the restore again.
pub(super) const CHECKING: &str = "checking";
pub(super) const SEALED: &str = "sealed";

/// Items that are written at once.
const AT_ONCE: usize = 24;

/// An item to restore, and the profile that it is.
type Accepted = (Item, Option<(MemberId, Profile)>);

/// Where a restore stands that is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestoreStatus {
    /// Lines come in.
    Open,
    /// Balances are being proven.
    Checking,
}

/// Why lines are not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The program has members or facts that no restore brought.
    #[error("the program has members or facts already")]
    InUse,
    /// The restore was closed.
    #[error("the restore is sealed")]
    Sealed,
    /// Lines were restored while the balances were proven.
    #[error("lines were restored meanwhile")]
    Changed,
    /// A line is not one of an export of this kind.
    #[error("line {0} is not one of this export")]
    Line(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Opens the restore of a program for further lines, unless it is open. What a check has proven so far is forgotten.
    ///
    /// # Errors
    /// [`RestoreError::InUse`] and [`RestoreError::Sealed`]; when DynamoDB fails.
    pub async fn open_restore(&self, program: &ProgramId) -> Result<(), RestoreError> {
        let status = self.restore_status(program).await?;
        if status == Some(RestoreStatus::Open) {
            return Ok(());
        }
        let open = Write::put(&self.tables.programs, item(&keys::restore(program), [(STATUS, text(OPEN))]));
        let open = open.when("attribute_not_exists(pk) OR st <> :sealed").value(":sealed", text(SEALED));
        match self.write(RESTORE, &open).await? {
            Written::Done => Ok(()),
            Written::Refused(_) => Err(RestoreError::Sealed),
        }
    }

    /// Where the restore of a program stands; `None` before the first line.
    ///
    /// # Errors
    /// [`RestoreError::InUse`] and [`RestoreError::Sealed`]; when DynamoDB fails.
    pub(super) async fn restore_status(&self, program: &ProgramId) -> Result<Option<RestoreStatus>, RestoreError> {
        let head = self.load_head(program).await?.ok_or(StoreError::Item { operation: RESTORE, attribute: "head" })?;
        let found = self.get(RESTORE, &self.tables.programs, &keys::restore(program), true).await?;
        let status = found.as_ref().map(|item| Reader::new(RESTORE, item).text(STATUS)).transpose()?;
        match status {
            Some(SEALED) => Err(RestoreError::Sealed),
            // What came besides the restore would be mixed with it.
            _ if head.in_use => Err(RestoreError::InUse),
            None => Ok(None),
            Some(CHECKING) => Ok(Some(RestoreStatus::Checking)),
            Some(_) => Ok(Some(RestoreStatus::Open)),
        }
    }

    /// Restores lines of an export. A repetition writes the same again.
    ///
    /// # Errors
    /// [`RestoreError::Line`] for a line that is none of this kind, and nothing is written then; when DynamoDB fails.
    pub async fn restore_lines(
        &self,
        program: &ActiveProgram,
        kind: ExportKind,
        lines: &str,
    ) -> Result<usize, RestoreError> {
        let mut items = Vec::new();
        for (line, number) in lines.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
            let parsed: Value = serde_json::from_str(line).map_err(|_| RestoreError::Line(number))?;
            let found = codec::decode(&program.id, &parsed["item"]).ok_or(RestoreError::Line(number))?;
            items.push(Self::accepted(&program.id, kind, found).ok_or(RestoreError::Line(number))?);
        }
        if kind == ExportKind::Entries {
            items = self.without_later(&program.id, items).await?;
        }
        let count = items.len();
        // Profiles last: whether a member is part of another decides about its guards.
        let (profiles, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|(_, profile)| profile.is_some());
        let table = match kind {
            ExportKind::Program | ExportKind::Audit => &self.tables.programs,
            ExportKind::Receipts => &self.tables.facts,
            ExportKind::Members
            | ExportKind::Entries
            | ExportKind::Coupons
            | ExportKind::Codes
            | ExportKind::Referrals => &self.tables.members,
        };
        stream::iter(others.into_iter().map(Ok))
            .try_for_each_concurrent(AT_ONCE, |(item, _)| async move {
                if kind == ExportKind::Program && is_head(&program.id, &item) {
                    return self.restore_head(&program.id, &item).await;
                }
                self.write(RESTORE, &Write::put(table, item)).await.map(drop)
            })
            .await?;
        stream::iter(profiles.into_iter().map(Ok))
            .try_for_each_concurrent(AT_ONCE, |(item, profile)| async move {
                let Some((member, profile)) = profile else { return Ok(()) };
                self.restore_profile(program, &member, &profile, item).await
            })
            .await?;
        Ok(count)
    }

    /// The entries that their accounts know. An export is no snapshot: an account was read before its entries, and what came
    /// in between is left out. The facts among it are decided again.
    async fn without_later(&self, program: &ProgramId, items: Vec<Accepted>) -> Result<Vec<Accepted>, StoreError> {
        let mut kept = Vec::with_capacity(items.len());
        let mut known: Option<(String, u64)> = None;
        for (item, profile) in items {
            let reader = Reader::new(RESTORE, &item);
            let (pk, entry): (&str, Entry) = (reader.text(name::PK)?, reader.body()?);
            let version = match &known {
                Some((of, version)) if of == pk => *version,
                _ => {
                    let Some((_, member)) = keys::parse_member_partition(pk) else { continue };
                    let version = self.get_account(program, &member).await?.unwrap_or_default().version;
                    known = Some((pk.to_owned(), version));
                    version
                }
            };
            if entry.sequence <= version {
                kept.push((item, profile));
            }
        }
        Ok(kept)
    }

    /// The item, if an export of this kind has such items; with the profile that it is.
    fn accepted(program: &ProgramId, kind: ExportKind, item: Item) -> Option<Accepted> {
        let reader = Reader::new(RESTORE, &item);
        let (pk, sk) = (reader.text(name::PK).ok()?, reader.text(name::SK).ok()?);
        if keys::parse_program(pk).as_ref() != Some(program) {
            return None;
        }
        match kind {
            ExportKind::Program => {
                let is_own = pk == keys::head(program).pk;
                let is_kind = sk == keys::head(program).sk || sk.starts_with("v#") || sk.starts_with("d#");
                (is_own && is_kind).then_some((item, None))
            }
            ExportKind::Receipts => keys::parse_fact(pk, sk).is_some().then_some((item, None)),
            ExportKind::Audit => {
                let is_audit = pk == keys::audit(program) && keys::parse_audit_entry(sk).is_some();
                is_audit.then_some((item, None))
            }
            ExportKind::Members
            | ExportKind::Entries
            | ExportKind::Coupons
            | ExportKind::Codes
            | ExportKind::Referrals => {
                let found = MembersItem::parse(pk, sk)?;
                if ExportKind::of(&found, reader.has(name::POOL)) != Some(kind) {
                    return None;
                }
                let profile = match &found {
                    MembersItem::Of(_, member, MemberItem::Profile) => Some((member.clone(), reader.body().ok()?)),
                    _ => None,
                };
                Some((quietly(&found, item), profile))
            }
        }
    }

    /// Puts the restored version in force, and keeps the program's own identity key.
    async fn restore_head(&self, program: &ProgramId, head: &Item) -> Result<(), StoreError> {
        let missing = || StoreError::Item { operation: RESTORE, attribute: "head" };
        let value = |name: &str| head.get(name).cloned().ok_or_else(missing);
        let set = Write::update(
            &self.tables.programs,
            &keys::head(program),
            "SET v = :version, n = :chunks, c = :checksum, t = :since",
        )
        .when("attribute_exists(pk)")
        .value(":version", value("v")?)
        .value(":chunks", value("n")?)
        .value(":checksum", value("c")?)
        .value(":since", value("t")?);
        self.write(RESTORE, &set).await.map(drop)
    }

    /// Writes a profile and the guards that lead to it.
    async fn restore_profile(
        &self,
        program: &ActiveProgram,
        member: &MemberId,
        profile: &Profile,
        item: Item,
    ) -> Result<(), StoreError> {
        let table = &*self.tables.members;
        let alias = self.get(RESTORE, table, &keys::alias(&program.id, member), true).await?;
        let guards = profile_guards(&program.id, &program.head.identity_key, member, profile).await?;
        for guard in guards {
            let write = Write::put(table, guard);
            // What led to a member who is part of another leads to that one now, if that one has it too.
            let write = if alias.is_some() { write.when(ABSENT) } else { write };
            self.write(RESTORE, &write).await?;
        }
        self.write(RESTORE, &Write::put(table, item)).await.map(drop)
    }
}

/// Marks what targets would be told of.
fn quietly(found: &MembersItem, mut item: Item) -> Item {
    let is_told = matches!(
        found,
        MembersItem::Of(_, _, MemberItem::Entry | MemberItem::Friend) | MembersItem::Click | MembersItem::Share
    );
    if is_told {
        let at = item.get(name::AGAIN).cloned().unwrap_or_else(|| number(0));
        item.insert(name::RESTORED.to_owned(), at);
    }
    item
}

fn is_head(program: &ProgramId, item: &Item) -> bool {
    Reader::new(RESTORE, item).text(name::SK).is_ok_and(|sk| sk == keys::head(program).sk)
}
