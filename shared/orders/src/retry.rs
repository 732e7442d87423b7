//! When failed work is tried again: within a minute first, over three days in all.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// The waits after each failed attempt, in seconds. After the last one, the work is given up.
const WAITS: [i64; 10] = [5, 60, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];
/// The longest wait that a shop may ask for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// When work is tried again after `attempts` failed attempts; `None` to give it up.
///
/// The wait is longer by up to a tenth, which spreads work that failed together. `asked`: the shop's `Retry-After`.
pub fn next_attempt(now: Timestamp, subject: &str, attempts: u32, asked: Option<SignedDuration>) -> Option<Timestamp> {
    let wait = WAITS.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    let jitter = Sha256::digest(format!("{subject} {attempts}"));
    let jitter = i64::from(jitter.first().copied().unwrap_or_default());
    // In milliseconds: up to 255/2550 of the wait.
    let wait = SignedDuration::from_millis(wait * 1_000 + wait * 1_000 * jitter / 2_550);
    now.saturating_add(asked.map_or(wait, |asked| wait.max(asked.min(LONGEST)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_day_and_end_after_eleven_attempts() {
        let now = Timestamp::UNIX_EPOCH;
        let wait = |attempts, asked| next_attempt(now, "1", attempts, asked).map(|at| at.duration_since(now).as_secs());
        for (attempts, seconds) in (1_u32..).zip(WAITS) {
            let found = wait(attempts, None).unwrap();
            assert!((seconds..=seconds + seconds / 10).contains(&found), "{attempts}: {found}");
        }
        assert_eq!((wait(0, None), wait(11, None)), (None, None));
        assert_eq!(wait(1, Some(SignedDuration::from_secs(120))), Some(120));
        assert_eq!(wait(1, Some(SignedDuration::MAX)), Some(86_400));
    }
}
