//! Runs a replay on all cores.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{History, Plan, Tally};

/// Replays partitions of members on several threads. `read` passes each member of a partition to the given function. One
/// thread replays a whole partition, without locks.
///
/// # Errors
/// The first error of `read`. The other threads stop after their current partition.
pub fn run<E: Send>(
    plan: &Plan,
    threads: NonZeroUsize,
    parts: usize,
    read: impl Fn(usize, &mut dyn FnMut(History)) -> Result<(), E> + Sync,
) -> Result<Tally, E> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<E>> = Mutex::new(None);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return tally;
            }
            if let Err(error) = read(part, &mut |history| plan.replay(&history, &mut tally)) {
                next.store(parts, Ordering::Relaxed);
                if let Ok(mut failed) = failed.lock() {
                    failed.get_or_insert(error);
                }
                return tally;
            }
        }
    };
    let total = thread::scope(|scope| {
        let threads: Vec<_> = (1..threads.get().min(parts.max(1))).map(|_| scope.spawn(work)).collect();
        let mut total = work();
        for thread in threads {
            match thread.join() {
                Ok(tally) => total.merge(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    });
    match failed.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(total),
    }
}
