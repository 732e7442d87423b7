//! The ledger: entries of balanced postings, from which every balance can be rebuilt.

mod cause;
mod entry;
mod posting;
mod skipped;
mod standing;
mod verify;

pub use cause::{Cause, CouponAction, Moved};
pub use entry::{Entry, HeldCredit, NamedCoupon, Outcome, Purchase, Rejection, TierMove, UNKNOWN_COUPON};
pub(crate) use posting::sum_by_months;
pub use posting::{Bucket, LotChange, Movement, MovementType, Posting};
pub use skipped::{ReasonRun, SkipReason, Skipped};
pub use standing::{MemberStanding, StandingMove};
pub use verify::{Discrepancy, MemberAudit, Totals};
