//! What a function instance remembers: requests it may still admit, who is blocked, which credentials were accepted.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use tessera_store::{Minute, RateCounter};

use super::RequestRate;

/// The most counters remembered of one minute. Beyond it all are dropped: a budget then takes a chunk early, and a
/// blocked guesser is blocked again at the next miss.
const MOST_COUNTERS: usize = 20_000;
/// The most accepted credentials of one period.
const MOST_CREDENTIALS: usize = 10_000;
/// For how many minutes an accepted credential is remembered at least.
const PERIOD_MINUTES: i64 = 60;

/// The counters of the current minute.
#[derive(Debug, Default)]
pub(super) struct LimiterState {
    minute: Option<Minute>,
    leases: HashMap<RateCounter, Lease>,
    blocked: HashSet<RateCounter>,
}

/// What an instance holds of a budget.
#[derive(Debug, Default, Clone, Copy)]
struct Lease {
    /// Requests taken from the budget and not used yet.
    left: u32,
    /// Requests admitted before any were taken.
    unmetered: u32,
    /// Whether the instance has taken from the budget.
    is_metered: bool,
    /// Whether the budget had nothing left.
    is_spent: bool,
}

/// What a request finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// It is admitted.
    Admitted,
    /// The budget is spent.
    Spent,
    /// More must be taken from the budget, `owed` of them for requests that were admitted already.
    Take {
        /// Requests admitted before any were taken.
        owed: u32,
    },
}

impl LimiterState {
    /// Starts a new minute. A clock that is read late never brings the old one back.
    fn turn(&mut self, minute: Minute) {
        if self.minute.is_none_or(|current| current < minute) {
            *self = Self { minute: Some(minute), ..Self::default() };
        }
        if self.leases.len() >= MOST_COUNTERS {
            self.leases.clear();
        }
        if self.blocked.len() >= MOST_COUNTERS {
            self.blocked.clear();
        }
    }

    /// Draws one request.
    pub fn draw(&mut self, minute: Minute, counter: &RateCounter, rate: RequestRate) -> Draw {
        self.turn(minute);
        let lease = self.leases.entry(counter.clone()).or_default();
        if lease.left > 0 {
            lease.left -= 1;
            return Draw::Admitted;
        }
        if lease.is_spent {
            return Draw::Spent;
        }
        if lease.is_metered {
            return Draw::Take { owed: 0 };
        }
        if lease.unmetered < rate.unmetered {
            lease.unmetered += 1;
            return Draw::Admitted;
        }
        lease.is_metered = true;
        Draw::Take { owed: lease.unmetered }
    }

    /// Adds what was taken, uses one of it, and returns whether there was one.
    pub fn refill(&mut self, minute: Minute, counter: &RateCounter, granted: u32) -> bool {
        self.turn(minute);
        // What was taken from a minute that is over is lost.
        if self.minute == Some(minute) {
            let lease = self.leases.entry(counter.clone()).or_default();
            lease.is_metered = true;
            lease.is_spent = granted == 0;
            lease.left = lease.left.saturating_add(granted.saturating_sub(1));
        }
        granted > 0
    }

    /// Blocks a counter for the rest of its minute.
    pub fn block(&mut self, minute: Minute, counter: &RateCounter) {
        self.turn(minute);
        if self.minute == Some(minute) {
            self.blocked.insert(counter.clone());
        }
    }

    pub fn is_blocked(&mut self, minute: Minute, counter: &RateCounter) -> bool {
        self.turn(minute);
        self.blocked.contains(counter)
    }
}

/// Credentials accepted in this period and in the one before, as hashes.
///
/// They are looked up even while their source is blocked: a worker that repeats an old key, or a stranger behind the same
/// address, does not lock a shop out.
#[derive(Debug, Default)]
pub(super) struct Recent {
    period: i64,
    current: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
}

impl Recent {
    pub fn hash(credential: &str) -> [u8; 32] {
        Sha256::digest(credential.as_bytes()).into()
    }

    pub fn insert(&mut self, hash: [u8; 32], minute: Minute) {
        let period = minute.number().div_euclid(PERIOD_MINUTES);
        if period > self.period || self.current.len() >= MOST_CREDENTIALS {
            self.previous = std::mem::take(&mut self.current);
            self.period = period;
        }
        self.current.insert(hash);
    }

    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        self.current.contains(hash) || self.previous.contains(hash)
    }
}
