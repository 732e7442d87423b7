//! New versions of a program.

use std::sync::Arc;

use jiff::Timestamp;
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::{ProgramId, TierId};
use tessera_domain::input::Fault;
use tessera_domain::program::{CompiledProgram, Program, StoredProgram, SubmittedProgram};

use super::document::ChunkPlace;
use super::head::attribute;
use super::record::{VersionDiff, VersionRecord};
use super::{Head, ProgramCache};
use crate::items::{item, moment, name, number, text};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, Store, StoreError, keys, retry};

const PUT: &str = "replacing a program";

/// Why a program was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum PutProgramError {
    /// There is no such program.
    #[error("there is no such program")]
    Unknown,
    /// The version that the caller knew is not the current one.
    #[error("the program is at version {current}")]
    Stale {
        /// The current version.
        current: u32,
    },
    /// Two-person publishing is on: a change is a draft, which another person publishes.
    #[error("the program is published by two persons")]
    TwoPerson,
    /// It would change what members hold or facts rest on.
    #[error("the change concerns what is in use")]
    InUse {
        /// Each such change, with its place in the document.
        faults: Vec<Fault>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A version that a document would make.
pub(super) struct NextVersion {
    pub version: StoredProgram,
    /// The version that it replaces.
    pub base: Arc<CompiledProgram>,
    pub diff: VersionDiff,
}

impl Store {
    /// Replaces a program's document and returns the head that is in force afterwards. A document that changes nothing
    /// makes no new version. With `expected`, only when this is the current version.
    ///
    /// Once the program has members or facts, its currency and time zone are frozen, and so are its tiers and rewards:
    /// to know whether a member still holds one, every member would have to be read.
    ///
    /// # Errors
    /// See [`PutProgramError`].
    pub async fn put_program(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
        now: Timestamp,
        audit: &Audit,
    ) -> Result<Head, PutProgramError> {
        let (head, _) = self.put_next_version(program, document, expected, now, audit, None).await?;
        Ok(head)
    }

    /// As [`Store::put_program`], and returns the new version too, if there is one. `cache` may hold the current one.
    pub(super) async fn put_next_version(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
        now: Timestamp,
        audit: &Audit,
        cache: Option<&ProgramCache>,
    ) -> Result<(Head, Option<StoredProgram>), PutProgramError> {
        for attempt in 1..=retry::TRIES {
            let (head, next) = self.next_version(program, document, expected, cache).await?;
            let Some(NextVersion { version: next, base, diff }) = next else { return Ok((head, None)) };
            if diff.base_is_two_person {
                return Err(PutProgramError::TwoPerson);
            }
            let place = self.write_document(program, &next).await?;
            let record = VersionRecord::new(audit, &diff);
            let mut writes = self.version_writes(program, &head, (&base.program, &next), &place, &record, now).await?;
            writes.push(self.audit_write(program, audit, diff.changes.into_iter().map(AuditChange::from))?);
            match self.transact_patiently(PUT, writes).await? {
                Transacted::Done => {
                    let ChunkPlace { checksum, chunks } = place;
                    let head = Head { version: next.version(), chunks, checksum, updated_at: now, ..head };
                    return Ok((head, Some(next)));
                }
                // Another writer was faster: with `expected` that is a stale version, otherwise theirs is the base.
                Transacted::Cancelled(_) => retry::pause(attempt).await,
            }
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES }.into())
    }

    /// The writes that put a version in force over a head and the version `before`, on condition that the head has not changed.
    pub(super) async fn version_writes(
        &self,
        program: &ProgramId,
        head: &Head,
        (before, next): (&Program, &StoredProgram),
        place: &ChunkPlace,
        record: &VersionRecord,
        now: Timestamp,
    ) -> Result<Vec<Write>, StoreError> {
        let version = next.version();
        let in_force = [
            (name::VERSION, number(version)),
            (attribute::CHUNKS, number(place.chunks)),
            (attribute::CHECKSUM, text(&*place.checksum)),
            (name::SINCE, moment(now)),
        ];
        let [number_of, chunks, checksum, since] = in_force.clone().map(|(_, value)| value);
        // What was judged as not in use must not have come into use meanwhile.
        let unchanged = if head.in_use { "v = :before" } else { "v = :before AND attribute_not_exists(u)" };
        let table = &*self.tables.programs;
        let flip = "SET v = :version, n = :chunks, c = :checksum, t = :since";
        let flip = Write::update(table, &keys::head(program), flip)
            .when(unchanged)
            .value(":before", number(head.version))
            .value(":version", number_of)
            .value(":chunks", chunks)
            .value(":checksum", checksum)
            .value(":since", since);
        let mut new = item(&keys::version(program, version), in_force);
        new.extend(record.attributes(PUT)?);
        let mut writes = vec![flip, Write::put(table, new).when(ABSENT)];
        writes.extend(self.supplies_write(program, before, next.program()).await?);
        Ok(writes)
    }

    /// The version that [`Store::put_program`] would put in force; writes nothing.
    ///
    /// # Errors
    /// What [`Store::put_program`] would refuse.
    pub async fn try_program(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
    ) -> Result<u32, PutProgramError> {
        let (head, next) = self.next_version(program, document, expected, None).await?;
        Ok(next.map_or(head.version, |next| next.version.version()))
    }

    /// The current head, and the version that a document would make; `None` when it changes nothing.
    pub(super) async fn next_version(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
        cache: Option<&ProgramCache>,
    ) -> Result<(Head, Option<NextVersion>), PutProgramError> {
        let head = self.load_head(program).await?.ok_or(PutProgramError::Unknown)?;
        if expected.is_some_and(|expected| expected != head.version) {
            return Err(PutProgramError::Stale { current: head.version });
        }
        let current = match cache {
            Some(cache) => cache.of_head(program, &head).await?,
            None => self.compile_document(program, &head.place()).await?,
        };
        let Some(version) = document.next_version(&current) else { return Ok((head, None)) };
        if head.in_use {
            let faults = frozen(&current.program, document.program());
            if !faults.is_empty() {
                return Err(PutProgramError::InUse { faults });
            }
        }
        let diff = VersionDiff::between(&current.program, document.program());
        Ok((head, Some(NextVersion { version, base: current, diff })))
    }
}

/// The changes that a program in use does not allow.
pub(super) fn frozen(before: &Program, after: &Program) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, detail: String| faults.push(Fault { pointer: pointer.to_owned(), detail });
    if before.currency != after.currency {
        fault("/currency", format!("stays {}: there are facts in it", before.currency));
    }
    if before.timezone != after.timezone {
        fault("/timezone", format!("stays {}: facts were counted by its days", before.timezone));
    }
    for tier in tiers(before) {
        if !tiers(after).any(|kept| kept == tier) {
            fault("/tiers", format!("the tier {tier} stays: members may hold it"));
        }
    }
    for reward in &before.rewards {
        if !after.rewards.iter().any(|kept| kept.id == reward.id) {
            fault("/rewards", format!("the reward {} stays: members may hold coupons of it", reward.id));
        }
    }
    faults
}

fn tiers(program: &Program) -> impl Iterator<Item = &TierId> {
    let tiers = program.tiers.iter();
    tiers.flat_map(|tiers| tiers.ladder.iter().map(|tier| &tier.id).chain(tiers.vip.iter().map(|vip| &vip.id)))
}
