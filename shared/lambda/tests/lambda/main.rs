//! What handlers share, over an embedded DynamoDB.

#![allow(clippy::unnecessary_wraps, reason = "handlers answer with a Result")]
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod auth;
mod bench;
mod idempotency;
mod jobs;
mod limits;
mod queue;
mod requests;
mod sender;
