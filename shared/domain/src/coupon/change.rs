//! Changes of a coupon's status that move no points: apply, release, use.

use jiff::{SignedDuration, Timestamp};

use super::{Coupon, CouponStatus};
use crate::ids::ReceiptId;

/// A change of a coupon's status that moves no points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CouponChange {
    /// Puts the coupon on a cart.
    Apply {
        /// For how many minutes.
        minutes: u32,
    },
    /// Takes the coupon off the cart.
    Release,
    /// Uses the coupon, for good.
    Use {
        /// The receipt that it was used on, if known.
        receipt: Option<ReceiptId>,
        /// The request's `Idempotency-Key`.
        key: Option<String>,
    },
    /// Begins to cancel a coupon whose code a shop created: its points come back once the shop has deleted the code.
    Cancel,
}

/// Why a coupon's status does not allow a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the coupon is {status:?}")]
pub struct CouponFault {
    /// The coupon's status.
    pub status: CouponStatus,
    /// When the coupon was used, if it was.
    pub used_at: Option<Timestamp>,
}

impl CouponFault {
    /// The fault of a coupon whose status is `status`.
    pub fn new(coupon: &Coupon, status: CouponStatus) -> Self {
        Self { status, used_at: coupon.ended_at.filter(|_| status == CouponStatus::Used) }
    }
}

/// The coupon after a change; the same coupon when the change was made before.
///
/// # Errors
/// The coupon's status, when it does not allow the change.
pub fn change_coupon(coupon: &Coupon, change: &CouponChange, now: Timestamp) -> Result<Coupon, CouponFault> {
    let status = coupon.status_at(now);
    match (change, status) {
        (CouponChange::Apply { minutes }, CouponStatus::Available) => {
            let until = now.saturating_add(SignedDuration::from_mins(i64::from(*minutes))).ok();
            Ok(Coupon { status: CouponStatus::Applied, until, ..coupon.clone() })
        }
        (CouponChange::Release, CouponStatus::Applied) => {
            Ok(Coupon { status: CouponStatus::Available, until: None, ..coupon.clone() })
        }
        (CouponChange::Use { receipt, key }, CouponStatus::Available | CouponStatus::Applied) => Ok(Coupon {
            status: CouponStatus::Used,
            until: None,
            receipt: receipt.clone(),
            ended_at: Some(now),
            used_key: key.clone(),
            ..coupon.clone()
        }),
        (CouponChange::Apply { .. }, CouponStatus::Applied) | (CouponChange::Release, CouponStatus::Available) => {
            Ok(coupon.clone())
        }
        // A coupon is used once: the same receipt or the same request may repeat the use, another till may not.
        (CouponChange::Use { receipt, key }, CouponStatus::Used)
            if is_same_use(coupon, receipt.as_ref(), key.as_deref()) =>
        {
            Ok(coupon.clone())
        }
        (CouponChange::Cancel, CouponStatus::Available | CouponStatus::Applied) => {
            Ok(Coupon { cancelling: Some(now), ..coupon.clone() })
        }
        (CouponChange::Cancel, CouponStatus::Cancelled) => Ok(coupon.clone()),
        (
            CouponChange::Apply { .. } | CouponChange::Release | CouponChange::Use { .. } | CouponChange::Cancel,
            status,
        ) => Err(CouponFault::new(coupon, status)),
    }
}

/// True for a use by the receipt or the request that used the coupon.
fn is_same_use(coupon: &Coupon, receipt: Option<&ReceiptId>, key: Option<&str>) -> bool {
    (receipt.is_some() && receipt == coupon.receipt.as_ref()) || (key.is_some() && key == coupon.used_key.as_deref())
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::coupon::Discount;
    use crate::ids::{CouponCode, MemberId, RewardId};
    use crate::points::Points;
    use crate::program::RewardType;

    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    pub(crate) fn coupon(status: CouponStatus) -> Coupon {
        Coupon {
            code: CouponCode::new("ADA-7K2M9QXT").unwrap(),
            handle: None,
            member: MemberId::new("m_1").unwrap(),
            reward: RewardId::new("five-off").unwrap(),
            status,
            cost: Points::new(250),
            discount: Discount {
                kind: RewardType::AmountOff,
                amount: Some("5.00".to_owned()),
                percent: None,
                skus: None,
                minimum_spend: None,
                max_discount: None,
                combines_with: None,
                bind: None,
                currency: "EUR".to_owned(),
                value: None,
            },
            issued_at: at("2026-03-01T09:00:00Z"),
            expires_at: Some(at("2026-04-01T00:00:00Z")),
            until: match status {
                CouponStatus::Reserved | CouponStatus::Applied => Some(at("2026-03-01T10:00:00Z")),
                _ => None,
            },
            taken: Vec::new(),
            receipt: None,
            ended_at: None,
            used_key: None,
            counted: false,
            restored: Points::ZERO,
            unpaid: false,
            provider: None,
            cancelling: None,
            drawn: false,
        }
    }

    fn fault(status: CouponStatus) -> CouponFault {
        CouponFault { status, used_at: None }
    }

    const APPLY: CouponChange = CouponChange::Apply { minutes: 60 };

    #[test]
    fn each_change_reaches_the_documented_status_from_every_status() {
        use CouponStatus::{Applied, Available, Cancelled, Expired, Lapsed, Reserved, Used};
        let now = at("2026-03-01T09:30:00Z");
        let changes =
            [APPLY, CouponChange::Release, CouponChange::Use { receipt: None, key: None }, CouponChange::Cancel];
        let expected = [
            (Reserved, [None, None, None, None]),
            (Available, [Some(Applied), Some(Available), Some(Used), Some(Cancelled)]),
            (Applied, [Some(Applied), Some(Available), Some(Used), Some(Cancelled)]),
            (Used, [None, None, None, None]),
            (Expired, [None, None, None, None]),
            (Cancelled, [None, None, None, Some(Cancelled)]),
            (Lapsed, [None, None, None, None]),
        ];
        for (from, reached) in expected {
            for (change, to) in changes.iter().zip(reached) {
                let result = change_coupon(&coupon(from), change, now).map(|coupon| coupon.status_at(now));
                assert_eq!(result, to.ok_or(fault(from)), "{from:?} {change:?}");
            }
        }
    }

    #[test]
    fn a_repeated_apply_does_not_extend_the_time() {
        let now = at("2026-03-01T09:30:00Z");
        let applied = change_coupon(&coupon(CouponStatus::Available), &APPLY, now).unwrap();
        assert_eq!(applied.until, Some(at("2026-03-01T10:30:00Z")));
        assert_eq!(change_coupon(&applied, &APPLY, at("2026-03-01T09:45:00Z")).unwrap(), applied);
    }

    #[test]
    fn expiry_and_the_end_of_an_apply_come_before_the_change() {
        let late = at("2026-03-01T10:00:00Z");
        let cart = coupon(CouponStatus::Applied);
        let again = change_coupon(&cart, &APPLY, late).unwrap();
        assert_eq!(again.until, Some(at("2026-03-01T11:00:00Z")), "the first apply had ended");
        assert_eq!(change_coupon(&cart, &CouponChange::Release, late).unwrap(), cart);
        let expired = at("2026-04-01T00:00:00Z");
        assert_eq!(change_coupon(&coupon(CouponStatus::Available), &APPLY, expired), Err(fault(CouponStatus::Expired)));
    }

    fn used_by(receipt: Option<&str>, key: Option<&str>) -> CouponChange {
        CouponChange::Use { receipt: receipt.map(|id| ReceiptId::new(id).unwrap()), key: key.map(str::to_owned) }
    }

    #[test]
    fn only_the_same_receipt_or_request_repeats_a_use() {
        let now = at("2026-03-01T09:30:00Z");
        let later = at("2026-03-01T09:40:00Z");
        let second_till = Err(CouponFault { status: CouponStatus::Used, used_at: Some(now) });
        let used = change_coupon(&coupon(CouponStatus::Available), &used_by(Some("r-1"), Some("k-1")), now).unwrap();
        assert_eq!(used.receipt, Some(ReceiptId::new("r-1").unwrap()));
        for repeat in [used_by(Some("r-1"), None), used_by(None, Some("k-1")), used_by(Some("r-1"), Some("k-2"))] {
            assert_eq!(change_coupon(&used, &repeat, later).unwrap(), used, "{repeat:?}");
        }
        for other in [used_by(None, None), used_by(Some("r-2"), None), used_by(None, Some("k-2"))] {
            assert_eq!(change_coupon(&used, &other, later), second_till, "{other:?}");
        }
        // A till that names neither receipt nor request uses it once, too.
        let used = change_coupon(&coupon(CouponStatus::Applied), &used_by(None, None), now).unwrap();
        assert_eq!(change_coupon(&used, &used_by(None, None), later), second_till);
        assert_eq!(change_coupon(&used, &used_by(Some("r-1"), None), later), second_till);
    }
}
