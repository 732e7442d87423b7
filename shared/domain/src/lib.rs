//! The loyalty language in types: pure, no AWS, no async, no clock and no randomness of its own.
//!
//! `ids`, `points`, `money`, `time`, `locale` and `text` are the small words; `program` and `rule` what a merchant configures;
//! `fact` what happens; `account` and `coupon` what a member has; `decide` turns a fact into a decision; `ledger` is
//! what remains of it for ever; `view` what callers see of all that. `input` reads JSON from people; `pack` writes bytes
//! for storage.

pub mod account;
pub mod coupon;
pub mod decide;
pub mod fact;
pub mod ids;
pub mod input;
pub mod ledger;
pub mod locale;
pub mod member;
pub mod money;
pub mod pack;
pub mod points;
pub mod program;
pub mod rule;
pub mod text;
pub mod time;
pub mod view;
