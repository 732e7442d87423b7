//! Adds the figures up from the ledger again, by the definitions that the stream consumer uses.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tessera_domain::figures::{Figures, booking_day};
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_store::{ProgramCache, ScanCursor, Store};

/// The days that a stream may still repeat: today and the two before.
const OPEN_DAYS: u32 = 2;

/// The figures of each day, by program.
pub type RebuiltFigures = BTreeMap<ProgramId, BTreeMap<Day, Figures>>;

/// Which days a rebuild replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildScope {
    /// The days of which the stream repeats nothing any more.
    ClosedDays,
    /// All days: only while no entry is written, and after all were counted.
    AllDays,
}

/// Adds up all entries of a store, by program and booking day.
///
/// # Errors
/// When the store cannot be read, or a program of entries is missing.
pub async fn add_up(store: &Store) -> anyhow::Result<RebuiltFigures> {
    let programs = ProgramCache::new(store.clone(), Duration::from_mins(1));
    let mut rebuilt = RebuiltFigures::new();
    let mut next = Some(ScanCursor::default());
    while let Some(cursor) = next {
        let page = store.scan_members(0, 1, cursor).await?;
        for member in page.members {
            let program = &member.program;
            let active = programs.get(program).await?.with_context(|| format!("there is no program {program}"))?;
            let days = rebuilt.entry(program.clone()).or_default();
            for stored in &member.entries {
                days.entry(booking_day(&stored.entry, &active.compiled.zone)).or_default().add(&stored.entry);
            }
        }
        next = page.next;
    }
    Ok(rebuilt)
}

/// Replaces the stored figures of all programs. Returns the number of changed items, by program.
///
/// # Errors
/// As [`add_up`], and when entries are being counted at the same time.
pub async fn rebuild(store: &Store, now: Timestamp, scope: RebuildScope) -> anyhow::Result<BTreeMap<ProgramId, u32>> {
    let programs = ProgramCache::new(store.clone(), Duration::from_mins(1));
    let mut changed = BTreeMap::new();
    for (program, days) in add_up(store).await? {
        let active = programs.get(&program).await?.with_context(|| format!("there is no program {program}"))?;
        let until = match scope {
            RebuildScope::ClosedDays => Day::of(now, &active.compiled.zone).minus_days(OPEN_DAYS),
            RebuildScope::AllDays => Day::LAST,
        };
        let items = store.rebuild_figures(&program, &days, until).await;
        let items = items.with_context(|| format!("the figures of {program} were not replaced; run it again"))?;
        changed.insert(program, items);
    }
    Ok(changed)
}
