//! One rule, recomputed on what remains of a receipt.

use jiff::Timestamp;

use super::draft::Draft;
use super::measure::{Less, reckoned, retreat};
use super::occasion::Occasion;
use super::refund::RefundContext;
use crate::account::{Run, Used, When};
use crate::ids::{CouponCode, RuleId};
use crate::ledger::{Outcome, SkipReason};
use crate::points::Both;
use crate::rule::{CompiledRule, Eligible, Form, Frame};
use crate::time::Day;

/// One rule that the receipt met, and what of the receipt concerned it before this refund and after.
pub(super) struct Recount<'d, 'a, 'c> {
    pub draft: &'d mut Draft<'c>,
    pub fact: &'d RefundContext<'a>,
    pub rule: &'d CompiledRule,
    pub occasion: &'d Occasion<'d>,
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
        if let Some(outcome) = outcome {
            change.per_unit = self.by_amount(form, outcome);
            self.draft.return_places(id, Some(self.rule), points_back(change.per_unit), self.occasion.at);
            change.debited = self.debit(outcome, change.firings);
        }
        let nothing = change.firings == 0 && change.unrecoverable == 0;
        if !(nothing && change.credits().is_zero() && change.debited.is_zero()) {
            self.draft.entry.outcomes.push(change);
        }
    }

    fn blank(&self) -> Outcome {
        Outcome::nothing(self.rule.rule.id.clone(), self.rule.version)
    }

    fn count(&self, eligible: Option<Eligible>) -> i64 {
        eligible.map_or(0, |eligible| eligible.count(self.rule.measure().0))
    }

    /// A measure per receipt: its firings on what remains.
    fn per_receipt(&mut self, form: Form, outcome: &Outcome) -> Outcome {
        let standing = self.fact.standing(outcome, |o| o.firings, |a, b| a + b);
        let due = self.after.map_or(0, |_| {
            let counted = reckoned(self.rule.range(), outcome.before.unwrap_or(0), self.count(self.after));
            form.due(counted)
        });
        let due = i64::try_from(due).unwrap_or(i64::MAX).min(standing);
        self.reverse(outcome, standing, standing - due)
    }

    /// Reverses so many of the firings that the receipt's own decision granted and that still stand. Coupons of the latest
    /// firings go first; one that was used already keeps its firing.
    fn reverse(&mut self, outcome: &Outcome, standing: i64, reversed: i64) -> Outcome {
        let given = self.fact.standing(outcome, |o| o.fixed, Both::plus);
        let cancelled: Vec<&CouponCode> = self.fact.earlier_of(&self.rule.rule.id).flat_map(|o| &o.rewards).collect();
        let mut codes: Vec<CouponCode> =
            outcome.rewards.iter().filter(|code| !cancelled.contains(code)).cloned().collect();
        let per_firing_codes = codes.len() / usize::try_from(standing.max(1)).unwrap_or(1);
        let mut change = self.blank();
        for _ in 0..(if per_firing_codes == 0 { 0 } else { reversed }) {
            let taken = codes.split_off(codes.len().saturating_sub(per_firing_codes));
            if self.draft.cancel(self.fact.coupons, &taken) {
                change.rewards.extend(taken);
            } else {
                change.unrecoverable += 1;
            }
        }
        change.firings = change.unrecoverable - reversed;
        let left = u64::try_from(standing + change.firings).unwrap_or(0);
        change.fixed = self.rule.gains.credit.per_firing.times(left).min(given).minus(given);
        let back = Used { times: change.firings, points: change.fixed.sum().get() };
        self.draft.return_places(&self.rule.rule.id, Some(self.rule), back, self.occasion.at);
        change
    }

    /// Spend that lies between bounds or not: the running total of all of it falls.
    fn lower_total(&mut self) {
        let less = self.count(self.before) - self.count(self.after);
        let kept = self.draft.account.counters.get_mut(&self.rule.rule.id);
        if let Some(counter) = kept.filter(|counter| counter.generation == self.rule.generation) {
            counter.total -= less;
        }
    }

    /// A measure over a running total: the total is set to what remains, the firings no longer due are reversed.
    fn cumulative(&mut self, form: Form, outcome: Option<&Outcome>, shut_out: bool) -> Outcome {
        let spent = self.count(self.before) - self.count(self.after);
        let less = Less { spent, counted: if shut_out { 0 } else { spent } };
        let id = &self.rule.rule.id;
        let kept = self.draft.account.counters.get(id).filter(|counter| counter.generation == self.rule.generation);
        let Some(mut counter) = kept.cloned() else {
            return self.forgotten(form, outcome);
        };
        let Some(popped) = retreat(self.rule, &mut counter, less, self.occasion.day) else {
            return self.forgotten(form, outcome);
        };
        let mut change = self.blank();
        let mut returned: Vec<(Day, Used)> = Vec::new();
        let mut kept_runs: Vec<Run> = Vec::new();
        for run in popped.into_iter().flat_map(Run::by_coupon).filter(|run| run.count > 0) {
            if !self.draft.cancel(self.fact.coupons, &run.coupons) {
                change.unrecoverable += i64::try_from(run.count).unwrap_or(i64::MAX);
                kept_runs.push(run);
                continue;
            }
            let points = run.each.times(run.count);
            let firings = i64::try_from(run.count).unwrap_or(i64::MAX);
            change.firings -= firings;
            change.fixed = change.fixed.minus(points);
            change.rewards.extend(run.coupons.iter().cloned());
            if let Some(day) = run.day {
                returned.push((day, Used { times: -firings, points: -points.sum().get() }));
            }
        }
        kept_runs.into_iter().rev().for_each(|run| counter.push(run));
        self.draft.account.counters.insert(id.clone(), counter);
        for (day, used) in returned {
            // Of another receipt only the day of its firings is known.
            let zone = &self.draft.context.program.zone;
            let at = if day == self.occasion.day { self.occasion.at } else { day.start(zone) };
            self.draft.return_places(id, Some(self.rule), used, at);
        }
        change
    }

    /// The counter is gone, because the rule changed or its window is over: what the receipt's own firings gave is judged
    /// by the running total that stood before it.
    fn forgotten(&mut self, form: Form, outcome: Option<&Outcome>) -> Outcome {
        let Some((outcome, base)) = outcome.and_then(|o| o.before.map(|base| (o, base))) else { return self.blank() };
        let standing = self.fact.standing(outcome, |o| o.firings, |a, b| a + b);
        let sum = |count: i64| match self.rule.range() {
            Some(range) => range.inside(base.saturating_add(count)),
            None => base.saturating_add(count),
        };
        let [before, after] = [self.before, self.after].map(|eligible| form.due(sum(self.count(eligible))));
        let lost = before.saturating_sub(after);
        // Of what is wholly back nothing stands.
        let lost = if self.after.is_some() { i64::try_from(lost).unwrap_or(i64::MAX) } else { standing };
        self.reverse(outcome, standing, lost.min(standing))
    }

    /// The amount that credits and debits by amount are reckoned on now; `None` when the rule would not have fired.
    fn amount_left(&self, form: Form, outcome: &Outcome) -> Option<i64> {
        let after = self.after?;
        let fires = form.is_cumulative() || {
            form.due(reckoned(self.rule.range(), outcome.before.unwrap_or(0), self.count(self.after))) > 0
        };
        fires.then(|| reckoned(self.rule.range(), outcome.before.unwrap_or(0), after.amount))
    }

    /// What credits by amount lose: the whole receipt's credit, recomputed on what remains.
    fn by_amount(&self, form: Form, outcome: &Outcome) -> Both {
        let given = self.fact.standing(outcome, |o| o.per_unit, Both::plus);
        let policy = &self.fact.decided_by.program;
        let due = self.amount_left(form, outcome).map_or(Both::ZERO, |amount| {
            self.rule.gains.credit.by_amount(amount, policy.currency, policy.points.rounding)
        });
        due.min(given).minus(given)
    }

    /// What debits lose: not positive, what comes back to the member with the sign changed.
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

fn points_back(lost: Both) -> Used {
    Used { times: 0, points: lost.sum().get() }
}

impl Draft<'_> {
    /// Gives firings and points back to the limits of the period in which they were granted; `used` is below zero.
    /// `rule` is the one that granted them, where that is another than the present one of that identifier.
    pub(super) fn return_places(&mut self, id: &RuleId, rule: Option<&CompiledRule>, used: Used, at: Timestamp) {
        let program = self.context.program;
        let Some(rule) = rule.or_else(|| program.rules.get(id)) else { return };
        let kept = self.account.counters.get_mut(id);
        let Some(counter) = kept.filter(|counter| counter.generation == rule.generation) else { return };
        let when = When { at, day: Day::of(at, &program.zone), zone: &program.zone };
        counter.uses.add(rule, used, when);
    }
}
