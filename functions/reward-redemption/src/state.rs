//! Where a coupon can go from where it stands, as far as no points move.

use jiff::{SignedDuration, Timestamp};
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::decide::CouponFault;
use tessera_domain::ids::ReceiptId;

/// A change of a coupon that moves no points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Put on a cart, for so many minutes.
    Apply {
        /// The minutes.
        minutes: u32,
    },
    /// Taken off the cart, back into the wallet.
    Release,
    /// Used, for good.
    Use {
        /// The receipt that it was used on, where that is known.
        receipt: Option<ReceiptId>,
        /// The request's `Idempotency-Key`.
        key: Option<String>,
    },
}

/// What a coupon becomes by a change at a moment; the coupon itself where it has come there already.
///
/// # Errors
/// Where it stands, when that leads nowhere.
pub(crate) fn changed(coupon: &Coupon, change: &Change, now: Timestamp) -> Result<Coupon, CouponFault> {
    let status = coupon.status_at(now);
    match (change, status) {
        (Change::Apply { minutes }, CouponStatus::Available) => {
            let until = now.saturating_add(SignedDuration::from_mins(i64::from(*minutes))).ok();
            Ok(Coupon { status: CouponStatus::Applied, until, ..coupon.clone() })
        }
        (Change::Release, CouponStatus::Applied) => {
            Ok(Coupon { status: CouponStatus::Available, until: None, ..coupon.clone() })
        }
        (Change::Use { receipt, key }, CouponStatus::Available | CouponStatus::Applied) => Ok(Coupon {
            status: CouponStatus::Used,
            until: None,
            receipt: receipt.clone(),
            ended_at: Some(now),
            used_key: key.clone(),
            ..coupon.clone()
        }),
        (Change::Apply { .. }, CouponStatus::Applied) | (Change::Release, CouponStatus::Available) => {
            Ok(coupon.clone())
        }
        // A coupon is used once: the same receipt or the same request may repeat it, a second till may not.
        (Change::Use { receipt, key }, CouponStatus::Used) if repeats(coupon, receipt.as_ref(), key.as_deref()) => {
            Ok(coupon.clone())
        }
        _ => Err(CouponFault::new(coupon, status)),
    }
}

/// True for a use that names what used the coupon.
fn repeats(coupon: &Coupon, receipt: Option<&ReceiptId>, key: Option<&str>) -> bool {
    (receipt.is_some() && receipt == coupon.receipt.as_ref()) || (key.is_some() && key == coupon.used_key.as_deref())
}

#[cfg(test)]
pub(crate) mod tests {
    use tessera_domain::coupon::Discount;
    use tessera_domain::ids::{CouponCode, MemberId, RewardId};
    use tessera_domain::points::Points;
    use tessera_domain::program::RewardType;

    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    pub(crate) fn coupon(status: CouponStatus) -> Coupon {
        Coupon {
            code: CouponCode::new("ADA-7K2M9QXT").unwrap(),
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
        }
    }

    fn fault(status: CouponStatus) -> CouponFault {
        CouponFault { status, used_at: None }
    }

    const APPLY: Change = Change::Apply { minutes: 60 };

    #[test]
    fn every_change_leads_from_every_state_where_the_contract_says() {
        use CouponStatus::{Applied, Available, Cancelled, Expired, Lapsed, Reserved, Used};
        let now = at("2026-03-01T09:30:00Z");
        let changes = [APPLY, Change::Release, Change::Use { receipt: None, key: None }];
        let expected = [
            (Reserved, [None, None, None]),
            (Available, [Some(Applied), Some(Available), Some(Used)]),
            (Applied, [Some(Applied), Some(Available), Some(Used)]),
            (Used, [None, None, None]),
            (Expired, [None, None, None]),
            (Cancelled, [None, None, None]),
            (Lapsed, [None, None, None]),
        ];
        for (from, reached) in expected {
            for (change, to) in changes.iter().zip(reached) {
                let result = changed(&coupon(from), change, now).map(|coupon| coupon.status_at(now));
                assert_eq!(result, to.ok_or(fault(from)), "{from:?} {change:?}");
            }
        }
    }

    #[test]
    fn a_repeat_changes_nothing_not_even_the_time() {
        let now = at("2026-03-01T09:30:00Z");
        let applied = changed(&coupon(CouponStatus::Available), &APPLY, now).unwrap();
        assert_eq!(applied.until, Some(at("2026-03-01T10:30:00Z")));
        assert_eq!(changed(&applied, &APPLY, at("2026-03-01T09:45:00Z")).unwrap(), applied);
    }

    #[test]
    fn time_decides_first() {
        let late = at("2026-03-01T10:00:00Z");
        let cart = coupon(CouponStatus::Applied);
        let again = changed(&cart, &APPLY, late).unwrap();
        assert_eq!(again.until, Some(at("2026-03-01T11:00:00Z")), "the cart had lost it, so this is a new apply");
        assert_eq!(changed(&cart, &Change::Release, late).unwrap(), cart);
        let expired = at("2026-04-01T00:00:00Z");
        assert_eq!(changed(&coupon(CouponStatus::Available), &APPLY, expired), Err(fault(CouponStatus::Expired)));
    }

    fn used_by(receipt: Option<&str>, key: Option<&str>) -> Change {
        Change::Use { receipt: receipt.map(|id| ReceiptId::new(id).unwrap()), key: key.map(str::to_owned) }
    }

    #[test]
    fn only_the_same_receipt_or_the_same_request_repeats_a_use() {
        let now = at("2026-03-01T09:30:00Z");
        let later = at("2026-03-01T09:40:00Z");
        let second_till = Err(CouponFault { status: CouponStatus::Used, used_at: Some(now) });
        let used = changed(&coupon(CouponStatus::Available), &used_by(Some("r-1"), Some("k-1")), now).unwrap();
        assert_eq!(used.receipt, Some(ReceiptId::new("r-1").unwrap()));
        for repeat in [used_by(Some("r-1"), None), used_by(None, Some("k-1")), used_by(Some("r-1"), Some("k-2"))] {
            assert_eq!(changed(&used, &repeat, later).unwrap(), used, "{repeat:?}");
        }
        for other in [used_by(None, None), used_by(Some("r-2"), None), used_by(None, Some("k-2"))] {
            assert_eq!(changed(&used, &other, later), second_till, "{other:?}");
        }
        // A till that names nothing uses it once all the same.
        let used = changed(&coupon(CouponStatus::Applied), &used_by(None, None), now).unwrap();
        assert_eq!(changed(&used, &used_by(None, None), later), second_till);
        assert_eq!(changed(&used, &used_by(Some("r-1"), None), later), second_till);
    }
}
