//! Restoring an export into a program without members and facts.

use futures::stream::{self, TryStreamExt as _};
use serde_json::Value;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::{Entry, MemberAudit};
use tessera_domain::member::Profile;

use super::{ExportKind, codec};
use crate::items::{Item, Reader, item, name, text};
use crate::kinds::{MemberItem, MembersItem};
use crate::members::profile_guards;
use crate::writes::{ABSENT, Write, Written};
use crate::{ActiveProgram, ScanCursor, Store, StoreError, keys};

const RESTORE: &str = "restoring a program";
const STATUS: &str = "st";
const OPEN: &str = "open";
const SEALED: &str = "sealed";

/// Items that are written at once.
const AT_ONCE: usize = 24;

/// An item to restore, and the profile that it is.
type Accepted = (Item, Option<(MemberId, Profile)>);

/// Why lines are not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The program has members or facts that no restore brought.
    #[error("the program has members or facts already")]
    InUse,
    /// The restore was closed.
    #[error("the restore is sealed")]
    Sealed,
    /// A line is not one of an export of this kind.
    #[error("line {0} is not one of this export")]
    Line(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the check of a restore has found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreProgress {
    /// Members whose balances are proven.
    pub members: u64,
    /// Their entries.
    pub entries: u64,
    /// What does not agree.
    pub discrepancies: Vec<String>,
}

impl Store {
    /// Opens the restore of a program, unless it is open.
    ///
    /// # Errors
    /// [`RestoreError::InUse`] and [`RestoreError::Sealed`]; when DynamoDB fails.
    pub async fn open_restore(&self, program: &ProgramId) -> Result<(), RestoreError> {
        let head = self.load_head(program).await?.ok_or(StoreError::Item { operation: RESTORE, attribute: "head" })?;
        let key = keys::restore(program);
        let found = self.get(RESTORE, &self.tables.programs, &key, true).await?;
        match found.as_ref().map(|item| Reader::new(RESTORE, item).text(STATUS)).transpose()? {
            Some(SEALED) => Err(RestoreError::Sealed),
            // What came besides the restore would be mixed with it.
            _ if head.in_use => Err(RestoreError::InUse),
            Some(_) => Ok(()),
            None => {
                let open = item(&key, [(STATUS, text(OPEN))]);
                match self.write(RESTORE, &Write::put(&self.tables.programs, open).when(ABSENT)).await? {
                    Written::Done | Written::Refused(_) => Ok(()),
                }
            }
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
                let profile = match found {
                    MembersItem::Of(_, member, MemberItem::Profile) => Some((member, reader.body().ok()?)),
                    _ => None,
                };
                Some((item, profile))
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

    /// Proves every balance of the program by its entries.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn check_restore(&self, program: &ProgramId) -> Result<RestoreProgress, StoreError> {
        let mut progress = RestoreProgress::default();
        let mut current: Option<(MemberId, MemberAudit, tessera_domain::account::Account)> = None;
        let mut cursor = Some(ScanCursor::default());
        while let Some(from) = cursor {
            let page = self.scan_members(0, 1, from).await?;
            for scanned in page.members.into_iter().filter(|scanned| scanned.program == *program) {
                if current.as_ref().is_none_or(|(member, _, _)| *member != scanned.member) {
                    prove(current.take(), &mut progress);
                    current =
                        Some((scanned.member, MemberAudit::default(), tessera_domain::account::Account::default()));
                }
                let Some((_, audit, account)) = &mut current else { continue };
                if let Some(found) = scanned.account {
                    *account = found;
                }
                for stored in &scanned.entries {
                    progress.entries += 1;
                    audit.add(&stored.entry);
                }
            }
            cursor = page.next;
        }
        prove(current, &mut progress);
        Ok(progress)
    }

    /// Closes the restore of a program for ever.
    ///
    /// # Errors
    /// [`RestoreError::Sealed`] when it was never opened; when DynamoDB fails.
    pub async fn seal_restore(&self, program: &ProgramId) -> Result<(), RestoreError> {
        let sealed = item(&keys::restore(program), [(STATUS, text(SEALED))]);
        self.write(RESTORE, &Write::put(&self.tables.programs, sealed)).await?;
        Ok(())
    }

    /// True when a restore was closed.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn is_restore_sealed(&self, program: &ProgramId) -> Result<bool, StoreError> {
        let found = self.get(RESTORE, &self.tables.programs, &keys::restore(program), true).await?;
        Ok(found.is_some_and(|item| Reader::new(RESTORE, &item).text(STATUS).is_ok_and(|status| status == SEALED)))
    }
}

fn prove(member: Option<(MemberId, MemberAudit, tessera_domain::account::Account)>, progress: &mut RestoreProgress) {
    let Some((member, audit, account)) = member else { return };
    progress.members += 1;
    progress.discrepancies.extend(audit.compare(&account).into_iter().map(|what| format!("{member}: {what}")));
}

fn is_head(program: &ProgramId, item: &Item) -> bool {
    Reader::new(RESTORE, item).text(name::SK).is_ok_and(|sk| sk == keys::head(program).sk)
}
