//! What the passing of time does: birthdays, lapses, tier reviews.

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::{Occasion, birthday, span_start};
use super::{Context, Decision, NothingDecided};
use crate::account::{Account, Status};
use crate::fact::FactId;
use crate::ledger::{Cause, SkipReason, Skipped};
use crate::program::CompiledProgram;
use crate::rule::{BirthdayTrigger, CompiledRule, Trigger, Waiting};
use crate::time::Day;

/// Decides on the birthday rules that fall due for a member on a local day; `None` when nothing happens.
///
/// A rule fires once a year, even if the birth date was edited meanwhile, and not on the day of enrolment.
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
    // A rule that fired this year already leaves nothing to write.
    let is_news = |skipped: &Skipped| skipped.reason != SkipReason::Duplicate;
    let has_happened = !draft.entry.outcomes.is_empty() || draft.entry.skipped.iter().any(is_news);
    has_happened.then(|| draft.finish())
}

/// Decides on what has fallen due for a member by now: lapses and tier reviews.
///
/// # Errors
/// [`NothingDecided`] when it is too early, or nothing happened: no entry is written.
pub fn decide_due(context: &Context<'_>, account: &Account) -> Result<Decision, NothingDecided> {
    let today = Day::of(context.now, &context.program.zone);
    if account.due.is_none_or(|due| due.day > today) {
        return Err(NothingDecided { due: account.due, warned: account.warned });
    }
    Draft::of_due(context, account, Cause::Fact(FactId::Due { day: today })).map(Draft::finish)
}

impl<'a> Draft<'a> {
    /// Considers a rule for something that it fires for at most once.
    pub(super) fn consider_once(&mut self, rule: &'a CompiledRule, occasion: &Occasion<'_>, mark: (i64, i64)) {
        if self.counter(rule).marks.contains(&mark) {
            self.skip(rule, SkipReason::Duplicate, None);
            return;
        }
        self.consider(rule, occasion, NO_AMOUNT);
        let mut counter = self.counter(rule);
        // Only the latest marker is ever checked again.
        counter.marks = vec![mark];
        self.keep(rule, counter);
    }
}

impl CompiledProgram {
    /// The dates of birth, as month and day in ascending order, for which a birthday rule falls due on a local day.
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
                // In common years a birthday on 29 February is celebrated a day earlier.
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

/// The years of the birthdays that a day may belong to: the days before a birthday may be in the year before.
fn years(day: Day) -> impl Iterator<Item = i16> {
    [day.year(), day.year().saturating_add(1)].into_iter()
}
