//! The loyalty language as types, and every decision. Pure: no AWS, no async, no clock, no randomness of its own.
//!
//! - `ids`, `points`, `money`, `time`, `locale`, `text`: basic types.
//! - `program`, `rule`: the configuration by the merchant.
//! - `fact`: what happened. `account`, `coupon`: what a member has.
//! - `referral`: friends who came by a code.
//! - `decide`: turns a fact into a decision. `ledger`: its permanent record.
//! - `event`: what webhooks and connections receive of it.
//! - `figures`: what the entries add up to, and the reports made of it.
//! - `audit`: administrative changes, by whom and why.
//! - `notice`: warnings and notices that no ledger entry carries.
//! - `view`: the JSON that callers see. `input`: JSON from people, `readers`: its small values. `pack`: bytes for storage.

pub mod account;
pub mod audit;
pub mod coupon;
pub mod decide;
pub mod event;
pub mod fact;
pub mod figures;
pub mod ids;
pub mod input;
pub mod ledger;
pub mod locale;
pub mod member;
pub mod money;
pub mod notice;
pub mod pack;
pub mod points;
pub mod program;
mod readers;
pub mod referral;
pub mod rule;
pub mod text;
pub mod time;
pub mod view;
