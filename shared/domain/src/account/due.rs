//! What falls due for a member by the passing of time alone, and when.
//!
//! An account carries the earliest day on which something may fall due. The index `due` finds it by that day; the due
//! worker then has the member decided. A fact may only bring the day forward, so that a receipt rarely writes the index;
//! a decision that the day asked for sets it anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, Status};
use crate::program::CompiledProgram;
use crate::rule::{CompiledRule, Trigger, Waiting};
use crate::time::Day;

/// Distinguishes the marker of a lapse from a rule's other markers.
const LAPSE: i64 = 0;

/// A kind of thing that falls due by the passing of time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DueKind {
    /// A member has not bought anything for the days of an inactivity rule.
    #[serde(rename = "L")]
    Lapse,
    /// The time of a tier is over, or a month leaves its rolling window.
    #[serde(rename = "T")]
    TierReview,
    /// Points expire: an entry books them on that day, so that a liability never contains them.
    #[serde(rename = "E")]
    Expiry,
    /// Points expire soon and the member is to be warned.
    #[serde(rename = "W")]
    Warning,
    /// A reservation lapses. It is indexed on its coupon, by reward, because its stock is freed without its owner.
    #[serde(rename = "R")]
    Reservation,
    /// The event that releases held points did not come in time. The hold of a referral is indexed on the friend's item.
    #[serde(rename = "H")]
    Hold,
    /// Pending points become spendable, or a reservation has lapsed: an entry books it.
    #[serde(rename = "P")]
    Release,
}

/// The earliest day on which something may fall due, and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Day, DueKind)", into = "(Day, DueKind)")]
pub struct Due {
    /// The local day.
    pub day: Day,
    /// The kind; at one day the first of the enumeration.
    pub kind: DueKind,
}

impl From<(Day, DueKind)> for Due {
    fn from((day, kind): (Day, DueKind)) -> Self {
        Self { day, kind }
    }
}

impl From<Due> for (Day, DueKind) {
    fn from(due: Due) -> Self {
        (due.day, due.kind)
    }
}

impl DueKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Lapse, Self::TierReview, Self::Expiry, Self::Warning, Self::Reservation, Self::Hold, Self::Release];

    /// The letter of the kind in the index.
    pub const fn letter(self) -> char {
        match self {
            Self::Lapse => 'L',
            Self::TierReview => 'T',
            Self::Expiry => 'E',
            Self::Warning => 'W',
            Self::Reservation => 'R',
            Self::Hold => 'H',
            Self::Release => 'P',
        }
    }
}

impl Account {
    /// The next lapse for an inactivity rule: the last purchase, and the local day on which the rule's days are over.
    ///
    /// `None` for visitors, for other rules, and when the rule has fired for this lapse.
    pub(crate) fn next_lapse(&self, program: &CompiledProgram, rule: &CompiledRule) -> Option<(Timestamp, Day)> {
        let Trigger::Inactivity { days } = &rule.rule.on else { return None };
        if self.status != Status::Member {
            return None;
        }
        // For a member who bought as a visitor, the days count from enrolment if that is later.
        let since = self.enrolled_at.max(self.last_purchase)?;
        let marked = self
            .counters
            .get(&rule.rule.id)
            .filter(|counter| counter.generation == rule.generation())
            .is_some_and(|counter| counter.marks.contains(&(LAPSE, since.as_second())));
        let day = Day::of(since, &program.zone).plus_days(*days);
        (!marked).then_some((since, day.max(Day::of(rule.starts_at(), &program.zone))))
    }

    /// The marker of a lapse for which a rule has fired.
    pub(crate) fn lapse_mark(since: Timestamp) -> (i64, i64) {
        (LAPSE, since.as_second())
    }

    /// The earliest day on which something may fall due; `None` when nothing can.
    pub(crate) fn next_due(&self, program: &CompiledProgram) -> Option<Due> {
        let of_kind = |kind| self.next_day_of(kind, program).map(|day| Due { day, kind });
        DueKind::ALL.into_iter().filter_map(of_kind).min()
    }

    /// The earliest day on which a kind may fall due.
    fn next_day_of(&self, kind: DueKind, program: &CompiledProgram) -> Option<Day> {
        match kind {
            DueKind::Lapse => self.next_lapse_day(program),
            DueKind::TierReview => {
                // Without a rule for changes of tier, reads compute the tier.
                program.rules.waiting(&Waiting::TierChange).next()?;
                self.tier.next_review(program, self.settled)
            }
            DueKind::Expiry => {
                let ends = self.lots.iter().filter_map(|lot| lot.key.last_day());
                ends.min().map(|last| last.plus_days(1))
            }
            DueKind::Warning => self.next_warning(program),
            DueKind::Hold => self.holds.next_deadline(),
            DueKind::Release => self.next_release(program),
            // Reservations are indexed on items of their own.
            DueKind::Reservation => None,
        }
    }

    /// The next day on which pending points become spendable, or which follows the lapse of a reservation.
    fn next_release(&self, program: &CompiledProgram) -> Option<Day> {
        let first_days = self.lots.iter().map(|lot| lot.key.spendable_from());
        // Points that wait for an event are in lots that never become spendable.
        let pending = first_days.filter(|day| *day < Day::LAST && self.settled.is_none_or(|settled| settled < *day));
        // On the day of the lapse itself, the worker may come too early.
        let lapses = self.reservations.iter();
        let lapses = lapses.map(|reservation| Day::of(reservation.until, &program.zone).plus_days(1));
        pending.chain(lapses).min()
    }

    fn next_lapse_day(&self, program: &CompiledProgram) -> Option<Day> {
        let lapses = program.rules.waiting(&Waiting::Inactivity).filter_map(|rule| {
            let (_, day) = self.next_lapse(program, rule)?;
            // A rule that has ended by then does not fire.
            rule.covers(day.start(&program.zone).max(rule.starts_at())).then_some(day)
        });
        lapses.min()
    }

    /// Updates the day on which something may fall due. A fact (`triggered_by_due` is false) only makes it earlier.
    pub(crate) fn arm(&mut self, program: &CompiledProgram, triggered_by_due: bool) {
        let next = self.next_due(program);
        self.due = match (self.due, next) {
            (Some(armed), Some(next)) if !triggered_by_due && next.day < armed.day => Some(next),
            (Some(armed), _) if !triggered_by_due => Some(armed),
            (_, next) => next,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_letter_of_its_own_also_when_stored() {
        for (place, kind) in DueKind::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.letter().to_string());
            assert!(DueKind::ALL[..place].iter().all(|other| other.letter() != kind.letter()));
        }
        let due = Due { day: Day::from_date(jiff::civil::date(2026, 3, 10)), kind: DueKind::TierReview };
        let packed = crate::pack::pack(&due).unwrap();
        assert_eq!(crate::pack::unpack::<Due>(&packed).unwrap(), due);
    }
}
