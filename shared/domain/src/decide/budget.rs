//! Budgets: what a decision draws from them, and what a refund returns.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::multiply::Extras;
use crate::ledger::{Outcome, SkipReason};
use crate::points::{Both, Points};
use crate::program::CompiledReferral;
use crate::rule::{Budget, BudgetPeriod, CompiledRule};
use crate::time::Day;

/// The points that a decision draws from each budget; negative for those that it returns.
pub type BudgetDraws = BTreeMap<BudgetPeriod, i64>;

impl Draft<'_> {
    /// Cuts the redeemable points of a rule to what its budget, and then the programme's, have left on a day, and draws
    /// them: credits by amount give way first. A cut is reported.
    pub(super) fn draw_budget(&mut self, rule: &CompiledRule, day: Day, fixed: &mut Both, by_amount: &mut Both) {
        let wanted = fixed.redeemable.plus(by_amount.redeemable);
        if !wanted.is_positive() {
            return;
        }
        let periods = self.budgets(rule, day);
        let room = periods.iter().filter_map(|period| self.left(period)).min();
        let granted = room.map_or(wanted, |room| wanted.min(Points::new(room.max(0))));
        let cut = wanted.minus(granted);
        let of_amount = cut.min(by_amount.redeemable).max(Points::ZERO);
        by_amount.redeemable = by_amount.redeemable.minus(of_amount);
        fixed.redeemable = fixed.redeemable.minus(cut.minus(of_amount));
        for period in periods {
            *self.draws.entry(period).or_default() += granted.get();
        }
        if cut.is_positive() {
            self.skip(rule, SkipReason::BudgetExhausted, None);
        }
    }

    /// Cuts the extra of a multiplier to what its budget, and then the programme's, have left. Returns the cut: the part on
    /// rules per receipt gives way first.
    pub(super) fn draw_extra(&mut self, rule: &CompiledRule, place: usize, day: Day, extras: &mut Extras) -> Points {
        let wanted = extras.by_rule[place].redeemable;
        let mut granted = Both { redeemable: wanted, ..Both::ZERO };
        self.draw_budget(rule, day, &mut granted, &mut Both::ZERO.clone());
        let cut = wanted.minus(granted.redeemable);
        extras.cut(place, cut);
        cut
    }

    /// Returns what a refund took back to the budgets of its receipt's day, as far as their periods are open.
    pub(super) fn return_to_budgets(&mut self, day: Day) {
        let outcomes = std::mem::take(&mut self.entry.outcomes);
        for outcome in &outcomes {
            let back = outcome.credits().redeemable.negated();
            if back.is_positive() {
                self.return_to_budget(outcome, back, day);
            }
        }
        self.entry.outcomes = outcomes;
    }

    /// Returns points of a rule to the budgets of a day, as far as their periods are open; negative points are drawn again.
    pub(super) fn return_to_budget(&mut self, outcome: &Outcome, back: Points, day: Day) {
        let today = self.today();
        let Some(rule) = self.context.program.rules.get(&outcome.rule) else { return };
        for (budget, period) in self.budgets_of(rule, day) {
            if budget.start(today) == period.start {
                *self.draws.entry(period).or_default() -= back.get();
            }
        }
    }

    fn budgets(&self, rule: &CompiledRule, day: Day) -> Vec<BudgetPeriod> {
        self.budgets_of(rule, day).map(|(_, period)| period).collect()
    }

    /// The budgets of a rule, its own first, each with its period of a day. The rewards of the referral program use none.
    fn budgets_of(&self, rule: &CompiledRule, day: Day) -> impl Iterator<Item = (Budget, BudgetPeriod)> + use<> {
        let own = rule.rule.budget.map(|budget| (budget, budget.period(Some(&rule.rule.id), day)));
        let programmes = self.context.program.program.budget.map(|budget| (budget, budget.period(None, day)));
        let programmes = programmes.filter(|_| !CompiledReferral::owns(&rule.rule.id));
        own.into_iter().chain(programmes)
    }

    /// What is left of a budget for this decision; `None` when that is enough for any.
    fn left(&self, period: &BudgetPeriod) -> Option<i64> {
        let left = self.context.supply.budgets.get(period)?;
        Some(left - self.draws.get(period).copied().unwrap_or(0))
    }
}
