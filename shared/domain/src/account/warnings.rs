//! Warnings before points expire.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Account, Status};
use crate::points::Points;
use crate::program::CompiledProgram;
use crate::time::Day;

/// Points that expire soon, of which their owner is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryWarning {
    /// The day on which the warning fell due.
    pub due: Day,
    /// The last day on which the points can be spent.
    pub last_day: Day,
    /// How many.
    pub points: Points,
}

impl Account {
    /// The warnings that fell due by `now` and were not given yet: one for each last day of points that are still there.
    pub fn expiry_warnings(&self, program: &CompiledProgram, now: Timestamp) -> Vec<ExpiryWarning> {
        let today = Day::of(now, &program.zone);
        let account = self.settled_at(program, now);
        let mut ends: BTreeMap<Day, Points> = BTreeMap::new();
        for lot in account.lots.iter() {
            if let Some(last) = lot.key.last_day().filter(|last| *last >= today) {
                let points = ends.entry(last).or_default();
                *points = points.plus(lot.points);
            }
        }
        let warnings = ends.into_iter().filter_map(|(last_day, points)| {
            let due = account.warning_days(program, last_day).filter(|day| *day <= today).max()?;
            Some(ExpiryWarning { due, last_day, points })
        });
        warnings.collect()
    }

    /// The earliest day on which a warning falls due; `None` when none can.
    pub(super) fn next_warning(&self, program: &CompiledProgram) -> Option<Day> {
        let ends = self.lots.iter().filter_map(|lot| lot.key.last_day());
        ends.filter_map(|last| self.warning_days(program, last).min()).min()
    }

    /// The days on which points with this last day are warned of, without those that were served.
    fn warning_days<'p>(&self, program: &'p CompiledProgram, last: Day) -> impl Iterator<Item = Day> + use<'p> {
        let is_warned = self.status != Status::Excluded;
        let served = self.warned;
        let days = program.program.points.warn_days.iter().map(move |days| last.minus_days(*days));
        days.filter(move |day| is_warned && served.is_none_or(|served| *day > served))
    }
}
