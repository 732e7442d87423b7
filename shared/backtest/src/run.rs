//! All cores at once.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{History, Plan, Tally};

/// Replays members part by part on several threads. `read` gives the members of a part, one after another, to the function
/// that it is called with; members of one part are replayed by one thread, and nobody waits for anybody.
///
/// # Errors
/// The first error of `read`; the other threads stop after the part that they are at.
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
