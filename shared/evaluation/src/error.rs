//! Why a fact could not be decided.

use tessera_domain::fact::{FactError, FactId};
use tessera_domain::ids::{ProgramId, ReceiptId, RefundId};
use tessera_lambda::message::MessageError;
use tessera_store::StoreError;

/// Why a fact could not be decided. Its message is retried; after a few attempts it is in the dead-letter queue, from where
/// it can be sent again once the cause is gone.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// This version does not know the message.
    #[error("the message cannot be understood")]
    Message(#[from] MessageError),
    /// The message names a program that does not exist.
    #[error("there is no program {0}")]
    UnknownProgram(ProgramId),
    /// The message names a fact that is not stored.
    #[error("{0} is not stored")]
    UnknownFact(FactId),
    /// The message names another member than the receipt's.
    #[error("receipt {0} is another member's than the message says")]
    OtherMember(ReceiptId),
    /// The message carries content that is not that of the fact that it names.
    #[error("the content in the message cannot be used")]
    Content(#[from] FactError),
    /// A receipt was decided by a version of the program that is not stored.
    #[error("program {program} has no version {version}, which decided a receipt")]
    UnknownVersion {
        /// The program.
        program: ProgramId,
        /// The version that is missing.
        version: u32,
    },
    /// The inputs of a refund kept changing while they were read.
    #[error("refund {1} of receipt {0} was given up: what it needs kept changing")]
    Unsettled(ReceiptId, RefundId),
    /// The inputs of a move kept changing while they were read, or the receipt was never decided.
    #[error("the move of receipt {0} was given up: what it needs kept changing")]
    UnsettledMove(ReceiptId),
    /// The queue of referrals did not take a message.
    #[error("a referral cannot be evaluated: {0}")]
    Referral(String),
    /// The queue of the codes that shops create did not take a message.
    #[error("what is to be done about a shop's code cannot be asked for: {0}")]
    Codes(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
