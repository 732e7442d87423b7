//! Budgets: how many points a rule, or all rules of a programme together, may give all members in a period.

use serde::{Deserialize, Serialize};

use super::Period;
use crate::ids::RuleId;
use crate::points::Points;
use crate::time::{CalendarPeriod, Day};

/// A bound on the redeemable points that all members together get in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Budget {
    /// The points.
    pub points: Points,
    /// The period; `lifetime` has no end.
    pub per: Period,
}

/// One period of one budget.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetPeriod {
    /// The rule; `None` for the programme's own.
    pub rule: Option<RuleId>,
    /// The first day; `None` for a lifetime.
    pub start: Option<Day>,
}

impl Budget {
    /// The first day of the period of a day; `None` for a lifetime.
    pub fn start(&self, day: Day) -> Option<Day> {
        Some(self.calendar()?.start(day))
    }

    /// The day after the period of a day; `None` for a lifetime.
    pub fn end(&self, day: Day) -> Option<Day> {
        Some(self.calendar()?.next(day))
    }

    const fn calendar(&self) -> Option<CalendarPeriod> {
        match self.per {
            Period::Day => Some(CalendarPeriod::Day),
            Period::Week => Some(CalendarPeriod::Week),
            Period::Month => Some(CalendarPeriod::Month),
            Period::Year => Some(CalendarPeriod::Year),
            Period::Lifetime => None,
        }
    }

    /// The budget's period of a day.
    pub fn period(&self, rule: Option<&RuleId>, day: Day) -> BudgetPeriod {
        BudgetPeriod { rule: rule.cloned(), start: self.start(day) }
    }
}
