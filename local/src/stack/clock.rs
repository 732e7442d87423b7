//! The stack's time: the machine's until it is set; from then on it is fixed.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// A clock shared by all functions of a stack.
#[derive(Debug, Clone, Default)]
pub struct StackClock {
    frozen: Arc<Mutex<Option<Timestamp>>>,
}

/// The requested time is before the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("time only moves forward: it is {now} already")]
pub struct ClockMovedBackwards {
    /// The current time.
    pub now: Timestamp,
}

impl StackClock {
    /// Creates a clock that is fixed at a time, or follows the machine's.
    pub fn new(frozen: Option<Timestamp>) -> Self {
        Self { frozen: Arc::new(Mutex::new(frozen)) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let frozen = *self.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        frozen.unwrap_or_else(machine)
    }

    /// True when the clock is fixed.
    pub fn stands_still(&self) -> bool {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sets the clock, which is fixed from then on.
    ///
    /// # Errors
    /// When the time is before the current one.
    pub fn advance(&self, to: Timestamp) -> Result<Timestamp, ClockMovedBackwards> {
        let mut frozen = self.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = frozen.unwrap_or_else(machine);
        if to < now {
            return Err(ClockMovedBackwards { now });
        }
        *frozen = Some(to);
        Ok(to)
    }
}

#[expect(clippy::disallowed_methods, reason = "locally this is where the system's time comes in")]
fn machine() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_never_goes_back() {
        let start: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let clock = StackClock::new(Some(start));
        assert_eq!(clock.now(), start);
        assert!(clock.stands_still() && !StackClock::default().stands_still());
        assert_eq!(clock.clone().advance(later), Ok(later));
        assert_eq!(clock.now(), later);
        assert_eq!(clock.advance(start), Err(ClockMovedBackwards { now: later }));
        // The machine's time has passed it already.
        assert!(StackClock::default().advance(Timestamp::UNIX_EPOCH).is_err());
    }
}
