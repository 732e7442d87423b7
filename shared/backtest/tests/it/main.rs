//! Backtests against a plain ledger, in parts and as a whole.

mod ledger;
mod reports;
mod shop;
mod speed;
