//! Request bodies of redemptions and coupons.

use serde_json::{Value, json};
use tessera_domain::decide::Redemption;
use tessera_domain::ids::{ReceiptId, RewardId};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::points::Points;

/// Default of `reserve_minutes`.
const RESERVE_MINUTES: u32 = 30;
/// Maximum of `reserve_minutes`: 30 days.
const MOST_RESERVE_MINUTES: u32 = 43_200;

/// A reward to redeem.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Redemption), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_redemption` reads")]
pub(crate) struct RedemptionBody {
    /// The reward.
    reward: String,
    /// The points to spend on a reward with `cost_per`: a multiple of its `step` from `min` to `max`.
    points: Option<i64>,
    /// Only reserve the points, until the coupon is committed, cancelled or lapses.
    reserve: Option<bool>,
    /// Minutes that the reservation lasts; 30 when absent.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 43200))]
    reserve_minutes: Option<u32>,
    /// Put the coupon on the cart at once.
    apply: Option<bool>,
}

impl RedemptionBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "reward": "five-off" })
    }
}

/// Where a coupon was used.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CouponUse), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_use` reads")]
pub(crate) struct CouponUseBody {
    /// The receipt.
    receipt: Option<String>,
}

impl CouponUseBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "receipt": "0532-0007" })
    }
}

/// Reads the body of a redemption.
///
/// # Errors
/// Every fault of the body.
pub(crate) fn read_redemption(body: &Value) -> Result<Redemption, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let reward = object.required("reward", Node::id::<RewardId>);
        let points = object.optional("points", |points| points.integer(i64::MIN, i64::MAX).map(Points::new));
        let reserve = object.or("reserve", false, Node::boolean);
        let minutes = object.or("reserve_minutes", RESERVE_MINUTES, |node| node.count(1, MOST_RESERVE_MINUTES));
        let apply = object.or("apply", false, Node::boolean);
        object.finish();
        let (reserve, apply) = (reserve?, apply?);
        if reserve && apply {
            return node.refuse("a reserved coupon cannot be applied: it must be committed first");
        }
        let reserve_minutes = minutes.map(|minutes| reserve.then_some(minutes))?;
        Some(Redemption { reward: reward?, points: points?, reserve_minutes, apply, by_member: false })
    })
}

/// Reads the body of a use: the receipt that the coupon was used on, if given.
///
/// # Errors
/// Every fault of the body.
pub(crate) fn read_use(body: &Value) -> Result<Option<ReceiptId>, Vec<Fault>> {
    if body.is_null() {
        return Ok(None);
    }
    input::read(body, |node| {
        let object = node.object()?;
        let receipt = object.optional("receipt", Node::id::<ReceiptId>);
        object.finish();
        receipt
    })
}

/// Reads the body of an action without parameters: absent, null or an empty object.
///
/// # Errors
/// Every fault of the body.
pub(crate) fn read_nothing(body: &Value) -> Result<(), Vec<Fault>> {
    if body.is_null() {
        return Ok(());
    }
    input::read(body, |node| {
        node.object()?.finish();
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redemption(reserve_minutes: Option<u32>, apply: bool) -> Redemption {
        let reward = RewardId::new("five-off").unwrap();
        Redemption { reward, points: None, reserve_minutes, apply, by_member: false }
    }

    #[test]
    fn a_redemption_has_defaults() {
        assert_eq!(read_redemption(&json!({ "reward": "five-off" })).unwrap(), redemption(None, false));
        let body = json!({ "reward": "five-off", "reserve": false, "reserve_minutes": 30, "apply": true });
        assert_eq!(read_redemption(&body).unwrap(), redemption(None, true));
        assert_eq!(
            read_redemption(&json!({ "reward": "five-off", "reserve": true })).unwrap(),
            redemption(Some(30), false)
        );
        let body = json!({ "reward": "five-off", "points": 300 });
        assert_eq!(read_redemption(&body).unwrap().points, Some(Points::new(300)));
        let body = json!({ "reward": "five-off", "reserve": true, "reserve_minutes": 5 });
        assert_eq!(read_redemption(&body).unwrap(), redemption(Some(5), false));
    }

    #[test]
    fn an_invalid_redemption_is_refused() {
        for body in [
            json!({}),
            json!([]),
            json!({ "reward": 7 }),
            json!({ "reward": "five-off", "points": "300" }),
            json!({ "reward": "five-off", "points": 1.5 }),
            json!({ "reward": "five-off", "reserve": "yes" }),
            json!({ "reward": "five-off", "reserve": true, "reserve_minutes": 0 }),
            json!({ "reward": "five-off", "reserve": true, "apply": true }),
            json!({ "reward": "five-off", "rewards": [] }),
        ] {
            assert!(!read_redemption(&body).unwrap_err().is_empty(), "{body}");
        }
    }

    #[test]
    fn a_use_may_name_its_receipt_and_other_actions_have_no_parameters() {
        assert_eq!(read_use(&Value::Null).unwrap(), None);
        assert_eq!(read_use(&json!({})).unwrap(), None);
        assert_eq!(read_use(&json!({ "receipt": "r-1" })).unwrap(), Some(ReceiptId::new("r-1").unwrap()));
        assert!(read_use(&json!({ "recipt": "r-1" })).is_err());
        assert!(read_nothing(&Value::Null).is_ok() && read_nothing(&json!({})).is_ok());
        assert!(read_nothing(&json!({ "receipt": "r-1" })).is_err());
    }
}
