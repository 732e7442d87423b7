//! Undoing a merge: both members have again what they had, with an entry for each, and what came since goes to whom it named.
//!
//! The accounts from before the merge come back. What facts gave since is taken back in the same entry; receipts, their
//! refunds, and the source's interactions are decided anew afterwards, each for its own member. Corrections stay with the
//! target.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::interaction::decide_interaction_by;
use super::merge::{moved_in, moved_out};
use super::{Context, Decision, InteractionContext, Supply};
use crate::account::{Account, LotKey, Lots};
use crate::coupon::{Coupon, CouponStatus};
use crate::fact::{AtUnmerge, Interaction};
use crate::ids::{CouponCode, MemberId, RuleId};
use crate::ledger::{Bucket, Cause, Entry, LotChange, Moved, Movement, MovementType, Outcome, SkipReason};
use crate::points::{Both, Kind, Points};
use crate::program::CompiledProgram;
use crate::referral::FriendReferrals;
use crate::time::Day;

/// How long after a merge it can be undone.
pub const UNMERGE_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most receipts and interactions since the merge, and coupons that they gave, in the transaction that undoes it.
pub const MOST_REPLAYED: usize = 80;

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
    /// The referrals between the two before the merge, which reverses them.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub friends: Vec<KeptFriend>,
}

/// The referrals of one of the two, of whom the other one is an advocate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptFriend {
    /// The member in whose partition they are.
    #[serde(rename = "m")]
    pub member: MemberId,
    /// The referrals.
    #[serde(rename = "r")]
    pub known: FriendReferrals,
}

impl KeptMerge {
    /// True if a member is the source, or was part of it before the merge.
    pub fn is_of_source(&self, source: &MemberId, member: &MemberId) -> bool {
        member == source || self.source.sources.contains(member)
    }
}

/// What was written for the target since the merge, by sequence.
#[derive(Debug, Clone, Default)]
pub struct SinceMerge {
    /// The version of the target's account that the last entry wrote.
    pub version: u64,
    /// The entries.
    pub entries: Vec<EntrySince>,
    /// The number of facts that are handed on in the same transaction.
    pub facts: usize,
}

/// An entry that was written since the merge.
#[derive(Debug, Clone)]
pub struct EntrySince {
    /// The entry.
    pub entry: Entry,
    /// When its fact happened; for a refund, when its receipt happened.
    pub happened_at: Timestamp,
    /// The interaction that it decided, and by which version, where it named the target.
    pub interaction: Option<(Interaction, Arc<CompiledProgram>)>,
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
    /// Points were spent.
    #[error("points were spent or reserved, or a coupon was changed, since the merge")]
    Spent,
    /// Somebody else became part of the target.
    #[error("another member was merged into, or joined, the member since the merge")]
    Merged,
    /// Something went to somebody else.
    #[error("a receipt or a coupon was moved to or from somebody else since the merge")]
    Moved,
    /// A referral with somebody else gave something.
    #[error("a referral was rewarded or reversed since the merge")]
    Rewarded,
    /// More came since than one transaction hands on.
    #[error("more than {MOST_REPLAYED} receipts, interactions and coupons came since the merge")]
    TooMuch,
    /// Something was decided for the target after its entries were read.
    #[error("the member changes at this moment")]
    Changed,
}

/// What an unmerge does with an entry since the merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate<'a> {
    /// The same as with a fact that has this property.
    As(AtUnmerge),
    /// A change of this referral.
    Referral(&'a str),
}

fn fate(cause: &Cause) -> Result<Fate<'_>, UnmergeFault> {
    match cause {
        Cause::Fact(fact) => Ok(Fate::As(fact.kind().at_unmerge())),
        Cause::Move { moved: Moved::Receipt(_), arrives: true, .. } => Ok(Fate::As(AtUnmerge::Anew)),
        Cause::Hold(_) | Cause::Inactivity(_) | Cause::TierReview(_) => Ok(Fate::As(AtUnmerge::Follows)),
        Cause::Enrollment | Cause::Profile | Cause::Adjustment { .. } | Cause::Import { .. } => {
            Ok(Fate::As(AtUnmerge::Stays))
        }
        Cause::TierChange(inner) => Ok(match fate(inner)? {
            stays @ Fate::As(AtUnmerge::Stays) => stays,
            Fate::As(_) | Fate::Referral(_) => Fate::As(AtUnmerge::Follows),
        }),
        Cause::Referral(id) => Ok(Fate::Referral(id)),
        Cause::Coupon { .. } => Err(UnmergeFault::Spent),
        Cause::Merge { .. } | Cause::Unmerge { .. } => Err(UnmergeFault::Merged),
        Cause::Move { .. } => Err(UnmergeFault::Moved),
        Cause::Erase { .. } => Err(UnmergeFault::NotMerged),
    }
}

impl EntrySince {
    /// True if what it gave is taken back now.
    fn is_undone(&self) -> bool {
        match fate(&self.entry.cause) {
            Ok(Fate::As(AtUnmerge::Anew | AtUnmerge::Follows)) => true,
            Ok(Fate::As(AtUnmerge::AnewInMemory)) => self.interaction.is_none(),
            Ok(Fate::As(AtUnmerge::Stays) | Fate::Referral(_)) | Err(_) => false,
        }
    }
}

impl SinceMerge {
    /// The coupons that rules gave since, and that are cancelled unless they are used.
    pub fn coupons(&self) -> Vec<CouponCode> {
        let mut given: Vec<CouponCode> = Vec::new();
        for outcome in self.undone().flat_map(|since| &since.entry.outcomes) {
            let codes = outcome.coupons.iter().map(|coupon| &coupon.code);
            if outcome.firings < 0 {
                given.retain(|code| !outcome.coupons.iter().any(|coupon| coupon.code == *code));
            } else {
                given.extend(codes.cloned());
            }
        }
        given
    }

    fn undone(&self) -> impl Iterator<Item = &EntrySince> {
        self.entries.iter().filter(|since| since.is_undone())
    }

    /// Refuses what cannot be undone.
    fn check(&self, kept: &KeptMerge, target: &Account) -> Result<(), UnmergeFault> {
        let between = || kept.friends.iter().flat_map(|friend| &friend.known.referrals);
        for since in &self.entries {
            let moves = |kind| matches!(kind, MovementType::Release | MovementType::Expire);
            let gives =
                !since.entry.outcomes.is_empty() || since.entry.movements.iter().any(|movement| !moves(movement.kind));
            match fate(&since.entry.cause)? {
                Fate::Referral(id) if gives && !between().any(|one| one.id.as_str() == id) => {
                    return Err(UnmergeFault::Rewarded);
                }
                Fate::Referral(_) | Fate::As(_) => {}
            }
            let is_spent = |movement: &Movement| matches!(movement.kind, MovementType::Redeem | MovementType::Restore);
            if since.entry.movements.iter().any(is_spent) {
                return Err(UnmergeFault::Spent);
            }
        }
        if !target.reservations.is_empty() {
            return Err(UnmergeFault::Spent);
        }
        let before = kept.source.advocacy.friends.saturating_add(kept.target.advocacy.friends);
        let between = u32::try_from(between().filter(|one| one.counted).count()).unwrap_or(u32::MAX);
        let now = target.advocacy.friends;
        if now != before && now.saturating_add(between) != before {
            return Err(UnmergeFault::Rewarded);
        }
        Ok(())
    }
}

/// Decides on the end of a merge: the `source` leaves the `target`. Returns their decisions, in this order. `coupons`: those
/// that [`SinceMerge::coupons`] names.
///
/// # Errors
/// Why the two stay one; nothing changes then.
pub fn decide_unmerge(
    (source, source_account): (&Context<'_>, &Account),
    (target, target_account): (&Context<'_>, &Account),
    (kept, since): (&KeptMerge, &SinceMerge),
    coupons: &[Coupon],
    actor: &str,
) -> Result<[Decision; 2], UnmergeFault> {
    if source_account.merged_into.as_ref() != Some(target.member) || !target_account.sources.contains(source.member) {
        return Err(UnmergeFault::NotMerged);
    }
    if source.now.duration_since(kept.at) > UNMERGE_WITHIN {
        return Err(UnmergeFault::TooLate);
    }
    since.check(kept, target_account)?;
    if target_account.version != since.version {
        return Err(UnmergeFault::Changed);
    }
    let cause = |other: &Context<'_>| Cause::Unmerge { other: other.member.clone(), actor: actor.to_owned() };
    let mut to = Draft::new(source, source_account, source.now, cause(target));
    let mut from = Draft::new(target, target_account, target.now, cause(source));
    to.drop_review();
    from.drop_review();

    let mut leaving = kept.source.clone();
    leaving.settle(source.program, source.now);
    let staying = staying(target, &from.account, kept, since);
    let today = from.account.clone();
    leaving.warned = leaving.warned.max(today.warned);
    leaving.referred_until = leaving.referred_until.max(today.referred_until);
    put(&mut to.account, leaving.clone());
    to.push_always(moved_in(&leaving, leaving.settled, MovementType::Unmerge));

    from.return_since(since);
    from.reverse_since(since, coupons)?;
    put(&mut from.account, Account { seen: today.seen, ..staying });
    from.account.lots.drain_changes();
    let moved = moved_out(&leaving, MovementType::Unmerge).with_lots(negated(&leaving.lots));
    let reversed = reversed(&today, &leaving, &from.account);
    let rest = from.account.lots.by_months().into_iter().chain(negated(&today.lots)).chain(leaving.lots.by_months());
    // Points that only changed their lots belong to no posting.
    if reversed.postings.is_empty() {
        from.push_always(moved.with_lots(rest.collect()));
    } else {
        from.push_always(moved);
        from.push(reversed.with_lots(rest.collect()));
    }
    Ok([to.finish(), from.finish()])
}

/// What the target has without the source: the account from before the merge, with what stays.
fn staying(target: &Context<'_>, today: &Account, kept: &KeptMerge, since: &SinceMerge) -> Account {
    // The coupons were given when the interaction was decided first.
    let none = Supply { coupons: 0, ..Supply::default() };
    let mut account = kept.target.clone();
    for since in &since.entries {
        let entry = &since.entry;
        match (fate(&entry.cause), &since.interaction) {
            (Ok(Fate::As(AtUnmerge::AnewInMemory)), Some((interaction, decided_by))) => {
                let context = Context { now: entry.decided_at, supply: &none, ..target.clone() };
                let counted_before = entry.skipped.iter().any(|skipped| skipped.reason == SkipReason::Duplicate);
                let fact = InteractionContext { interaction, counted_before };
                account = decide_interaction_by(&context, &account, &fact, decided_by).account;
            }
            (Ok(Fate::As(AtUnmerge::Stays)), _) => {
                account.settle(target.program, entry.decided_at);
                stay(&mut account, today, entry, target.program);
            }
            (Ok(Fate::As(_) | Fate::Referral(_)) | Err(_), _) => {}
        }
    }
    account.settle(target.program, target.now);
    let by_person = since.entries.iter().any(|since| matches!(since.entry.cause, Cause::Adjustment { .. }));
    let united = kept.target.tier.vip.as_ref().or(kept.source.tier.vip.as_ref());
    // A tier outside the ladder that a person gave, or took away, since.
    if by_person && today.tier.vip.as_ref() != united {
        account.tier.vip.clone_from(&today.tier.vip);
    }
    account.warned = account.warned.max(today.warned);
    account.referred_until = account.referred_until.max(today.referred_until);
    account
}

/// Adds to an account what an entry gave that stays with it. `today`: the account with both members.
fn stay(account: &mut Account, today: &Account, entry: &Entry, program: &CompiledProgram) {
    let settles = |kind| matches!(kind, MovementType::Release | MovementType::Expire);
    let movements = entry.movements.iter().filter(|movement| !settles(movement.kind));
    let change = movements.fold(Both::ZERO, |sum, movement| sum.plus(movement.delta()));
    let day = Day::of(entry.decided_at, &program.zone);
    let none = || Movement::new(MovementType::Unmerge);
    if change.redeemable.is_positive() {
        let key = LotKey::new(day, program.program.points.expiry);
        account.deposit(none(), Bucket::Issued, key, change.redeemable);
        if !matches!(entry.cause, Cause::Import { .. }) {
            account.lifetime_earned = account.lifetime_earned.plus(change.redeemable);
        }
    } else {
        let taken = change.redeemable.negated();
        let paid = taken.min(account.available());
        account.spend(paid);
        // The points that were taken may have been the source's.
        account.debt = account.debt.plus(taken.minus(paid));
    }
    if !change.qualifying.is_zero() {
        let month = account.qualifying.entry(day.month()).or_default();
        *month = month.plus(change.qualifying);
        account.tier.rise(program, &account.qualifying, day, day);
    }
    for outcome in &entry.outcomes {
        if let Some(counter) = today.counters.get(&outcome.rule) {
            account.counters.insert(outcome.rule.clone(), counter.clone());
        }
    }
    let standing = entry.standing.as_ref();
    let before = standing.and_then(|standing| standing.before.as_ref()).map(|before| before.status);
    if before.is_some_and(|before| before != entry.status) {
        account.status = entry.status;
        account.enrolled_at = account.enrolled_at.or(today.enrolled_at);
    }
}

/// Replaces the contents of an account, which keeps its version. Its lots note the change.
fn put(account: &mut Account, after: Account) {
    let mut lots = std::mem::take(&mut account.lots);
    lots.take(lots.total(), |_| true);
    for lot in after.lots.iter() {
        lots.add(lot.key, lot.points);
    }
    *account = Account { version: account.version, lots, ..after };
}

fn negated(lots: &Lots) -> Vec<LotChange> {
    lots.by_months().into_iter().map(|lot| LotChange { points: lot.points.negated(), ..lot }).collect()
}

/// What the target had more, or less, than the two have apart: the facts since gave it.
fn reversed(before: &Account, leaving: &Account, after: &Account) -> Movement {
    let qualifying = |account: &Account| account.qualifying_total();
    let shift = |movement: Movement, bucket, kind, of: &dyn Fn(&Account) -> Points| {
        let change = of(after).plus(of(leaving)).minus(of(before));
        let movement = movement.post(Bucket::Reversed, bucket, kind, change);
        movement.post(bucket, Bucket::Reversed, kind, change.negated())
    };
    let movement = Movement::new(MovementType::Reverse);
    let movement = shift(movement, Bucket::Pending, Kind::Redeemable, &Account::pending);
    let movement = shift(movement, Bucket::Available, Kind::Redeemable, &Account::available);
    let movement = shift(movement, Bucket::Debt, Kind::Redeemable, &|account| account.debt.negated());
    shift(movement, Bucket::Available, Kind::Qualifying, &qualifying)
}

impl Draft<'_> {
    /// Returns what the facts since drew from budgets; they draw again when they are decided anew.
    fn return_since(&mut self, since: &SinceMerge) {
        for since in since.undone() {
            let day = Day::of(since.happened_at, &self.context.program.zone);
            for outcome in &since.entry.outcomes {
                self.return_to_budget(outcome, outcome.credits().redeemable, day);
            }
        }
    }

    /// Reports what rules gave since as taken back, and cancels the unused coupons among it. Used ones stay.
    fn reverse_since(&mut self, since: &SinceMerge, coupons: &[Coupon]) -> Result<(), UnmergeFault> {
        let given = since.coupons();
        let is_unused = |coupon: &&Coupon| {
            let status = coupon.status_at(self.context.now);
            matches!(status, CouponStatus::Available | CouponStatus::Applied) && given.contains(&coupon.code)
        };
        let known: BTreeMap<CouponCode, Coupon> =
            coupons.iter().filter(is_unused).map(|coupon| (coupon.code.clone(), coupon.clone())).collect();
        if known.len() + since.facts > MOST_REPLAYED || known.len() > self.coupons_left() {
            return Err(UnmergeFault::TooMuch);
        }
        let mut changes: BTreeMap<RuleId, Outcome> = BTreeMap::new();
        for outcome in since.undone().flat_map(|since| &since.entry.outcomes) {
            let nothing = || Outcome::nothing(outcome.rule.clone(), outcome.rule_version);
            let change = changes.entry(outcome.rule.clone()).or_insert_with(nothing);
            change.firings -= outcome.firings;
            change.fixed = change.fixed.minus(outcome.fixed);
            change.per_unit = change.per_unit.minus(outcome.per_unit);
            change.extra = change.extra.minus(outcome.extra);
            change.debited = change.debited.minus(outcome.debited);
            change.reset = change.reset.minus(outcome.reset);
            if outcome.firings > 0 {
                let codes: Vec<CouponCode> = outcome.coupons.iter().map(|coupon| coupon.code.clone()).collect();
                self.cancel(&known, &codes, change);
            }
        }
        let is_blank = |change: &Outcome| *change == Outcome::nothing(change.rule.clone(), change.rule_version);
        self.entry.outcomes.extend(changes.into_values().filter(|change| !is_blank(change)));
        Ok(())
    }
}
