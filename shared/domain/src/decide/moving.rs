//! The move of a coupon that was booked on the wrong person: its cost moves too, with an entry for each of the two.

use super::draft::Draft;
use super::{Context, Decision};
use crate::account::{Account, Status};
use crate::coupon::{Coupon, CouponFault, CouponStatus};
use crate::ids::MemberId;
use crate::ledger::{Bucket, Cause, Moved, Movement, MovementType};
use crate::points::{Kind, Points};

/// Who moves a coupon, and why.
#[derive(Debug, Clone, Copy)]
pub struct CouponMove<'a> {
    /// The name of the API key.
    pub actor: &'a str,
    /// The reason that the person gave.
    pub reason: &'a str,
}

/// Why a coupon is not moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CouponMoveFault {
    /// Its status does not allow it.
    #[error(transparent)]
    State(#[from] CouponFault),
    /// It was moved to somebody else meanwhile.
    #[error("the coupon has another owner now")]
    OtherOwner,
    /// Its new owner would be excluded from the program.
    #[error("the member is excluded from the program")]
    MemberExcluded,
    /// Its new owner cannot pay for it.
    #[error("the member lacks {missing} points")]
    InsufficientPoints {
        /// The points that are missing.
        missing: Points,
    },
}

/// Decides on the move of a coupon from its owner (`source`) to the `target`. Returns their decisions, in this order; the
/// first one changes the coupon.
///
/// The points return to the lots that paid for it, and the target's lots pay. It counts for its new owner's limit.
///
/// # Errors
/// Why the coupon stays where it is; nothing changes then.
pub fn decide_coupon_move(
    (source, source_account): (&Context<'_>, &Account),
    (target, target_account): (&Context<'_>, &Account),
    coupon: &Coupon,
    by: CouponMove<'_>,
) -> Result<[Decision; 2], CouponMoveFault> {
    match coupon.status_at(source.now) {
        CouponStatus::Available | CouponStatus::Applied => {}
        other => return Err(CouponFault::new(coupon, other).into()),
    }
    if target_account.status == Status::Excluded {
        return Err(CouponMoveFault::MemberExcluded);
    }
    let cause = |other: &MemberId, arrives| Cause::Move {
        moved: Moved::Coupon(coupon.code.clone()),
        other: other.clone(),
        actor: by.actor.to_owned(),
        reason: by.reason.to_owned(),
        arrives,
    };
    let mut from = Draft::new(source, source_account, source.now, cause(target.member, false));
    let mut into = Draft::new(target, target_account, target.now, cause(source.member, true));
    if !from.owns(coupon) {
        return Err(CouponMoveFault::OtherOwner);
    }
    let cost = coupon.paid();
    let missing = into.account.missing_for(cost);
    if cost.is_positive() && missing.is_positive() {
        return Err(CouponMoveFault::InsufficientPoints { missing });
    }

    let restored = from.account.give_back(Movement::new(MovementType::Restore), Bucket::Redeemed, &coupon.taken);
    from.account.lifetime_redeemed = from.account.lifetime_redeemed.minus(cost);
    from.push(restored);
    let taken = into.account.spend(cost);
    into.account.lifetime_redeemed = into.account.lifetime_redeemed.plus(cost);
    let redeemed = Movement::new(MovementType::Redeem);
    into.push(redeemed.post(Bucket::Available, Bucket::Redeemed, Kind::Redeemable, cost));
    if coupon.counted {
        from.account.uncount_redemption(&coupon.reward);
        into.account.count_redemption(&coupon.reward);
    }
    let moved = Coupon { member: target.member.clone(), taken, ..coupon.clone() };
    from.changed.push((coupon.clone(), moved));
    Ok([from.finish(), into.finish()])
}
