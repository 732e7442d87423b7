//! Remembered firings, so that a refund can reverse the latest.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{CouponCode, ReceiptId, RuleId};
use crate::points::Rounding;
use crate::points::{Both, Kind, Points};
use crate::rule::round;
use crate::time::Day;

/// A run: consecutive firings of a cumulative measure that gave the same, followed by those that a limit cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The number of granted firings.
    pub count: u64,
    /// The number of firings after those that a limit cut: they gave nothing and used no place.
    pub lost: u64,
    /// The number of reversed firings that keep their place, because their reward was used (R3).
    pub spent: u64,
    /// The points of each granted firing.
    pub each: Both,
    /// The local day, if a limit must get the places back or a window needs it.
    pub day: Option<Day>,
    /// The coupons of the firings, oldest first.
    pub coupons: Vec<CouponCode>,
    /// The receipt on which they fired, if its credit by amount must be recomputed on what remains.
    pub receipt: Option<ReceiptMark>,
    /// The credit by amount of that receipt; it goes with the last of these firings.
    pub per_unit: Both,
    /// The extras of multipliers on these firings and on that credit.
    pub extras: Vec<Extra>,
}

/// Distinguishes the receipts of one member: the first bytes of the identifier's hash.
pub type ReceiptMark = u32;

/// The mark of a receipt.
pub(crate) fn mark_of(receipt: &ReceiptId) -> ReceiptMark {
    let hash = Sha256::digest(receipt.as_str().as_bytes());
    ReceiptMark::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The extra of one multiplier on the firings of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// The multiplier's rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// The version of the program in which that rule last changed.
    #[serde(rename = "v")]
    pub rule_version: u32,
    /// The extra on all firings of the run together.
    #[serde(rename = "f", default, skip_serializing_if = "Both::is_zero_ref", with = "crate::points::packed")]
    pub firings: Both,
    /// The extra on each firing before rounding, redeemable and qualifying, if that is a fraction.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<[Decimal; 2]>,
    /// The extra on the credit by amount.
    #[serde(rename = "u", default, skip_serializing_if = "Both::is_zero_ref", with = "crate::points::packed")]
    pub per_unit: Both,
}

impl Extra {
    /// The part of the extra on some of the firings: those after `before` and up to `after` of `all` points, without that on
    /// the credit by amount.
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

    /// The value of [`Extra::exact`] for a sum before rounding on some firings; `None` for whole points.
    pub(super) fn per_firing(exact: [Decimal; 2], count: u64) -> Option<[Decimal; 2]> {
        let each = exact.map(|exact| (exact / Decimal::from(count.max(1))).normalize());
        each.iter().any(|each| each.scale() > 0).then_some(each)
    }

    /// Subtracts the part of reversed firings, when `left` of `count` remain.
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

    /// True if it was the same for each of some firings.
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
    /// The number of firings that were due.
    pub const fn due(&self) -> u64 {
        self.reversible().saturating_add(self.spent)
    }

    /// The number of firings that a refund may reverse.
    pub const fn reversible(&self) -> u64 {
        self.count.saturating_add(self.lost)
    }

    /// The points of the firings, without credits by amount and extras.
    pub fn fixed(&self) -> Both {
        self.each.times(self.count)
    }

    /// Removes and returns the latest of these firings, at most `most`, with all that they gave.
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

    /// Splits firings with coupons into single ones, newest first: each coupon may have been used.
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

    /// The number of coupons of the first `firings`: every firing of a run gives equally many.
    fn coupons_of(&self, firings: u64) -> usize {
        let all = u64::try_from(self.coupons.len()).unwrap_or(u64::MAX);
        usize::try_from(firings.saturating_mul(all) / self.count.max(1)).unwrap_or(usize::MAX).min(self.coupons.len())
    }

    /// These firings and later ones as a single firing that gave what all of them gave.
    pub(super) fn fuse(self, later: Self) -> Self {
        let extras = self.extras.into_iter().chain(later.extras);
        Self {
            count: 1,
            lost: 0,
            spent: self.spent.saturating_add(later.spent),
            each: self.each.times(self.count).plus(later.each.times(later.count)),
            day: self.day.max(later.day),
            coupons: self.coupons.into_iter().chain(later.coupons).collect(),
            receipt: later.receipt.or(self.receipt),
            per_unit: self.per_unit.plus(later.per_unit),
            extras: extras.map(|extra| Extra { exact: None, ..extra }).collect(),
        }
    }

    /// Merges later firings into the run, if they can be stored together.
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

    /// True if the same multipliers added the same to each firing.
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

    /// Attaches the receipt's credit by amount and extras. Only what is recomputed later, or waits for an event (`is_held`),
    /// needs the receipt's mark.
    pub(super) fn attach(&mut self, receipt: ReceiptMark, is_held: bool, per_unit: Both, extras: Vec<Extra>) {
        let is_even = extras.iter().all(|extra| extra.is_even(self.count) && extra.per_unit.is_zero());
        self.receipt = (is_held || !is_even || !per_unit.is_zero()).then_some(receipt);
        self.per_unit = per_unit;
        self.extras = extras;
    }

    /// Forgets the redeemable points that the firings gave: they are gone.
    pub(super) fn void_redeemable(&mut self) {
        self.each.redeemable = Points::ZERO;
        self.per_unit.redeemable = Points::ZERO;
        for extra in &mut self.extras {
            extra.firings.redeemable = Points::ZERO;
            extra.per_unit.redeemable = Points::ZERO;
            extra.exact = extra.exact.map(|[_, qualifying]| [Decimal::ZERO, qualifying]);
        }
    }

    /// True if they fired in the window with this first day and length.
    pub(crate) fn is_within(&self, opened: Day, length: u32) -> bool {
        self.day.is_some_and(|day| opened <= day && day < opened.plus_days(length))
    }

    /// True if it has details besides its numbers.
    pub(super) const fn has_details(&self) -> bool {
        self.receipt.is_some() || !self.extras.is_empty()
    }

    /// Drops the credits by amount and extras of old firings.
    pub(super) fn drop_details(&mut self) {
        self.receipt = None;
        self.per_unit = Both::ZERO;
        self.extras.clear();
    }
}
