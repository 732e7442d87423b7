//! Redemptions, and changes of coupons that move points.

use jiff::{SignedDuration, Timestamp};

use super::codes::HANDLE;
use super::draft::Draft;
use super::{Context, Decision};
use crate::account::{Account, Reservation, Status};
use crate::coupon::{Coupon, CouponFault, CouponStatus, PoolId};
use crate::ids::RewardId;
use crate::ledger::{Bucket, Cause, CouponAction, Movement, MovementType};
use crate::points::{Kind, Points};
use crate::program::{CompiledProgram, CostPer, Reward, RewardCost};
use crate::time::Day;

/// The most reservations that a member may have open.
const MOST_RESERVATIONS: usize = 20;
/// The most minutes for which a member token reserves.
const MOST_MINUTES_BY_MEMBER: u32 = 30;

/// A request to redeem a reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// The reward.
    pub reward: RewardId,
    /// The points that the shopper chose, for a reward with `cost_per`.
    pub points: Option<Points>,
    /// Reserves the points for some minutes instead of spending them.
    pub reserve_minutes: Option<u32>,
    /// Applies the coupon to the cart at once.
    pub apply: bool,
    /// True for a request with a member token, which reserves within narrower limits.
    pub by_member: bool,
}

/// Why a reward cannot be redeemed. The names are the slugs of the problem documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedemptionFault {
    /// The reward does not exist now, or has no cost.
    #[error("this reward cannot be redeemed now")]
    NotAvailable,
    /// The person is not enrolled.
    #[error("only an enrolled member can redeem")]
    NotAMember,
    /// The member is excluded.
    #[error("this member is excluded from the program")]
    MemberExcluded,
    /// The reward is for other tiers.
    #[error("the member's tier cannot have this reward")]
    TierNotEligible,
    /// The limit per member is reached.
    #[error("the member has had this reward as often as one can")]
    LimitReached,
    /// The reward is out of stock.
    #[error("the reward is out of stock")]
    OutOfStock,
    /// The pool of the reward's codes is empty. No point is taken.
    #[error("there is no code for this reward at the moment")]
    CodesUnavailable,
    /// The member would have too many reservations, or too long a one.
    #[error("{0}")]
    ReservationLimit(&'static str),
    /// The reward asks the shopper to choose the points, and the request has none.
    #[error("the shopper chooses how many points this reward costs: points is missing")]
    PointsMissing,
    /// The points are not some that the reward can be bought with.
    #[error("{0}")]
    InvalidPoints(String),
    /// The member has too few points.
    #[error("the member lacks {missing} points")]
    InsufficientPoints {
        /// The points that are missing.
        missing: Points,
    },
}

impl RedemptionFault {
    /// The slug of the problem document.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::NotAvailable => "not_available",
            Self::NotAMember => "not_a_member",
            Self::MemberExcluded => "member_excluded",
            Self::TierNotEligible => "tier_not_eligible",
            Self::LimitReached => "limit_reached",
            Self::OutOfStock => "out_of_stock",
            Self::CodesUnavailable => "codes_unavailable",
            Self::ReservationLimit(_) => "reservation_limit",
            Self::PointsMissing => "points_missing",
            Self::InvalidPoints(_) => "invalid_points",
            Self::InsufficientPoints { .. } => "insufficient_points",
        }
    }
}

/// Checks everything but points and stock; the storefront uses it too.
///
/// # Errors
/// The first reason against the redemption.
pub fn may_redeem(
    program: &CompiledProgram,
    account: &Account,
    reward: &Reward,
    now: Timestamp,
) -> Result<(), RedemptionFault> {
    match account.status {
        Status::Member => {}
        Status::Excluded => return Err(RedemptionFault::MemberExcluded),
        Status::Visitor | Status::Pending => return Err(RedemptionFault::NotAMember),
    }
    let started = reward.starts_at.is_none_or(|at| at.at(&program.zone) <= now);
    let over = reward.ends_at.is_some_and(|at| at.at(&program.zone) <= now);
    if !started || over || !reward.cost.is_for_sale() {
        return Err(RedemptionFault::NotAvailable);
    }
    let in_scope = |tiers: &Vec<_>| account.tier.current().is_some_and(|tier| tiers.contains(tier));
    if !reward.tiers.as_ref().is_none_or(in_scope) {
        return Err(RedemptionFault::TierNotEligible);
    }
    let had = account.issued.get(&reward.id).copied().unwrap_or(0);
    if reward.per_member_limit.is_some_and(|limit| had >= limit) {
        return Err(RedemptionFault::LimitReached);
    }
    Ok(())
}

/// Checks the limits of reservations.
fn may_reserve(account: &Account, reward: &Reward, minutes: u32, by_member: bool) -> Result<(), RedemptionFault> {
    if account.reservations.len() >= MOST_RESERVATIONS {
        return Err(RedemptionFault::ReservationLimit("the member has 20 open reservations, the most there may be"));
    }
    if by_member && minutes > MOST_MINUTES_BY_MEMBER {
        return Err(RedemptionFault::ReservationLimit("a member token reserves for at most 30 minutes"));
    }
    let has_one = || account.reservations.iter().any(|open| open.reward == reward.id);
    if by_member && reward.stock.is_some() && has_one() {
        return Err(RedemptionFault::ReservationLimit("the member has an open reservation of this reward already"));
    }
    Ok(())
}

/// The points that a redemption costs.
fn cost_of(reward: &Reward, points: Option<Points>) -> Result<Points, RedemptionFault> {
    let invalid = |why| Err(RedemptionFault::InvalidPoints(why));
    match (reward.cost, points) {
        (RewardCost::Fixed(cost), None) => Ok(cost),
        (RewardCost::Fixed(cost), Some(points)) if points == cost => Ok(cost),
        (RewardCost::Fixed(cost), Some(_)) => invalid(format!("this reward costs {cost} points")),
        (RewardCost::Chosen(_), None) => Err(RedemptionFault::PointsMissing),
        (RewardCost::Chosen(per), Some(points)) if per.allows(points) => Ok(points),
        (RewardCost::Chosen(CostPer { min, max, step, .. }), Some(_)) => {
            invalid(format!("points must be a multiple of {step} from {min} to {max}"))
        }
    }
}

/// Decides on a redemption.
///
/// # Errors
/// Why the reward cannot be redeemed. Nothing changes then.
pub fn decide_redemption(
    context: &Context<'_>,
    account: &Account,
    wish: &Redemption,
) -> Result<Decision, RedemptionFault> {
    let reward = context.program.reward(&wish.reward).ok_or(RedemptionFault::NotAvailable)?;
    let action = if wish.reserve_minutes.is_some() { CouponAction::Reserve } else { CouponAction::Redeem };
    let cause = |code| Cause::Coupon { code, reward: reward.id.clone(), action };
    // What fell due before may issue coupons too, so the code is known only when this one is issued.
    let stand_in = context.seed.code(HANDLE, 0).ok_or(RedemptionFault::NotAvailable)?;
    let mut draft = Draft::new(context, account, context.now, cause(stand_in));
    may_redeem(context.program, &draft.account, reward, context.now)?;
    let cost = cost_of(reward, wish.points)?;
    if let Some(minutes) = wish.reserve_minutes {
        may_reserve(&draft.account, reward, minutes, wish.by_member)?;
    }
    if !draft.has_stock(reward) {
        return Err(RedemptionFault::OutOfStock);
    }
    let missing = draft.account.missing_for(cost);
    if missing.is_positive() {
        return Err(RedemptionFault::InsufficientPoints { missing });
    }

    let taken = draft.account.spend(cost);
    let after = |minutes: u32| context.now.saturating_add(SignedDuration::from_mins(i64::from(minutes)));
    let (status, until) = match wish.reserve_minutes {
        Some(minutes) => (CouponStatus::Reserved, after(minutes).ok()),
        None if wish.apply => (CouponStatus::Applied, after(context.program.program.coupons.apply_minutes).ok()),
        None => (CouponStatus::Available, None),
    };
    let issued = draft.issue(reward, status, cost, taken.clone(), until);
    let code = issued.ok_or(RedemptionFault::CodesUnavailable)?;
    draft.entry.cause = cause(code.clone());
    if status == CouponStatus::Reserved {
        let until = until.unwrap_or(context.now);
        let counted = reward.per_member_limit.is_some();
        draft.account.reservations.push(Reservation { coupon: code, reward: reward.id.clone(), counted, until, taken });
        draft.push(Movement::new(MovementType::Redeem).post(
            Bucket::Available,
            Bucket::Reserved,
            Kind::Redeemable,
            cost,
        ));
    } else {
        draft.account.lifetime_redeemed = draft.account.lifetime_redeemed.plus(cost);
        draft.push(Movement::new(MovementType::Redeem).post(
            Bucket::Available,
            Bucket::Redeemed,
            Kind::Redeemable,
            cost,
        ));
    }
    draft.account.touch(context.program, context.now);
    draft.note_activity();
    Ok(draft.finish())
}

/// Why a coupon is not committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitFault {
    /// Its status does not allow it.
    #[error(transparent)]
    State(#[from] CouponFault),
    /// The pool of the reward's codes is empty. The reservation stays.
    #[error("there is no code for this reward at the moment")]
    CodesUnavailable,
}

/// Decides to commit a reservation: its points are spent, even if their lot has expired meanwhile. A code from a pool is
/// drawn now, in place of the reservation's handle. The days for which the coupon is valid begin now.
///
/// # Errors
/// When the coupon is no longer reserved, or the pool of its codes is empty.
pub fn decide_commit(context: &Context<'_>, account: &Account, coupon: &Coupon) -> Result<Decision, CommitFault> {
    let status = coupon.status_at(context.now);
    if status != CouponStatus::Reserved {
        return Err(CouponFault::new(coupon, status).into());
    }
    let mut draft = Draft::new(context, account, context.now, cause_of(coupon, CouponAction::Commit));
    draft.require_own(coupon, status)?;
    draft.close_reservation(coupon)?;
    draft.account.lifetime_redeemed = draft.account.lifetime_redeemed.plus(coupon.cost);
    draft.push(Movement::new(MovementType::Redeem).post(
        Bucket::Reserved,
        Bucket::Redeemed,
        Kind::Redeemable,
        coupon.paid(),
    ));
    let expires_at = draft.end_after_commit(coupon);
    let mut committed = Coupon { status: CouponStatus::Available, until: None, expires_at, ..coupon.clone() };
    if let Some(pool) = pool_of(context, coupon)? {
        let drawn = draft.draw(pool).ok_or(CommitFault::CodesUnavailable)?;
        committed.handle = Some(std::mem::replace(&mut committed.code, drawn));
        committed.drawn = true;
        draft.entry.cause = cause_of(&committed, CouponAction::Commit);
    }
    draft.changed.push((coupon.clone(), committed));
    draft.account.touch(context.program, context.now);
    draft.note_activity();
    Ok(draft.finish())
}

/// The pool that the code of a reserved coupon is drawn from. A shop's code gives the discount that the coupon was issued with,
/// whatever the reward gives by now.
///
/// # Errors
/// When the reward was withdrawn: the shop's codes for it do not work any more.
fn pool_of(context: &Context<'_>, coupon: &Coupon) -> Result<Option<PoolId>, CommitFault> {
    let reward = context.program.reward(&coupon.reward);
    match coupon.provider {
        Some(_) if reward.and_then(|reward| reward.code.provider()) != coupon.provider => {
            Err(CommitFault::CodesUnavailable)
        }
        Some(_) => Ok(Some(PoolId::created(coupon.reward.clone(), &coupon.discount))),
        None => Ok(reward.filter(|reward| reward.code.is_drawn()).map(|reward| PoolId::loaded(reward.id.clone()))),
    }
}

/// Decides to cancel a coupon: its points return to their lots. The unit of stock stays taken.
///
/// # Errors
/// When the coupon is used, expired, lapsed or cancelled already.
pub fn decide_cancel(context: &Context<'_>, account: &Account, coupon: &Coupon) -> Result<Decision, CouponFault> {
    cancel(context, account, coupon, coupon.status_at(context.now))
}

/// As [`decide_cancel`], for a coupon whose code the shop has deleted: it was usable when its cancellation began.
///
/// # Errors
/// When an order has used it meanwhile, or its cancellation never began.
pub fn decide_deleted_cancel(
    context: &Context<'_>,
    account: &Account,
    coupon: &Coupon,
) -> Result<Decision, CouponFault> {
    let began = coupon.cancelling.ok_or_else(|| CouponFault::new(coupon, coupon.status_at(context.now)))?;
    cancel(context, account, coupon, coupon.status_by_time(began))
}

fn cancel(
    context: &Context<'_>,
    account: &Account,
    coupon: &Coupon,
    status: CouponStatus,
) -> Result<Decision, CouponFault> {
    let from = match status {
        CouponStatus::Reserved => Bucket::Reserved,
        CouponStatus::Available | CouponStatus::Applied => Bucket::Redeemed,
        other => return Err(CouponFault::new(coupon, other)),
    };
    let mut draft = Draft::new(context, account, context.now, cause_of(coupon, CouponAction::Cancel));
    draft.require_own(coupon, status)?;
    let mut cancelled = Coupon { status: CouponStatus::Cancelled, until: None, cancelling: None, ..coupon.clone() };
    if from == Bucket::Reserved {
        draft.close_reservation(coupon)?;
    } else {
        cancelled.ended_at = Some(context.now);
        draft.account.lifetime_redeemed = draft.account.lifetime_redeemed.minus(coupon.paid());
    }
    if coupon.counted {
        draft.account.uncount_redemption(&coupon.reward);
    }
    let movement = draft.account.give_back(Movement::new(MovementType::Restore), from, &coupon.taken);
    draft.push(movement);
    draft.changed.push((coupon.clone(), cancelled));
    Ok(draft.finish())
}

/// As [`decide_cancel`], for a member token: only an available coupon, not one that is reserved or on a cart.
///
/// # Errors
/// When the coupon is not available.
pub fn decide_cancel_by_member(
    context: &Context<'_>,
    account: &Account,
    coupon: &Coupon,
) -> Result<Decision, CouponFault> {
    match coupon.status_at(context.now) {
        CouponStatus::Available => decide_cancel(context, account, coupon),
        status => Err(CouponFault::new(coupon, status)),
    }
}

impl Draft<'_> {
    /// Refuses a coupon that was moved to another member after its owner was looked up.
    fn require_own(&self, coupon: &Coupon, status: CouponStatus) -> Result<(), CouponFault> {
        if self.owns(coupon) { Ok(()) } else { Err(CouponFault::new(coupon, status)) }
    }

    /// When a reserved coupon expires once it is committed: it is valid for as many days as it was to be when it was issued, so
    /// that a long reservation never becomes a coupon that has expired already.
    fn end_after_commit(&self, coupon: &Coupon) -> Option<Timestamp> {
        let zone = &self.context.program.zone;
        let waited = Day::of(self.context.now, zone).days_since(Day::of(coupon.issued_at, zone));
        coupon.expires_at.map(|end| Day::of(end, zone).offset(waited.max(0)).start(zone))
    }

    /// Removes a reservation from the account. It is missing if a process with a faster clock saw it lapse.
    fn close_reservation(&mut self, coupon: &Coupon) -> Result<(), CouponFault> {
        let open = &mut self.account.reservations;
        let place = open.iter().position(|reservation| reservation.coupon == coupon.code);
        let place = place.ok_or_else(|| CouponFault::new(coupon, CouponStatus::Lapsed))?;
        open.remove(place);
        Ok(())
    }
}

pub(super) fn cause_of(coupon: &Coupon, action: CouponAction) -> Cause {
    Cause::Coupon { code: coupon.code.clone(), reward: coupon.reward.clone(), action }
}
