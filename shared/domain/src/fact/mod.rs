//! Facts: everything that can change points.

mod interaction;
mod receipt;
mod refund;
mod remaining;

pub use interaction::{EMAIL_CLICKED, EMAIL_OPENED, Interaction, InteractionBody, InteractionInput, read_interaction};
pub use receipt::{Line, MAX_LINES, OneOrMany, Receipt, ReceiptBody, ReceiptInput, ReceiptLineBody, read_receipt};
pub use refund::{Refund, RefundAmount, RefundBody, RefundLine, RefundLineBody, read_early_refund, read_refund};
pub use remaining::{RefundFault, Remaining};
