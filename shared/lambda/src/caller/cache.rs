//! Callers whose credentials a function checked itself, because the gateway runs no authorizer before its route.
//!
//! They are remembered as long as the gateway remembers what its authorizer said, so that no route accepts a credential for
//! longer than another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{AUTHORIZER_CACHE_SECONDS, Caller};

/// The most callers remembered; beyond it all are dropped.
const MOST_CALLERS: usize = 2_000;

/// The remembered callers, by the hash of their `Authorization` header.
#[derive(Debug, Default)]
pub(crate) struct CallerCache(Mutex<HashMap<[u8; 32], (Instant, Caller)>>);

impl CallerCache {
    /// The caller with a header, unless the token has ended since.
    pub fn get(&self, header: &str, now: Timestamp) -> Option<Caller> {
        let callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = callers.get(&hash(header))?;
        let lifetime = Duration::from_secs(u64::try_from(AUTHORIZER_CACHE_SECONDS).unwrap_or_default());
        (since.elapsed() < lifetime && !caller.has_expired(now)).then(|| caller.clone())
    }

    /// Remembers an accepted caller.
    pub fn insert(&self, header: &str, caller: &Caller) {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS {
            callers.clear();
        }
        callers.insert(hash(header), (Instant::now(), caller.clone()));
    }
}

/// Hashed, so that no memory dump shows a credential.
fn hash(header: &str) -> [u8; 32] {
    Sha256::digest(header).into()
}
