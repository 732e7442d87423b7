//! The store over an embedded DynamoDB, through the real SDK client.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails says so by panicking")]

mod bench;
mod budget;
mod capacity;
mod commit;
mod coupons;
mod facts;
mod idempotency;
mod interactions;
mod interference;
mod jobs;
mod ledger;
mod limits;
mod members;
mod pools;
mod programs;
mod restore;
mod shop;
mod stock;
mod tasks;
mod two_parties;
