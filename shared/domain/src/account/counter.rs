//! Counters: the state of one rule for one member.

use serde::{Deserialize, Serialize};

use super::firings::{Extra, ReceiptMark, Run};
use super::uses::Uses;
use crate::points::Both;
use crate::points::Rounding;
use crate::rule::Frame;
use crate::time::Day;

/// The state of one rule for one member.
///
/// It has the running total of a cumulative measure, the firings with what they gave, the use of limits, and marks of what
/// counts only once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// The trigger and start of the rule that it counts for. When these change, it starts anew.
    #[serde(rename = "g")]
    pub generation: u32,
    /// The running total that counts: minor units, receipts or items.
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub sum: i64,
    /// With `from`/`up_to`: the running total of all spend, counted or not.
    #[serde(rename = "t", default, skip_serializing_if = "is_zero")]
    pub total: i64,
    /// In a window that starts with the first receipt: its first day.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Day>,
    /// In a rolling window: the count of each local day, oldest first. In windows that start with the first receipt: the
    /// first day and count of each closed window with firings.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty", with = "super::packed::days")]
    pub days: Vec<(Day, i64)>,
    /// With `from`/`up_to` in a rolling window: all spend of each local day, counted or not, oldest first.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty", with = "super::packed::days")]
    pub spent: Vec<(Day, i64)>,
    /// The firings that were due so far, oldest first, in runs of equal ones.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty", with = "super::packed::runs")]
    pub runs: Vec<Run>,
    /// The use of the limits.
    #[serde(rename = "u", default, skip_serializing_if = "Uses::is_empty")]
    pub uses: Uses,
    /// Marks of what it fires for only once: profile values with their times, years of birthdays, lapses.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<(i64, i64)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Counter {
    /// A counter at zero.
    pub fn new(generation: u32) -> Self {
        Self { generation, ..Self::default() }
    }

    /// The number of firings that were due so far, granted or lost.
    pub fn due(&self) -> u64 {
        self.runs.iter().map(Run::due).sum()
    }

    /// Remembers firings.
    pub fn push(&mut self, run: Run) {
        let is_nothing = run.due() == 0;
        let joined = self.runs.last_mut().is_some_and(|last| last.join(&run));
        if !is_nothing && !joined {
            self.runs.push(run);
        }
    }

    /// The number of firings due since `first`, including those without a remembered day.
    pub fn due_since(&self, first: Day) -> u64 {
        self.runs.iter().filter(|run| run.day.is_none_or(|day| first <= day)).map(Run::due).sum()
    }

    /// The number of selected firings that a refund may reverse.
    pub fn reversible(&self, which: impl Fn(&Run) -> bool) -> u64 {
        self.runs.iter().filter(|run| which(run)).map(Run::reversible).sum()
    }

    /// Reverses the latest `count` firings. Returns them, newest first.
    pub fn pop(&mut self, count: u64, rounding: Rounding) -> Vec<Run> {
        self.pop_where(count, rounding, |_| true)
    }

    /// Reverses the latest `count` firings that `which` selects. Returns them, newest first.
    pub fn pop_where(&mut self, count: u64, rounding: Rounding, which: impl Fn(&Run) -> bool) -> Vec<Run> {
        let mut left = count;
        let mut popped = Vec::new();
        for run in self.runs.iter_mut().rev().filter(|run| which(run)) {
            let part = run.split_off(left, rounding);
            left -= part.due();
            if part.due() > 0 {
                popped.push(part);
            }
        }
        self.runs.retain(|run| run.due() > 0);
        popped
    }

    /// Adds everything that the counter of another account remembers for the same rule.
    pub(crate) fn add(&mut self, other: Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.total = self.total.saturating_add(other.total);
        self.opened = [self.opened, other.opened].into_iter().flatten().min();
        for (day, counted) in other.days {
            self.add_to_day(day, counted);
        }
        for (day, spent) in other.spent {
            self.add_spent(day, spent);
        }
        self.runs.extend(other.runs);
        self.runs.sort_by_key(|run| run.day);
        self.uses.unite(other.uses);
        let new: Vec<_> = other.marks.into_iter().filter(|mark| !self.marks.contains(mark)).collect();
        self.marks.extend(new);
    }

    /// Makes windows over `length` days that overlap, and are over, one window each.
    pub(crate) fn unite_windows(&mut self, length: u32) {
        let mut windows: Vec<(Day, i64)> = Vec::new();
        for (opened, counted) in std::mem::take(&mut self.days) {
            match windows.last_mut() {
                Some((first, sum)) if opened < first.plus_days(length) => *sum = sum.saturating_add(counted),
                _ => windows.push((opened, counted)),
            }
        }
        self.days = windows;
    }

    /// Makes the firings that `which` selects count as `due`, without giving or taking any. Missing ones count as lost,
    /// on `day`; of too many, the latest become one firing that gave what they gave.
    pub(crate) fn align(&mut self, due: u64, day: Option<Day>, rounding: Rounding, which: impl Fn(&Run) -> bool) {
        let firings: u64 = self.runs.iter().filter(|run| which(run)).map(Run::due).sum();
        if firings < due {
            self.push(Run { lost: due - firings, day, ..Run::default() });
            return;
        }
        let mut excess = self.reversible(&which).saturating_sub(due);
        for run in self.runs.iter_mut().rev().filter(|run| which(run)) {
            let less = run.lost.min(excess);
            run.lost -= less;
            excess -= less;
        }
        self.runs.retain(|run| run.due() > 0);
        if excess > 0 {
            let latest = self.pop_where(excess + 1, rounding, which);
            self.runs.push(latest.into_iter().rev().fold(Run::default(), Run::fuse));
        }
    }

    /// Attaches a receipt's credit by amount and multiplier extras to its firings, which are the latest `firings`.
    ///
    /// `is_held`: their points wait for an event. The credit by amount goes with the first of them, which is the last to be
    /// reversed. `extras` are those on all of them
    /// together; their `exact` is the sum before rounding.
    pub(crate) fn attach(
        &mut self,
        firings: u64,
        receipt: ReceiptMark,
        is_held: bool,
        per_unit: Both,
        extras: &[Extra],
    ) {
        // Nothing is attached yet, so that splitting a run rounds nothing.
        let mut runs = self.pop(firings, Rounding::Floor);
        runs.reverse();
        let all = runs.iter().fold(Both::ZERO, |sum, run| sum.plus(run.fixed()));
        let (mut before, mut is_first) = (Both::ZERO, true);
        for mut run in runs {
            let after = before.plus(run.fixed());
            if run.count > 0 {
                let parts = extras.iter().map(|extra| Extra {
                    per_unit: if is_first { extra.per_unit } else { Both::ZERO },
                    // If a cap cut some of the firings, their shares are exact to whole points only.
                    exact: if run.fixed() == all {
                        extra.exact.and_then(|sum| Extra::per_firing(sum, run.count))
                    } else {
                        None
                    },
                    ..extra.part(before, after, all)
                });
                let parts = parts.filter(|part| !part.firings.is_zero() || !part.per_unit.is_zero()).collect();
                run.attach(receipt, is_held, if is_first { per_unit } else { Both::ZERO }, parts);
                is_first = false;
            }
            before = after;
            self.push(run);
        }
    }

    /// The count of the days from the first to the last, both included.
    pub fn sum_of_days(&self, first: Day, last: Day) -> i64 {
        sum_between(&self.days, first, last)
    }

    /// All spend of the days from the first to the last, both included.
    pub fn spent_between(&self, first: Day, last: Day) -> i64 {
        sum_between(&self.spent, first, last)
    }

    /// Adds to the count of a day; a refund subtracts.
    pub fn add_to_day(&mut self, day: Day, counted: i64) {
        add_to(&mut self.days, day, counted);
    }

    /// Adds to the spend of a day; a refund subtracts.
    pub fn add_spent(&mut self, day: Day, spent: i64) {
        add_to(&mut self.spent, day, spent);
    }

    /// Drops what no fact or refund needs any more: no refund comes after 400 days.
    ///
    /// Age counts from the latest remembered day, at the latest from `today`, so that an old history sent late is counted as
    /// if it had been sent in time.
    pub fn prune(&mut self, today: Day, frame: Option<Frame>) {
        let days = self.days.last().max(self.spent.last()).map(|(day, _)| *day);
        let fired = self.runs.iter().filter_map(|run| run.day).max();
        let day = days.max(fired).max(self.uses.latest()).map_or(today, |latest| latest.min(today));
        let oldest = day.offset(-KEPT);
        self.uses.prune(oldest);
        // The firings of a window go with its days.
        match frame {
            Some(Frame::Rolling(_)) => {
                let first = day.offset(-WINDOW_DAYS);
                self.days.retain(|(day, counted)| *day >= first && *counted != 0);
                self.spent.retain(|(day, spent)| *day >= first && *spent != 0);
                self.runs.retain(|run| run.day.is_none_or(|fired| fired >= first));
            }
            Some(Frame::FirstReceipt(length)) => {
                let is_open = |opened: Day| self.opened == Some(opened);
                let has_firings = |opened: Day| self.runs.iter().any(|run| run.is_within(opened, length));
                self.days.retain(|(opened, _)| *opened >= oldest && !is_open(*opened) && has_firings(*opened));
                self.runs.retain(|run| run.day.is_none_or(|fired| fired >= oldest));
            }
            Some(Frame::Fixed(..)) | None => self.forget_days(oldest),
        }
        self.forget_details();
    }

    /// Merges firings of days before the oldest, whatever their order: no refund needs them.
    fn forget_days(&mut self, oldest: Day) {
        let is_old = |run: &Run| run.day.is_some_and(|fired| fired < oldest);
        if !self.runs.iter().any(is_old) {
            return;
        }
        let mut old: Vec<Run> = Vec::new();
        let mut kept: Vec<Run> = Vec::new();
        for run in std::mem::take(&mut self.runs) {
            if run.day.is_some() && !is_old(&run) {
                kept.push(run);
                continue;
            }
            if let Some(same) = old.iter_mut().find(|other| other.each == run.each) {
                same.count = same.count.saturating_add(run.count);
                same.lost = same.lost.saturating_add(run.lost);
                same.spent = same.spent.saturating_add(run.spent);
            } else {
                let (count, lost, spent, each) = (run.count, run.lost, run.spent, run.each);
                old.push(Run { count, lost, spent, each, ..Run::default() });
            }
        }
        self.runs = old.into_iter().chain(kept).collect();
    }

    /// Bounds the remembered credits by amount and extras.
    fn forget_details(&mut self) {
        let detailed = self.runs.iter().filter(|run| run.has_details()).count();
        let surplus = detailed.saturating_sub(MOST_DETAILED);
        if surplus == 0 {
            return;
        }
        self.runs.iter_mut().filter(|run| run.has_details()).take(surplus).for_each(Run::drop_details);
        for run in std::mem::take(&mut self.runs) {
            self.push(run);
        }
    }

    /// The number of stored rows: days, runs, uses of limits, and details.
    pub(super) fn rows(&self) -> usize {
        let details = self.runs.iter().map(|run| if run.has_details() { 4 } else { 0 } + run.coupons.len() * 2);
        4 + self.days.len() + self.spent.len() + self.runs.len() + details.sum::<usize>() + self.uses.len()
    }

    /// True if a refund may need it: something counted or fired.
    pub(super) fn has_counted(&self) -> bool {
        self.sum != 0 || self.total != 0 || !self.days.is_empty() || !self.spent.is_empty() || !self.runs.is_empty()
    }

    /// True when there is nothing to remember.
    pub fn is_blank(&self) -> bool {
        *self == Self::new(self.generation)
    }
}

fn sum_between(days: &[(Day, i64)], first: Day, last: Day) -> i64 {
    let within = days.iter().filter(|(day, _)| first <= *day && *day <= last);
    within.map(|(_, number)| *number).fold(0, i64::saturating_add)
}

fn add_to(days: &mut Vec<(Day, i64)>, day: Day, number: i64) {
    match days.binary_search_by_key(&day, |(day, _)| *day) {
        Ok(place) => days[place].1 = days[place].1.saturating_add(number),
        Err(place) => days.insert(place, (day, number)),
    }
}

/// The days for which closed periods and the days of firings are remembered.
pub(super) const KEPT: i32 = 400;
/// The days for which rolling windows are remembered: the longest window.
const WINDOW_DAYS: i32 = 366;
/// The most runs with remembered extras and credits by amount: about one for each day.
const MOST_DETAILED: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CouponCode;
    use crate::points::Points;

    fn run(count: u64, points: i64) -> Run {
        Run { count, each: Both { redeemable: Points::new(points), ..Both::ZERO }, ..Run::default() }
    }

    #[test]
    fn equal_firings_are_one_run_and_the_latest_go_first() {
        let mut counter = Counter::new(1);
        for r in [run(1, 10), run(2, 10), run(2, 20)] {
            counter.push(r);
        }
        assert_eq!(counter.runs.len(), 2);
        assert_eq!(counter.due(), 5);
        assert_eq!(counter.pop(3, Rounding::Floor), [run(2, 20), run(1, 10)]);
        assert_eq!(counter.due(), 2);
        assert_eq!(counter.pop(9, Rounding::Floor), [run(2, 10)]);
        assert!(counter.is_blank());
    }

    #[test]
    fn reversed_firings_name_the_coupons_they_gave() {
        let code = |text: &str| CouponCode::new(text).unwrap();
        let mut counter = Counter::new(1);
        counter.push(Run { count: 2, coupons: vec![code("A"), code("B")], ..Run::default() });
        assert_eq!(counter.pop(1, Rounding::Floor)[0].coupons, [code("B")]);
        assert_eq!(counter.runs[0].coupons, [code("A")]);
    }

    #[test]
    fn what_is_stored_comes_back() {
        let day = |n: i64| Day::from_number(20_500 + n);
        let mut counter = Counter { sum: 5, total: 9, opened: Some(day(0)), ..Counter::new(7) };
        counter.push(Run { day: Some(day(1)), coupons: vec![CouponCode::new("A").unwrap()], ..run(1, 10) });
        counter.push(Run { day: Some(day(2)), ..run(1, 10) });
        counter.push(Run { lost: 4, ..run(0, 0) });
        counter.add_to_day(day(3), 450);
        counter.marks.push((1, 2));
        let packed = crate::pack::pack(&counter).unwrap();
        assert_eq!(crate::pack::unpack::<Counter>(&packed).unwrap(), counter);
    }
}
