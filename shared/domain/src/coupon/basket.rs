//! What a coupon takes off a basket. Tills and carts ask before they accept a coupon.

use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Coupon, CouponStatus, Discount};
use crate::input::{self, Fault, Node};
use crate::money::{Currency, Money};
use crate::program::RewardType;

/// Maximum number of lines of a basket.
const MOST_LINES: usize = 1_000;

/// A basket, reduced to what coupons depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponBasket {
    /// The price of the goods.
    pub total: Money,
    /// The lines; `None` when the sender did not give them.
    pub lines: Option<Vec<BasketLine>>,
}

/// A line of a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketLine {
    /// The SKU, if the line has one.
    pub sku: Option<String>,
    /// The line's price.
    pub amount: Money,
}

/// The response to a check of a coupon on a basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CouponCheck))]
pub struct BasketCheck {
    /// Whether the coupon can be used on this basket now.
    pub valid: bool,
    /// The discount, as it was when the coupon was issued.
    pub discount: Discount,
    /// What the coupon takes off this basket, in the discount's currency; `None` when that is not an amount of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub amount_off: Option<String>,
    /// Why the coupon cannot be used: its status, `minimum_spend`, `no_matching_line` or `lines_needed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = Option<String>))]
    pub reason: Option<&'static str>,
}

/// A basket to try a coupon on.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Basket), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_basket` reads")]
pub struct BasketBody {
    /// What the customer would pay for goods.
    total: String,
    /// What is in it; needed for coupons that apply to some SKUs only.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    lines: Option<Vec<BasketLineBody>>,
}

/// A line of a basket. It may have every field of a receipt's line; only the SKU and the amount matter.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BasketLine), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_line` reads")]
pub struct BasketLineBody {
    /// Not used.
    id: Option<Value>,
    /// The SKU.
    #[cfg_attr(feature = "openapi", schema(max_length = 256))]
    sku: Option<String>,
    /// Not used.
    product: Option<Value>,
    /// Not used.
    category: Option<Value>,
    /// Not used.
    brand: Option<Value>,
    /// Not used.
    quantity: Option<Value>,
    /// The price of the whole line.
    amount: String,
    /// Not used.
    attributes: Option<Value>,
}

impl BasketBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "total": "40.00", "lines": [{ "id": "1", "sku": "SW-1", "amount": "40.00" }] })
    }
}

/// Reads the body of a check. A line may have every field of a receipt's line; only SKU and amount are used.
///
/// # Errors
/// Every fault of the body.
pub fn read_basket(body: &Value, currency: Currency) -> Result<CouponBasket, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let total = object.required("total", |node| node.money(currency));
        let lines = object.optional("lines", |node| node.list(MOST_LINES, |line| read_line(line, currency)));
        object.finish();
        Some(CouponBasket { total: total?, lines: lines? })
    })
}

fn read_line(node: &Node<'_>, currency: Currency) -> Option<BasketLine> {
    let object = node.object()?;
    object.read_only(&["id", "product", "category", "brand", "quantity", "attributes"]);
    let sku = object.optional("sku", |node| node.text(256));
    let amount = object.required("amount", |node| node.money(currency));
    object.finish();
    Some(BasketLine { sku: sku?, amount: amount? })
}

/// Checks a coupon on a basket at a time.
pub fn check_basket(coupon: &Coupon, basket: &CouponBasket, now: Timestamp) -> BasketCheck {
    let discount = coupon.discount.clone();
    match require_usable(coupon.status_at(now)).and_then(|()| amount_off(&discount, basket)) {
        Ok(amount) => {
            BasketCheck { valid: true, amount_off: amount.map(|money| money.to_string()), discount, reason: None }
        }
        Err(reason) => BasketCheck { valid: false, amount_off: None, discount, reason: Some(reason) },
    }
}

const fn require_usable(status: CouponStatus) -> Result<(), &'static str> {
    match status {
        CouponStatus::Available | CouponStatus::Applied => Ok(()),
        CouponStatus::Reserved => Err("reserved"),
        CouponStatus::Used => Err("used"),
        CouponStatus::Expired => Err("expired"),
        CouponStatus::Cancelled => Err("cancelled"),
        CouponStatus::Lapsed => Err("lapsed"),
    }
}

/// What a discount takes off a basket; `None` when that is not an amount of money or a price is unknown.
fn amount_off(discount: &Discount, basket: &CouponBasket) -> Result<Option<Money>, &'static str> {
    let currency = basket.total.currency();
    let money = |text: &Option<String>| text.as_deref().and_then(|text| Money::parse(text, currency).ok());
    if money(&discount.minimum_spend).is_some_and(|least| basket.total.minor() < least.minor()) {
        return Err("minimum_spend");
    }
    let eligible = eligible_sum(discount, basket)?;
    let minor = match discount.kind {
        RewardType::AmountOff | RewardType::GiftCard => money(&discount.amount).map(Money::minor),
        RewardType::PercentOff => discount.percent.as_deref().and_then(|percent| percent_of(eligible, percent)),
        RewardType::FreeShipping | RewardType::FreeProduct | RewardType::Custom => None,
    };
    Ok(minor.map(|minor| Money::new(minor.min(eligible), currency)))
}

/// The sum, in minor units, of the part of a basket that a discount applies to.
fn eligible_sum(discount: &Discount, basket: &CouponBasket) -> Result<i64, &'static str> {
    let total = basket.total.minor();
    let Some(skus) = &discount.skus else { return Ok(total) };
    let Some(lines) = &basket.lines else {
        // A free product may still be added to the basket; any other discount depends on the lines.
        return if discount.kind == RewardType::FreeProduct { Ok(total) } else { Err("lines_needed") };
    };
    let matching = lines.iter().filter(|line| line.sku.as_ref().is_some_and(|sku| skus.contains(sku)));
    let mut amounts = matching.map(|line| line.amount.minor()).peekable();
    if amounts.peek().is_none() {
        return Err("no_matching_line");
    }
    // A discount on the whole order is part of the total, not of the lines.
    Ok(amounts.fold(0_i64, i64::saturating_add).min(total))
}

/// A percentage of an amount in minor units, rounded half-even like every conversion of money.
fn percent_of(minor: i64, percent: &str) -> Option<i64> {
    let share = Decimal::from_str_exact(percent).ok()?.checked_div(Decimal::ONE_HUNDRED)?;
    let exact = Decimal::from(minor).checked_mul(share)?;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven).to_i64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coupon::change::tests::{at, coupon};

    const NOW: &str = "2026-03-01T09:30:00Z";

    fn euro() -> Currency {
        Currency::from_code("EUR").unwrap()
    }

    fn coupon_with(discount: Value) -> Coupon {
        let discount = serde_json::from_value(discount).unwrap();
        Coupon { discount, ..coupon(CouponStatus::Available) }
    }

    fn checked(coupon: &Coupon, body: &Value) -> (bool, Option<String>, Option<&'static str>) {
        let check = check_basket(coupon, &read_basket(body, euro()).unwrap(), at(NOW));
        (check.valid, check.amount_off, check.reason)
    }

    fn takes_off(text: &str) -> (bool, Option<String>, Option<&'static str>) {
        (true, Some(text.to_owned()), None)
    }

    fn refused(reason: &'static str) -> (bool, Option<String>, Option<&'static str>) {
        (false, None, Some(reason))
    }

    #[test]
    fn an_amount_takes_at_most_the_basket() {
        let five = coupon(CouponStatus::Available);
        assert_eq!(checked(&five, &json!({ "total": "42.00" })), takes_off("5.00"));
        assert_eq!(checked(&five, &json!({ "total": "3.20" })), takes_off("3.20"));
    }

    #[test]
    fn a_percentage_is_rounded_half_even() {
        let coupon = coupon_with(json!({ "type": "percent_off", "percent": "12.5", "currency": "EUR" }));
        assert_eq!(checked(&coupon, &json!({ "total": "100.00" })), takes_off("12.50"));
        assert_eq!(checked(&coupon, &json!({ "total": "0.20" })), takes_off("0.02"));
        assert_eq!(checked(&coupon, &json!({ "total": "0.28" })), takes_off("0.04"));
    }

    #[test]
    fn minimum_spend_and_skus_are_required() {
        let coupon = coupon_with(json!({ "type": "percent_off", "percent": "50", "currency": "EUR",
                                  "skus": ["A"], "minimum_spend": "20.00" }));
        let lines = json!([{ "sku": "A", "amount": "10.00", "quantity": "1" }, { "amount": "15.00" }]);
        assert_eq!(checked(&coupon, &json!({ "total": "25.00", "lines": lines })), takes_off("5.00"));
        assert_eq!(checked(&coupon, &json!({ "total": "19.99", "lines": lines })), refused("minimum_spend"));
        assert_eq!(checked(&coupon, &json!({ "total": "20.00" })), refused("lines_needed"));
        let other_lines = json!([{ "sku": "B", "amount": "25.00" }]);
        assert_eq!(checked(&coupon, &json!({ "total": "25.00", "lines": other_lines })), refused("no_matching_line"));
    }

    #[test]
    fn a_free_product_has_no_amount() {
        let coupon = coupon_with(json!({ "type": "free_product", "skus": ["A"], "currency": "EUR" }));
        assert_eq!(checked(&coupon, &json!({ "total": "1.00" })), (true, None, None));
        let lines = json!([{ "sku": "A", "amount": "1.00" }]);
        assert_eq!(checked(&coupon, &json!({ "total": "1.00", "lines": lines })), (true, None, None));
    }

    #[test]
    fn only_available_and_applied_coupons_are_valid() {
        let total = json!({ "total": "42.00" });
        assert!(checked(&coupon(CouponStatus::Applied), &total).0);
        for (status, reason) in [
            (CouponStatus::Reserved, "reserved"),
            (CouponStatus::Used, "used"),
            (CouponStatus::Expired, "expired"),
            (CouponStatus::Cancelled, "cancelled"),
            (CouponStatus::Lapsed, "lapsed"),
        ] {
            assert_eq!(checked(&coupon(status), &total), refused(reason));
        }
    }

    #[test]
    fn every_fault_of_a_basket_is_reported() {
        let body = json!({ "total": 42.0, "lines": [{ "sku": 7, "amount": "-1", "price": "1" }], "curency": "EUR" });
        let faults = read_basket(&body, euro()).unwrap_err();
        let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/curency", "/lines/0/amount", "/lines/0/price", "/lines/0/sku", "/total"]);
    }
}
