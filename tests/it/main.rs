//! Journeys over the local stack: each test starts its own stack in process and talks HTTP to it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod audit;
mod backtest;
mod bad_input;
mod bodies;
mod budgets;
mod calendar;
mod capacity;
mod concurrency;
mod contributing;
mod cors;
mod coupons;
mod drafts;
mod events;
mod explain;
mod faults;
mod figures;
mod half_deployed;
mod inbound;
mod interactions;
mod joining;
mod journey;
mod least_privilege;
mod notices;
mod outgoing;
mod pools;
mod reach;
mod redrive;
mod referrals;
mod restart;
mod security;
mod shop;
mod storefront;
mod templates;
mod vectors;
mod versions;
