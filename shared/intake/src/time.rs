//! The time check. A fact from the far future comes from a wrong clock and would stay at the top of every list.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tessera_domain::input::Fault;

/// How far ahead of our clock a live fact may be.
const LIVE_AHEAD_DAYS: i64 = 366;
const POINTER: &str = "/occurred_at";

/// How far ahead of our clock a fact's time may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    now: Timestamp,
    days_ahead: i64,
}

impl TimeLimit {
    /// The limit for facts that are reported while they happen: a till may know the date of a coming order.
    pub const fn live(now: Timestamp) -> Self {
        Self::days_ahead(now, LIVE_AHEAD_DAYS)
    }

    /// A limit of whole days ahead of `now`; 0 for a source that reports the past alone, such as an import.
    pub const fn days_ahead(now: Timestamp, days_ahead: i64) -> Self {
        Self { now, days_ahead }
    }

    /// Checks a fact's time.
    ///
    /// # Errors
    /// The detail of the fault.
    pub fn check(&self, at: Timestamp) -> Result<(), String> {
        let limit = SignedDuration::from_hours(24).saturating_mul(i32::try_from(self.days_ahead).unwrap_or(i32::MAX));
        if at.duration_since(self.now) <= limit {
            return Ok(());
        }
        Err(format!("must be at most {} days after {}", self.days_ahead, self.now))
    }

    /// Adds the fault of `occurred_at` to the other faults of a body, so that the sender gets all of them at once.
    ///
    /// # Errors
    /// The faults, at least one.
    pub fn check_body<T>(&self, read: Result<T, Vec<Fault>>, body: &Value) -> Result<T, Vec<Fault>> {
        let at = body.get("occurred_at").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        // A time outside the calendar is a fault already.
        let is_reported = read.as_ref().is_err_and(|faults| faults.iter().any(|fault| fault.pointer == POINTER));
        let Some(detail) = at.filter(|_| !is_reported).and_then(|at| self.check(at).err()) else { return read };
        let mut faults = read.err().unwrap_or_default();
        faults.push(Fault { pointer: POINTER.to_owned(), detail });
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-03-01T09:00:00Z";

    fn check(read: Result<(), Vec<Fault>>, at: &str) -> Vec<String> {
        let limit = TimeLimit::live(NOW.parse().unwrap());
        let faults = limit.check_body(read, &json!({ "occurred_at": at })).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    fn fault(pointer: &str) -> Result<(), Vec<Fault>> {
        Err(vec![Fault { pointer: pointer.to_owned(), detail: String::new() }])
    }

    #[test]
    fn a_live_fact_is_at_most_366_days_ahead() {
        assert!(check(Ok(()), "2027-03-02T09:00:00Z").is_empty());
        assert_eq!(check(Ok(()), "2027-03-02T09:00:01Z"), [POINTER]);
        assert!(check(Ok(()), "1999-01-01T00:00:00Z").is_empty());
    }

    #[test]
    fn the_fault_of_the_time_is_added_to_the_others_once() {
        assert_eq!(check(fault("/total"), "2030-01-01T00:00:00Z"), ["/total", POINTER]);
        assert_eq!(check(fault(POINTER), "9999-01-01T00:00:00Z"), [POINTER]);
        assert_eq!(check(fault("/total"), "yesterday"), ["/total"]);
    }

    #[test]
    fn a_source_of_the_past_may_not_be_ahead() {
        let limit = TimeLimit::days_ahead(NOW.parse().unwrap(), 0);
        assert!(limit.check(NOW.parse().unwrap()).is_ok());
        assert!(limit.check("2026-03-01T09:00:00.001Z".parse().unwrap()).is_err());
    }
}
