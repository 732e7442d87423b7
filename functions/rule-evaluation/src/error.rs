//! Why a fact could not be decided.

use tessera_domain::ids::{InteractionId, ProgramId, ReceiptId, RefundId};
use tessera_domain::pack::PackError;
use tessera_lambda::message::MessageError;
use tessera_store::StoreError;

/// Why a fact could not be decided. Its message comes again; after a few times it lies in the dead-letter queue, from
/// where it can be sent again once the cause is gone.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The message is none that this version knows.
    #[error("the message cannot be understood")]
    Message(#[from] MessageError),
    /// The message names a program that does not exist.
    #[error("there is no program {0}")]
    UnknownProgram(ProgramId),
    /// The message names a receipt that is not stored.
    #[error("there is no receipt {0}")]
    UnknownReceipt(ReceiptId),
    /// The message names a refund that is not stored.
    #[error("there is no refund {1} of receipt {0}")]
    UnknownRefund(ReceiptId, RefundId),
    /// The message names an interaction that is not stored.
    #[error("there is no interaction {0}")]
    UnknownInteraction(InteractionId),
    /// The message names another member than the one the receipt was given to.
    #[error("receipt {0} is another member's than the message says")]
    OtherMember(ReceiptId),
    /// The message carries bytes that are no such fact.
    #[error("the fact in the message cannot be read")]
    Packed(#[from] PackError),
    /// The message carries another receipt than it names.
    #[error("the message names receipt {named} and carries receipt {carried}")]
    OtherReceipt {
        /// The receipt that the message names.
        named: ReceiptId,
        /// The receipt that it carries.
        carried: ReceiptId,
    },
    /// The message carries another interaction than it names.
    #[error("the message names interaction {named} and carries interaction {carried}")]
    OtherInteraction {
        /// The interaction that the message names.
        named: InteractionId,
        /// The interaction that it carries.
        carried: InteractionId,
    },
    /// A receipt was decided by a version of the program that is not stored.
    #[error("program {program} has no version {version}, which decided a receipt")]
    UnknownVersion {
        /// The program.
        program: ProgramId,
        /// The version that is missing.
        version: u32,
    },
    /// What a refund needs kept changing while it was being looked up.
    #[error("refund {1} of receipt {0} was given up: what it needs kept changing")]
    Unsettled(ReceiptId, RefundId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
