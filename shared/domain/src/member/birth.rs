//! Birthdays.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day of birth, with or without its year: `1990-02-28` or `--02-28`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BirthDate {
    year: Option<i16>,
    month: i8,
    day: i8,
}

/// The text is not a day of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day of birth such as \"1990-02-28\", or \"--02-28\" without the year, not before 1900")]
pub struct NotABirthDate;

/// The year that stands in for an unknown one: a leap year, so that 29 February is valid.
const ANY_YEAR: i16 = 2000;

impl BirthDate {
    /// The year, if known.
    pub const fn year(self) -> Option<i16> {
        self.year
    }

    /// The month, 1–12.
    pub const fn month(self) -> i8 {
        self.month
    }

    /// The day of the month, 1–31.
    pub const fn day(self) -> i8 {
        self.day
    }

    /// The month and the day.
    pub const fn month_and_day(self) -> (i8, i8) {
        (self.month, self.day)
    }

    /// The birthday in a year; 29 February counts on the 28th in common years.
    pub fn in_year(self, year: i16) -> Date {
        Date::new(year, self.month, self.day).unwrap_or_else(|_| date(year, 2, 28))
    }
}

impl FromStr for BirthDate {
    type Err = NotABirthDate;

    fn from_str(text: &str) -> Result<Self, NotABirthDate> {
        let (text, known) = match text.strip_prefix("--") {
            Some(day) => (format!("{ANY_YEAR}-{day}"), false),
            None => (text.to_owned(), true),
        };
        // The parser would also accept a time after the date.
        if text.len() != "1990-02-28".len() {
            return Err(NotABirthDate);
        }
        let date: Date = text.parse().map_err(|_| NotABirthDate)?;
        if !(1900..2200).contains(&date.year()) {
            return Err(NotABirthDate);
        }
        Ok(Self { year: known.then_some(date.year()), month: date.month(), day: date.day() })
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.year {
            Some(year) => write!(f, "{year:04}-{:02}-{:02}", self.month, self.day),
            None => write!(f, "--{:02}-{:02}", self.month, self.day),
        }
    }
}

impl Serialize for BirthDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BirthDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        for text in ["1990-02-28", "--02-29", "2000-12-31"] {
            assert_eq!(text.parse::<BirthDate>().unwrap().to_string(), text);
        }
        for text in ["", "--02-30", "1990-02-29", "1899-12-31", "02-28", "1990-02-28T00:00", "--2-28", "----02-28"] {
            assert!(text.parse::<BirthDate>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_leap_day_in_common_years() {
        let leap: BirthDate = "--02-29".parse().unwrap();
        assert_eq!(leap.in_year(2028), date(2028, 2, 29));
        assert_eq!(leap.in_year(2026), date(2026, 2, 28));
    }
}
