//! Settlement of a used coupon with its owner's points.
//!
//! A bearer coupon works on anyone's receipt, and its points are on its owner's account. Two things are settled there: points
//! that a late receipt takes again after the coupon was cancelled, and points that a returned order restores. The coupon
//! remembers what is settled, so that settling twice changes nothing.

use super::coupon::cause_of;
use super::draft::Draft;
use super::{Context, Decision};
use crate::account::{Account, Lot, TakenLot, between, last_taken};
use crate::coupon::{Coupon, CouponStatus};
use crate::fact::{Receipt, Remaining};
use crate::ledger::{Bucket, CouponAction, Movement, MovementType};
use crate::points::{Kind, Points};
use crate::program::{CompiledProgram, ReturnedRedemption};

/// The receipt that used a coupon, and what remains of it after its refunds.
#[derive(Debug, Clone, Copy)]
pub struct Returned<'a> {
    /// The receipt.
    pub receipt: &'a Receipt,
    /// What remains.
    pub remaining: &'a Remaining,
}

/// Settles a used coupon; `None` if nothing is open.
pub fn decide_settlement(
    context: &Context<'_>,
    account: &Account,
    coupon: &Coupon,
    returned: Option<Returned<'_>>,
) -> Option<Decision> {
    if !is_unsettled(context.program, coupon, returned) {
        return None;
    }
    let mut draft = Draft::new(context, account, context.now, cause_of(coupon, CouponAction::Settle));
    let mut settled = coupon.clone();
    if settled.unpaid {
        draft.take_again(&mut settled);
    }
    if let Some(returned) = returned {
        draft.give_back_returned(&mut settled, returned);
    }
    draft.changed.push((coupon.clone(), settled));
    Some(draft.finish())
}

/// True if a used coupon's owner still owes or is owed points.
pub fn is_unsettled(program: &CompiledProgram, coupon: &Coupon, returned: Option<Returned<'_>>) -> bool {
    let due = || returned.map_or(Points::ZERO, |returned| due_back(program, coupon, returned));
    coupon.status == CouponStatus::Used && coupon.cost.is_positive() && (coupon.unpaid || due() > coupon.restored)
}

/// The part of a coupon's cost that the returns of its order restore in all (R6).
fn due_back(program: &CompiledProgram, coupon: &Coupon, Returned { receipt, remaining }: Returned<'_>) -> Points {
    let cost = coupon.cost;
    match program.program.points.returned_redemption {
        ReturnedRedemption::None => Points::ZERO,
        _ if remaining.is_empty() => cost,
        ReturnedRedemption::FullOnly => Points::ZERO,
        ReturnedRedemption::Prorata => {
            let whole = Remaining::whole(receipt);
            // Where nothing was paid, the shares are those of the lines' own amounts.
            let (sold, left) = match whole.net_total() {
                0 => (whole.gross_total(), remaining.gross_total()),
                net => (net, remaining.net_total()),
            };
            let share = i128::from(cost.get()) * i128::from(sold - left);
            let share = share.checked_div(i128::from(sold)).unwrap_or(0);
            Points::new(i64::try_from(share).unwrap_or(0))
        }
    }
}

impl Draft<'_> {
    /// Takes the cost of a coupon again that was cancelled after a receipt had used it, as a debt if need be.
    pub(super) fn take_again(&mut self, coupon: &mut Coupon) {
        let taken = self.account.spend(coupon.cost.min(self.account.available()));
        let spent: Points = taken.iter().map(|lot| lot.points).sum();
        let owed = coupon.cost.minus(spent);
        // A return gives the owed part back to the lots that paid for the coupon first.
        let from_before = last_taken(&coupon.taken, owed);
        self.account.debt = self.account.debt.plus(owed);
        self.account.lifetime_redeemed = self.account.lifetime_redeemed.plus(coupon.cost);
        let movement = Movement::new(MovementType::Redeem)
            .post(Bucket::Available, Bucket::Redeemed, Kind::Redeemable, spent)
            .post(Bucket::Debt, Bucket::Redeemed, Kind::Redeemable, owed);
        self.push(movement);
        if coupon.counted {
            self.account.count_redemption(&coupon.reward);
        }
        coupon.taken = merged(taken.into_iter().chain(from_before));
        coupon.unpaid = false;
    }

    /// Restores what the returns of the order owe and have not restored yet, last-consumed lot first.
    pub(super) fn give_back_returned(&mut self, coupon: &mut Coupon, returned: Returned<'_>) {
        let due = due_back(self.context.program, coupon, returned);
        if due <= coupon.restored {
            return;
        }
        let fresh = between(&coupon.taken, coupon.restored, due);
        let restored: Points = fresh.iter().map(|lot| lot.points).sum();
        let movement = self.account.give_back(Movement::new(MovementType::Restore), Bucket::Redeemed, &fresh);
        self.account.lifetime_redeemed = self.account.lifetime_redeemed.minus(restored);
        self.push(movement);
        coupon.restored = due;
    }
}

/// Lots with no key twice, in their order.
fn merged(lots: impl Iterator<Item = TakenLot>) -> Vec<TakenLot> {
    let mut merged: Vec<Lot> = Vec::new();
    for lot in lots {
        match merged.iter_mut().find(|other| other.key == lot.key) {
            Some(other) => other.points = other.points.plus(lot.points),
            None => merged.push(lot),
        }
    }
    merged
}
