//! What a rule remembers of a member.

use serde::{Deserialize, Serialize};

use crate::ids::CouponCode;
use crate::points::Both;
use crate::rule::Period;
use crate::time::Day;

/// The state of one rule for one member: the running total of a cumulative measure, what its firings gave, and how
/// much of its limits is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Which trigger and start of the rule it counts for; when those change, it starts anew.
    #[serde(rename = "g")]
    pub generation: u32,
    /// The running total: minor units, receipts or items.
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub sum: i64,
    /// The firings that were due so far, oldest first, in runs of equal ones.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// What is used of the limits, by period.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Use>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Consecutive firings of a cumulative measure that gave the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How many firings.
    #[serde(rename = "n")]
    pub count: u64,
    /// What each of them gave.
    #[serde(rename = "p", default, skip_serializing_if = "both_zero", with = "crate::points::packed")]
    pub each: Both,
    /// True when a limit cut them: they gave nothing and used no place.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// The local day, where a limit must get the place back if they are reversed.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    /// The coupons that they gave, oldest first.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CouponCode>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn both_zero(both: &Both) -> bool {
    both.is_zero()
}

impl Run {
    /// The same firings one by one, the latest first, where they gave coupons: each of them may have been used.
    pub(crate) fn by_coupon(mut self) -> Vec<Self> {
        if self.coupons.is_empty() {
            return vec![self];
        }
        let mut single = Vec::new();
        while self.count > 0 {
            let kept = self.coupons_of(self.count - 1);
            let coupons = self.coupons.split_off(kept);
            self.count -= 1;
            single.push(Self { count: 1, coupons, ..self.clone() });
        }
        single
    }

    /// How many of its coupons the first `firings` gave: every firing of a rule gives as many.
    fn coupons_of(&self, firings: u64) -> usize {
        let all = u64::try_from(self.coupons.len()).unwrap_or(u64::MAX);
        usize::try_from(firings.saturating_mul(all) / self.count.max(1)).unwrap_or(usize::MAX).min(self.coupons.len())
    }

    /// True when the other's firings can be told together with these.
    fn joins(&self, other: &Self) -> bool {
        self.each == other.each
            && self.lost == other.lost
            && self.day == other.day
            && self.coupons.is_empty()
            && other.coupons.is_empty()
    }
}

/// What is used of a rule's limits in one period. Stored as a tuple: a rule limited by the day has one for each day on
/// which it fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "PackedUse", from = "PackedUse")]
pub struct Use {
    /// The period.
    pub period: Period,
    /// So many of them together.
    pub every: u32,
    /// Its first local day.
    pub start: Day,
    /// The firings granted in it.
    pub times: u64,
    /// The points granted in it, of both kinds together.
    pub points: i64,
}

#[derive(Serialize, Deserialize)]
struct PackedUse(u8, u32, Day, u64, i64);

const PERIODS: [Period; 5] = [Period::Day, Period::Week, Period::Month, Period::Year, Period::Lifetime];

impl From<Use> for PackedUse {
    fn from(used: Use) -> Self {
        let period = PERIODS.iter().position(|period| *period == used.period).unwrap_or(PERIODS.len() - 1);
        Self(u8::try_from(period).unwrap_or(u8::MAX), used.every, used.start, used.times, used.points)
    }
}

impl From<PackedUse> for Use {
    fn from(PackedUse(period, every, start, times, points): PackedUse) -> Self {
        let period = PERIODS.get(usize::from(period)).copied().unwrap_or(Period::Lifetime);
        Self { period, every, start, times, points }
    }
}

impl Counter {
    /// A counter at zero.
    pub fn new(generation: u32) -> Self {
        Self { generation, ..Self::default() }
    }

    /// How many firings were due so far, granted or lost.
    pub fn due(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// Remembers firings.
    pub fn push(&mut self, run: Run) {
        if run.count == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.joins(&run) => last.count = last.count.saturating_add(run.count),
            _ => self.runs.push(run),
        }
    }

    /// Takes back the latest `count` firings; the latest first.
    pub fn pop(&mut self, count: u64) -> Vec<Run> {
        let mut left = count;
        let mut popped = Vec::new();
        while left > 0 {
            let Some(last) = self.runs.last_mut() else { break };
            let part = last.count.min(left);
            left -= part;
            let kept = last.coupons_of(last.count - part);
            let coupons = last.coupons.split_off(kept);
            last.count -= part;
            popped.push(Run { count: part, coupons, ..last.clone() });
            if last.count == 0 {
                self.runs.pop();
            }
        }
        popped
    }

    /// What is used in a period, zero when nothing is.
    pub fn used(&self, period: Period, every: u32, start: Day) -> Use {
        let found = self.uses.iter().find(|u| u.period == period && u.every == every && u.start == start);
        found.copied().unwrap_or(Use { period, every, start, times: 0, points: 0 })
    }

    /// Changes what is used in a period.
    pub fn set_used(&mut self, used: Use) {
        self.uses.retain(|u| !(u.period == used.period && u.every == used.every && u.start == used.start));
        if used.times > 0 || used.points > 0 {
            self.uses.push(used);
        }
    }

    /// Forgets periods that closed more than 400 days before `day`, and in which of them old firings fell: no refund
    /// comes that late.
    pub fn prune(&mut self, day: Day) {
        const KEPT: u32 = 400;
        self.uses.retain(|u| {
            let longest = match u.period {
                Period::Lifetime => return true,
                Period::Day => u.every,
                Period::Week => u.every.saturating_mul(7),
                Period::Month => u.every.saturating_mul(31),
                Period::Year => u.every.saturating_mul(366),
            };
            u.start.plus_days(longest.saturating_add(KEPT)) >= day
        });
        let old = |run: &Run| run.day.is_some_and(|fired| fired.plus_days(KEPT) < day);
        if self.runs.iter().any(old) {
            for run in std::mem::take(&mut self.runs) {
                let day = run.day.filter(|_| !old(&run));
                self.push(Run { day, ..run });
            }
        }
    }

    /// True when there is nothing to remember.
    pub fn is_blank(&self) -> bool {
        self.sum == 0 && self.runs.is_empty() && self.uses.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(counter.pop(3), [run(2, 20), run(1, 10)]);
        assert_eq!(counter.due(), 2);
        assert_eq!(counter.pop(9), [run(2, 10)]);
        assert!(counter.is_blank());
    }

    #[test]
    fn reversed_firings_name_the_coupons_they_gave() {
        let code = |text: &str| CouponCode::new(text).unwrap();
        let mut counter = Counter::new(1);
        counter.push(Run { count: 2, coupons: vec![code("A"), code("B")], ..Run::default() });
        assert_eq!(counter.pop(1)[0].coupons, [code("B")]);
        assert_eq!(counter.runs[0].coupons, [code("A")]);
    }
}
