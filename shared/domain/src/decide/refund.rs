//! Decisions on refunds: everything is recomputed on what remains, and the difference is posted.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::holds::take_back_held_extras;
use super::multiply::{Fired, Share, extras as multiply};
use super::occasion::{Basket, Occasion};
use super::recount::Recount;
use super::settlement::{Returned, is_unsettled};
use super::tier_rules::is_spent;
use super::{Context, Decision};
use crate::account::{Account, Gift, LotKey, Used, between};
use crate::coupon::{Coupon, CouponStatus};
use crate::fact::{FactId, Receipt, Refund, RefundFault, Remaining};
use crate::ids::{CouponCode, RuleId};
use crate::ledger::{Bucket, Cause, Entry, Movement, MovementType, Outcome, Purchase, Rejection};
use crate::points::{Both, Kind, Points};
use crate::program::{CompiledProgram, NegativeBalance};
use crate::time::Day;

/// A refund and what was looked up for it.
#[derive(Debug, Clone)]
pub struct RefundContext<'a> {
    /// The refund.
    pub refund: &'a Refund,
    /// Its receipt.
    pub receipt: &'a Receipt,
    /// The entry that decided on the receipt.
    pub decision: &'a Entry,
    /// The earlier refunds of the receipt and the committed steps of this one, each with its entry, in order.
    pub earlier: &'a [(Refund, Entry)],
    /// The version of the program that decided the receipt.
    pub decided_by: &'a CompiledProgram,
    /// The member's coupons: those from rules may be cancelled, those used on the receipt restored.
    pub coupons: &'a BTreeMap<CouponCode, Coupon>,
}

impl RefundContext<'_> {
    /// The changes of a rule's outcome by earlier refunds.
    pub(super) fn earlier_of(&self, rule: &RuleId) -> impl Iterator<Item = &Outcome> {
        let entries = self.earlier.iter().map(|(_, entry)| entry);
        entries.flat_map(|entry| &entry.outcomes).filter(move |outcome| outcome.rule == *rule)
    }

    fn lowers_receipt(&self, place: usize) -> bool {
        lowers_receipt(self.earlier, place)
    }

    /// Sums a number over an outcome and its changes by earlier refunds.
    pub(super) fn standing<T>(&self, outcome: &Outcome, number: impl Fn(&Outcome) -> T, add: impl Fn(T, T) -> T) -> T {
        self.earlier_of(&outcome.rule).fold(number(outcome), |sum, change| add(sum, number(change)))
    }
}

/// True for the earlier entry that lowered the receipt: the first of several steps, or the only one.
fn lowers_receipt(earlier: &[(Refund, Entry)], place: usize) -> bool {
    let (refund, entry) = &earlier[place];
    entry.rejected.is_none() && earlier[..place].iter().all(|(other, _)| other.id != refund.id)
}

/// What remains of a receipt after the refunds that were decided.
pub(super) fn remaining_after(receipt: &Receipt, earlier: &[(Refund, Entry)]) -> Remaining {
    let applied = (0..earlier.len()).filter(|place| lowers_receipt(earlier, *place));
    Remaining::after(receipt, applied.map(|place| &earlier[place].0))
}

/// Decides on a refund. If it cannot be applied, its entry says `rejected` and moves nothing.
pub fn decide_refund(context: &Context<'_>, account: &Account, fact: &RefundContext<'_>) -> Decision {
    let receipt = fact.receipt;
    let cause = Cause::Fact(FactId::Refund { receipt: receipt.id.clone(), refund: fact.refund.id.clone() });
    let mut draft = Draft::new(context, account, fact.refund.occurred_at, cause);
    draft.entry.history = fact.refund.undoes_import;
    if fact.decision.rejected.is_some() {
        // A rejected receipt gave nothing.
        draft.entry.rejected = fact.decision.rejected;
        return draft.finish();
    }
    let steps = fact.earlier.iter().filter(|(refund, _)| refund.id == fact.refund.id).count();
    let before = remaining_after(receipt, fact.earlier);
    let after = match before.less(fact.refund) {
        // The first step lowered the receipt; later ones cancel more coupons.
        _ if steps > 0 => before.clone(),
        Ok(after) => after,
        Err(fault) => {
            draft.entry.rejected = Some(match fault {
                RefundFault::Currency => Rejection::Currency,
                RefundFault::UnknownLine(_) => Rejection::UnknownLine,
                RefundFault::MoreThanRemains | RefundFault::MoreItemsThanRemain(_) => Rejection::MoreThanRemains,
            });
            return draft.finish();
        }
    };

    if steps == 0 {
        let returned = after.net_total() - before.net_total();
        draft.entry.purchase = Some(Purchase::of(receipt, returned, context.program.program.currency));
    }
    let basket = lower(&mut draft, fact, &before, after);
    restore(&mut draft, fact, &basket.remaining);
    draft.entry.step = u32::try_from(steps).ok().filter(|_| draft.is_unfinished);
    draft.finish()
}

/// Recomputes every rule on what remains of a receipt, and posts the differences.
pub(super) fn lower<'r>(
    draft: &mut Draft<'_>,
    fact: &RefundContext<'r>,
    before: &Remaining,
    after: Remaining,
) -> Basket<'r> {
    let (receipt, context) = (fact.receipt, draft.context);
    let rules = &fact.decided_by.rules;
    let currency = fact.decided_by.program.currency;
    let mut occasion = Occasion::new(context, &draft.account, receipt.occurred_at);
    occasion.tier = rules.tier_bit(fact.decision.tier.as_ref().map(|tier| &tier.before));
    let basket = Basket { receipt, words: rules.words(receipt), remaining: after };
    for rule in rules.for_receipt(&basket.words, receipt.occurred_at, occasion.day) {
        if rule.is_for(occasion.tier) {
            let left = [before, &basket.remaining].map(|left| rule.eligible(receipt, &basket.words, left, currency));
            let [before, after] = left;
            Recount { draft, fact, rule, occasion: &occasion, basket: &basket, before, after }.run();
        }
    }
    take_back_extras(draft, fact, &basket);
    take_back_held_extras(draft, fact, &basket, occasion.day);
    take_back(draft, fact, occasion.day);
    return_debits(draft, fact, occasion.day);
    draft.return_to_budgets(occasion.day);
    basket
}

/// Recomputes the extras on rules per receipt from what these have left. The extras on cumulative firings go with those.
fn take_back_extras(draft: &mut Draft<'_>, fact: &RefundContext<'_>, basket: &Basket<'_>) {
    if fact.decision.outcomes.iter().all(|outcome| outcome.extra.is_zero()) {
        return;
    }
    let entries: Vec<&Entry> = fact.earlier.iter().map(|(_, entry)| entry).collect();
    // A refund never raises an extra, nor moves a negative one further from zero. So each refund is replayed in turn.
    let mut remaining = Remaining::whole(fact.receipt);
    let mut given = extras_per_receipt(fact, &[], &Basket { remaining: remaining.clone(), ..basket.clone() });
    for (given, outcome) in given.iter_mut().zip(&fact.decision.outcomes) {
        // What a budget cut was never given.
        let cut = Points::new(outcome.cut).min(given.redeemable).max(Points::ZERO);
        given.redeemable = given.redeemable.minus(cut);
    }
    for (place, (refund, entry)) in fact.earlier.iter().enumerate() {
        if entry.rejected.is_none() {
            if fact.lowers_receipt(place) {
                remaining = remaining.less(refund).unwrap_or(remaining);
            }
            let then = Basket { remaining: remaining.clone(), ..basket.clone() };
            given = lowered(&given, extras_per_receipt(fact, &entries[..=place], &then));
        }
    }
    let all: Vec<&Entry> = entries.into_iter().chain([&draft.entry]).collect();
    let due = lowered(&given, extras_per_receipt(fact, &all, basket));
    for ((outcome, due), given) in fact.decision.outcomes.iter().zip(due).zip(given) {
        let nothing = Outcome::nothing(outcome.rule.clone(), outcome.rule_version);
        draft.note_change(Outcome { extra: due.minus(given), ..nothing });
    }
}

/// The extra of each multiplier on what a rule that is counted apart has left. `firings` are those of a multiplier.
pub(super) fn extras_on(
    fact: &RefundContext<'_>,
    base: Fired<'_>,
    firings: impl Fn(&Outcome) -> i64,
    basket: &Basket<'_>,
) -> BTreeMap<RuleId, Both> {
    let multipliers = fact.decision.outcomes.iter().filter_map(|outcome| {
        let rule = fact.decided_by.rules.get(&outcome.rule).filter(|rule| !rule.gains.multiply.is_empty())?;
        Some(Fired { rule, firings: firings(outcome), fixed: Both::ZERO, per_unit: Both::ZERO })
    });
    let is_base = |fired: &Fired<'_>| fired.rule.rule.id == base.rule.rule.id;
    let mut fired: Vec<Fired<'_>> = multipliers.filter(|fired| !is_base(fired)).collect();
    fired.push(base);
    let shares = multiply(&fired, fact.decided_by, Some(basket)).shares.into_values();
    let extra = |share: &Share| share.firings.plus(share.per_unit);
    shares.map(|share| (fired[share.multiplier].rule.rule.id.clone(), extra(&share))).collect()
}

fn lowered(given: &[Both], due: Vec<Both>) -> Vec<Both> {
    due.into_iter().zip(given).map(|(due, given)| due.towards_zero(*given)).collect()
}

/// The extra of each outcome of the receipt on rules per receipt, after the refunds with these entries.
fn extras_per_receipt(fact: &RefundContext<'_>, entries: &[&Entry], basket: &Basket<'_>) -> Vec<Both> {
    let outcomes = &fact.decision.outcomes;
    let mut extras = vec![Both::ZERO; outcomes.len()];
    if basket.remaining.is_empty() {
        return extras;
    }
    let (places, fired): (Vec<usize>, Vec<Fired<'_>>) = outcomes
        .iter()
        .enumerate()
        .filter_map(|(place, outcome)| {
            let rule = fact.decided_by.rules.get(&outcome.rule)?;
            let changes = || {
                let changes = entries.iter().flat_map(|entry| &entry.outcomes);
                changes.filter(|change| change.rule == outcome.rule)
            };
            let firings = outcome.firings + changes().map(|change| change.firings).sum::<i64>();
            let left = |number: fn(&Outcome) -> Both| {
                let is_counted_apart = rule.is_counted_apart();
                let sum = changes().fold(number(outcome), |sum, change| sum.plus(number(change)));
                if is_counted_apart { Both::ZERO } else { sum }
            };
            Some((place, Fired { rule, firings, fixed: left(|o| o.fixed), per_unit: left(|o| o.per_unit) }))
        })
        .unzip();
    for (place, extra) in places.into_iter().zip(multiply(&fired, fact.decided_by, Some(basket)).by_rule) {
        extras[place] = extra;
    }
    extras
}

/// Posts the losses of the rules, and those of the rules for a tier that is lost with them.
fn take_back(draft: &mut Draft<'_>, fact: &RefundContext<'_>, day: Day) {
    let lost = draft.entry.outcomes.iter().fold(Both::ZERO, |sum, outcome| sum.minus(outcome.credits()));
    let lost = draft.post_lost_holds(lost);
    post_lost(draft, lost, fact.decision.lot, day);
    // Otherwise it would matter whether an earlier decision has merged the month of the purchase.
    draft.merge_old_months();
    let today = draft.today();
    let account = &mut draft.account;
    account.tier.sink(draft.context.program, &account.qualifying, (day.month(), lost.qualifying), today);
    while let Some(gift) = draft.account.tier.lost.pop() {
        if !draft.has_room_for(&gift.coupons) {
            draft.account.tier.lost.push(gift);
            return;
        }
        if take_gift(draft, fact.coupons, &gift) || is_spent(&gift) {
            draft.keep_spent(&gift);
        }
    }
}

fn post_lost(draft: &mut Draft<'_>, lost: Both, from: Option<LotKey>, day: Day) {
    // A multiplier below 1 took points that another refund has reversed already: they come back.
    let back = Both::ZERO.minus(lost.min(Both::ZERO));
    if !back.is_zero() {
        let key = from.unwrap_or_else(|| LotKey::new(draft.today(), draft.context.program.program.points.expiry));
        let movement = Movement::new(MovementType::Earn);
        let movement = movement.post(Bucket::Issued, Bucket::Available, Kind::Qualifying, back.qualifying);
        let movement = draft.account.deposit(movement, Bucket::Issued, key, back.redeemable);
        draft.account.lifetime_earned = draft.account.lifetime_earned.plus(back.redeemable);
        draft.push(movement);
        let expired = draft.account.expire();
        draft.push(expired);
        draft.earn_qualifying(back.qualifying, day);
    }
    if lost.redeemable.is_positive() {
        let policy = negative_balance(draft);
        for movement in draft.account.claw_back(from, lost.redeemable, policy) {
            draft.push(movement);
        }
        draft.account.lifetime_earned = draft.account.lifetime_earned.minus(lost.redeemable);
    }
    if lost.qualifying.is_positive() {
        draft.push(Movement::new(MovementType::Reverse).post(
            Bucket::Available,
            Bucket::Reversed,
            Kind::Qualifying,
            lost.qualifying,
        ));
        let month = draft.account.qualifying.entry(day.month()).or_default();
        *month = month.minus(lost.qualifying);
    }
}

/// What becomes of points that cannot be taken back: an import that is undone leaves no debt.
pub(super) const fn negative_balance(draft: &Draft<'_>) -> NegativeBalance {
    if draft.entry.history {
        NegativeBalance::WriteOff
    } else if draft.may_forgive {
        draft.context.program.program.points.negative_balance
    } else {
        NegativeBalance::Allow
    }
}

/// Takes back what a rule gave. Returns true if its coupon was used: only that stays (R3).
pub(super) fn take_gift(draft: &mut Draft<'_>, coupons: &BTreeMap<CouponCode, Coupon>, gift: &Gift) -> bool {
    let day = Day::of(gift.at, &draft.context.program.zone);
    let mut change = Outcome::nothing(gift.rule.clone(), gift.rule_version);
    let was_used = draft.cancel(coupons, &gift.coupons, &mut change);
    if was_used {
        change.unrecoverable = gift.firings;
    } else {
        change.firings = -gift.firings;
    }
    change.fixed = gift.points.negated();
    let used = Used { times: change.firings, points: -gift.points.sum().get() };
    draft.return_places(&gift.rule, None, used, gift.at);
    post_lost(draft, gift.points, gift.lot, day);
    draft.note_change(change);
    was_used
}

/// Undoes the debits of the returned part: the points return to their lots.
fn return_debits(draft: &mut Draft<'_>, fact: &RefundContext<'_>, day: Day) {
    let changes: Vec<(RuleId, Both)> = draft
        .entry
        .outcomes
        .iter()
        .filter(|change| !change.debited.is_zero())
        .map(|change| (change.rule.clone(), change.debited.negated()))
        .collect();
    for (rule, returned) in changes {
        let Some(outcome) = fact.decision.outcomes.iter().find(|outcome| outcome.rule == rule) else { continue };
        let before: Points = fact.earlier_of(&rule).map(|change| change.debited.redeemable.negated()).sum();
        let fresh = between(&outcome.taken, before, before.plus(returned.redeemable));
        let movement = Movement::new(MovementType::Restore).post(
            Bucket::Removed,
            Bucket::Available,
            Kind::Qualifying,
            returned.qualifying,
        );
        let movement = draft.account.give_back(movement, Bucket::Removed, &fresh);
        draft.push(movement);
        draft.account.tier.note_deducted(day.month(), returned.qualifying.negated());
        draft.earn_qualifying(returned.qualifying, day);
    }
}

/// Restores the points of coupons that paid for the returned part (R6).
///
/// Only the member's own coupons are settled here; other owners' coupons are settled on their accounts.
fn restore(draft: &mut Draft<'_>, fact: &RefundContext<'_>, remaining: &Remaining) {
    let used = fact.coupons.values().filter(|coupon| coupon.receipt.as_ref() == Some(&fact.receipt.id));
    let own = used.filter(|coupon| draft.owns(coupon) && coupon.status == CouponStatus::Used);
    let returned = Returned { receipt: fact.receipt, remaining };
    let own: Vec<&Coupon> = own.filter(|coupon| is_unsettled(draft.context.program, coupon, Some(returned))).collect();
    for coupon in own {
        let mut settled = coupon.clone();
        draft.give_back_returned(&mut settled, returned);
        draft.changed.push((coupon.clone(), settled));
    }
}
