//! Backtests compared with a plain ledger, and their reports.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod ledger;
mod reports;
mod shop;
mod speed;
