//! The end of an invocation, for work that must stop in time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Time that one step of a job and the note of its progress may take.
const RESERVE: Duration = Duration::from_secs(20);

/// When this invocation is stopped.
#[derive(Clone)]
pub struct Deadline(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Deadline {
    /// A deadline whose remaining time somebody else measures.
    pub fn new(remaining: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(remaining))
    }

    /// The end of a span that begins now.
    pub fn after(span: Duration) -> Self {
        let start = Instant::now();
        Self::new(move || span.saturating_sub(start.elapsed()))
    }

    /// The deadline that Lambda sets for an invocation.
    pub fn at(deadline: SystemTime) -> Self {
        Self::after(deadline.duration_since(lambda_now()).unwrap_or_default())
    }

    /// True when no further step should begin.
    pub fn is_near(&self) -> bool {
        (self.0)() < RESERVE
    }
}

#[expect(clippy::disallowed_methods, reason = "Lambda states its deadline in the machine's time")]
fn lambda_now() -> SystemTime {
    SystemTime::now()
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&(self.0)()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seconds_are_kept_for_noting_progress() {
        assert!(!Deadline::after(Duration::from_mins(15)).is_near());
        assert!(Deadline::after(Duration::from_secs(19)).is_near());
        assert!(Deadline::at(SystemTime::UNIX_EPOCH).is_near());
    }
}
