//! How long an engine works: what of a measured time is not the product's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The processor time of the work on requests; elapsed time where the system has no clock of a thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Arc<AtomicU64>);

impl Busy {
    /// Adds the time that `work` takes on this thread.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = now();
        let done = work();
        let spent = now().saturating_sub(started);
        self.0.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    /// The sum so far.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The processor time that this thread has used.
#[cfg(unix)]
fn now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The time since the first call.
#[cfg(not(unix))]
fn now() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_sum() {
        let busy = Busy::default();
        let sum = busy.measure(|| (0..2_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n)));
        std::hint::black_box(sum);
        let first = busy.total();
        assert!(first > Duration::ZERO);
        busy.clone().measure(|| std::hint::black_box((0..1_000_u64).sum::<u64>()));
        assert!(busy.total() > first);
    }
}
