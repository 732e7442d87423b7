//! The codes of issued coupons: generated, drawn from a pool, or the handle of a reservation.

use super::draft::Draft;
use crate::coupon::{CouponStatus, Discount, PoolId};
use crate::ids::CouponCode;
use crate::points::Points;
use crate::program::{CodeSource, Reward};

/// The pattern of codes that no checkout accepts: handles of reservations, and stand-ins until a pool is looked at.
pub(super) const HANDLE: &str = "############";

impl Draft<'_> {
    /// The code of the next coupon of a reward; `None` when its pool is empty.
    ///
    /// A code that a checkout may accept is drawn when the coupon becomes available; a reservation has a handle until then.
    pub(super) fn next_code(
        &mut self,
        reward: &Reward,
        discount: &Discount,
        status: CouponStatus,
    ) -> Option<CouponCode> {
        let pattern = match &reward.code {
            CodeSource::Pattern(pattern) => pattern,
            CodeSource::Pool(_) | CodeSource::Provider(_) if status == CouponStatus::Reserved => HANDLE,
            CodeSource::Pool(_) | CodeSource::Provider(_) => return self.draw(PoolId::of(reward, discount)?),
        };
        self.generate(pattern)
    }

    /// The next free code of a pool.
    pub(super) fn draw(&mut self, pool: PoolId) -> Option<CouponCode> {
        let code = match self.context.supply.codes.get(&pool) {
            Some(codes) => codes.get(self.codes_drawn(&pool)).cloned(),
            None => self.generate(HANDLE),
        };
        self.drawn.extend(code.is_some().then_some(pool));
        code
    }

    /// A random code that is unique within the decision.
    pub(super) fn generate(&self, pattern: &str) -> Option<CouponCode> {
        let ordinal = u32::try_from(self.issued.len()).unwrap_or(u32::MAX);
        self.context.seed.code(pattern, ordinal)
    }

    /// True if a code is left for another coupon that a rule gives; always, where codes are generated.
    pub(super) fn has_code(&self, reward: &Reward) -> bool {
        let pool = PoolId::of_points(reward, Points::ZERO, self.context.program.program.currency);
        pool.is_none_or(|pool| self.context.supply.has_code(&pool, self.codes_drawn(&pool)))
    }

    fn codes_drawn(&self, pool: &PoolId) -> usize {
        self.drawn.iter().filter(|drawn| *drawn == pool).count()
    }
}
