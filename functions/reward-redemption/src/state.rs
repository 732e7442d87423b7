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
        (Change::Use { receipt }, CouponStatus::Available | CouponStatus::Applied) => {
            Ok(Coupon { status: CouponStatus::Used, until: None, receipt: receipt.clone(), ..coupon.clone() })
        }
        (Change::Apply { .. }, CouponStatus::Applied) | (Change::Release, CouponStatus::Available) => {
            Ok(coupon.clone())
        }
        // A coupon is used once: the same till may say so again, another receipt may not.
        (Change::Use { receipt }, CouponStatus::Used) if receipt.is_none() || *receipt == coupon.receipt => {
            Ok(coupon.clone())
        }
        _ => Err(CouponFault(status)),
    }
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
        }
    }

    const APPLY: Change = Change::Apply { minutes: 60 };

    #[test]
    fn every_change_leads_from_every_state_where_the_contract_says() {
        use CouponStatus::{Applied, Available, Cancelled, Expired, Lapsed, Reserved, Used};
        let now = at("2026-03-01T09:30:00Z");
        let changes = [APPLY, Change::Release, Change::Use { receipt: None }];
        let expected = [
            (Reserved, [None, None, None]),
            (Available, [Some(Applied), Some(Available), Some(Used)]),
            (Applied, [Some(Applied), Some(Available), Some(Used)]),
            (Used, [None, None, Some(Used)]),
            (Expired, [None, None, None]),
            (Cancelled, [None, None, None]),
            (Lapsed, [None, None, None]),
        ];
        for (from, reached) in expected {
            for (change, to) in changes.iter().zip(reached) {
                let result = changed(&coupon(from), change, now).map(|coupon| coupon.status_at(now));
                assert_eq!(result, to.ok_or(CouponFault(from)), "{from:?} {change:?}");
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
        assert_eq!(changed(&coupon(CouponStatus::Available), &APPLY, expired), Err(CouponFault(CouponStatus::Expired)));
    }

    #[test]
    fn a_coupon_is_used_on_one_receipt() {
        let now = at("2026-03-01T09:30:00Z");
        let on = |id: &str| Change::Use { receipt: Some(ReceiptId::new(id).unwrap()) };
        let used = changed(&coupon(CouponStatus::Available), &on("r-1"), now).unwrap();
        assert_eq!(used.receipt, Some(ReceiptId::new("r-1").unwrap()));
        assert_eq!(changed(&used, &on("r-1"), now).unwrap(), used);
        assert_eq!(changed(&used, &Change::Use { receipt: None }, now).unwrap(), used);
        assert_eq!(changed(&used, &on("r-2"), now), Err(CouponFault(CouponStatus::Used)));
    }
}
