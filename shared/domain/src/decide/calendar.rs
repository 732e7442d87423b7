//! Decisions that the calendar asks for: birthdays, lapses, tier reviews.

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::{Occasion, birthday, span_start};
use super::{Context, Decision};
use crate::account::{Account, Status};
use crate::fact::FactId;
use crate::ledger::{Cause, SkipReason};
use crate::program::CompiledProgram;
use crate::rule::{BirthdayTrigger, CompiledRule, Trigger, Waiting};
use crate::time::Day;

/// Decides on the birthday rules that fall due for a member on a local day; `None` if none does.
///
/// Each rule fires once a year, even if the date was edited meanwhile. A member who enrolled on the day itself waits for the
/// next birthday.
pub fn decide_birthday(context: &Context<'_>, account: &Account, day: Day) -> Option<Decision> {
    let birth = context.profile?.birth_date?;
    let zone = &context.program.zone;
    let enrolled = Day::of(account.enrolled_at?, zone);
    if account.status != Status::Member || enrolled >= day {
        return None;
    }
    let at = day.start(zone);
    let mut draft = Draft::new(context, account, at, Cause::Fact(FactId::Birthday { day }));
    let occasion = Occasion::new(context, &draft.account, at);
    for (rule, trigger) in birthday_rules(context.program).filter(|(rule, _)| rule.covers(at)) {
        let Some(year) = years(day).find(|year| begins(trigger, birthday(birth, *year)) == day) else { continue };
        draft.consider_once(rule, &occasion, (0, i64::from(year)));
    }
    draft.apply(&occasion);
    let has_decided = !draft.entry.outcomes.is_empty() || !draft.entry.skipped.is_empty();
    has_decided.then(|| draft.finish())
}

/// Decides on what has come due for a member by now: lapses, and the review of the tier. `None` when it is too early.
pub fn decide_due(context: &Context<'_>, account: &Account) -> Option<Decision> {
    let today = Day::of(context.now, &context.program.zone);
    account.due.filter(|due| *due <= today)?;
    Some(Draft::of_due(context, account, Cause::Fact(FactId::Due { day: today })).finish())
}

impl<'a> Draft<'a> {
    /// Lets a rule fire, unless it has fired for this `mark` before.
    pub(super) fn consider_once(&mut self, rule: &'a CompiledRule, occasion: &Occasion<'_>, mark: (i64, i64)) {
        if self.counter(rule).marks.contains(&mark) {
            self.skip(rule, SkipReason::Duplicate, None);
            return;
        }
        self.consider(rule, occasion, NO_AMOUNT);
        let mut counter = self.counter(rule);
        // Only the latest mark is ever compared again.
        counter.marks = vec![mark];
        self.keep(rule, counter);
    }
}

impl CompiledProgram {
    /// The dates of birth (month, day) for which a birthday rule falls due on a local day.
    pub fn birthdays_on(&self, day: Day) -> Vec<(i8, i8)> {
        let at = day.start(&self.zone);
        let mut dates: Vec<(i8, i8)> = Vec::new();
        for (_, trigger) in birthday_rules(self).filter(|(rule, _)| rule.covers(at)) {
            let before = i32::try_from(trigger.days_before.unwrap_or(0)).unwrap_or(i32::MAX);
            let first = day.offset(before);
            // The longest span is a month. Each of its days may be a birthday whose span begins on `day`.
            for candidate in (0..31).map(|later| first.offset(later)) {
                if begins(trigger, candidate) != day {
                    continue;
                }
                let date = candidate.date();
                dates.push((date.month(), date.day()));
                // 29 February counts on the 28th in common years.
                if (date.month(), date.day()) == (2, 28) && !date.in_leap_year() {
                    dates.push((2, 29));
                }
            }
        }
        dates.sort_unstable();
        dates.dedup();
        dates
    }
}

fn birthday_rules(program: &CompiledProgram) -> impl Iterator<Item = (&CompiledRule, &BirthdayTrigger)> {
    program.rules.waiting(&Waiting::Birthday).filter_map(|rule| match &rule.rule.on {
        Trigger::Birthday(trigger) => Some((rule, trigger)),
        _ => None,
    })
}

/// The local day on which a rule falls due for a birthday.
fn begins(trigger: &BirthdayTrigger, birthday: Day) -> Day {
    let before = i32::try_from(trigger.days_before.unwrap_or(0)).unwrap_or(i32::MAX);
    span_start(trigger.at, birthday).offset(-before)
}

/// The years whose birthday may fall due on a day: `days_before` may begin in the year before.
fn years(day: Day) -> impl Iterator<Item = i16> {
    [day.year(), day.year().saturating_add(1)].into_iter()
}
