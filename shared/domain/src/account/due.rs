//! The next day on which something falls due for a member: a lapse or a tier review.

use jiff::Timestamp;

use super::{Account, Status};
use crate::program::CompiledProgram;
use crate::rule::{CompiledRule, Trigger, Waiting};
use crate::time::Day;

/// How a lapse is remembered beside other marks of a rule.
const LAPSE: i64 = 0;

impl Account {
    /// The next lapse of an inactivity rule: the last purchase, and the local day on which the member lapses.
    ///
    /// `None` for visitors, for other rules, and if the rule has fired for this lapse.
    pub(crate) fn next_lapse(&self, program: &CompiledProgram, rule: &CompiledRule) -> Option<(Timestamp, Day)> {
        let Trigger::Inactivity { days } = &rule.rule.on else { return None };
        if self.status != Status::Member {
            return None;
        }
        // A member who bought as a visitor lapses from enrolment, if that was later.
        let since = self.enrolled_at.max(self.last_purchase)?;
        let marked = self
            .counters
            .get(&rule.rule.id)
            .filter(|counter| counter.generation == rule.generation())
            .is_some_and(|counter| counter.marks.contains(&(LAPSE, since.as_second())));
        let day = Day::of(since, &program.zone).plus_days(*days);
        (!marked).then_some((since, day.max(Day::of(rule.starts_at(), &program.zone))))
    }

    /// The mark that a rule has fired for a lapse.
    pub(crate) fn lapse_mark(since: Timestamp) -> (i64, i64) {
        (LAPSE, since.as_second())
    }

    /// The earliest local day on which something may fall due; `None` if nothing can.
    pub(crate) fn next_due(&self, program: &CompiledProgram) -> Option<Day> {
        let lapses = program.rules.waiting(&Waiting::Inactivity).filter_map(|rule| {
            let (_, day) = self.next_lapse(program, rule)?;
            // A rule that has ended by then does not fire.
            rule.covers(day.start(&program.zone).max(rule.starts_at())).then_some(day)
        });
        let has_tier_rules = program.rules.waiting(&Waiting::TierChange).next().is_some();
        let review = if has_tier_rules { self.tier.next_review(program, self.settled) } else { None };
        lapses.chain(review).min()
    }

    /// Notes when to look next. A fact only brings that forward, so that it seldom changes; `looked` says that somebody
    /// looks now.
    pub(crate) fn arm(&mut self, program: &CompiledProgram, looked: bool) {
        let next = self.next_due(program);
        self.due = match (self.due, next) {
            (Some(armed), Some(next)) if !looked => Some(armed.min(next)),
            (Some(armed), None) if !looked => Some(armed),
            (_, next) => next,
        };
    }
}
