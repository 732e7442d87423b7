//! Undoing a merge: both members have again what they had, with an entry for each.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Context, Decision};
use crate::account::Account;
use crate::ids::MemberId;
use crate::ledger::{Bucket, Cause, Movement, MovementType};
use crate::points::{Both, Kind, Points};

/// How long after a merge it can be undone.
pub const UNMERGE_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a merge keeps, so that it can be undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptMerge {
    /// When the two were merged.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// The target.
    #[serde(rename = "m")]
    pub into: MemberId,
    /// The version of the target's account that the merge wrote.
    #[serde(rename = "v")]
    pub version: u64,
    /// The source's account before the merge.
    #[serde(rename = "s")]
    pub source: Account,
    /// The target's account before the merge.
    #[serde(rename = "i")]
    pub target: Account,
}

/// Why a merge cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnmergeFault {
    /// The source is no part of the target, or joined it by verifying an identifier.
    #[error("the member was not merged into another one by support")]
    NotMerged,
    /// Too much time has passed.
    #[error("the merge is more than 30 days ago")]
    TooLate,
    /// Something was decided for the target since: a purchase, a redemption, a correction, points that expired.
    #[error("something was booked for the member since the merge")]
    Booked,
}

/// Decides on the end of a merge: the `source` leaves the `target`. Returns their decisions, in this order.
///
/// # Errors
/// Why the two stay one; nothing changes then.
pub fn decide_unmerge(
    (source, source_account): (&Context<'_>, &Account),
    (target, target_account): (&Context<'_>, &Account),
    kept: &KeptMerge,
    actor: &str,
) -> Result<[Decision; 2], UnmergeFault> {
    if source_account.merged_into.as_ref() != Some(target.member) || !target_account.sources.contains(source.member) {
        return Err(UnmergeFault::NotMerged);
    }
    if source.now.duration_since(kept.at) > UNMERGE_WITHIN {
        return Err(UnmergeFault::TooLate);
    }
    if target_account.version != kept.version {
        return Err(UnmergeFault::Booked);
    }
    let cause = |other: &Context<'_>| Cause::Unmerge { other: other.member.clone(), actor: actor.to_owned() };
    let mut to = Draft::new(source, source_account, source.now, cause(target));
    let mut from = Draft::new(target, target_account, target.now, cause(source));
    to.drop_review();
    from.drop_review();
    let settled = |account: &Account, context: &Context<'_>| {
        let mut account = account.clone();
        account.settle(context.program, context.now);
        account
    };
    let arrives = restore(&mut to, settled(&kept.source, source));
    let leaves = restore(&mut from, settled(&kept.target, target));
    // Points that paid the other's debt would have expired otherwise: then no end of the merge is right.
    if arrives.plus(leaves) != Both::ZERO {
        return Err(UnmergeFault::Booked);
    }
    let decisions = [to.finish(), from.finish()];
    let is_clean = decisions.iter().all(|decision| decision.due.is_empty());
    if is_clean { Ok(decisions) } else { Err(UnmergeFault::Booked) }
}

/// Replaces the account of a draft by the kept one. Returns the change of its balances.
fn restore(draft: &mut Draft<'_>, kept: Account) -> Both {
    let before = draft.account.clone();
    let mut lots = std::mem::take(&mut draft.account.lots);
    lots.take(lots.total(), |_| true);
    for lot in kept.lots.iter() {
        lots.add(lot.key, lot.points);
    }
    draft.account = Account { version: before.version, lots, ..kept };
    let movement = change(&before, &draft.account);
    let delta = movement.delta();
    draft.push(movement);
    delta
}

/// The movement from the balances of one account to those of another.
fn change(before: &Account, after: &Account) -> Movement {
    let movement = Movement::new(MovementType::Unmerge);
    let movement = shift(movement, Bucket::Pending, Kind::Redeemable, before.pending(), after.pending());
    let movement = shift(movement, Bucket::Available, Kind::Redeemable, before.available(), after.available());
    let (debt_before, debt_after) = (before.debt.negated(), after.debt.negated());
    let movement = shift(movement, Bucket::Debt, Kind::Redeemable, debt_before, debt_after);
    shift(movement, Bucket::Available, Kind::Qualifying, before.qualifying_total(), after.qualifying_total())
}

fn shift(movement: Movement, bucket: Bucket, kind: Kind, before: Points, after: Points) -> Movement {
    let change = after.minus(before);
    movement.post(Bucket::Moved, bucket, kind, change).post(bucket, Bucket::Moved, kind, change.negated())
}
