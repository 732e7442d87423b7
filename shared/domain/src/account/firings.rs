//! Firings that a rule remembers, so that a refund can reverse the latest.

use crate::ids::CouponCode;
use crate::points::Both;
use crate::time::Day;

/// Consecutive firings of a cumulative measure that gave the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// How many firings.
    pub count: u64,
    /// What each of them gave.
    pub each: Both,
    /// True when a limit cut them: they gave nothing and used no place.
    pub lost: bool,
    /// The local day, where a limit must get the place back if they are reversed, or where a window rolls.
    pub day: Option<Day>,
    /// The coupons that they gave, oldest first.
    pub coupons: Vec<CouponCode>,
}

impl Run {
    /// Takes away the latest of these firings, at most so many.
    pub(super) fn split_off(&mut self, count: u64) -> Self {
        let part = self.count.min(count);
        let kept = self.coupons_of(self.count - part);
        let coupons = self.coupons.split_off(kept);
        self.count -= part;
        Self { count: part, coupons, each: self.each, lost: self.lost, day: self.day }
    }

    /// The same firings one by one, the latest first, where they gave coupons: each of them may have been used.
    pub(crate) fn by_coupon(mut self) -> Vec<Self> {
        if self.coupons.is_empty() {
            return vec![self];
        }
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

    /// True when the other's firings can be told together with these.
    pub(super) fn joins(&self, other: &Self) -> bool {
        self.each == other.each
            && self.lost == other.lost
            && self.day == other.day
            && self.coupons.is_empty()
            && other.coupons.is_empty()
    }
}
