//! Firings that a rule remembers, so that a refund can reverse the latest.

use crate::ids::CouponCode;
use crate::points::Both;
use crate::time::Day;

/// Consecutive firings of a cumulative measure that gave the same, and those after them that a limit cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// How many firings were granted.
    pub count: u64,
    /// How many a limit cut, after those: they gave nothing and used no place.
    pub lost: u64,
    /// What each of those granted gave.
    pub each: Both,
    /// The local day, where a limit must get the place back if they are reversed, or where a window rolls.
    pub day: Option<Day>,
    /// The coupons that they gave, oldest first.
    pub coupons: Vec<CouponCode>,
}

impl Run {
    /// How many firings were due.
    pub const fn due(&self) -> u64 {
        self.count.saturating_add(self.lost)
    }

    /// Takes away the latest of these firings, at most so many.
    pub(super) fn split_off(&mut self, most: u64) -> Self {
        let lost = self.lost.min(most);
        let count = self.count.min(most - lost);
        let kept = self.coupons_of(self.count - count);
        let coupons = self.coupons.split_off(kept);
        self.count -= count;
        self.lost -= lost;
        Self { count, lost, coupons, each: self.each, day: self.day }
    }

    /// The same firings one by one, the latest first, where they gave coupons: each of them may have been used.
    pub(crate) fn by_coupon(mut self) -> Vec<Self> {
        if self.coupons.is_empty() {
            return vec![self];
        }
        self.lost = 0;
        let mut single = Vec::new();
        while self.count > 0 {
            single.push(self.split_off(1));
        }
        single
    }

    /// How many of its coupons the first `firings` gave: every firing of a rule gives as many.
    fn coupons_of(&self, firings: u64) -> usize {
        let all = u64::try_from(self.coupons.len()).unwrap_or(u64::MAX);
        usize::try_from(firings.saturating_mul(all) / self.count.max(1)).unwrap_or(usize::MAX).min(self.coupons.len())
    }

    /// Takes later firings in, where they can be told together with these.
    pub(super) fn join(&mut self, later: &Self) -> bool {
        let in_order = self.lost == 0 || later.count == 0;
        let alike = later.count == 0 || self.each == later.each;
        if !in_order || !alike || self.day != later.day || !self.coupons.is_empty() || !later.coupons.is_empty() {
            return false;
        }
        self.count = self.count.saturating_add(later.count);
        self.lost = self.lost.saturating_add(later.lost);
        true
    }
}
