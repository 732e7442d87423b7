//! What a refund does: everything is recomputed on what remains of the receipt, and the difference is posted.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::points::{per_firing, per_unit};
use super::{Context, Decision};
use crate::account::{Account, Run, Use, last_taken};
use crate::coupon::{Coupon, CouponStatus};
use crate::fact::{Receipt, Refund, RefundFault, Remaining};
use crate::ids::CouponCode;
use crate::ledger::{Bucket, Cause, Entry, Movement, MovementType, Outcome, Rejection, TierMove};
use crate::points::{Both, Kind, Points};
use crate::program::{CompiledProgram, ReturnedRedemption};
use crate::rule::{CompiledRule, Eligible, Form};
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
    /// The refunds of the receipt that were decided before, each with its entry, in the order of their decisions.
    pub earlier: &'a [(Refund, Entry)],
    /// The program as it was when the receipt was decided.
    pub decided_by: &'a CompiledProgram,
    /// The member's coupons: those that the rules gave may be cancelled, those that paid for the receipt restored.
    pub coupons: &'a BTreeMap<CouponCode, Coupon>,
}

impl RefundContext<'_> {
    /// What the refunds before this one reversed of a rule.
    fn reversed(&self, rule: &CompiledRule) -> impl Iterator<Item = &Outcome> {
        let entries = self.earlier.iter().map(|(_, entry)| entry);
        entries.flat_map(|entry| &entry.outcomes).filter(|outcome| outcome.rule == rule.rule.id)
    }
}

/// Decides on a refund. One that cannot be applied is rejected: it has its entry, and nothing moves.
pub fn decide_refund(context: &Context<'_>, account: &Account, fact: &RefundContext<'_>) -> Decision {
    let cause = Cause::Refund(fact.receipt.id.clone(), fact.refund.id.clone());
    let mut draft = Draft::new(context, account, fact.refund.occurred_at, cause);
    let accepted = fact.earlier.iter().filter(|(_, entry)| entry.rejected.is_none());
    let before = Remaining::after(fact.receipt, accepted.map(|(refund, _)| refund));
    let after = match before.less(fact.refund) {
        Ok(after) => after,
        Err(fault) => {
            draft.entry.rejected = Some(match fault {
                RefundFault::UnknownLine(_) => Rejection::UnknownLine,
                RefundFault::MoreThanRemains | RefundFault::MoreItemsThanRemain(_) => Rejection::MoreThanRemains,
            });
            return draft.finish();
        }
    };

    let tier_before = draft.account.tier.current().cloned();
    let tier = fact.decision.tier.as_ref().map(|tier| &tier.before);
    let whole = Remaining::whole(fact.receipt);
    for rule in fact.decided_by.rules.for_receipt(fact.receipt.occurred_at) {
        let in_scope = rule.rule.tiers.as_ref().is_none_or(|tiers| tier.is_some_and(|tier| tiers.contains(tier)));
        let currency = fact.decided_by.program.currency;
        let Some(sold) = rule.eligible(fact.receipt, &whole, currency).filter(|_| in_scope) else { continue };
        let left = [&before, &after].map(|remaining| rule.eligible(fact.receipt, remaining, currency));
        Recount { draft: &mut draft, fact, rule, sold, before: left[0], after: left[1] }.run();
    }

    take_back(&mut draft, fact);
    restore(&mut draft, fact, &before, &after);
    if let (Some(before), Some(after)) = (tier_before, draft.account.tier.current()) {
        draft.entry.tier = Some(TierMove { before, after: after.clone(), skipped: Vec::new() });
    }
    draft.finish()
}

/// One rule, recomputed on what remains.
struct Recount<'d, 'a, 'c> {
    draft: &'d mut Draft<'c>,
    fact: &'d RefundContext<'a>,
    rule: &'d CompiledRule,
    sold: Eligible,
    before: Option<Eligible>,
    after: Option<Eligible>,
}

impl Recount<'_, '_, '_> {
    fn run(mut self) {
        let outcome = self.fact.decision.outcomes.iter().find(|outcome| outcome.rule == self.rule.rule.id);
        let (_, form) = self.rule.measure();
        let mut change = if form.is_cumulative() {
            self.cumulative(form, outcome)
        } else {
            match outcome {
                Some(outcome) => self.per_receipt(form, outcome),
                None => return,
            }
        };
        if let Some(outcome) = outcome {
            change.per_unit = self.by_amount(form, outcome);
            self.return_points(change.per_unit.sum());
        }
        let nothing = change.firings == 0 && change.unrecoverable == 0 && change.credits().is_zero();
        if !nothing {
            self.draft.entry.outcomes.push(change);
        }
    }

    fn blank(&self) -> Outcome {
        Outcome {
            rule: self.rule.rule.id.clone(),
            rule_version: self.rule.version,
            firings: 0,
            lost: 0,
            unrecoverable: 0,
            fixed: Both::ZERO,
            per_unit: Both::ZERO,
            counted: 0,
            before: None,
            rewards: Vec::new(),
        }
    }

    /// A measure per receipt: its firings on what remains.
    fn per_receipt(&mut self, form: Form, outcome: &Outcome) -> Outcome {
        let (unit, _) = self.rule.measure();
        let earlier = self.fact.reversed(self.rule);
        let standing = earlier.fold(outcome.firings, |sum, reversed| sum + reversed.firings);
        let earlier = self.fact.reversed(self.rule);
        let given = earlier.fold(outcome.fixed, |sum, reversed| sum.plus(reversed.fixed));
        let due = self.after.map_or(0, |eligible| form.due(eligible.count(unit)));
        let due = i64::try_from(due).unwrap_or(i64::MAX).min(standing);
        let reversed = u64::try_from(standing - due).unwrap_or(0);

        // Coupons of the latest firings go first; one that was used already keeps its firing.
        let cancelled: Vec<&CouponCode> = self.fact.reversed(self.rule).flat_map(|o| &o.rewards).collect();
        let mut codes: Vec<CouponCode> =
            outcome.rewards.iter().filter(|code| !cancelled.contains(code)).cloned().collect();
        let per_firing_codes = codes.len() / usize::try_from(standing.max(1)).unwrap_or(1);
        let mut change = self.blank();
        for _ in 0..(if per_firing_codes == 0 { 0 } else { reversed }) {
            let taken = codes.split_off(codes.len().saturating_sub(per_firing_codes));
            if self.cancel(&taken) {
                change.rewards.extend(taken);
            } else {
                change.unrecoverable += 1;
            }
        }
        let reversed = reversed - u64::try_from(change.unrecoverable).unwrap_or(0);
        let left = u64::try_from(standing).unwrap_or(0).saturating_sub(reversed);
        let kept = per_firing(&self.rule.rule).times(left).min(given);
        change.firings = -i64::try_from(reversed).unwrap_or(i64::MAX);
        change.fixed = kept.minus(given);
        let day = Day::of(self.fact.receipt.occurred_at, &self.draft.context.program.zone);
        self.return_places(day, reversed, given.minus(kept).sum());
        change
    }

    /// A measure over a running total: the total is set to what remains, the firings no longer due are reversed.
    fn cumulative(&mut self, form: Form, outcome: Option<&Outcome>) -> Outcome {
        let (unit, _) = self.rule.measure();
        let count = |eligible: Option<Eligible>| eligible.map_or(0, |eligible| eligible.count(unit));
        let less = count(self.before) - count(self.after);
        let kept = self.draft.account.counters.get(&self.rule.rule.id);
        let Some(mut counter) = kept.filter(|counter| counter.generation == self.rule.generation).cloned() else {
            return self.forgotten(form, outcome, count(self.before), count(self.after));
        };
        counter.sum -= less;
        let over = counter.due().saturating_sub(form.due(counter.sum));
        let mut change = self.blank();
        let mut returned: Vec<(Day, u64, Points)> = Vec::new();
        let mut kept_runs: Vec<Run> = Vec::new();
        for run in counter.pop(over).into_iter().flat_map(Run::by_coupon).filter(|run| !run.lost) {
            if !self.cancel(&run.coupons) {
                change.unrecoverable += i64::try_from(run.count).unwrap_or(i64::MAX);
                kept_runs.push(run);
                continue;
            }
            let points = run.each.times(run.count);
            change.firings -= i64::try_from(run.count).unwrap_or(i64::MAX);
            change.fixed = change.fixed.minus(points);
            change.rewards.extend(run.coupons.iter().cloned());
            if let Some(day) = run.day {
                returned.push((day, run.count, points.sum()));
            }
        }
        kept_runs.into_iter().rev().for_each(|run| counter.push(run));
        self.draft.account.counters.insert(self.rule.rule.id.clone(), counter);
        for (day, firings, points) in returned {
            self.return_places(day, firings, points);
        }
        change
    }

    /// The rule has changed or gone since, and its counter with it: what the receipt's own firings gave is judged by
    /// the running total that stood before it.
    fn forgotten(&mut self, form: Form, outcome: Option<&Outcome>, before: i64, after: i64) -> Outcome {
        let mut change = self.blank();
        let Some((outcome, base)) = outcome.and_then(|o| o.before.map(|base| (o, base))) else { return change };
        let standing = self.fact.reversed(self.rule).fold(outcome.firings, |sum, o| sum + o.firings);
        let fixed = self.fact.reversed(self.rule).fold(outcome.fixed, |sum, o| sum.plus(o.fixed));
        let lost = form.due(base + before).saturating_sub(form.due(base + after));
        let reversed = i64::try_from(lost).unwrap_or(i64::MAX).min(standing);
        let left = u64::try_from(standing - reversed).unwrap_or(0);
        let kept = per_firing(&self.rule.rule).times(left).min(fixed);
        change.firings = -reversed;
        change.fixed = kept.minus(fixed);
        change
    }

    /// What credits by amount lose: the whole receipt's credit, recomputed on what remains.
    fn by_amount(&self, form: Form, outcome: &Outcome) -> Both {
        let earlier = self.fact.reversed(self.rule);
        let given = earlier.fold(outcome.per_unit, |sum, reversed| sum.plus(reversed.per_unit));
        let policy = &self.fact.decided_by.program;
        let (unit, _) = self.rule.measure();
        let fires = |eligible: &Eligible| form.is_cumulative() || form.due(eligible.count(unit)) > 0;
        let due = self.after.filter(fires).map_or(Both::ZERO, |eligible| {
            per_unit(&self.rule.rule, eligible.amount, policy.currency, policy.points.rounding)
        });
        debug_assert!(self.after.is_none_or(|after| after.amount <= self.sold.amount));
        due.min(given).minus(given)
    }

    /// Cancels coupons; false, and nothing done, when one was used already.
    fn cancel(&mut self, codes: &[CouponCode]) -> bool {
        let coupons: Vec<&Coupon> = codes.iter().filter_map(|code| self.fact.coupons.get(code)).collect();
        if coupons.iter().any(|coupon| coupon.status == CouponStatus::Used) {
            return false;
        }
        for coupon in coupons {
            let cancelled = Coupon { status: CouponStatus::Cancelled, until: None, ..coupon.clone() };
            self.draft.changed.push((coupon.clone(), cancelled));
        }
        true
    }

    /// Gives reversed firings and points back to the limits of the period in which they were granted.
    fn return_places(&mut self, day: Day, firings: u64, points: Points) {
        let rule = self.rule;
        let kept = self.draft.account.counters.get_mut(&rule.rule.id);
        let Some(counter) = kept.filter(|counter| counter.generation == rule.generation) else { return };
        let mut done: Vec<Use> = Vec::new();
        for limit in &rule.rule.limit {
            let used = counter.used(limit.per, limit.every, rule.period_start(limit, day));
            if done.iter().any(|other| (other.period, other.every) == (used.period, used.every)) {
                continue;
            }
            done.push(used);
            let points = used.points.saturating_sub(points.get()).max(0);
            counter.set_used(Use { times: used.times.saturating_sub(firings), points, ..used });
        }
    }

    fn return_points(&mut self, lost: Points) {
        let day = Day::of(self.fact.receipt.occurred_at, &self.draft.context.program.zone);
        self.return_places(day, 0, lost.negated());
    }
}

/// Posts what the rules lost.
fn take_back(draft: &mut Draft<'_>, fact: &RefundContext<'_>) {
    let lost = draft.entry.outcomes.iter().fold(Both::ZERO, |sum, outcome| sum.minus(outcome.credits()));
    if lost.redeemable.is_positive() {
        let policy = draft.context.program.program.points.negative_balance;
        for movement in draft.account.claw_back(fact.decision.lot, lost.redeemable, policy) {
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
        let day = Day::of(fact.receipt.occurred_at, &draft.context.program.zone);
        let month = draft.account.qualifying.entry(day.month()).or_default();
        *month = month.minus(lost.qualifying);
        let today = draft.today();
        draft.account.tier.sink(draft.context.program, &draft.account.qualifying, today);
    }
}

/// Gives back points that had paid for the order, as far as the order was returned (R6).
fn restore(draft: &mut Draft<'_>, fact: &RefundContext<'_>, before: &Remaining, after: &Remaining) {
    let policy = draft.context.program.program.points.returned_redemption;
    let sold = Remaining::whole(fact.receipt).net_total();
    let used = fact.coupons.values().filter(|coupon| coupon.receipt.as_ref() == Some(&fact.receipt.id));
    for used in used {
        let cost = used.paid();
        let due = |remaining: &Remaining| match policy {
            ReturnedRedemption::None => Points::ZERO,
            _ if remaining.is_empty() => cost,
            ReturnedRedemption::FullOnly => Points::ZERO,
            ReturnedRedemption::Prorata if sold == 0 => Points::ZERO,
            ReturnedRedemption::Prorata => {
                let returned = i128::from(sold - remaining.net_total());
                let share = i128::from(cost.get()) * returned / i128::from(sold);
                Points::new(i64::try_from(share).unwrap_or(0))
            }
        };
        // The last-consumed lots come back first; those that came back before are passed over.
        let (earlier, now) = (last_taken(&used.taken, due(before)), last_taken(&used.taken, due(after)));
        let fresh: Vec<_> = now
            .into_iter()
            .filter_map(|lot| {
                let had: Points = earlier.iter().filter(|other| other.key == lot.key).map(|other| other.points).sum();
                let points = lot.points.minus(had);
                points.is_positive().then_some(crate::account::Lot { points, ..lot })
            })
            .collect();
        let restored: Points = fresh.iter().map(|lot| lot.points).sum();
        let movement = Movement::new(MovementType::Restore);
        let movement = draft.account.give_back(movement, Bucket::Redeemed, &fresh);
        draft.account.lifetime_redeemed = draft.account.lifetime_redeemed.minus(restored);
        draft.push(movement);
    }
}
