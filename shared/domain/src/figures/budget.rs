//! What is left of budgets, and when they run out.

use serde::Serialize;

use crate::ids::RuleId;
use crate::program::Program;
use crate::rule::{Budget, BudgetPeriod, Period, RuleStatus};
use crate::time::Day;

/// A budget in its present period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetUse {
    /// The rule; null for the programme's own.
    pub rule: Option<RuleId>,
    /// The period.
    pub per: Period,
    /// The points of the budget.
    pub points: i64,
    /// The points that were given in the present period, less those that came back.
    pub used: i64,
    /// The points that are left.
    pub left: i64,
    /// The day on which they run out at the pace of the present period; null when they last until its end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Date))]
    pub runs_out_on: Option<String>,
}

/// A budget of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramBudget {
    budget: Budget,
    /// Its present period, by which the store knows what is used.
    pub period: BudgetPeriod,
    /// The day since which the present period is used.
    since: Day,
}

impl ProgramBudget {
    /// The budgets of a program's active rules and its own, in their present periods.
    pub fn all(program: &Program, zone: &jiff::tz::TimeZone, today: Day) -> Vec<Self> {
        let active = program.rules.iter().filter(|rule| rule.status == RuleStatus::Active);
        let start = |rule: &crate::rule::Rule| Day::of(rule.starts_at.at(zone), zone);
        let first = active.clone().map(|rule| start(rule)).min().unwrap_or(today);
        let of_rules = active.filter_map(|rule| Some((Some(&rule.id), rule.budget?, start(rule))));
        let own = program.budget.map(|budget| (None, budget, first));
        let budgets = own.into_iter().chain(of_rules);
        budgets
            .map(|(rule, budget, first)| {
                let period = budget.period(rule, today);
                let since = period.start.unwrap_or(first).max(first).min(today);
                Self { budget, period, since }
            })
            .collect()
    }

    /// What is left of the budget when this much is used.
    pub fn used(&self, used: i64, today: Day) -> BudgetUse {
        let points = self.budget.points.get();
        let left = (points - used).max(0);
        let elapsed = i128::from(today.days_since(self.since)) + 1;
        // Rounded up: on that day the points no longer suffice.
        let days = (used > 0).then(|| (i128::from(left) * elapsed + i128::from(used) - 1) / i128::from(used));
        let day = days.and_then(|days| u32::try_from(days).ok()).map(|days| today.plus_days(days));
        let runs_out = day.filter(|day| self.budget.end(today).is_none_or(|end| *day < end) && *day < Day::LAST);
        BudgetUse {
            rule: self.period.rule.clone(),
            per: self.budget.per,
            points,
            used,
            left,
            runs_out_on: runs_out.map(|day| day.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::points::Points;

    #[test]
    fn a_budget_runs_out_at_its_pace() {
        let today = Day::from_date(jiff::civil::date(2026, 3, 10));
        let first = Day::from_date(jiff::civil::date(2026, 3, 1));
        let of = |per| {
            let budget = Budget { points: Points::new(1_000), per };
            ProgramBudget { budget, period: budget.period(None, today), since: first }
        };
        let monthly = of(Period::Month);
        // Ten days took 500: another ten take the rest.
        assert_eq!(monthly.used(500, today).runs_out_on.as_deref(), Some("2026-03-20"));
        assert_eq!(monthly.used(1_000, today).runs_out_on.as_deref(), Some("2026-03-10"));
        assert_eq!((monthly.used(100, today).left, monthly.used(100, today).runs_out_on), (900, None));
        assert_eq!(monthly.used(0, today).runs_out_on, None);
        assert_eq!(of(Period::Lifetime).used(100, today).runs_out_on.as_deref(), Some("2026-06-08"));
    }
}
