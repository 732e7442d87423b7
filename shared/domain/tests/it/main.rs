//! The domain as a whole: every vector, and the invariants under random programs and facts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod book;
mod budgets;
mod changes;
mod coupons;
mod entries;
mod figures;
mod given_rewards;
mod holds;
mod index;
mod invariants;
mod looks;
mod merging;
mod multipliers;
mod others;
mod referrals;
mod rules;
mod spent_once;
mod templates;
mod tiers;
mod vectors;
mod window_bands;
mod windows;
