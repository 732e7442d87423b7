//! Reads JSON that people wrote and reports every fault of a document at once.
//!
//! `serde` stops at the first fault, but a merchant who sends forty rules needs all of them, each with its JSON pointer.
//! A [`Node`] is a value and its position. A reader returns the parsed value, or records a fault and returns `None`; the
//! caller goes on with the next field.

use std::cell::RefCell;
use std::fmt::{Display, Write as _};
use std::iter::successors;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::money::{Currency, MAX_MINOR, MOST_DECIMALS, Money};
use crate::points::Points;

/// A fault at one place of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// The place, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, for the person who wrote the document.
    pub detail: String,
}

/// The most faults that are reported for one document.
pub(crate) const MOST_FAULTS: usize = 100;

/// Collects faults.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Records a fault.
    pub fn add(&self, pointer: impl Into<String>, detail: impl Display) {
        let mut faults = self.0.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.push(Fault { pointer: pointer.into(), detail: detail.to_string() });
        }
    }

    /// The recorded faults.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0.into_inner()
    }
}

/// Reads a whole document.
///
/// # Errors
/// All faults, at least one.
pub fn read<T>(value: &Value, reader: impl FnOnce(&Node<'_>) -> Option<T>) -> Result<T, Vec<Fault>> {
    let faults = Faults::default();
    let result = reader(&Node { value, step: None, faults: &faults });
    let found = faults.into_vec();
    match result {
        Some(result) if found.is_empty() => Ok(result),
        _ => Err(found),
    }
}

/// A value with its position, and the collector of its faults.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// The value.
    pub value: &'a Value,
    /// The last step of its path; `None` for the whole document.
    step: Option<Rc<PointerStep<'a>>>,
    faults: &'a Faults,
}

/// A step of a path. The pointer text is built only when a fault needs it.
#[derive(Debug)]
struct PointerStep<'a> {
    before: Option<Rc<Self>>,
    to: Place<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Member(&'a str),
    Item(usize),
}

impl<'a> Node<'a> {
    /// The position of this value, as a JSON pointer.
    pub fn pointer(&self) -> String {
        let steps: Vec<&PointerStep<'_>> = successors(self.step.as_deref(), |step| step.before.as_deref()).collect();
        steps.iter().rev().fold(String::new(), |mut pointer, step| {
            let _ = match step.to {
                Place::Member(name) => write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1")),
                Place::Item(place) => write!(pointer, "/{place}"),
            };
            pointer
        })
    }

    /// Its name, if it is a member of an object.
    pub fn name(&self) -> Option<&'a str> {
        self.step.as_deref().and_then(|step| match step.to {
            Place::Member(name) => Some(name),
            Place::Item(_) => None,
        })
    }

    /// Records a fault of this value.
    pub fn fault(&self, detail: impl Display) {
        self.faults.add(self.pointer(), detail);
    }

    /// Records a fault of this value and returns `None`.
    pub fn refuse<T>(&self, detail: impl Display) -> Option<T> {
        self.fault(detail);
        None
    }

    fn child(&self, to: Place<'a>, value: &'a Value) -> Self {
        Self { value, step: Some(Rc::new(PointerStep { before: self.step.clone(), to })), faults: self.faults }
    }

    /// Reads an object, whose fields are then read by name.
    pub fn object(&self) -> Option<Object<'a>> {
        match self.value {
            Value::Object(map) => Some(Object { node: self.clone(), map, asked: RefCell::default() }),
            _ => self.refuse("must be an object"),
        }
    }

    /// Reads a list of at most `most` items, each with `reader`.
    pub fn list<T>(&self, most: usize, reader: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Value::Array(items) = self.value else { return self.refuse("must be a list") };
        if items.len() > most {
            return self.refuse(format_args!("must have at most {most} items"));
        }
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(i, item)| reader(&self.child(Place::Item(i), item))).collect();
        read.into_iter().collect()
    }

    /// Reads an object whose member names are data, each value with `reader`.
    pub fn entries<T>(&self, most: usize, reader: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<(String, T)>> {
        let Value::Object(map) = self.value else { return self.refuse("must be an object") };
        if map.len() > most {
            return self.refuse(format_args!("must have at most {most} members"));
        }
        let read: Vec<Option<(String, T)>> = map
            .iter()
            .map(|(name, value)| reader(&self.child(Place::Member(name), value)).map(|read| (name.clone(), read)))
            .collect();
        read.into_iter().collect()
    }

    /// Reads a text of at most `most` bytes without control characters.
    pub fn text(&self, most: usize) -> Option<String> {
        let Value::String(text) = self.value else { return self.refuse("must be a text") };
        if text.len() > most {
            return self.refuse(format_args!("must be at most {most} bytes long"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return self.refuse("must not contain control characters");
        }
        Some(text.clone())
    }

    /// Reads a text of at most `most` bytes that is not blank.
    pub fn filled(&self, most: usize) -> Option<String> {
        let text = self.text(most)?;
        if text.trim().is_empty() { self.refuse("must not be empty") } else { Some(text) }
    }

    /// Reads a text and parses it.
    pub fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let Value::String(text) = self.value else { return self.refuse("must be a text") };
        parse(text).map_or_else(|error| self.refuse(error), Some)
    }

    /// Reads an identifier.
    pub fn id<T: std::str::FromStr<Err = crate::ids::IdError>>(&self) -> Option<T> {
        self.parsed(T::from_str)
    }

    /// Reads one of a few words.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let found = self.value.as_str().and_then(|text| choices.iter().find(|(name, _)| *name == text));
        if let Some((_, choice)) = found {
            return Some(*choice);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.refuse(format_args!("must be one of {}", names.join(", ")))
    }

    /// Reads a boolean.
    pub fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.refuse("must be true or false"))
    }

    /// Reads a whole number within bounds.
    pub fn integer(&self, least: i64, most: i64) -> Option<i64> {
        match self.value.as_i64() {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => self.refuse(format_args!("must be a whole number from {least} to {most}")),
        }
    }

    /// Reads a whole number within bounds, as a count.
    pub fn count(&self, least: u32, most: u32) -> Option<u32> {
        self.integer(i64::from(least), i64::from(most)).and_then(|number| u32::try_from(number).ok())
    }

    /// Reads a positive number of points.
    pub fn points(&self) -> Option<Points> {
        self.integer(1, Points::MAX.get()).map(Points::new)
    }

    /// Reads a non-negative amount of money. JSON numbers are refused: binary floats lose cents.
    pub fn money(&self, currency: Currency) -> Option<Money> {
        let money = self.parsed(|text| Money::parse(text, currency))?;
        if money.minor() < 0 {
            return self.refuse("must not be negative");
        }
        Some(money)
    }

    /// Reads an amount of money above zero.
    pub fn positive_money(&self, currency: Currency) -> Option<Money> {
        let money = self.money(currency)?;
        if money.minor() == 0 {
            return self.refuse("must be above 0");
        }
        Some(money)
    }

    /// Reads a non-negative amount of money of unknown currency, in units of 10⁻⁴.
    ///
    /// No currency has more than [`MOST_DECIMALS`] decimals.
    pub fn money_of_any_currency(&self) -> Option<i64> {
        self.parsed(|text| {
            let plain = text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit());
            let amount = if plain { Decimal::from_str_exact(text).ok() } else { None };
            let amount = amount.filter(|amount| amount.scale() <= MOST_DECIMALS && !amount.is_sign_negative());
            let parts = amount.and_then(|amount| (amount * Decimal::from(10_i64.pow(MOST_DECIMALS))).to_i64());
            let parts = parts.filter(|parts| *parts <= MAX_MINOR * 10_i64.pow(MOST_DECIMALS));
            parts.ok_or("must be an amount of money as text, such as \"19.90\"")
        })
    }

    /// Reads a decimal number as text: above zero, below `below`, at most eight decimals.
    pub fn decimal(&self, below: i64) -> Option<Decimal> {
        let decimal = self.parsed(|text| {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let decimal = if plain { Decimal::from_str_exact(text).ok() } else { None };
            decimal.ok_or("must be a decimal number as text, such as \"1.5\"")
        })?;
        if decimal <= Decimal::ZERO || decimal >= Decimal::from(below) || decimal.scale() > 8 {
            return self.refuse(format_args!("must be above 0, below {below}, and have at most 8 decimals"));
        }
        Some(decimal)
    }

    /// Reads an instant in RFC 3339 with its offset, from year 1970 to 2199.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let at = self.parsed(|text| {
            let parsed = text.parse::<Timestamp>().ok().filter(|_| is_rfc3339(text));
            parsed.ok_or("must be a time with offset, such as \"2026-03-01T10:15:00+01:00\"")
        })?;
        if at.as_second() < 0 || at.as_second() >= YEAR_2200 {
            return self.refuse("must lie between the years 1970 and 2200");
        }
        Some(at)
    }

    /// Reads a calendar date, from year 1900 to 2199.
    pub fn date(&self) -> Option<Date> {
        let date = self.parsed(|text| text.parse::<Date>().map_err(|_| "must be a date such as \"2026-03-01\""))?;
        if !(1900..2200).contains(&date.year()) {
            return self.refuse("must lie between the years 1900 and 2200");
        }
        Some(date)
    }
}

/// True for the form of RFC 3339: of what ISO 8601 allows beside it, readers disagree.
fn is_rfc3339(text: &str) -> bool {
    let digits = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                b'+' => matches!(byte, b'+' | b'-'),
                _ => byte == form,
            })
    };
    let Some((second, rest)) = text.split_at_checked(19) else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(rest) => {
            let offset = rest.trim_start_matches(|byte: char| byte.is_ascii_digit());
            if offset.len() == rest.len() {
                return false;
            }
            offset
        }
        None => rest,
    };
    let is_offset = matches!(offset, "Z" | "z") || (digits(offset, "+00:00") && offset.get(1..3) < Some("24"));
    digits(second, "0000-00-00T00:00:00") && is_offset
}

/// 1 January 2200, in seconds. Later instants are typing errors and would overflow day arithmetic.
const YEAR_2200: i64 = 7_258_118_400;

/// An object that is being read. A field that no reader asks for is a fault: it is a typing error of the sender.
#[derive(Debug)]
pub struct Object<'a> {
    node: Node<'a>,
    map: &'a Map<String, Value>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Object<'a> {
    /// The object as a node, to record a fault of the whole.
    pub fn node(&self) -> &Node<'a> {
        &self.node
    }

    /// A field, also when it is null; `None` when it is absent.
    pub fn field(&self, name: &'static str) -> Option<Node<'a>> {
        self.asked.borrow_mut().push(name);
        self.map.get(name).map(|value| self.node.child(Place::Member(name), value))
    }

    /// Reads a field that may be absent or null: `Some(None)` is absent, `None` is present with a fault.
    pub fn optional<T>(&self, name: &'static str, reader: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<Option<T>> {
        match self.field(name) {
            Some(node) if !node.value.is_null() => reader(&node).map(Some),
            _ => Some(None),
        }
    }

    /// Reads a required field.
    pub fn required<T>(&self, name: &'static str, reader: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        if let Some(node) = self.field(name) {
            return reader(&node);
        }
        self.node.child(Place::Member(name), &Value::Null).refuse("is missing")
    }

    /// Reads a field that has a default when it is absent or null.
    pub fn or<T>(&self, name: &'static str, default: T, reader: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        self.optional(name, reader).map(|found| found.unwrap_or(default))
    }

    /// Accepts and ignores fields that only responses carry, so that a response can be sent back.
    pub fn read_only(&self, names: &[&'static str]) {
        self.asked.borrow_mut().extend(names);
    }

    /// The one field present, of several of which exactly one must be.
    pub fn exactly_one(&self, names: &[&'static str]) -> Option<(&'static str, Node<'a>)> {
        let mut there: Vec<_> = names.iter().filter_map(|name| self.field(name).map(|node| (*name, node))).collect();
        if there.len() == 1 {
            return there.pop();
        }
        self.node.refuse(format_args!("must have exactly one of {}", names.join(", ")))
    }

    /// Records a fault for every field that was not read.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for (name, value) in self.map {
            if !asked.contains(&name.as_str()) {
                self.node.child(Place::Member(name), value).fault("is not a known field");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_form_of_rfc_3339() {
        fn timestamp(node: &Node<'_>) -> Option<Timestamp> {
            node.timestamp()
        }
        let reads = |text: &str| read(&Value::String(text.to_owned()), timestamp).is_ok();
        for text in [
            "2026-03-01T10:15:00+01:00",
            "2026-03-01T10:15:00Z",
            "2026-03-01t10:15:00.123456789z",
            "2026-03-01 10:15:00-00:30",
            "2026-03-01T10:15:00+23:59",
        ] {
            assert!(reads(text), "{text}");
        }
        for text in [
            "2026-03-01T10:15:00",
            "2026-03-01T10:15:00.Z",
            "2026-03-01T10:15Z",
            "20260301T101500Z",
            "2026-03-01T10:15:00+0100",
            "2026-03-01T10:15:00+01",
            "2026-03-01T10:15:00+25:00",
            "2026-03-01T10:15:00Z[Europe/Rome]",
            "2026-02-30T10:15:00Z",
        ] {
            assert!(!reads(text), "{text}");
        }
    }
}
