//! Readers of small values in a submitted document: names, URLs, moments, lists.

use std::collections::BTreeMap;

use jiff::civil::DateTime;

use crate::ids::IdError;
use crate::input::Node;
use crate::text::Text;
use crate::time::Moment;

/// The longest URL, in bytes.
const MOST_URL_BYTES: usize = 2_000;
/// The most values in one list.
pub(crate) const MOST_VALUES: usize = 1_000;
/// The longest value of a list, in bytes.
const MOST_VALUE_BYTES: usize = 256;
/// The most attributes or properties in one filter.
const MOST_NAMES: usize = 50;

/// The most warnings before one end, and the earliest, in days.
const MOST_WARNINGS: usize = 10;
const EARLIEST_WARNING: u32 = 365;

/// Reads a non-empty name that shoppers see.
pub(crate) fn name(node: &Node<'_>) -> Option<Text> {
    let text = Text::read(node)?;
    let empty = match &text {
        Text::Plain(text) => text.trim().is_empty(),
        Text::Localised(texts) => texts.values().any(|text| text.trim().is_empty()),
    };
    if empty {
        return node.refuse("must not be empty");
    }
    Some(text)
}

/// Reads an absolute `https` URL without user info. Loopback addresses may be `http`: that is a shop in development.
pub(crate) fn url(node: &Node<'_>) -> Option<String> {
    let text = node.text(MOST_URL_BYTES)?;
    if host(&text).is_none() || text.contains(|c: char| c.is_whitespace() || "\"<>\\^`{|}".contains(c)) {
        return node.refuse("must be an https address without user info");
    }
    Some(text)
}

/// Reads a colour.
pub(crate) fn colour(node: &Node<'_>) -> Option<String> {
    let text = node.text(MOST_VALUE_BYTES)?;
    if is_colour(&text) { Some(text) } else { node.refuse("must be a colour such as \"#aa3300\"") }
}

/// True for `#rrggbb`.
pub(crate) fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads an origin as browsers send it: scheme and host, optionally a port, and no path.
pub(crate) fn origin(node: &Node<'_>) -> Option<String> {
    let text = node.text(MOST_URL_BYTES)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
    match host(&text) {
        Some(rest) if rest.chars().all(plain) => Some(text),
        _ => node.refuse("must be an origin such as \"https://shop.example\", in lower case and without a path"),
    }
}

/// The part after the scheme; `None` without a host, with user info, and for `http` beyond this machine.
fn host(text: &str) -> Option<&str> {
    let (rest, is_plain) = match text.strip_prefix("https://") {
        Some(rest) => (rest, false),
        None => (text.strip_prefix("http://")?, true),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    let has_host = !host.is_empty() || authority.starts_with('[');
    let is_loopback = matches!(host, "localhost" | "127.0.0.1");
    (has_host && !authority.contains('@') && (is_loopback || !is_plain)).then_some(rest)
}

/// Reads a moment from year 1970 to 2199.
pub(crate) fn moment(node: &Node<'_>) -> Option<Moment> {
    let moment = node.parsed(|text| {
        Moment::parse(text).ok_or("must be a time such as \"2026-01-01T00:00:00\", local or with its offset")
    })?;
    let year = match moment {
        // The offset does not matter: these bounds are coarse.
        Moment::Instant(at) => jiff::tz::Offset::UTC.to_datetime(at).year(),
        Moment::Local(at) => DateTime::year(at),
    };
    if !(1970..2200).contains(&year) {
        return node.refuse("must lie between the years 1970 and 2200");
    }
    Some(moment)
}

/// Reads a list of alternative values. An empty list matches nothing; an absent one matches everything.
pub(crate) fn values(node: &Node<'_>) -> Option<Vec<String>> {
    node.list(MOST_VALUES, |value| value.text(MOST_VALUE_BYTES))
}

/// Reads lists of values by the name of an attribute or property.
pub(crate) fn values_by_name(node: &Node<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    Some(node.entries(MOST_NAMES, values)?.into_iter().collect())
}

/// Reads a list of identifiers.
pub(crate) fn ids<T: std::str::FromStr<Err = IdError>>(node: &Node<'_>) -> Option<Vec<T>> {
    node.list(MOST_VALUES, Node::id)
}

/// Reads the days before an end on which people are warned; an empty list: they are not.
pub(crate) fn warn_days(node: &Node<'_>) -> Option<Vec<u32>> {
    let days = node.list(MOST_WARNINGS, |days| days.count(1, EARLIEST_WARNING))?;
    let is_repeated = |place: usize| days[..place].contains(&days[place]);
    if (0..days.len()).any(is_repeated) {
        return node.refuse("must not name a day twice");
    }
    Some(days)
}
