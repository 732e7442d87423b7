//! Decisions on receipts and refunds, made once each: what they need is read, and the decision is committed.
//!
//! A message decides on a fact when it arrives; a move decides on a receipt and its refunds anew, for another member, and so
//! does the end of a merge.

mod alone;
mod coupons;
mod error;
mod moved;
mod receipt;
mod refund;
mod rejection;
mod unmerge;

pub use alone::evaluate as evaluate_alone;
pub use coupons::use_coupons;
pub use error::EvaluationError;
pub use moved::complete as complete_move;
pub use receipt::evaluate as evaluate_receipt;
pub use refund::evaluate as evaluate_refund;
pub use rejection::{reason_of, reject};
pub use unmerge::{MergeReplay, complete as complete_unmerge, foresee as foresee_unmerge, read_since};

use tessera_domain::time::Day;
use tessera_store::Committed;

/// The result of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchOutcome {
    /// The fact was decided now. The day until which the member's purchases may concern a referral.
    Decided(Option<Day>),
    /// The fact had been decided before. Nothing was written.
    DecidedBefore,
    /// The fact changes nothing. Nothing was written.
    Nothing,
    /// The fact changes nothing, and the account got its next due day.
    Rearmed,
}

impl DispatchOutcome {
    /// The result of a commit.
    pub fn of(committed: &Committed) -> Self {
        match committed {
            Committed::Now(decision) => Self::Decided(decision.account.referred_until),
            Committed::Already(_) => Self::DecidedBefore,
        }
    }
}
