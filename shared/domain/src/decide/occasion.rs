//! What rules see of a fact: time, tier and basket; and conditions on the member.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use crate::account::{Account, When};
use crate::fact::{Receipt, Remaining};
use crate::member::{BirthDate, Profile};
use crate::program::CompiledProgram;
use crate::rule::{BirthdaySpan, EnrolledSpan, Nearness, Predicate, ProfileTest, ReceiptWords};
use crate::time::Day;

/// What the rules see of a fact.
#[derive(Debug, Clone)]
pub(super) struct Occasion<'f> {
    /// When it happened.
    pub at: Timestamp,
    /// Its local day.
    pub day: Day,
    /// The bit of the tier that rules see: the one before the fact; for a change of tier, the one after.
    pub tier: u64,
    /// What was bought.
    pub basket: Option<Basket<'f>>,
}

/// A receipt and what remains of it after refunds.
#[derive(Debug, Clone)]
pub(super) struct Basket<'f> {
    pub receipt: &'f Receipt,
    pub words: ReceiptWords,
    pub remaining: Remaining,
}

impl<'f> Basket<'f> {
    /// All of a receipt.
    pub fn whole(program: &CompiledProgram, receipt: &'f Receipt) -> Self {
        Self { receipt, words: program.rules.words(receipt), remaining: Remaining::whole(receipt) }
    }

    /// The number of lines; a receipt without lines has one part.
    pub fn parts(&self) -> usize {
        self.receipt.lines.len().max(1)
    }
}

impl Occasion<'_> {
    /// A fact that is not a receipt, with the member's present tier.
    pub fn new(context: &Context<'_>, account: &Account, at: Timestamp) -> Self {
        let tier = context.program.rules.tier_bit(account.tier.current());
        Self { at, day: Day::of(at, &context.program.zone), tier, basket: None }
    }

    /// The time that limits count by.
    pub const fn when<'z>(&self, zone: &'z TimeZone) -> When<'z> {
        When { at: self.at, day: self.day, zone }
    }
}

/// True if all conditions of a rule hold for a member on a day. A predicate on missing profile data is false.
pub(super) fn all_hold(conditions: &[Predicate], context: &Context<'_>, account: &Account, day: Day) -> bool {
    conditions.iter().all(|predicate| holds(predicate, context, account, day))
}

fn holds(predicate: &Predicate, context: &Context<'_>, account: &Account, day: Day) -> bool {
    let profile = context.profile;
    match predicate {
        Predicate::Birthday(near) => {
            profile.and_then(|profile| profile.birth_date).is_some_and(|birth| near_birthday(*near, birth, day))
        }
        Predicate::Enrolled(near) => account.enrolled_at.is_some_and(|at| {
            let enrolled = Day::of(at, &context.program.zone);
            let days = match near {
                Nearness::Within(EnrolledSpan::Day) => 0,
                Nearness::DaysAfter(days) => *days,
            };
            enrolled <= day && day <= enrolled.plus_days(days)
        }),
        Predicate::Profile(test) => profile.is_some_and(|profile| taken(test, profile).next().is_some()),
        Predicate::List(list) => profile.is_some_and(|profile| profile.lists.contains(list)),
        Predicate::Tag(tag) => profile.is_some_and(|profile| profile.tags.contains(tag)),
        Predicate::Referred(wanted) => profile.is_some_and(|profile| {
            let is_referred = profile.referred_with.is_some() || account.referred_until.is_some();
            is_referred == *wanted
        }),
    }
}

/// The places, in the test's list, of the values that a profile has.
pub(super) fn taken<'t>(test: &'t ProfileTest, profile: &Profile) -> impl Iterator<Item = usize> + use<'t> {
    let texts = profile.attributes.get(&test.attribute).map(crate::member::Attribute::texts).unwrap_or_default();
    test.values.iter().enumerate().filter(move |(_, value)| texts.contains(value)).map(|(place, _)| place)
}

/// The day on which a span around a birthday begins.
pub(super) fn span_start(span: BirthdaySpan, birthday: Day) -> Day {
    match span {
        BirthdaySpan::Day => birthday,
        BirthdaySpan::Week => birthday.monday(),
        BirthdaySpan::Month => birthday.first_of_month(),
    }
}

/// The birthday of a year.
pub(super) fn birthday(birth: BirthDate, year: i16) -> Day {
    Day::from_date(birth.in_year(year))
}

fn near_birthday(near: Nearness<BirthdaySpan>, birth: BirthDate, day: Day) -> bool {
    // The span may extend across New Year.
    let year = day.year();
    let mut birthdays =
        [year.saturating_sub(1), year, year.saturating_add(1)].map(|year| birthday(birth, year)).into_iter();
    birthdays.any(|birthday| match near {
        Nearness::Within(span) => span_start(span, birthday) == span_start(span, day),
        Nearness::DaysAfter(days) => birthday <= day && day <= birthday.plus_days(days),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    #[test]
    fn a_birthday_is_near_over_new_year_too() {
        let birth: BirthDate = "--12-31".parse().unwrap();
        let after = Nearness::DaysAfter(3);
        assert!(near_birthday(after, birth, day("2027-01-03")) && !near_birthday(after, birth, day("2027-01-04")));
        // 31 December 2026 is a Thursday.
        let week = Nearness::Within(BirthdaySpan::Week);
        assert!(near_birthday(week, birth, day("2027-01-03")) && near_birthday(week, birth, day("2026-12-28")));
        assert!(!near_birthday(week, birth, day("2026-12-27")));
    }

    #[test]
    fn the_leap_day_is_kept_a_day_earlier_in_common_years() {
        let birth: BirthDate = "--02-29".parse().unwrap();
        let on = Nearness::Within(BirthdaySpan::Day);
        let held =
            ["2026-02-28", "2028-02-28", "2028-02-29", "2026-03-01"].map(|text| near_birthday(on, birth, day(text)));
        assert_eq!(held, [true, false, true, false]);
    }
}
