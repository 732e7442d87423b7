//! A token bucket that several workers can share.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A vendor's limit: a burst, and the time in which one token returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRate {
    burst: u32,
    interval: SignedDuration,
}

/// A token bucket, stored as the moment at which it is full again.
///
/// It has no clock: callers pass the time. Its state is one number, so that workers can share it through one conditional
/// write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenBucket {
    full_at: Timestamp,
}

impl TokenRate {
    /// `requests` in each `period`, of which at most `burst` at once. Zero is taken as one.
    pub fn new(requests: u32, period: SignedDuration, burst: u32) -> Self {
        let requests = i32::try_from(requests.max(1)).unwrap_or(i32::MAX);
        Self { burst: burst.max(1), interval: period / requests }
    }

    fn time_for(self, tokens: u32) -> SignedDuration {
        self.interval.saturating_mul(i32::try_from(tokens).unwrap_or(i32::MAX))
    }
}

impl TokenBucket {
    /// A full bucket.
    pub const fn full() -> Self {
        Self { full_at: Timestamp::UNIX_EPOCH }
    }

    /// The bucket that is full again at a moment.
    pub const fn full_at(full_at: Timestamp) -> Self {
        Self { full_at }
    }

    /// When it is full again: all of its state.
    pub const fn is_full_at(&self) -> Timestamp {
        self.full_at
    }

    /// Takes tokens, or returns how long to wait for them and takes none.
    ///
    /// More tokens than the burst are never there at once: at most the burst is taken.
    ///
    /// # Errors
    /// The time until the tokens are there.
    pub fn take(&mut self, rate: TokenRate, tokens: u32, now: Timestamp) -> Result<(), SignedDuration> {
        let full_at = later(self.full_at.max(now), rate.time_for(tokens.min(rate.burst)));
        let wait = full_at.duration_since(now) - rate.time_for(rate.burst);
        if wait > SignedDuration::ZERO {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Refuses tokens until a moment, for `Retry-After`. From then on they return at the rate, one at once.
    pub fn block_until(&mut self, rate: TokenRate, until: Timestamp) {
        self.full_at = self.full_at.max(later(until, rate.time_for(rate.burst - 1)));
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_772_000_000_000 + milliseconds).unwrap()
    }

    /// How many single tokens are there at a moment.
    fn drain(bucket: &mut TokenBucket, rate: TokenRate, now: Timestamp) -> u32 {
        (0..1_000).find(|_| bucket.take(rate, 1, now).is_err()).unwrap()
    }

    #[test]
    fn a_burst_is_there_at_once_and_returns_at_the_rate() {
        let rate = TokenRate::new(10, SECOND, 5);
        let mut bucket = TokenBucket::full();
        assert_eq!(drain(&mut bucket, rate, at(0)), 5);
        assert_eq!(bucket.take(rate, 1, at(40)), Err(SignedDuration::from_millis(60)));
        assert_eq!(bucket.take(rate, 1, at(100)), Ok(()));
        assert_eq!(drain(&mut bucket, rate, at(350)), 2);
        assert_eq!(drain(&mut bucket, rate, at(60_000)), 5);
    }

    #[test]
    fn over_a_minute_no_more_than_rate_and_burst_are_taken() {
        let rate = TokenRate::new(150, SECOND * 60, 10);
        let mut bucket = TokenBucket::full();
        let taken: u32 = (0..60_000).step_by(7).map(|ms| drain(&mut bucket, rate, at(ms))).sum();
        assert_eq!(taken, 10 + 149);
    }

    #[test]
    fn a_refused_request_takes_nothing_and_a_large_one_the_burst() {
        let rate = TokenRate::new(1, SECOND, 3);
        let mut bucket = TokenBucket::full();
        assert_eq!(bucket.take(rate, 2, at(0)), Ok(()));
        assert_eq!(bucket.take(rate, 2, at(0)), Err(SECOND));
        assert_eq!(bucket.take(rate, 1, at(0)), Ok(()));
        assert_eq!(bucket.take(rate, 99, at(0)), Err(SECOND * 3));
        assert_eq!(bucket.take(rate, 99, at(3_000)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_token() {
        let rate = TokenRate::new(1, SECOND, 1);
        let mut bucket = TokenBucket::full();
        assert_eq!(bucket.take(rate, 1, at(0)), Ok(()));
        assert_eq!(bucket.take(rate, 1, at(-5_000)), Err(SECOND * 6));
    }

    #[test]
    fn retry_after_empties_the_bucket_until_its_end() {
        let rate = TokenRate::new(10, SECOND, 5);
        let mut bucket = TokenBucket::full();
        bucket.block_until(rate, at(2_000));
        assert_eq!(bucket.take(rate, 1, at(500)), Err(SignedDuration::from_millis(1_500)));
        assert_eq!(drain(&mut bucket, rate, at(2_000)), 1);
        assert_eq!(drain(&mut bucket, rate, at(2_100)), 1);
        // An earlier end does not give tokens back.
        bucket.block_until(rate, at(0));
        assert_eq!(drain(&mut bucket, rate, at(2_100)), 0);
    }

    #[test]
    fn the_state_is_one_value() {
        let mut bucket = TokenBucket::full();
        bucket.take(TokenRate::new(1, SECOND, 1), 1, Timestamp::UNIX_EPOCH).unwrap();
        let text = serde_json::to_string(&bucket).unwrap();
        assert_eq!(text, "\"1970-01-01T00:00:01Z\"");
        assert_eq!(serde_json::from_str::<TokenBucket>(&text).unwrap(), bucket);
    }
}
