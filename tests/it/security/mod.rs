//! Attacks and accidents, each with the response that stops it.

mod authorization;
mod bounds;
mod contract;
mod coupons_once;
mod deployment;
mod guessing;
mod identity;
mod local_stack;
mod loopback_targets;
mod programs;
mod rates;
mod refunds;
mod reservations;
