//! Backtests against a plain ledger, in parts and as a whole.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod ledger;
mod reports;
mod shop;
mod speed;
