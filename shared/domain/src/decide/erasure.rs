//! Erasure: the balance is removed, and the account ends. The entries stay: they name nobody.

use super::draft::Draft;
use super::{Context, Decision};
use crate::account::Account;
use crate::ledger::{Bucket, Cause, Movement, MovementType};
use crate::points::Kind;

/// Decides on the erasure of a member by `actor`; `None` if the member was erased before.
///
/// Nothing fires. All points are removed, and a debt is forgiven. Coupons are for the caller to cancel: no points come back.
pub fn decide_erasure(context: &Context<'_>, account: &Account, actor: &str) -> Option<Decision> {
    if account.erased_at.is_some() {
        return None;
    }
    let mut draft = Draft::new(context, account, context.now, Cause::Erase { actor: actor.to_owned() });
    draft.drop_review();
    let movement = removed(&draft.account);
    draft.account = draft.account.erased(context.now);
    draft.push_always(movement);
    Some(draft.finish())
}

/// Everything that the account holds.
fn removed(account: &Account) -> Movement {
    let qualifying = account.qualifying_total();
    Movement::new(MovementType::Erase)
        .post(Bucket::Pending, Bucket::Removed, Kind::Redeemable, account.pending())
        .post(Bucket::Available, Bucket::Removed, Kind::Redeemable, account.available())
        .post(Bucket::Reserved, Bucket::Removed, Kind::Redeemable, account.reserved())
        .post(Bucket::Forgiven, Bucket::Debt, Kind::Redeemable, account.debt)
        .post(Bucket::Available, Bucket::Removed, Kind::Qualifying, qualifying)
        .post(Bucket::Removed, Bucket::Available, Kind::Qualifying, qualifying.negated())
}
