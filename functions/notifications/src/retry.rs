//! When a delivery is tried again: the schedule of Standard Webhooks, over three days.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// The waits after each failed attempt, in seconds. After the last one, the delivery is given up.
const WAITS: [i64; 9] = [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];
/// The longest wait that a target may ask for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// When a delivery is tried again after `attempts` failed ones; `None` to give it up.
///
/// The wait is longer by up to a tenth, which spreads deliveries that failed together. `asked`: the target's `Retry-After`.
pub(crate) fn next_attempt(
    now: Timestamp,
    delivery: &str,
    attempts: u32,
    asked: Option<SignedDuration>,
) -> Option<Timestamp> {
    let wait = WAITS.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    let jitter = Sha256::digest(format!("{delivery} {attempts}"));
    let jitter = i64::from(jitter.first().copied().unwrap_or_default());
    // In milliseconds: up to 255/2550 of the wait.
    let wait = SignedDuration::from_millis(wait * 1_000 + wait * 1_000 * jitter / 2_550);
    let wait = asked.map_or(wait, |asked| wait.max(asked.min(LONGEST)));
    // Times are stored in milliseconds.
    let at = now.saturating_add(wait).ok()?;
    Timestamp::from_millisecond(at.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_day_and_end_after_ten_attempts() {
        let now = Timestamp::UNIX_EPOCH;
        let wait = |attempts| next_attempt(now, "dlv_1", attempts, None).map(|at| at.duration_since(now).as_secs());
        for (attempts, seconds) in (1_u32..).zip(WAITS) {
            let found = wait(attempts).unwrap();
            assert!((seconds..=seconds + seconds / 10).contains(&found), "{attempts}: {found}");
        }
        assert_eq!((wait(0), wait(10)), (None, None));
        let days: i64 = WAITS.iter().sum::<i64>() / 86_400;
        assert_eq!(days, 3);
    }

    #[test]
    fn a_target_may_ask_for_more_time_up_to_a_day() {
        let now = Timestamp::UNIX_EPOCH;
        let asked = |seconds| {
            let asked = Some(SignedDuration::from_secs(seconds));
            next_attempt(now, "dlv_1", 1, asked).unwrap().duration_since(now).as_secs()
        };
        assert_eq!(asked(120), 120);
        assert!(asked(1) >= 5);
        assert_eq!(asked(i64::MAX), 86_400);
    }
}
