//! Rate limits: requests per API key and per member, and misses of look-ups.
//!
//! The state is in the memory of a function instance and lasts for a minute. Only two things are written: a chunk of
//! requests taken from the shared budget, and each miss. A hit between two chunks writes and reads nothing.
//!
//! When the table fails, requests are admitted (a till goes on selling) and a miss is refused with 503, so that nobody
//! guesses uncounted.

mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tessera_store::{Minute, RateCounter, Store};

use crate::caller::Caller;
use crate::problem::Problem;
use crate::source::Source;
use state::{Draw, LimiterState, Recent};

/// Requests per minute of one member token's member.
pub const MEMBER_PER_MINUTE: u32 = 120;
/// Requests of a member that an instance admits in a minute before it takes any from the budget: an ordinary visit
/// writes nothing.
pub const MEMBER_UNMETERED: u32 = 5;
/// Misses in a minute after which the rest of that minute is refused.
pub const MISSES_PER_MINUTE: u32 = 30;

const LARGEST_CHUNK: u32 = 50;

/// How many requests a minute allows, and how they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    per_minute: u32,
    chunk: u32,
    unmetered: u32,
}

impl RequestRate {
    /// The rate of an API key with `per_minute`.
    pub fn of_key(per_minute: u32) -> Self {
        let per_minute = per_minute.max(1);
        Self { per_minute, chunk: (per_minute / 10).clamp(1, LARGEST_CHUNK), unmetered: 0 }
    }

    /// The rate of every member.
    pub fn of_member() -> Self {
        Self { unmetered: MEMBER_UNMETERED, ..Self::of_key(MEMBER_PER_MINUTE) }
    }
}

/// The limits that a function instance enforces.
#[derive(Debug, Default)]
pub struct RateLimiter {
    state: Mutex<LimiterState>,
    credentials: Mutex<Recent>,
}

impl RateLimiter {
    /// Admits a request of a caller.
    ///
    /// # Errors
    /// 429 when the budget of this minute is spent.
    pub async fn admit(&self, store: &Store, caller: &Caller, now: Timestamp) -> Result<(), Problem> {
        let Some((counter, rate)) = budget(caller) else { return Ok(()) };
        if self.take(store, &counter, rate, now).await {
            return Ok(());
        }
        let detail = format!("more than {} requests in this minute; see Retry-After", rate.per_minute);
        Err(Problem::too_many_requests(detail, Minute::of(now).seconds_left(now)))
    }

    /// Takes one request; false when the budget of this minute is spent.
    async fn take(&self, store: &Store, counter: &RateCounter, rate: RequestRate, now: Timestamp) -> bool {
        let minute = Minute::of(now);
        let (owed, wanted) = match self.state().draw(minute, counter, rate) {
            Draw::Admitted => return true,
            Draw::Spent => return false,
            Draw::Take { owed } => (owed, owed.saturating_add(rate.chunk).min(rate.per_minute)),
        };
        let granted = store.take_requests(counter, minute, rate.per_minute, wanted).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the limit of requests is not enforced");
            wanted
        });
        self.state().refill(minute, counter, granted.saturating_sub(owed))
    }

    /// Begins a look-up that may miss.
    ///
    /// # Errors
    /// 429 when its misses in this minute are too many. Nothing is read.
    pub fn begin<'a>(&'a self, store: &'a Store, counter: RateCounter, now: Timestamp) -> Result<LookUp<'a>, Problem> {
        let look_up = LookUp { limits: self, store, counter, now };
        if self.state().is_blocked(Minute::of(now), &look_up.counter) {
            return Err(look_up.refusal());
        }
        Ok(look_up)
    }

    /// Begins the look-up of a credential. One that this instance accepted not long ago is looked up even while its source
    /// is blocked.
    ///
    /// # Errors
    /// 429 when the misses of the source in this minute are too many. Nothing is read.
    pub fn begin_credential<'a>(
        &'a self,
        store: &'a Store,
        source: &Source,
        credential: &str,
        now: Timestamp,
    ) -> Result<LookUp<'a>, Problem> {
        let counter = RateCounter::new(None, &["misses", "credential", source.as_str()]);
        if self.credentials().contains(&Recent::hash(credential)) {
            return Ok(LookUp { limits: self, store, counter, now });
        }
        self.begin(store, counter, now)
    }

    /// Remembers that a credential was accepted.
    pub fn accept_credential(&self, credential: &str, now: Timestamp) {
        self.credentials().insert(Recent::hash(credential), Minute::of(now));
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn credentials(&self) -> MutexGuard<'_, Recent> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look-up under way.
#[derive(Debug)]
pub struct LookUp<'a> {
    limits: &'a RateLimiter,
    store: &'a Store,
    counter: RateCounter,
    now: Timestamp,
}

impl LookUp<'_> {
    /// Counts a miss and returns the problem to respond with: `otherwise`, or 429 once there are too many.
    ///
    /// Another instance may have counted the misses before. A look-up in an instance that has not missed in this minute
    /// is not refused, so a guesser gets one guess more for each instance.
    pub async fn missed(self, otherwise: Problem) -> Problem {
        self.count().await.err().unwrap_or(otherwise)
    }

    /// Counts a miss of a request that is served all the same: a search that found nobody.
    ///
    /// # Errors
    /// 429 once there are too many; 503 when it cannot be counted.
    pub async fn count(self) -> Result<(), Problem> {
        let minute = Minute::of(self.now);
        let count = self.store.count_miss(&self.counter, minute).await?;
        if count >= MISSES_PER_MINUTE {
            self.limits.state().block(minute, &self.counter);
        }
        if count > MISSES_PER_MINUTE { Err(self.refusal()) } else { Ok(()) }
    }

    fn refusal(&self) -> Problem {
        let detail = format!(
            "more than {MISSES_PER_MINUTE} look-ups found nothing in this minute; with an API key they count for each member named, \
             or for each Tessera-Client"
        );
        Problem::too_many_requests(detail, Minute::of(self.now).seconds_left(self.now))
    }
}

/// The budget of a caller, if it has one.
fn budget(caller: &Caller) -> Option<(RateCounter, RequestRate)> {
    let counter = |kind, id| RateCounter::new(Some(&caller.program), &["requests", kind, id]);
    if let Some(member) = &caller.member {
        return Some((counter("member", member.as_str()), RequestRate::of_member()));
    }
    let key = caller.key.as_deref()?;
    caller.per_minute.map(|per_minute| (counter("key", key), RequestRate::of_key(per_minute)))
}

/// The counter of misses of a caller. `named` is the member that the request names, or its client.
pub fn misses_of(caller: &Caller, named: Option<&str>, source: &Source) -> RateCounter {
    let counter = |parts: &[&str]| RateCounter::new(Some(&caller.program), parts);
    match (&caller.key, named) {
        (Some(key), Some(named)) => counter(&["misses", "key and client", key, named]),
        (Some(key), None) => counter(&["misses", "key and source", key, source.as_str()]),
        (None, _) => counter(&["misses", "source", source.as_str()]),
    }
}

/// The counter of misses of a source that names programs without credentials.
pub fn misses_of_programs(source: &Source) -> RateCounter {
    RateCounter::new(None, &["misses", "program", source.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_a_tenth_of_the_minute_and_at_most_fifty() {
        let chunk = |per_minute| RequestRate::of_key(per_minute).chunk;
        assert_eq!([1, 9, 25, 100, 500, 501, 60_000].map(chunk), [1, 1, 2, 10, 50, 50, 50]);
        assert_eq!((RequestRate::of_member().chunk, RequestRate::of_member().unmetered), (12, 5));
    }
}
