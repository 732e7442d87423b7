//! The time, injected.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// A clock: the system's, or, on the local stack, one that stands where it was set.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Mutex<Option<Timestamp>>>);

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands.
    pub fn manual(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Some(now))))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let set = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.unwrap_or_else(Timestamp::now)
    }

    /// Stops the clock at a time, for all clones of it.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}
