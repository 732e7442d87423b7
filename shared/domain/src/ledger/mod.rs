//! The ledger: entries of balanced postings, from which every balance can be rebuilt.

mod entry;
mod posting;
mod verify;

pub use entry::{Cause, CouponAction, Entry, Outcome, Rejection, SkipReason, Skipped, TierMove};
pub use posting::{Bucket, Movement, MovementType, Posting};
pub use verify::{Discrepancy, MemberAudit, Totals};
