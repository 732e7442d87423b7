//! Firings that a rule remembers, so that a refund can reverse the latest.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{CouponCode, ReceiptId, RuleId};
use crate::points::{Both, Kind, Points};
use crate::program::Rounding;
use crate::rule::round;
use crate::time::Day;

/// Consecutive firings of a cumulative measure that gave the same, and those after them that a limit cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// How many firings were granted.
    pub count: u64,
    /// How many a limit cut, after those: they gave nothing and used no place.
    pub lost: u64,
    /// How many were reversed but keep their place, because their reward was used (R3).
    pub spent: u64,
    /// What each of those granted gave.
    pub each: Both,
    /// The local day, where a limit must get the place back if they are reversed, or where a window needs it.
    pub day: Option<Day>,
    /// The coupons that they gave, oldest first.
    pub coupons: Vec<CouponCode>,
    /// The receipt on which they fired, where what it gave besides must be recomputed on what remains of it.
    pub receipt: Option<ReceiptMark>,
    /// The credit by amount of that receipt: it goes with the last of these firings.
    pub per_unit: Both,
    /// What multipliers added to these firings and to that credit.
    pub extras: Vec<Extra>,
}

/// Tells a receipt from the others of one member: the first bytes of its identifier's hash.
pub type ReceiptMark = u32;

/// The mark of a receipt.
pub(crate) fn mark_of(receipt: &ReceiptId) -> ReceiptMark {
    let hash = Sha256::digest(receipt.as_str().as_bytes());
    ReceiptMark::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// What one multiplier added to the firings of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// The multiplier's rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// The version of the program in which that rule last changed.
    #[serde(rename = "v")]
    pub rule_version: u32,
    /// What it added to all firings of the run together.
    #[serde(rename = "f", default, skip_serializing_if = "Both::is_zero_ref", with = "crate::points::packed")]
    pub firings: Both,
    /// What it added to each firing before rounding, redeemable and qualifying, where that is a fraction.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<[Decimal; 2]>,
    /// What it added to the credit by amount.
    #[serde(rename = "u", default, skip_serializing_if = "Both::is_zero_ref", with = "crate::points::packed")]
    pub per_unit: Both,
}

impl Extra {
    /// The part of it that goes with some of the firings: those after `before` and up to `after` of `all` points. What it
    /// added to the credit by amount is left out.
    pub(super) fn part(&self, before: Both, after: Both, all: Both) -> Self {
        let share = |kind: Kind, points: Both| {
            let of_all = i128::from(self.firings.of(kind).get()) * i128::from(points.of(kind).get());
            let share = of_all.div_euclid(i128::from(all.of(kind).get().max(1)));
            Points::new(i64::try_from(share).unwrap_or_default())
        };
        let both = |points: Both| Both {
            redeemable: share(Kind::Redeemable, points),
            qualifying: share(Kind::Qualifying, points),
        };
        Self { firings: both(after).minus(both(before)), exact: None, per_unit: Both::ZERO, ..self.clone() }
    }

    /// As [`Extra::exact`] has it, when it was so much for so many firings before rounding; none for whole points.
    pub(super) fn per_firing(exact: [Decimal; 2], count: u64) -> Option<[Decimal; 2]> {
        let each = exact.map(|exact| (exact / Decimal::from(count.max(1))).normalize());
        each.iter().any(|each| each.scale() > 0).then_some(each)
    }

    /// Takes away what belongs to firings that are reversed, when `left` of `count` remain.
    fn split_off(&mut self, count: u64, left: u64, rounding: Rounding) -> Self {
        let kept = if left == 0 { Both::ZERO } else { self.of_firings(count, left, rounding) };
        let gone = Self { firings: self.firings.minus(kept), ..self.clone() };
        self.firings = kept;
        if left == 0 {
            self.per_unit = Both::ZERO;
            return gone;
        }
        Self { per_unit: Both::ZERO, ..gone }
    }

    fn of_firings(&self, count: u64, left: u64, rounding: Rounding) -> Both {
        let of = |kind: Kind, exact: Option<Decimal>| {
            let given = self.firings.of(kind);
            let due = if let Some(exact) = exact {
                rounded(exact.saturating_mul(Decimal::from(left)), rounding)
            } else {
                let share = i128::from(given.get()) * i128::from(left) / i128::from(count.max(1));
                Points::new(i64::try_from(share).unwrap_or(given.get()))
            };
            due.towards_zero(given)
        };
        Both {
            redeemable: of(Kind::Redeemable, self.exact.map(|exact| exact[0])),
            qualifying: of(Kind::Qualifying, self.exact.map(|exact| exact[1])),
        }
    }

    /// True when it was the same for each of so many firings.
    fn is_even(&self, count: u64) -> bool {
        let count = i64::try_from(count.max(1)).unwrap_or(i64::MAX);
        let divides = |points: Points| points.get() % count == 0;
        self.exact.is_none() && divides(self.firings.redeemable) && divides(self.firings.qualifying)
    }
}

/// A fraction of points, rounded by a policy.
fn rounded(exact: Decimal, rounding: Rounding) -> Points {
    exact.to_i128().map_or(Points::MAX, |_| round(exact.mantissa(), 10_i128.pow(exact.scale()), rounding))
}

impl Run {
    /// How many firings were due.
    pub const fn due(&self) -> u64 {
        self.reversible().saturating_add(self.spent)
    }

    /// How many firings a refund may reverse.
    pub const fn reversible(&self) -> u64 {
        self.count.saturating_add(self.lost)
    }

    /// What the firings gave, credits by amount and multipliers apart.
    pub fn fixed(&self) -> Both {
        self.each.times(self.count)
    }

    /// Takes away the latest of these firings, at most so many, with all that they gave.
    pub(super) fn split_off(&mut self, most: u64, rounding: Rounding) -> Self {
        let lost = self.lost.min(most);
        let count = self.count.min(most - lost);
        let left = self.count - count;
        let coupons = self.coupons.split_off(self.coupons_of(left));
        let mut gone = Self { count, lost, coupons, each: self.each, day: self.day, ..Self::default() };
        if count > 0 {
            let before = self.count;
            gone.receipt = self.receipt;
            gone.extras = self.extras.iter_mut().map(|extra| extra.split_off(before, left, rounding)).collect();
            if left == 0 {
                gone.per_unit = std::mem::take(&mut self.per_unit);
                self.extras.clear();
            }
        }
        self.count = left;
        self.lost -= lost;
        gone
    }

    /// The same firings one by one, the latest first, where they gave coupons: each of them may have been used.
    pub(crate) fn by_coupon(mut self, rounding: Rounding) -> Vec<Self> {
        if self.coupons.is_empty() {
            return vec![self];
        }
        self.lost = 0;
        let mut single = Vec::new();
        while self.count > 0 {
            single.push(self.split_off(1, rounding));
        }
        single
    }

    /// How many of its coupons the first `firings` gave: every firing of a rule gives as many.
    fn coupons_of(&self, firings: u64) -> usize {
        let all = u64::try_from(self.coupons.len()).unwrap_or(u64::MAX);
        usize::try_from(firings.saturating_mul(all) / self.count.max(1)).unwrap_or(usize::MAX).min(self.coupons.len())
    }

    /// Takes later firings in, where they can be stored together with these.
    pub(super) fn join(&mut self, later: &Self) -> bool {
        let in_order = self.lost == 0 || later.count == 0;
        let alike = later.count == 0 || (self.each == later.each && self.has_extras_like(later));
        let is_single = |run: &Self| !run.coupons.is_empty() || run.receipt.is_some() || run.spent > 0;
        if !in_order || !alike || self.day != later.day || is_single(self) || is_single(later) {
            return false;
        }
        self.count = self.count.saturating_add(later.count);
        self.lost = self.lost.saturating_add(later.lost);
        for (extra, more) in self.extras.iter_mut().zip(&later.extras) {
            extra.firings = extra.firings.plus(more.firings);
        }
        true
    }

    /// True when the same multipliers added the same to each firing.
    fn has_extras_like(&self, later: &Self) -> bool {
        let same = |kind: Kind, one: Both, other: Both| {
            i128::from(one.of(kind).get()) * i128::from(later.count)
                == i128::from(other.of(kind).get()) * i128::from(self.count)
        };
        self.extras.len() == later.extras.len()
            && self.extras.iter().zip(&later.extras).all(|(one, other)| {
                (&one.rule, one.rule_version) == (&other.rule, other.rule_version)
                    && one.is_even(self.count)
                    && other.is_even(later.count)
                    && same(Kind::Redeemable, one.firings, other.firings)
                    && same(Kind::Qualifying, one.firings, other.firings)
            })
    }

    /// Adds what the receipt gave besides the points of its firings. Only what must be recomputed later on what remains
    /// of the receipt needs the receipt's mark.
    pub(super) fn attach(&mut self, receipt: ReceiptMark, per_unit: Both, extras: Vec<Extra>) {
        let is_even = extras.iter().all(|extra| extra.is_even(self.count) && extra.per_unit.is_zero());
        self.receipt = (!is_even || !per_unit.is_zero()).then_some(receipt);
        self.per_unit = per_unit;
        self.extras = extras;
    }

    /// True when they fired in the window of so many days that begins on a day.
    pub(crate) fn is_within(&self, opened: Day, length: u32) -> bool {
        self.day.is_some_and(|day| opened <= day && day < opened.plus_days(length))
    }

    /// True when more is stored of it than its numbers.
    pub(super) const fn has_details(&self) -> bool {
        self.receipt.is_some() || !self.extras.is_empty()
    }

    /// Drops what a refund would need of old firings beyond their own points.
    pub(super) fn drop_details(&mut self) {
        self.receipt = None;
        self.per_unit = Both::ZERO;
        self.extras.clear();
    }
}
