//! The codes of issued coupons: generated, drawn from a pool, or the handle of a reservation.

use super::draft::Draft;
use crate::coupon::CouponStatus;
use crate::ids::CouponCode;
use crate::program::{CodeSource, Reward};

/// The pattern of codes that no checkout accepts: handles of reservations, and stand-ins until a pool is looked at.
pub(super) const HANDLE: &str = "############";

impl Draft<'_> {
    /// The code of the next coupon of a reward; `None` when its pool is empty.
    ///
    /// A code that a checkout may accept is drawn when the coupon becomes available; a reservation has a handle until then.
    pub(super) fn next_code(&mut self, reward: &Reward, status: CouponStatus) -> Option<CouponCode> {
        let pattern = match &reward.code {
            CodeSource::Pattern(pattern) => pattern,
            CodeSource::Pool(_) | CodeSource::Provider(_) if status == CouponStatus::Reserved => HANDLE,
            CodeSource::Pool(_) | CodeSource::Provider(_) => return self.draw(reward),
        };
        self.generate(pattern)
    }

    /// The next free code of the reward's pool.
    fn draw(&mut self, reward: &Reward) -> Option<CouponCode> {
        let code = match self.context.supply.codes.get(&reward.id) {
            Some(codes) => codes.get(self.codes_drawn(reward)).cloned(),
            None => self.generate(HANDLE),
        };
        self.drawn.extend(code.is_some().then(|| reward.id.clone()));
        code
    }

    /// A random code that is unique within the decision.
    pub(super) fn generate(&self, pattern: &str) -> Option<CouponCode> {
        let ordinal = u32::try_from(self.issued.len()).unwrap_or(u32::MAX);
        self.context.seed.code(pattern, ordinal)
    }

    /// True if a code is left for another coupon of a reward.
    pub(super) fn has_code(&self, reward: &Reward) -> bool {
        self.context.supply.has_code(reward, self.codes_drawn(reward))
    }

    fn codes_drawn(&self, reward: &Reward) -> usize {
        self.drawn.iter().filter(|drawn| **drawn == reward.id).count()
    }
}
