//! The events of coupons whose change wrote no entry.

use jiff::Timestamp;
use serde_json::json;

use super::Event;
use super::kind::of_coupon;
use crate::coupon::{Coupon, CouponStatus};

/// The event of a coupon's stored status; `None` for statuses that an entry announces.
///
/// `id` identifies the coupon in its program. A status that a coupon has once gives one id; being applied has the id of its
/// moment. `now` dates the changes that store no time.
pub fn event_of_coupon(id: &str, member: &str, coupon: &Coupon, now: Timestamp) -> Option<Event> {
    if coupon.restored.is_positive() {
        // A return of the order gave points back: the use was announced before.
        return None;
    }
    let (id, at) = match coupon.status {
        CouponStatus::Reserved | CouponStatus::Available | CouponStatus::Cancelled => return None,
        CouponStatus::Applied => {
            let until = coupon.until?;
            (format!("{id}:applied-{}", until.as_millisecond()), now)
        }
        CouponStatus::Used => (format!("{id}:used"), coupon.ended_at.unwrap_or(now)),
        CouponStatus::Expired => (format!("{id}:expired"), coupon.expires_at.unwrap_or(now)),
        CouponStatus::Lapsed => (format!("{id}:lapsed"), coupon.until.unwrap_or(now)),
    };
    let mut data = json!({
        "member": member, "at": at.to_string(), "code": coupon.code, "reward": coupon.reward, "status": coupon.status,
    });
    if let Some(receipt) = &coupon.receipt {
        data["receipt"] = json!(receipt);
    }
    Some(Event { id, kind: of_coupon(coupon.status).to_owned(), at, data })
}
