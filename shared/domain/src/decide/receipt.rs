//! What a receipt does: rules match and fire, limits cut, points and coupons are given, the tier may rise.

use super::points::{per_firing, per_unit, rewards};
use super::{Context, Decision, Draft};
use crate::account::{Account, Counter, LotKey, Run, Status, Use};
use crate::coupon::{Coupon, CouponStatus};
use crate::fact::{Receipt, Remaining};
use crate::ids::CouponCode;
use crate::ledger::{Bucket, Cause, Movement, MovementType, Outcome, SkipReason, Skipped, TierMove};
use crate::money::Money;
use crate::points::{Both, Kind, Points};
use crate::rule::{Bound, CompiledRule, Eligible, Limit, Unit};
use crate::time::Day;

/// The most coupons that one fact gives: a transaction has room for so many.
const MOST_COUPONS: usize = 25;

/// A receipt and what was looked up for it.
#[derive(Debug, Clone)]
pub struct ReceiptContext<'a> {
    /// The receipt.
    pub receipt: &'a Receipt,
    /// The program's coupons that it names, as they are.
    pub coupons: &'a [Coupon],
}

/// Decides on a receipt.
pub fn decide_receipt(context: &Context<'_>, account: &Account, fact: &ReceiptContext<'_>) -> Decision {
    let receipt = fact.receipt;
    let mut draft = Draft::new(context, account, receipt.occurred_at, Cause::Receipt(receipt.id.clone()));
    let before = draft.account.tier.current().cloned();
    let whole = Remaining::whole(receipt);
    let day = Day::of(receipt.occurred_at, &context.program.zone);

    for rule in context.program.rules.for_receipt(receipt.occurred_at) {
        let Some(eligible) = rule.eligible(receipt, &whole, context.program.program.currency) else { continue };
        if draft.account.status == Status::Excluded {
            draft.skip(rule, SkipReason::MemberExcluded, None);
        } else if !rule.rule.tiers.as_ref().is_none_or(|tiers| before.as_ref().is_some_and(|t| tiers.contains(t))) {
            draft.skip(rule, SkipReason::TierOutOfScope, None);
        } else {
            fire(&mut draft, rule, eligible, day);
        }
    }

    credit(&mut draft, day);
    use_coupons(&mut draft, fact);
    draft.account.touch(context.program, receipt.occurred_at);
    if let (Some(before), Some(after)) = (before, draft.account.tier.current()) {
        draft.entry.tier = Some(TierMove { before, after: after.clone(), skipped: Vec::new() });
    }
    draft.finish()
}

/// Counts a receipt for one rule and grants the firings that its limits leave.
fn fire(draft: &mut Draft<'_>, rule: &CompiledRule, eligible: Eligible, day: Day) {
    let (unit, form) = rule.measure();
    let count = eligible.count(unit);
    let mut counter = draft.counter(rule);
    let before = counter.sum;
    let due = if form.is_cumulative() {
        counter.sum = counter.sum.saturating_add(count);
        form.due(counter.sum).saturating_sub(counter.due())
    } else {
        form.due(count)
    };
    if due == 0 {
        let reached = if form.is_cumulative() { counter.sum } else { count };
        // A total that was reached fires once: nothing is missing, and nothing more comes.
        let missing = form.missing(reached);
        let reason = if missing > 0 { SkipReason::BelowThreshold } else { SkipReason::LimitReached };
        draft.skip(rule, reason, (missing > 0).then(|| in_unit(draft.context, unit, missing)));
        draft.keep(rule, counter);
        return;
    }

    let places = rule.rule.limit.iter().map(|limit| room(rule, &counter, limit, day)).min().unwrap_or(u64::MAX);
    let granted = due.min(places).min(room_for_coupons(draft, rule));
    let each = per_firing(&rule.rule);
    let fixed = each.times(granted);
    let by_amount = if granted > 0 {
        let policy = &draft.context.program.program;
        per_unit(&rule.rule, eligible.amount, policy.currency, policy.points.rounding)
    } else {
        Both::ZERO
    };
    let (fixed, by_amount, capped) = cap(rule, &counter, fixed, by_amount, day);
    let coupons = if granted > 0 { give_rewards(draft, rule, granted) } else { Vec::new() };

    use_limits(rule, &mut counter, granted, fixed.plus(by_amount).sum(), day);
    if form.is_cumulative() {
        remember(
            rule,
            &mut counter,
            Given { firings: granted, lost: due - granted, each, fixed, coupons: &coupons },
            day,
        );
    }
    if granted > 0 {
        draft.entry.outcomes.push(Outcome {
            rule: rule.rule.id.clone(),
            rule_version: rule.version,
            firings: i64::try_from(granted).unwrap_or(i64::MAX),
            lost: i64::try_from(due - granted).unwrap_or(i64::MAX),
            unrecoverable: 0,
            fixed,
            per_unit: by_amount,
            counted: count,
            before: form.is_cumulative().then_some(before),
            rewards: coupons,
        });
    }
    if granted < due || capped {
        draft.skip(rule, SkipReason::LimitReached, None);
    }
    draft.keep(rule, counter);
}

/// How many firings the transaction has room for, when each gives coupons.
fn room_for_coupons(draft: &Draft<'_>, rule: &CompiledRule) -> u64 {
    let left = MOST_COUPONS.saturating_sub(draft.issued.len());
    left.checked_div(rewards(&rule.rule).count()).map_or(u64::MAX, |firings| firings as u64)
}

/// How many firings a limit leaves.
fn room(rule: &CompiledRule, counter: &Counter, limit: &Limit, day: Day) -> u64 {
    let used = counter.used(limit.per, limit.every, rule.period_start(limit, day));
    match limit.bound {
        Bound::Times(times) => u64::from(times).saturating_sub(used.times),
        Bound::Points(points) if used.points >= points.get() => 0,
        Bound::Points(_) => u64::MAX,
    }
}

/// Cuts points to what the caps in points leave: first those by amount, then those by firing.
fn cap(rule: &CompiledRule, counter: &Counter, fixed: Both, by_amount: Both, day: Day) -> (Both, Both, bool) {
    let left = rule.rule.limit.iter().filter_map(|limit| match limit.bound {
        Bound::Points(points) => {
            let used = counter.used(limit.per, limit.every, rule.period_start(limit, day));
            Some(points.minus(Points::new(used.points)))
        }
        Bound::Times(_) => None,
    });
    let Some(left) = left.min() else { return (fixed, by_amount, false) };
    let mut over = fixed.plus(by_amount).sum().minus(left);
    let capped = over.is_positive();
    let mut cut = |both: &mut Both| {
        for kind in [Kind::Qualifying, Kind::Redeemable] {
            let part = both.of(kind).min(over).max(Points::ZERO);
            *both.of_mut(kind) = both.of(kind).minus(part);
            over = over.minus(part);
        }
    };
    let (mut fixed, mut by_amount) = (fixed, by_amount);
    cut(&mut by_amount);
    cut(&mut fixed);
    (fixed, by_amount, capped)
}

fn use_limits(rule: &CompiledRule, counter: &mut Counter, granted: u64, points: Points, day: Day) {
    // Two limits over the same period share one count.
    let mut periods: Vec<Use> = Vec::new();
    for limit in &rule.rule.limit {
        let used = counter.used(limit.per, limit.every, rule.period_start(limit, day));
        if !periods.contains(&used) {
            periods.push(used);
        }
    }
    for used in periods {
        counter.set_used(Use { times: used.times + granted, points: used.points.saturating_add(points.get()), ..used });
    }
}

/// What the firings of a cumulative measure gave.
#[derive(Clone, Copy)]
struct Given<'a> {
    firings: u64,
    lost: u64,
    each: Both,
    fixed: Both,
    coupons: &'a [CouponCode],
}

fn remember(rule: &CompiledRule, counter: &mut Counter, given: Given<'_>, day: Day) {
    let day = (!rule.rule.limit.is_empty()).then_some(day);
    let Given { firings: granted, lost, each, fixed, coupons } = given;
    if fixed == each.times(granted) {
        counter.push(Run { count: granted, each, lost: false, day, coupons: coupons.to_vec() });
    } else {
        // A cap in points cut the last firings: the first ones gave all, one gave a rest, the others nothing.
        let whole = whole_firings(fixed, each).min(granted);
        let rest = fixed.minus(each.times(whole));
        let partial = u64::from(granted > whole);
        counter.push(Run { count: whole, each, lost: false, day, coupons: Vec::new() });
        counter.push(Run { count: partial, each: rest, lost: false, day, coupons: Vec::new() });
        let nothing = granted - whole - partial;
        counter.push(Run { count: nothing, each: Both::ZERO, lost: false, day, coupons: Vec::new() });
        if let Some(last) = counter.runs.last_mut() {
            last.coupons = coupons.to_vec();
        }
    }
    counter.push(Run { count: lost, each: Both::ZERO, lost: true, day: None, coupons: Vec::new() });
}

/// How many firings are paid in full by some points.
fn whole_firings(points: Both, each: Both) -> u64 {
    let whole = |kind: Kind| {
        let each = each.of(kind).get();
        if each > 0 { u64::try_from(points.of(kind).get() / each).unwrap_or(0) } else { u64::MAX }
    };
    whole(Kind::Redeemable).min(whole(Kind::Qualifying))
}

fn give_rewards(draft: &mut Draft<'_>, rule: &CompiledRule, granted: u64) -> Vec<CouponCode> {
    let mut codes = Vec::new();
    for id in rewards(&rule.rule) {
        let Some(reward) = draft.context.program.reward(id) else { continue };
        if draft.context.out_of_stock.contains(id) {
            draft.skip(rule, SkipReason::OutOfStock, None);
            continue;
        }
        for _ in 0..granted {
            if let Some(code) = draft.issue(reward, CouponStatus::Available, Points::ZERO, Vec::new(), None) {
                codes.push(code);
            }
        }
    }
    codes
}

/// Posts what the rules gave, and lets the tier rise.
fn credit(draft: &mut Draft<'_>, day: Day) {
    let total = draft.entry.outcomes.iter().fold(Both::ZERO, |sum, outcome| sum.plus(outcome.credits()));
    let policy = &draft.context.program.program.points;
    let mut earn =
        Movement::new(MovementType::Earn).post(Bucket::Issued, Bucket::Available, Kind::Qualifying, total.qualifying);
    if total.redeemable.is_positive() {
        let key = LotKey::new(day.plus_days(policy.hold_days), policy.expiry);
        draft.entry.lot = Some(key);
        earn = draft.account.deposit(earn, Bucket::Issued, key, total.redeemable);
    }
    draft.account.lifetime_earned = draft.account.lifetime_earned.plus(total.redeemable);
    draft.push(earn);
    // A receipt that comes late may bring points whose time is over already.
    let expired = draft.account.expire();
    draft.push(expired);
    draft.earn_qualifying(total.qualifying, day);
}

/// Marks the coupons that the receipt presents as used; one that cannot be used never stops a receipt.
fn use_coupons(draft: &mut Draft<'_>, fact: &ReceiptContext<'_>) {
    for code in &fact.receipt.coupons {
        let found = fact.coupons.iter().find(|coupon| coupon.code == *code);
        let reason = match found {
            None => "unknown",
            Some(coupon) if coupon.member != *draft.context.member => "foreign",
            Some(coupon) => match coupon.status_at(draft.context.now) {
                CouponStatus::Available | CouponStatus::Applied => {
                    let used = Coupon {
                        status: CouponStatus::Used,
                        until: None,
                        receipt: Some(fact.receipt.id.clone()),
                        ..coupon.clone()
                    };
                    draft.changed.push((coupon.clone(), used));
                    draft.entry.coupons.push(code.clone());
                    continue;
                }
                CouponStatus::Used if coupon.receipt.as_ref() == Some(&fact.receipt.id) => {
                    draft.entry.coupons.push(code.clone());
                    continue;
                }
                CouponStatus::Used => "used",
                CouponStatus::Reserved | CouponStatus::Lapsed => "reserved",
                CouponStatus::Expired => "expired",
                CouponStatus::Cancelled => "cancelled",
            },
        };
        draft.entry.ignored.push((code.clone(), reason.to_owned()));
    }
}

/// A count as people read it: money with its decimals, receipts and items as numbers.
fn in_unit(context: &Context<'_>, unit: Unit, count: i64) -> String {
    match unit {
        Unit::Money => Money::new(count, context.program.program.currency).to_string(),
        Unit::Receipts | Unit::Items => count.to_string(),
    }
}

impl Draft<'_> {
    fn skip(&mut self, rule: &CompiledRule, reason: SkipReason, missing: Option<String>) {
        self.entry.skipped.push(Skipped { rule: rule.rule.id.clone(), reason, missing });
    }
}
