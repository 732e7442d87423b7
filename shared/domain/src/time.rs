//! Local days, months and moments of a program.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A local calendar day, as days since 1 January 1970: compact in storage, exact in arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i32);

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

impl Day {
    /// The last day.
    pub const LAST: Self = MAX_DAY;

    /// The day of a moment in a time zone.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let begun = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
        let local = begun.saturating_add(i64::from(zone.to_offset(at).seconds()));
        Self::from_number(local.div_euclid(SECONDS_A_DAY))
    }

    /// The day of a calendar date.
    pub fn from_date(date: Date) -> Self {
        Self((date - EPOCH).get_days())
    }

    /// The calendar date.
    pub fn date(self) -> Date {
        EPOCH.saturating_add(Span::new().days(self.0))
    }

    /// The day this many days later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(i32::try_from(days).unwrap_or(i32::MAX)).min(MAX_DAY.0))
    }

    /// The day this many days earlier.
    #[must_use]
    pub fn minus_days(self, days: u32) -> Self {
        self.offset(i32::try_from(days).map_or(i32::MIN, |days| -days))
    }

    /// The day before.
    #[must_use]
    pub fn before(self) -> Self {
        self.offset(-1)
    }

    /// The day this many calendar months later; one month after 31 January is the last of February.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        let months = i32::try_from(months.min(MOST_MONTHS)).unwrap_or_default();
        Self::from_date(self.date().saturating_add(months.months()))
    }

    /// Days since 1 January 1970.
    pub(crate) const fn number(self) -> i32 {
        self.0
    }

    /// The day with a number, capped at the last day.
    pub(crate) fn from_number(number: i64) -> Self {
        Self(i32::try_from(number).unwrap_or(MAX_DAY.0)).min(MAX_DAY)
    }

    /// The number of days from another day to this one; negative when this one is earlier.
    pub const fn days_since(self, other: Self) -> i32 {
        self.0.saturating_sub(other.0)
    }

    /// The day this many days later, or earlier when negative.
    #[must_use]
    pub(crate) fn offset(self, days: i32) -> Self {
        Self(self.0.saturating_add(days).min(MAX_DAY.0))
    }

    /// The Monday of this day's ISO week.
    #[must_use]
    pub fn monday(self) -> Self {
        // 1 January 1970 was a Thursday.
        Self(self.0 - (self.0 + 3).rem_euclid(7))
    }

    /// The first day of this day's month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self::from_date(self.date().first_of_month())
    }

    /// The first day of this day's year.
    #[must_use]
    pub fn first_of_year(self) -> Self {
        Self::from_date(self.date().first_of_year())
    }

    /// 31 December of this day's year.
    #[must_use]
    pub fn end_of_year(self) -> Self {
        Self::from_date(jiff::civil::date(self.date().year(), 12, 31))
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.date().year()
    }

    /// The month.
    pub fn month(self) -> Month {
        let date = self.date();
        Month(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    }

    /// The moment at which this day begins in a time zone.
    pub fn start(self, zone: &TimeZone) -> Timestamp {
        zone.to_ambiguous_zoned(self.date().at(0, 0, 0, 0))
            .compatible()
            .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }
}

const SECONDS_A_DAY: i64 = 86_400;

/// The number of months in the calendar, which bounds any distance.
const MOST_MONTHS: u32 = 12 * 9_999;

/// The last day, which keeps arithmetic on absurd inputs inside the calendar.
const MAX_DAY: Day = Day(2_932_896);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

/// A calendar period of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarPeriod {
    /// A day.
    Day,
    /// An ISO week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl CalendarPeriod {
    /// All periods, the shortest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// The first day of the period of a day.
    #[must_use]
    pub fn start(self, day: Day) -> Day {
        match self {
            Self::Day => day,
            Self::Week => day.monday(),
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }

    /// The first day of the period after that of a day.
    #[must_use]
    pub fn next(self, day: Day) -> Day {
        let start = self.start(day);
        match self {
            Self::Day => start.plus_days(1),
            Self::Week => start.plus_days(7),
            Self::Month => start.plus_months(1),
            Self::Year => start.plus_months(12),
        }
    }
}

/// A calendar month, counted from year zero. Qualifying points are summed by month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(i32);

impl Month {
    /// The months of a calendar year.
    pub fn of_year(year: i16) -> std::ops::RangeInclusive<Self> {
        let january = i32::from(year) * 12;
        Self(january)..=Self(january + 11)
    }

    /// The number of months from another month to this one; negative when this one is earlier.
    pub const fn months_since(self, other: Self) -> i32 {
        self.0.saturating_sub(other.0)
    }

    /// The month this many months earlier.
    #[must_use]
    pub fn minus(self, months: u32) -> Self {
        Self(self.0.saturating_sub(i32::try_from(months).unwrap_or(i32::MAX)))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// A moment in a program document: an instant when it has an offset, otherwise local to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant, written with its offset.
    Instant(Timestamp),
    /// A local date and time.
    Local(DateTime),
}

impl Moment {
    /// Parses `2026-01-01T00:00:00`, `2026-01-01` or `2026-01-01T00:00:00+01:00`.
    pub fn parse(text: &str) -> Option<Self> {
        // Most moments are local, and an attempt that fails costs more than one that succeeds.
        let has_dashed_date = text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
        let time = text.get(10..).filter(|_| has_dashed_date);
        if time.is_some_and(|time| !time.contains(['+', '-', 'Z', 'z', '['])) {
            return text.parse::<DateTime>().ok().map(Self::Local);
        }
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Some(Self::Instant(instant));
        }
        text.parse::<DateTime>().ok().map(Self::Local)
    }

    /// The instant in a time zone.
    pub fn at(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Instant(instant) => instant,
            Self::Local(local) => {
                zone.to_ambiguous_zoned(local).compatible().map_or(Timestamp::MAX, |zoned| zoned.timestamp())
            }
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(instant) => instant.fmt(f),
            Self::Local(local) => local.fmt(f),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;

        impl Visitor<'_> for AsText {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a moment as text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                Moment::parse(text).ok_or_else(|| E::custom("not a moment"))
            }
        }

        deserializer.deserialize_str(AsText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    #[test]
    fn a_month_after_the_end_of_january() {
        assert_eq!(day("2026-01-31").plus_months(1), day("2026-02-28"));
        assert_eq!(day("2028-01-31").plus_months(1), day("2028-02-29"));
        assert_eq!(day("2026-06-30").end_of_year(), day("2026-12-31"));
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        assert_eq!(day("2026-03-15").start(&rome), "2026-03-15T00:00:00+01:00".parse().unwrap());
        assert_eq!(Day::of("2026-03-14T23:00:00Z".parse().unwrap(), &rome), day("2026-03-15"));
    }

    #[test]
    fn a_moment_without_an_offset_is_local() {
        for local in
            ["2026-01-01T00:00:00", "2026-01-01", "2026-01-01 10:15", "20260101T101500", "2026-01-01T10:15:00.5"]
        {
            let parsed = Moment::parse(local);
            assert_eq!(parsed, local.parse().ok().map(Moment::Local), "{local}");
            assert!(parsed.is_some(), "{local}");
        }
        for instant in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "2026-01-01T00-05", "2026-01-01T00:00:00z"]
        {
            let parsed = Moment::parse(instant);
            assert_eq!(parsed, instant.parse().ok().map(Moment::Instant), "{instant}");
            assert!(parsed.is_some(), "{instant}");
        }
        for neither in ["", "2026", "2026-13-01", "tomorrow", "2026-01-01T25:00:00"] {
            assert_eq!(Moment::parse(neither), None, "{neither}");
        }
    }

    #[test]
    fn absurd_distances_stay_in_the_calendar() {
        assert!(day("9999-12-31").plus_days(u32::MAX).date().year() <= 9999);
        assert_eq!(day("9999-12-31").plus_months(u32::MAX).date().year(), 9999);
    }
}
