//! When a member was last seen, so that reports count distinct people without a list of them.

use serde::{Deserialize, Serialize};

use crate::time::{CalendarPeriod, Day};

/// The booking days of the latest activity and of the two latest purchases.
///
/// Booking days never go back, whatever the order of the facts, so that a person is counted once in each period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedSeen", into = "PackedSeen")]
pub struct Seen {
    active: Option<Day>,
    bought: Option<Day>,
    bought_before: Option<Day>,
}

/// The days as they are stored: activity, latest purchase, purchase before.
type PackedSeen = (Option<Day>, Option<Day>, Option<Day>);

impl From<PackedSeen> for Seen {
    fn from((active, bought, bought_before): PackedSeen) -> Self {
        Self { active, bought, bought_before }
    }
}

impl From<Seen> for PackedSeen {
    fn from(Seen { active, bought, bought_before }: Seen) -> Self {
        (active, bought, bought_before)
    }
}

impl Seen {
    /// True for a member who was never seen.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Notes an activity of a member; returns the periods in which it is the first.
    pub(crate) fn note_activity(&mut self, day: Day) -> Firsts {
        let firsts = Firsts::of(Firsts::ACTIVE, |period| is_earlier(self.active, period, day));
        self.active = self.active.max(Some(day));
        firsts
    }

    /// Notes a purchase; returns the periods in which it is the first, and those in which it is the second.
    pub(crate) fn note_purchase(&mut self, day: Day) -> Firsts {
        let first = |period| is_earlier(self.bought, period, day);
        let second = |period| is_same(self.bought, period, day) && is_earlier(self.bought_before, period, day);
        let firsts = Firsts::of(Firsts::BUYERS, first).with(Firsts::of(Firsts::REPEATERS, second));
        self.bought_before = self.bought;
        self.bought = self.bought.max(Some(day));
        firsts
    }

    /// Adds what is known of another account of the same person.
    pub(crate) fn unite(&mut self, other: Self) {
        self.active = self.active.max(other.active);
        let mut bought = [self.bought, self.bought_before, other.bought, other.bought_before];
        bought.sort_unstable();
        (self.bought, self.bought_before) = (bought[3], bought[2]);
    }
}

/// True when a day lies before the period of `today`, or there is none.
fn is_earlier(day: Option<Day>, period: CalendarPeriod, today: Day) -> bool {
    day.is_none_or(|day| period.start(day) < period.start(today))
}

fn is_same(day: Option<Day>, period: CalendarPeriod, today: Day) -> bool {
    day.is_some_and(|day| period.start(day) == period.start(today))
}

/// The periods in which an entry is a person's first activity, first purchase or second purchase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Firsts(u16);

impl Firsts {
    /// None.
    pub(crate) const NONE: Self = Self(0);
    /// The first activity of a member.
    pub(crate) const ACTIVE: usize = 0;
    /// The first purchase.
    pub(crate) const BUYERS: usize = 1;
    /// The second purchase.
    pub(crate) const REPEATERS: usize = 2;
    /// The number of bits: three kinds, each with four periods.
    pub(crate) const BITS: usize = 12;

    /// The place of a kind and a period among the bits.
    pub(crate) fn place(kind: usize, period: CalendarPeriod) -> usize {
        kind * CalendarPeriod::ALL.len() + period as usize
    }

    fn of(kind: usize, is_first: impl Fn(CalendarPeriod) -> bool) -> Self {
        let periods = CalendarPeriod::ALL.into_iter().filter(|period| is_first(*period));
        Self(periods.fold(0, |bits, period| bits | 1 << Self::place(kind, period)))
    }

    /// These and others.
    #[must_use]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when there is none.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// True when the bit at a place is set.
    pub(crate) const fn has(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    fn periods(firsts: Firsts, kind: usize) -> Vec<CalendarPeriod> {
        CalendarPeriod::ALL.into_iter().filter(|period| firsts.has(Firsts::place(kind, *period))).collect()
    }

    #[test]
    fn a_person_counts_once_in_each_period() {
        let mut seen = Seen::default();
        assert_eq!(periods(seen.note_activity(day("2026-03-30")), Firsts::ACTIVE), CalendarPeriod::ALL);
        // The same week, but another day and another month.
        let firsts = seen.note_activity(day("2026-04-01"));
        assert_eq!(periods(firsts, Firsts::ACTIVE), [CalendarPeriod::Day, CalendarPeriod::Month]);
        assert!(seen.note_activity(day("2026-04-01")).is_empty());
        // A clock that was set back counts nobody twice.
        assert!(seen.note_activity(day("2026-03-31")).is_empty());
    }

    #[test]
    fn a_second_purchase_counts_in_the_periods_of_the_first() {
        let mut seen = Seen::default();
        assert_eq!(periods(seen.note_purchase(day("2026-03-30")), Firsts::BUYERS), CalendarPeriod::ALL);
        let second = seen.note_purchase(day("2026-04-01"));
        assert_eq!(periods(second, Firsts::BUYERS), [CalendarPeriod::Day, CalendarPeriod::Month]);
        assert_eq!(periods(second, Firsts::REPEATERS), [CalendarPeriod::Week, CalendarPeriod::Year]);
        let third = seen.note_purchase(day("2026-04-01"));
        assert_eq!(periods(third, Firsts::REPEATERS), [CalendarPeriod::Day, CalendarPeriod::Month]);
        assert!(seen.note_purchase(day("2026-04-01")).is_empty());
    }

    #[test]
    fn two_accounts_of_a_person_know_what_both_knew() {
        let (mut one, mut other) = (Seen::default(), Seen::default());
        one.note_purchase(day("2026-03-02"));
        other.note_purchase(day("2026-03-03"));
        one.unite(other);
        assert!(!periods(one.note_purchase(day("2026-03-03")), Firsts::REPEATERS).contains(&CalendarPeriod::Week));
    }
}
