//! The period of a report, and the days that it is made of.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Figures;
use crate::time::{CalendarPeriod, Day};

/// The longest period of a report, in days: ten years.
const MOST_DAYS: i32 = 3_660;
/// The most rows of a series.
const MOST_ROWS: usize = 800;

/// The length of a row of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesBucket {
    /// A day.
    Day,
    /// An ISO week.
    Week,
    /// A month.
    Month,
}

impl SeriesBucket {
    /// The bucket of a name: `day`, `week` or `month`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    const fn period(self) -> CalendarPeriod {
        match self {
            Self::Day => CalendarPeriod::Day,
            Self::Week => CalendarPeriod::Week,
            Self::Month => CalendarPeriod::Month,
        }
    }
}

/// Why there is no report of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodFault {
    /// It has no day.
    #[error("must be after from: the period has no day")]
    Empty,
    /// It is too long.
    #[error("must be at most {MOST_DAYS} days after from")]
    TooLong,
    /// Its series has too many rows.
    #[error("makes more than {MOST_ROWS} rows of this period; choose a longer bucket")]
    TooManyRows,
}

/// The days of a report: the first is included, the last is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportPeriod {
    /// The first day.
    pub from: Day,
    /// The day after the last.
    pub to: Day,
}

impl ReportPeriod {
    /// A period.
    ///
    /// # Errors
    /// When it has no day, or too many.
    pub fn new(from: Day, to: Day) -> Result<Self, PeriodFault> {
        match to.days_since(from) {
            ..=0 => Err(PeriodFault::Empty),
            days if days > MOST_DAYS => Err(PeriodFault::TooLong),
            _ => Ok(Self { from, to }),
        }
    }

    /// Its parts by calendar; the first and the last may be cut.
    ///
    /// # Errors
    /// When there are too many.
    pub fn split(self, bucket: SeriesBucket) -> Result<Vec<Self>, PeriodFault> {
        let mut parts = Vec::new();
        let mut from = self.from;
        while from < self.to {
            if parts.len() == MOST_ROWS {
                return Err(PeriodFault::TooManyRows);
            }
            let to = bucket.period().next(from).min(self.to);
            parts.push(Self { from, to });
            from = to;
        }
        Ok(parts)
    }

    /// The calendar period that this is the whole of: only there are distinct people known.
    pub fn whole(self) -> Option<CalendarPeriod> {
        CalendarPeriod::ALL
            .into_iter()
            .find(|period| period.start(self.from) == self.from && period.next(self.from) == self.to)
    }

    const fn range(self) -> Range<Day> {
        self.from..self.to
    }
}

/// The figures that a report is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureHistory {
    /// The figures of each day from some day on.
    pub days: BTreeMap<Day, Figures>,
    /// What all days up to now add up to.
    pub position: Figures,
}

impl FigureHistory {
    /// The sums of a period, which must not begin before the history's days.
    pub fn sums(&self, period: ReportPeriod) -> Figures {
        let mut sums = Figures::default();
        self.days.range(period.range()).for_each(|(_, figures)| sums.merge(figures));
        sums
    }

    /// What all days before `day` add up to.
    pub fn position_before(&self, day: Day) -> Figures {
        let mut later = Figures::default();
        self.days.range(day..).for_each(|(_, figures)| later.merge(figures));
        self.position.without(&later.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    fn period(from: &str, to: &str) -> Result<ReportPeriod, PeriodFault> {
        ReportPeriod::new(day(from), day(to))
    }

    #[test]
    fn a_period_ends_after_it_begins_and_has_an_end() {
        assert_eq!(period("2026-03-02", "2026-03-02"), Err(PeriodFault::Empty));
        assert_eq!(period("2026-03-02", "2026-03-01"), Err(PeriodFault::Empty));
        assert_eq!(period("1976-01-01", "2026-01-01"), Err(PeriodFault::TooLong));
        let decade = period("2016-01-01", "2026-01-01").unwrap();
        assert_eq!(decade.split(SeriesBucket::Day), Err(PeriodFault::TooManyRows));
        assert_eq!(decade.split(SeriesBucket::Month).unwrap().len(), 120);
    }

    #[test]
    fn parts_follow_the_calendar() {
        let parts = period("2026-02-26", "2026-03-10").unwrap().split(SeriesBucket::Week).unwrap();
        let firsts: Vec<String> = parts.iter().map(|part| part.from.to_string()).collect();
        assert_eq!(firsts, ["2026-02-26", "2026-03-02", "2026-03-09"]);
        let whole: Vec<_> = parts.iter().map(|part| part.whole()).collect();
        assert_eq!(whole, [None, Some(CalendarPeriod::Week), Some(CalendarPeriod::Day)]);
        assert_eq!(period("2028-01-01", "2029-01-01").unwrap().whole(), Some(CalendarPeriod::Year));
        assert_eq!(period("2028-02-01", "2028-02-29").unwrap().whole(), None);
        assert_eq!(period("2028-02-01", "2028-03-01").unwrap().whole(), Some(CalendarPeriod::Month));
    }
}
