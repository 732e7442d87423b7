//! Facts as they came: receipts and refunds, each written once.

mod image;
mod receipt;
mod refund;

pub use image::FactImage;
pub use receipt::{Claim, PutReceipt, StoredReceipt};
pub use refund::{PutRefund, StoredRefund};
