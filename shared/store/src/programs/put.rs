//! New versions of a program.

use jiff::Timestamp;
use tessera_domain::ids::{ProgramId, TierId};
use tessera_domain::input::Fault;
use tessera_domain::program::{Program, StoredProgram, SubmittedProgram};

use super::document::Place;
use super::head::attribute;
use super::{Head, ProgramCache};
use crate::items::{item, moment, name, number, text};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Store, StoreError, keys, retry};

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
    ) -> Result<Head, PutProgramError> {
        let (head, _) = self.put_next_version(program, document, expected, now, None).await?;
        Ok(head)
    }

    /// As [`Store::put_program`], and returns the new version too, if there is one. `cache` may hold the current one.
    pub(super) async fn put_next_version(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
        now: Timestamp,
        cache: Option<&ProgramCache>,
    ) -> Result<(Head, Option<StoredProgram>), PutProgramError> {
        for attempt in 1..=retry::TRIES {
            let (head, next) = self.next_version(program, document, expected, cache).await?;
            let Some(next) = next else { return Ok((head, None)) };
            let place = self.write_document(program, &next).await?;
            let in_force = [
                (name::VERSION, number(next.version())),
                (attribute::CHUNKS, number(place.chunks)),
                (attribute::CHECKSUM, text(&*place.checksum)),
                (name::SINCE, moment(now)),
            ];
            let [version, chunks, checksum, since] = in_force.clone().map(|(_, value)| value);
            // What was judged as not in use must not have come into use meanwhile.
            let unchanged = if head.in_use { "v = :before" } else { "v = :before AND attribute_not_exists(u)" };
            let flip = Write::update(
                &self.tables.programs,
                &keys::head(program),
                "SET v = :version, n = :chunks, c = :checksum, t = :since",
            )
            .when(unchanged)
            .value(":before", number(head.version))
            .value(":version", version)
            .value(":chunks", chunks)
            .value(":checksum", checksum)
            .value(":since", since);
            let record = item(&keys::version(program, next.version()), in_force);
            let record = Write::put(&self.tables.programs, record).when(ABSENT);
            match self.transact_patiently(PUT, vec![flip, record]).await? {
                Transacted::Done => {
                    let Place { checksum, chunks } = place;
                    let head = Head { version: next.version(), chunks, checksum, updated_at: now, ..head };
                    return Ok((head, Some(next)));
                }
                // Another writer was faster: with `expected` that is a stale version, otherwise theirs is the base.
                Transacted::Cancelled(_) => retry::pause(attempt).await,
            }
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES }.into())
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
        Ok(next.map_or(head.version, |next| next.version()))
    }

    /// The current head, and the version that a document would make; `None` when it changes nothing.
    async fn next_version(
        &self,
        program: &ProgramId,
        document: &SubmittedProgram,
        expected: Option<u32>,
        cache: Option<&ProgramCache>,
    ) -> Result<(Head, Option<StoredProgram>), PutProgramError> {
        let head = self.load_head(program).await?.ok_or(PutProgramError::Unknown)?;
        if expected.is_some_and(|expected| expected != head.version) {
            return Err(PutProgramError::Stale { current: head.version });
        }
        let current = match cache {
            Some(cache) => cache.of_head(program, &head).await?,
            None => self.compile_document(program, &head.place()).await?,
        };
        let Some(next) = document.next_version(&current) else { return Ok((head, None)) };
        if head.in_use {
            let faults = frozen(&current.program, document.program());
            if !faults.is_empty() {
                return Err(PutProgramError::InUse { faults });
            }
        }
        Ok((head, Some(next)))
    }
}

/// The changes that a program in use does not allow.
fn frozen(before: &Program, after: &Program) -> Vec<Fault> {
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
