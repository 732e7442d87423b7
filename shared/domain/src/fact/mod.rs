//! Facts: everything that can change points.

mod receipt;
mod refund;
mod remaining;

pub use receipt::{Line, MAX_LINES, Receipt, ReceiptInput, read_receipt};
pub use refund::{Refund, RefundAmount, RefundLine, read_refund};
pub use remaining::{RefundFault, Remaining};
