//! Dates in three orders. An order that the column does not reveal is never guessed.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

/// The order of day, month and year in dates whose year comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

impl DateOrder {
    /// Each order with its name.
    pub const ALL: [(&'static str, Self); 2] = [("dmy", Self::Dmy), ("mdy", Self::Mdy)];
}

/// Why a text is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DateFault {
    #[error("is ambiguous: day and month may be swapped; write 2026-03-01, or name the order in options.dates")]
    Ambiguous,
    #[error("is not a date such as 2026-03-01")]
    NotADate,
    #[error("is a time that the clocks skipped or is out of range")]
    NoSuchTime,
}

/// Three numbers of a date, and its parts' separator.
struct DateParts {
    numbers: Vec<i16>,
    separator: char,
    year_first: bool,
}

fn parts(text: &str) -> Option<DateParts> {
    let separator = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/' | '.'))?;
    let texts: Vec<&str> = text.split(separator).collect();
    if !(2..=3).contains(&texts.len()) || texts.iter().any(|part| !(1..=4).contains(&part.len())) {
        return None;
    }
    let is_digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !texts.iter().all(is_digits) {
        return None;
    }
    let numbers = texts.iter().map(|part| part.parse().ok()).collect::<Option<Vec<i16>>>()?;
    Some(DateParts { numbers, separator, year_first: texts.first()?.len() == 4 })
}

/// Which order a date can only have; `None` if both, or if its year comes first.
pub(crate) fn reveals(text: &str) -> Option<DateOrder> {
    let parts = parts(date_part(text))?;
    let [first, second, ..] = parts.numbers.as_slice() else { return None };
    match (parts.year_first, first, second) {
        (false, 13..=31, 1..=12) => Some(DateOrder::Dmy),
        (false, 1..=12, 13..=31) => Some(DateOrder::Mdy),
        _ => None,
    }
}

fn date_part(text: &str) -> &str {
    text.trim().split([' ', 'T']).next().unwrap_or_default()
}

/// The month and day of two numbers.
fn month_and_day(first: i16, second: i16, separator: char, order: Option<DateOrder>) -> Result<(i8, i8), DateFault> {
    // Points between the parts are written where the day comes first.
    let order = order.or((separator == '.').then_some(DateOrder::Dmy));
    let (month, day) = match order {
        Some(DateOrder::Dmy) => (second, first),
        Some(DateOrder::Mdy) => (first, second),
        None if first == second || second > 12 => (first, second),
        None if first > 12 => (second, first),
        None => return Err(DateFault::Ambiguous),
    };
    let number = |n: i16| i8::try_from(n).map_err(|_| DateFault::NotADate);
    Ok((number(month)?, number(day)?))
}

/// Reads a date.
pub(crate) fn read_date(text: &str, order: Option<DateOrder>) -> Result<Date, DateFault> {
    let text = text.trim();
    let parts = parts(text).ok_or(DateFault::NotADate)?;
    let [first, second, third] = parts.numbers.as_slice() else { return Err(DateFault::NotADate) };
    let (year, month, day) = if parts.year_first {
        let number = |n: &i16| i8::try_from(*n).map_err(|_| DateFault::NotADate);
        (*first, number(second)?, number(third)?)
    } else {
        let (month, day) = month_and_day(*first, *second, parts.separator, order)?;
        (*third, month, day)
    };
    // Two digits of a year have two readings.
    if year < 1900 {
        return Err(DateFault::NotADate);
    }
    Date::new(year, month, day).map_err(|_| DateFault::NotADate)
}

/// Reads a day of birth, with or without its year, in the form that profiles take.
pub(crate) fn read_birth_date(text: &str, order: Option<DateOrder>) -> Result<String, DateFault> {
    let text = text.trim();
    if text.starts_with("--") {
        return Ok(text.to_owned());
    }
    let given = parts(text).ok_or(DateFault::NotADate)?;
    if let [first, second] = given.numbers.as_slice() {
        let (month, day) = month_and_day(*first, *second, given.separator, order)?;
        // A leap year: any day of birth exists in it.
        Date::new(2000, month, day).map_err(|_| DateFault::NotADate)?;
        return Ok(format!("--{month:02}-{day:02}"));
    }
    Ok(read_date(text, order)?.to_string())
}

/// Reads a time: RFC 3339, or a date with or without a time of day, which is local to `zone`.
pub(crate) fn read_time(text: &str, order: Option<DateOrder>, zone: &TimeZone) -> Result<Timestamp, DateFault> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day = date_part(text);
    let date = read_date(day, order)?;
    let mut rest = text.get(day.len()..).unwrap_or_default().trim_start_matches([' ', 'T']).split_whitespace();
    let time = rest.next().map_or(Ok(Time::midnight()), time_of_day)?;
    let local: DateTime = date.to_datetime(time);
    let at = match rest.next() {
        None => local.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()),
        Some("UTC" | "Z" | "GMT") => TimeZone::UTC.to_timestamp(local),
        Some(offset) => Offset::to_timestamp(read_offset(offset).ok_or(DateFault::NotADate)?, local),
    };
    if rest.next().is_some() {
        return Err(DateFault::NotADate);
    }
    at.map_err(|_| DateFault::NoSuchTime)
}

fn time_of_day(text: &str) -> Result<Time, DateFault> {
    let mut parts = text.split(':').map(str::parse::<i8>);
    let mut next = || parts.next().transpose().map_err(|_| DateFault::NotADate);
    let (Some(hour), Some(minute), second) = (next()?, next()?, next()?) else { return Err(DateFault::NotADate) };
    if next()?.is_some() {
        return Err(DateFault::NotADate);
    }
    civil::Time::new(hour, minute, second.unwrap_or(0), 0).map_err(|_| DateFault::NotADate)
}

/// `+0100` or `+01:00`.
fn read_offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits.replace(':', "")),
        ("-", digits) => (-1, digits.replace(':', "")),
        _ => return None,
    };
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = digits.split_at_checked(2)?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DMY: Option<DateOrder> = Some(DateOrder::Dmy);
    const MDY: Option<DateOrder> = Some(DateOrder::Mdy);

    #[test]
    fn three_orders() {
        let read = |text, order| read_date(text, order).map(|date| date.to_string());
        assert_eq!(read("2026-03-04", None).unwrap(), "2026-03-04");
        assert_eq!(read("04/03/2026", DMY).unwrap(), "2026-03-04");
        assert_eq!(read("03/04/2026", MDY).unwrap(), "2026-03-04");
        assert_eq!(read("04.03.2026", None).unwrap(), "2026-03-04");
        assert_eq!(read("03/31/2026", None).unwrap(), "2026-03-31");
        assert_eq!(read("31/03/2026", None).unwrap(), "2026-03-31");
        assert_eq!(read("04/04/2026", None).unwrap(), "2026-04-04");
        assert_eq!(read_date("03/04/2026", None), Err(DateFault::Ambiguous));
        for text in
            ["", "31/02/2026", "2026-02-30", "03/04/26", "yesterday", "31/03/2026", "1/2/3/4", "2026-3", "=1/2/2026"]
        {
            let order = if text.starts_with("31/03") { MDY } else { DMY };
            assert_eq!(read_date(text, order), Err(DateFault::NotADate), "{text}");
        }
        assert_eq!(reveals("31/03/2026 10:00"), DMY);
        assert_eq!(reveals("03/31/2026"), MDY);
        assert_eq!(reveals("03/04/2026"), None);
    }

    #[test]
    fn birthdays_with_and_without_a_year() {
        let read = |text, order| read_birth_date(text, order).unwrap();
        assert_eq!(read("02/28/1990", MDY), "1990-02-28");
        assert_eq!(read("02/29", MDY), "--02-29");
        assert_eq!(read("--02-28", None), "--02-28");
        assert_eq!(read("1990-02-28", None), "1990-02-28");
        assert!(read_birth_date("13/13", MDY).is_err());
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let read = |text| read_time(text, MDY, &rome).unwrap().to_string();
        assert_eq!(read("2026-03-01T10:15:00+01:00"), "2026-03-01T09:15:00Z");
        assert_eq!(read("2026-03-01 10:15:00 +0100"), "2026-03-01T09:15:00Z");
        assert_eq!(read("12/1/2010 8:26"), "2010-12-01T07:26:00Z");
        assert_eq!(read("2026-03-01"), "2026-02-28T23:00:00Z");
        assert_eq!(read("2026-03-01 10:15:00 UTC"), "2026-03-01T10:15:00Z");
        for text in ["2026-03-01 25:00", "2026-03-01 10", "2026-03-01 10:00 +1", "2026-03-01 10:00 UTC x"] {
            assert!(read_time(text, None, &rome).is_err(), "{text}");
        }
    }
}
