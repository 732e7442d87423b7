//! A vendor's limits, shared by all workers through one item.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use tessera_outbound::{TokenBucket, TokenRate};
use tessera_store::TargetId;

use crate::events::Addressed;
use crate::{NotifyError, Run, lock};

/// Tokens that a worker takes at once: one write for as many requests.
const CHUNK: u32 = 10;
/// How long taken tokens may be used.
const USABLE: SignedDuration = SignedDuration::from_secs(1);
/// The longest wait for tokens. Deliveries that would wait longer are tried again later.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);
/// How often workers contend for the bucket before they wait for their turn.
const TRIES: u32 = 5;

/// A limit of a vendor's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// Names the bucket.
    pub name: &'static str,
    /// The requests in a minute.
    pub per_minute: u32,
    /// The requests at once.
    pub burst: u32,
}

impl RateLimit {
    /// The limit so many times.
    const fn times(self, times: u32) -> Self {
        Self { per_minute: self.per_minute.saturating_mul(times), burst: self.burst.saturating_mul(times), ..self }
    }

    /// The tokens that are taken at once.
    fn chunk(self) -> u32 {
        CHUNK.min(self.burst)
    }

    /// The rate that never exceeds the limit in any minute: what a burst takes is left out of the steady rate.
    fn rate(self) -> TokenRate {
        TokenRate::new(self.per_minute.saturating_sub(self.burst), SignedDuration::from_secs(60), self.burst)
    }
}

/// Identifies a bucket: program, target and name of the limit.
type BucketKey = (String, TargetId, &'static str);

/// Tokens that were taken and not used yet, and when they were taken.
#[derive(Debug, Default)]
pub(crate) struct RateTokens(Mutex<HashMap<BucketKey, (u32, Timestamp)>>);

impl RateTokens {
    /// Uses one token that was taken a moment ago.
    fn take_one(&self, key: &BucketKey, now: Timestamp) -> bool {
        let mut all = lock(&self.0);
        match all.get_mut(key) {
            Some((left, taken_at)) if *left > 0 && now.duration_since(*taken_at) < USABLE => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

impl Run<'_> {
    /// Takes a token of a target's limit; the error is the time until there is one.
    pub(crate) async fn take_token(
        &self,
        to: &Addressed<'_>,
        limit: RateLimit,
    ) -> Result<Result<(), SignedDuration>, NotifyError> {
        let limit = limit.times(self.notifier.extra_rate.saturating_add(1));
        let key = (to.program.id.to_string(), to.target.id.clone(), limit.name);
        for _ in 0..TRIES {
            let now = self.now();
            if self.notifier.tokens.take_one(&key, now) {
                return Ok(Ok(()));
            }
            let stored = self.services.store.bucket(&to.program.id, &to.target.id, limit.name).await?;
            let mut bucket = stored.map_or_else(TokenBucket::full, |(full_at, _)| TokenBucket::full_at(full_at));
            if let Err(wait) = bucket.take(limit.rate(), limit.chunk(), now) {
                if wait > PATIENCE {
                    return Ok(Err(wait));
                }
                tokio::time::sleep(wait.unsigned_abs()).await;
                continue;
            }
            let version = stored.map(|(_, version)| version);
            if self.move_bucket(to, limit, bucket, version).await? {
                lock(&self.notifier.tokens.0).insert(key, (limit.chunk() - 1, now));
                return Ok(Ok(()));
            }
        }
        Ok(Err(PATIENCE))
    }

    /// Leaves no token until the vendor's `Retry-After` is over.
    pub(crate) async fn block(
        &self,
        to: &Addressed<'_>,
        limit: RateLimit,
        wait: SignedDuration,
    ) -> Result<(), NotifyError> {
        let limit = limit.times(self.notifier.extra_rate.saturating_add(1));
        let key = (to.program.id.to_string(), to.target.id.clone(), limit.name);
        lock(&self.notifier.tokens.0).remove(&key);
        let until = self.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        for _ in 0..TRIES {
            let stored = self.services.store.bucket(&to.program.id, &to.target.id, limit.name).await?;
            let mut bucket = stored.map_or_else(TokenBucket::full, |(full_at, _)| TokenBucket::full_at(full_at));
            bucket.block_until(limit.rate(), until);
            if self.move_bucket(to, limit, bucket, stored.map(|(_, version)| version)).await? {
                break;
            }
        }
        Ok(())
    }

    async fn move_bucket(
        &self,
        to: &Addressed<'_>,
        limit: RateLimit,
        bucket: TokenBucket,
        version: Option<u64>,
    ) -> Result<bool, NotifyError> {
        let store = &self.services.store;
        // Stored in milliseconds, rounded up: a token too few rather than one too many.
        let full_at = bucket.is_full_at();
        let full_at = Timestamp::from_millisecond(full_at.as_millisecond() + 1).unwrap_or(full_at);
        Ok(store.move_bucket(&to.program.id, &to.target.id, limit.name, full_at, version).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_requests_than_the_limit_and_nine_tenths_are_used() {
        let limit = RateLimit { name: "events", per_minute: 3_500, burst: 175 };
        let mut bucket = TokenBucket::full();
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        let mut taken: Vec<i64> = Vec::new();
        for ms in (0..300_000).step_by(20) {
            while bucket.take(limit.rate(), 1, at(ms)).is_ok() {
                taken.push(ms);
            }
        }
        let within = |from: i64, to: i64| taken.iter().filter(|ms| (from..to).contains(*ms)).count();
        for from in (0..240_000).step_by(500) {
            assert!(within(from, from + 60_000) <= 3_500, "{from}");
            assert!(within(from, from + 1_000) <= 350, "{from}");
        }
        assert!(within(60_000, 120_000) * 10 >= 3_500 * 9);
    }

    #[test]
    fn taken_tokens_are_used_within_a_second() {
        let tokens = RateTokens::default();
        let key = (String::new(), TargetId::klaviyo(), "events");
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        lock(&tokens.0).insert(key.clone(), (2, at(0)));
        assert!(tokens.take_one(&key, at(500)));
        assert!(!tokens.take_one(&key, at(1_000)));
        assert!(tokens.take_one(&key, at(900)) && !tokens.take_one(&key, at(900)));
    }
}
