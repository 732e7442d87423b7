//! How long to wait before trying again.

use std::time::Duration;

/// How often a write is tried that others may get in the way of. Facts of one member come one after the other through
/// their queue; only calls that answer a person at once (redemptions, adjustments) can crowd on one account.
pub(crate) const TRIES: u32 = 16;

const FIRST_MICROS: u64 = 8_000;
const LONGEST_MICROS: u64 = 400_000;

/// Waits before the `attempt`-th repetition (from 1): any time up to a bound that doubles, so that those who collided do
/// not collide again.
pub(crate) async fn pause(attempt: u32) {
    let bound = FIRST_MICROS.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_MICROS);
    // Without randomness everyone waits the whole bound: slower, never wrong.
    let wait = getrandom::u64().map_or(bound, |random| random % bound);
    tokio::time::sleep(Duration::from_micros(wait)).await;
}
