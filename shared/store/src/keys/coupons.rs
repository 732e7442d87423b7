//! The keys of coupons and their codes.

use jiff::Timestamp;
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{CouponCode, MemberId, ProgramId, ReceiptId};

use super::{COUPONS, Key, escape, member_partition, time, unescape};

pub(crate) fn coupon(program: &ProgramId, member: &MemberId, issued_at: Timestamp, code: &CouponCode) -> Key {
    Key::new(member_partition(program, member), format!("{COUPONS}{}#{}", time(issued_at), escape(code.as_str())))
}

/// The guard that makes a code unique in its program, and leads to the coupon. Codes that fold to one have one guard.
pub(crate) fn coupon_guard(program: &ProgramId, code: &FoldedCode) -> Key {
    Key::new(format!("{}#c#{}", escape(program.as_str()), escape(code.as_str())), "guard")
}

/// The partition of the coupons that a till used on a receipt.
pub(crate) fn used_on(program: &ProgramId, receipt: &ReceiptId) -> String {
    format!("{}#u#{}", escape(program.as_str()), escape(receipt.as_str()))
}

/// The link from a receipt to a coupon that a till used on it.
pub(crate) fn use_link(program: &ProgramId, receipt: &ReceiptId, code: &FoldedCode) -> Key {
    Key::new(used_on(program, receipt), format!("{COUPONS}{}", escape(code.as_str())))
}

/// The code of a sort key that [`use_link`] made.
pub(crate) fn parse_use_link(sk: &str) -> Option<FoldedCode> {
    FoldedCode::parse(&unescape(sk.strip_prefix(COUPONS)?))
}

/// A partition of the index `due`: the usable coupons that have an end.
pub(crate) fn expiring(program: &ProgramId, shard: u32) -> String {
    format!("{}#w#{shard}", escape(program.as_str()))
}
