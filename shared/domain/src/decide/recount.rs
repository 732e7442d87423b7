//! One rule, recomputed on what remains of a receipt.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::draft::Draft;
use super::effects::MOST_EXTRAS;
use super::holds::state_of;
use super::measure::{Less, reckoned, retreat, spend};
use super::multiply::Fired;
use super::occasion::{Basket, Occasion};
use super::refund::{RefundContext, extras_on};
use crate::account::{Extra, HoldState, Run, Used, When, mark_of};
use crate::coupon::{Coupon, CouponStatus};
use crate::ids::{CouponCode, RewardId, RuleId};
use crate::ledger::{HeldCredit, Outcome, SkipReason};
use crate::points::Rounding;
use crate::points::{Both, Points};
use crate::rule::{CompiledRule, Eligible, Form, Frame};
use crate::time::Day;

/// One matching rule, and the eligible part of the receipt before this refund and after.
pub(super) struct Recount<'d, 'a, 'c> {
    pub draft: &'d mut Draft<'c>,
    pub fact: &'d RefundContext<'a>,
    pub rule: &'d CompiledRule,
    pub occasion: &'d Occasion<'d>,
    pub basket: &'d Basket<'d>,
    pub before: Option<Eligible>,
    pub after: Option<Eligible>,
}

impl Recount<'_, '_, '_> {
    pub fn run(mut self) {
        let id = &self.rule.rule.id;
        let outcome = self.fact.decision.outcomes.iter().find(|outcome| outcome.rule == *id);
        let refused =
            self.fact.decision.skipped.iter().find(|skipped| skipped.rule == *id).map(|skipped| skipped.reason);
        let never_counted = match refused {
            Some(SkipReason::PredicateNotMet | SkipReason::OutsideWindow | SkipReason::MemberExcluded) => true,
            _ => matches!(self.rule.frame(), Some(Frame::Fixed(first, last))
                if self.occasion.day < first || last < self.occasion.day),
        };
        if outcome.is_none() && never_counted {
            return;
        }
        let (_, form) = self.rule.measure();
        let mut change = if form.is_cumulative() {
            self.cumulative(form, outcome, refused == Some(SkipReason::OutsideRange))
        } else {
            if self.rule.range().is_some() {
                self.lower_total();
            }
            match outcome {
                Some(outcome) => self.per_receipt(form, outcome),
                None => return,
            }
        };
        if let Some(outcome) = outcome.filter(|outcome| outcome.held.is_some() && !form.is_cumulative()) {
            self.lose_held(outcome, &mut change);
        }
        if let Some(outcome) = outcome {
            change.debited = self.debit(outcome, change.firings);
        }
        self.draft.note_change(change);
    }

    fn blank(&self) -> Outcome {
        Outcome::nothing(self.rule.rule.id.clone(), self.rule.version)
    }

    fn count(&self, eligible: Option<Eligible>) -> i64 {
        eligible.map_or(0, |eligible| eligible.count(self.rule.measure().0))
    }

    const fn rounding(&self) -> Rounding {
        self.fact.decided_by.program.points.rounding
    }

    /// A measure per receipt: its firings on what remains, and the credit by amount.
    fn per_receipt(&mut self, form: Form, outcome: &Outcome) -> Outcome {
        let due = self.after.map_or(0, |_| {
            let counted = reckoned(self.rule.range(), outcome.before.unwrap_or(0), self.count(self.after));
            form.due(counted)
        });
        let mut change = self.reverse(outcome, i64::try_from(due).unwrap_or(i64::MAX));
        let given = self.fact.standing(outcome, |o| o.per_unit, Both::plus);
        change.per_unit = self.credit_by_amount(form, outcome).min(given).minus(given);
        let points = change.fixed.plus(change.per_unit).sum().get();
        let back = Used { times: change.firings, points };
        self.draft.return_places(&self.rule.rule.id, Some(self.rule), back, self.occasion.at);
        change
    }

    /// Takes what a rule per receipt loses from its points that wait. Cancelled ones are not taken again.
    fn lose_held(&mut self, outcome: &Outcome, change: &mut Outcome) {
        let state = state_of(self.draft, self.fact, &outcome.rule, self.occasion.day);
        if state == HoldState::Cancelled {
            (change.fixed.redeemable, change.per_unit.redeemable) = (Points::ZERO, Points::ZERO);
            return;
        }
        let points = change.fixed.plus(change.per_unit).redeemable.negated();
        self.draft.lose_held(state, mark_of(&self.fact.receipt.id), &outcome.rule, &outcome.rule, points);
        if !points.is_zero() {
            change.held = Some(HeldCredit { points: points.negated(), ..HeldCredit::default() });
        }
    }

    /// Takes what reversed firings lose from their points that wait, on whichever receipt they fired.
    fn lose_held_firings(&mut self, run: &Run) {
        let Some(receipt) = run.receipt else { return };
        let (id, month) = (&self.rule.rule.id, self.occasion.day.month());
        let state = match self.draft.account.holds.state(receipt, id, month) {
            // Of another receipt, the month of issue is not known.
            HoldState::Released(_) if receipt != mark_of(&self.fact.receipt.id) => HoldState::Unknown,
            state => state,
        };
        self.draft.lose_held(state, receipt, id, id, run.fixed().plus(run.per_unit).redeemable);
        for extra in &run.extras {
            let points = extra.firings.plus(extra.per_unit).redeemable;
            self.draft.lose_held(state, receipt, id, &extra.rule, points);
        }
    }

    /// Reverses the receipt's standing firings beyond those that are still `due`.
    ///
    /// The latest go first: those are the ones without a coupon if there were too few. A firing whose coupon was used keeps
    /// its place in the limit, not its points (R3).
    fn reverse(&mut self, outcome: &Outcome, due: i64) -> Outcome {
        let spent: i64 = self.fact.earlier_of(&self.rule.rule.id).map(|earlier| earlier.unrecoverable).sum();
        let standing = self.fact.standing(outcome, |o| o.firings, |a, b| a + b) - spent;
        let mut left = due.clamp(0, standing.max(0));
        let given = self.fact.standing(outcome, |o| o.fixed, Both::plus);
        let mut change = self.blank();
        let reversed = if outcome.coupons.is_empty() { left..left } else { left..standing };
        for firing in reversed.rev() {
            let codes = self.coupons_of(outcome, usize::try_from(firing).unwrap_or(usize::MAX));
            if !self.draft.has_room_for(&codes) {
                left = firing + 1;
                break;
            }
            if self.draft.cancel(self.fact.coupons, &codes, &mut change) {
                change.unrecoverable += 1;
            }
        }
        change.firings = left - standing + change.unrecoverable;
        let left = u64::try_from(left).unwrap_or(0);
        change.fixed = self.rule.gains.credit.per_firing.times(left).min(given).minus(given);
        change
    }

    /// The coupons of one of the receipt's firings, by its place: one of each reward, as far as they went.
    fn coupons_of(&self, outcome: &Outcome, firing: usize) -> Vec<CouponCode> {
        let of = |reward: &RewardId| {
            let coupons = outcome.coupons.iter().filter(|coupon| coupon.reward == *reward);
            coupons.map(|coupon| &coupon.code).filter(|code| self.fact.coupons.contains_key(*code)).nth(firing).cloned()
        };
        self.rule.gains.rewards.iter().filter_map(of).collect()
    }

    /// Lowers the running total of all spend, inside `from`/`up_to` or not.
    fn lower_total(&mut self) {
        let less = self.count(self.before) - self.count(self.after);
        if let Some(counter) = self.draft.account.counter_of_mut(self.rule) {
            spend(self.rule, counter, self.occasion.day, -less);
        }
    }

    /// Lowers a running total and reverses the firings that are no longer due, with everything that they gave, on whichever
    /// receipts they fired.
    ///
    /// Only firings that the counter remembers are reversed, so that nothing is taken twice, whatever became of the rule.
    fn cumulative(&mut self, form: Form, outcome: Option<&Outcome>, shut_out: bool) -> Outcome {
        let spent = self.count(self.before) - self.count(self.after);
        let less = Less { spent, counted: if shut_out { 0 } else { spent } };
        let rounding = self.rounding();
        let mut change = self.blank();
        let Some(mut counter) = self.draft.account.counter_of(self.rule).cloned() else { return change };
        let Some(popped) = retreat(self.rule, &mut counter, less, self.occasion.day, rounding) else { return change };
        let mut returned: Vec<(Day, Used)> = Vec::new();
        let mut recomputed = Used::default();
        let mut extras: Vec<Extra> = Vec::new();
        let (mut deferred, mut spent_runs): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
        for run in popped.into_iter().flat_map(|run| run.by_coupon(rounding)).filter(|run| run.count > 0) {
            if !deferred.is_empty() || !self.draft.has_room_for(&run.coupons) {
                deferred.push(run);
                continue;
            }
            let was_used = self.draft.cancel(self.fact.coupons, &run.coupons, &mut change);
            let firings = i64::try_from(run.count).unwrap_or(i64::MAX);
            let reversed = if was_used { 0 } else { firings };
            if was_used {
                change.unrecoverable += firings;
                spent_runs.push(Run { spent: run.count, day: run.day, ..Run::default() });
            }
            change.firings -= reversed;
            change.fixed = change.fixed.minus(run.fixed());
            change.per_unit = change.per_unit.minus(run.per_unit);
            if let Some(day) = run.day {
                let points = run.fixed().plus(run.per_unit).sum().get();
                returned.push((day, Used { times: -reversed, points: -points }));
            }
            self.lose_held_firings(&run);
            extras.extend(run.extras);
        }
        deferred.into_iter().rev().chain(spent_runs.into_iter().rev()).for_each(|run| counter.push(run));
        if let Some(outcome) = outcome {
            let (points, own) = self.recompute_by_amount(form, outcome, &mut counter.runs);
            change.per_unit = change.per_unit.minus(points);
            let receipt = Some(mark_of(&self.fact.receipt.id));
            self.lose_held_firings(&Run { receipt, per_unit: points, extras: own.clone(), ..Run::default() });
            extras.extend(own);
            recomputed = Used { times: 0, points: -points.sum().get() };
        }
        if let Some(known) = self.draft.account.counter_of_mut(self.rule) {
            *known = counter;
        }
        for extra in extras {
            let lost = extra.firings.plus(extra.per_unit).negated();
            let nothing = Outcome::nothing(extra.rule, extra.rule_version);
            self.draft.note_change(Outcome { extra: lost, ..nothing });
        }
        self.draft.return_places(&self.rule.rule.id, Some(self.rule), recomputed, self.occasion.at);
        // Of the firings only the day is known: they may be those of another receipt.
        for (day, used) in returned {
            self.draft.return_places_of(self.rule, used, day);
        }
        change
    }

    /// Recomputes this receipt's credit by amount on what remains, if its firings stand. Returns the loss, and the extras of
    /// multipliers on it.
    fn recompute_by_amount(&self, form: Form, outcome: &Outcome, runs: &mut [Run]) -> (Both, Vec<Extra>) {
        let receipt = Some(mark_of(&self.fact.receipt.id));
        let own = runs.iter_mut().find(|run| run.receipt == receipt && !run.per_unit.is_zero());
        let Some(own) = own else { return (Both::ZERO, Vec::new()) };
        let given = own.per_unit;
        own.per_unit = self.credit_by_amount(form, outcome).min(given);
        if own.per_unit == given {
            return (Both::ZERO, Vec::new());
        }
        let mut lost = Vec::new();
        let base = Fired { rule: self.rule, firings: 1, fixed: Both::ZERO, per_unit: own.per_unit };
        let mut by_rule = extras_on(self.fact, base, |multiplier| multiplier.firings, self.basket);
        let mut due: Vec<Both> =
            own.extras.iter().map(|extra| by_rule.remove(&extra.rule).unwrap_or_default()).collect();
        // The last extra sums up those that are not remembered one by one.
        if let Some(last) = due.get_mut(MOST_EXTRAS - 1) {
            *last = by_rule.into_values().fold(*last, Both::plus);
        }
        for (extra, due) in own.extras.iter_mut().zip(due) {
            let due = due.towards_zero(extra.per_unit);
            lost.push(Extra { firings: Both::ZERO, per_unit: extra.per_unit.minus(due), ..extra.clone() });
            extra.per_unit = due;
        }
        (given.minus(own.per_unit), lost)
    }

    /// The amount for credits and debits by amount now; `None` if the rule would not have fired.
    fn amount_left(&self, form: Form, outcome: &Outcome) -> Option<i64> {
        let after = self.after?;
        let fires = form.is_cumulative() || {
            form.due(reckoned(self.rule.range(), outcome.before.unwrap_or(0), self.count(self.after))) > 0
        };
        fires.then(|| reckoned(self.rule.range(), outcome.before.unwrap_or(0), after.amount))
    }

    /// The credit by amount that is due on what remains of the receipt.
    fn credit_by_amount(&self, form: Form, outcome: &Outcome) -> Both {
        let policy = &self.fact.decided_by.program;
        self.amount_left(form, outcome).map_or(Both::ZERO, |amount| {
            self.rule.gains.credit.by_amount(amount, policy.currency, policy.points.rounding)
        })
    }

    /// The change of the debits: negative for points that return to the member.
    fn debit(&self, outcome: &Outcome, reversed: i64) -> Both {
        let debited = self.fact.standing(outcome, |o| o.debited, Both::plus);
        if debited.is_zero() {
            return Both::ZERO;
        }
        let policy = &self.fact.decided_by.program;
        let debit = &self.rule.gains.debit;
        if self.after.is_none() {
            return debited.negated();
        }
        let firings = self.fact.standing(outcome, |o| o.firings, |a, b| a + b) + reversed;
        let fixed = debit.per_firing.times(u64::try_from(firings).unwrap_or(0));
        let (_, form) = self.rule.measure();
        let amount = self.amount_left(form, outcome).filter(|_| firings > 0);
        let by_amount =
            amount.map_or(Both::ZERO, |amount| debit.by_amount(amount, policy.currency, policy.points.rounding));
        fixed.plus(by_amount).min(debited).minus(debited)
    }
}

impl Draft<'_> {
    /// Merges a change of a rule's outcome into the entry.
    pub(super) fn note_change(&mut self, change: Outcome) {
        let nothing = change.firings == 0 && change.unrecoverable == 0 && change.coupons.is_empty();
        if nothing && change.held.is_none() && change.credits().is_zero() && change.debited.is_zero() {
            return;
        }
        let Some(known) = self.entry.outcomes.iter_mut().find(|known| known.rule == change.rule) else {
            self.entry.outcomes.push(change);
            return;
        };
        known.firings += change.firings;
        known.unrecoverable += change.unrecoverable;
        known.fixed = known.fixed.plus(change.fixed);
        known.per_unit = known.per_unit.plus(change.per_unit);
        known.extra = known.extra.plus(change.extra);
        known.debited = known.debited.plus(change.debited);
        if let Some(held) = change.held {
            known.held.get_or_insert_default().add(held);
        }
        known.coupons.extend(change.coupons);
    }

    /// Cancels the coupons of reversed firings and adds them to the change. Returns true if one was used: it stays, and its
    /// firing keeps its place (R3).
    pub(super) fn cancel(
        &mut self,
        known: &BTreeMap<CouponCode, Coupon>,
        codes: &[CouponCode],
        change: &mut Outcome,
    ) -> bool {
        let mut was_used = false;
        for coupon in codes.iter().filter_map(|code| known.get(code)) {
            if coupon.status == CouponStatus::Used {
                was_used = true;
                continue;
            }
            let ended_at = Some(self.context.now);
            let cancelled = Coupon { status: CouponStatus::Cancelled, until: None, ended_at, ..coupon.clone() };
            self.changed.push((coupon.clone(), cancelled));
            change.coupons.push(coupon.into());
        }
        was_used
    }

    /// Returns firings and points to the limits of the period that granted them; `used` is negative.
    ///
    /// `rule` is the rule that granted them, if the present one with this identifier is another.
    pub(super) fn return_places(&mut self, id: &RuleId, rule: Option<&CompiledRule>, used: Used, at: Timestamp) {
        let program = self.context.program;
        let Some(rule) = rule.or_else(|| program.rules.get(id)) else { return };
        let Some(counter) = self.account.counter_of_mut(rule) else { return };
        let when = When { at, day: Day::of(at, &program.zone), zone: &program.zone };
        counter.uses.add(rule, used, when);
    }

    /// Returns firings and points to the limits of the period that granted them on a local day; `used` is negative.
    fn return_places_of(&mut self, rule: &CompiledRule, used: Used, day: Day) {
        if let Some(counter) = self.account.counter_of_mut(rule) {
            counter.uses.give_back(rule, used, day, &self.context.program.zone);
        }
    }
}
