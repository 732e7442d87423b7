//! Facts as they came: receipts, refunds and interactions, each written once.

mod image;
mod interaction;
mod receipt;
mod refund;

pub use image::FactImage;
pub use interaction::{PutInteraction, StoredInteraction};
pub use receipt::{Claim, PutReceipt, StoredReceipt};
pub use refund::{PutRefund, StoredRefund};
