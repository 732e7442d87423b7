//! Redemptions and coupons of a book.

use std::collections::BTreeSet;

use tessera_domain::coupon::{Coupon, CouponFault, CouponStatus};
use tessera_domain::decide::{
    CommitFault, CouponMove, CouponMoveFault, Redemption, RedemptionFault, Returned, decide_cancel, decide_commit,
    decide_coupon_move, decide_redemption, decide_settlement,
};
use tessera_domain::fact::Remaining;
use tessera_domain::ids::{CouponCode, ReceiptId, RewardId};
use tessera_domain::points::Points;

use super::Book;

impl Book {
    pub fn redeem(&mut self, member: &str, reward: &str, reserve: Option<u32>) -> Result<CouponCode, RedemptionFault> {
        self.redeem_as(member, reward, reserve, false)
    }

    pub fn redeem_as(
        &mut self,
        member: &str,
        reward: &str,
        reserve_minutes: Option<u32>,
        by_member: bool,
    ) -> Result<CouponCode, RedemptionFault> {
        let reward = RewardId::new(reward).unwrap();
        self.redeem_by(member, &Redemption { reward, points: None, reserve_minutes, apply: false, by_member })
    }

    /// Pays with a chosen number of points.
    pub fn pay(&mut self, member: &str, reward: &str, points: Option<i64>) -> Result<CouponCode, RedemptionFault> {
        let (reward, points) = (RewardId::new(reward).unwrap(), points.map(Points::new));
        let wish = Redemption { reward, points, reserve_minutes: None, apply: false, by_member: false };
        self.redeem_by(member, &wish)
    }

    /// Pays with points at once, or reserves them.
    pub fn pay_or_reserve(
        &mut self,
        member: &str,
        reward: &str,
        points: i64,
        reserve_minutes: Option<u32>,
    ) -> Result<CouponCode, RedemptionFault> {
        let (reward, points) = (RewardId::new(reward).unwrap(), Some(Points::new(points)));
        self.redeem_by(member, &Redemption { reward, points, reserve_minutes, apply: false, by_member: false })
    }

    fn redeem_by(&mut self, member: &str, wish: &Redemption) -> Result<CouponCode, RedemptionFault> {
        let known: BTreeSet<CouponCode> = self.coupons.keys().cloned().collect();
        self.decide(member, |context, account| decide_redemption(context, account, wish))?;
        Ok(self.coupons.keys().find(|code| !known.contains(*code)).unwrap().clone())
    }

    pub fn coupon(&mut self, code: &CouponCode, action: &str, receipt: Option<&str>) -> Result<(), CouponFault> {
        let coupon = self.coupons[code].clone();
        let member = coupon.member.as_str().to_owned();
        match action {
            "commit" if coupon.status_at(self.now) == CouponStatus::Available => Ok(()),
            "commit" => {
                let done = self.decide(&member, |context, account| decide_commit(context, account, &coupon));
                done.map(drop).map_err(|fault| match fault {
                    CommitFault::State(state) => state,
                    CommitFault::CodesUnavailable => panic!("no code"),
                })
            }
            "cancel" => self.decide(&member, |context, account| decide_cancel(context, account, &coupon)).map(drop),
            "apply" | "use" => {
                let status = if action == "use" { CouponStatus::Used } else { CouponStatus::Applied };
                let receipt = receipt.map(|id| ReceiptId::new(id).unwrap()).or(coupon.receipt.clone());
                self.coupons.insert(code.clone(), Coupon { status, receipt, ..coupon });
                Ok(())
            }
            other => panic!("what is {other}?"),
        }
    }

    /// Settles a used coupon with its owner, as the functions do; true when there was something to settle.
    pub fn settle_coupon(&mut self, code: &CouponCode) -> bool {
        let coupon = self.coupons[code].clone();
        let found = coupon.receipt.as_ref().and_then(|id| self.receipts.get(id)).cloned();
        let remainder = found.map(|(_, receipt, _)| {
            let refunds = self.refunds.get(&receipt.id).into_iter().flatten();
            let accepted = refunds.filter(|(_, entry)| entry.rejected.is_none()).map(|(refund, _)| refund);
            let remaining = Remaining::after(&receipt, accepted);
            (receipt, remaining)
        });
        let returned = remainder.as_ref().map(|(receipt, remaining)| Returned { receipt, remaining });
        let owner = coupon.member.as_str().to_owned();
        let settled =
            self.decide(&owner, |context, account| decide_settlement(context, account, &coupon, returned).ok_or(()));
        settled.is_ok()
    }

    /// Moves a coupon to another member.
    pub fn move_coupon(&mut self, code: &CouponCode, target: &str) -> Result<(), CouponMoveFault> {
        let coupon = self.coupons[code].clone();
        let source = self.current(coupon.member.as_str());
        let by = CouponMove { actor: "tests", reason: "booked on the wrong person" };
        self.decide_both(&source, target, |source, target| decide_coupon_move(source, target, &coupon, by))
    }
}
