//! Intake of facts: whose fact it is, its canonical form, its time check, and the conditional write.
//!
//! Receipts over HTTP, vendor adapters and import rows all end here, so that they resolve members alike and a fact sent
//! twice is stored once. A caller does three things before:
//! 1. It reads its own format into a `Receipt`, `Refund` or `Interaction`.
//! 2. It checks the time against a [`TimeLimit`].
//! 3. It settles which identifiers of the reference are verified (`MemberRef::verified`).

mod canonical;
mod claim;
mod fact;
mod identity;
mod refund;
mod time;

pub use identity::IdentityNotes;
pub use refund::{RefundError, refunds_in_order};
pub use time::TimeLimit;

use jiff::Timestamp;
use tessera_store::{ActiveProgram, ProgramCache, Store};

/// Takes in the facts of one program.
#[derive(Debug, Clone, Copy)]
pub struct Intake<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The cache that `program` comes from.
    pub programs: &'a ProgramCache,
    /// The program whose facts they are.
    pub program: &'a ActiveProgram,
    /// The time of acceptance.
    pub now: Timestamp,
}

/// What became of a fact, and of the identifiers that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeOutcome<P> {
    /// How the fact was stored.
    pub put: P,
    /// What became of the identifiers.
    pub notes: IdentityNotes,
}
