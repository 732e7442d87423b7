//! Facts from the future are a clock set wrong: they would sit at the end of every list for ever.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tessera_domain::input::Fault;

/// How far ahead of our clock a fact may lie.
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(24 * 366);
const POINTER: &str = "/occurred_at";

/// Adds the fault of a time that lies too far ahead to whatever else is wrong with a body, so that the sender hears of
/// all of it at once.
///
/// # Errors
/// The faults, at least one.
pub(crate) fn check_time<T>(read: Result<T, Vec<Fault>>, body: &Value, now: Timestamp) -> Result<T, Vec<Fault>> {
    let at = body.get("occurred_at").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    // Farther ahead than any clock's fault, it lies outside the calendar, and that was said already.
    let said = read.as_ref().is_err_and(|faults| faults.iter().any(|fault| fault.pointer == POINTER));
    if said || at.is_none_or(|at| at.duration_since(now) <= MOST_AHEAD) {
        return read;
    }
    let detail = format!("must not lie more than 366 days ahead of {now}");
    let mut faults = read.err().unwrap_or_default();
    faults.push(Fault { pointer: POINTER.to_owned(), detail });
    Err(faults)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(read: Result<(), Vec<Fault>>, at: &str) -> Vec<String> {
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let faults = check_time(read, &json!({ "occurred_at": at }), now).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    fn fault(pointer: &str) -> Result<(), Vec<Fault>> {
        Err(vec![Fault { pointer: pointer.to_owned(), detail: String::new() }])
    }

    #[test]
    fn a_year_ahead_is_the_most() {
        assert!(check(Ok(()), "2027-03-02T09:00:00Z").is_empty());
        assert_eq!(check(Ok(()), "2027-03-02T09:00:01Z"), [POINTER]);
        assert!(check(Ok(()), "1999-01-01T00:00:00Z").is_empty());
    }

    #[test]
    fn it_stands_beside_the_other_faults_and_only_once() {
        assert_eq!(check(fault("/total"), "2030-01-01T00:00:00Z"), ["/total", POINTER]);
        assert_eq!(check(fault(POINTER), "9999-01-01T00:00:00Z"), [POINTER]);
        assert_eq!(check(fault("/total"), "yesterday"), ["/total"]);
    }
}
