//! What a coupon is worth on a basket: asked by a till or a cart before it takes the coupon.

use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::Value;
use tessera_domain::coupon::{Coupon, CouponStatus, Discount};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::money::{Currency, Money};
use tessera_domain::program::RewardType;

/// The most lines of a basket.
const MOST_LINES: usize = 1_000;

/// A basket, as far as coupons look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basket {
    /// What the customer would pay for goods.
    pub total: Money,
    /// What is in it; `None` when the till did not say.
    pub lines: Option<Vec<Line>>,
}

/// A line of a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The SKU, where there is one.
    pub sku: Option<String>,
    /// What the line costs.
    pub amount: Money,
}

/// The answer to a till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// Whether the coupon can be used on this basket now.
    pub valid: bool,
    /// The advantage, as it was when the coupon was issued.
    pub discount: Discount,
    /// What it takes off this basket, in the discount's currency, where that is an amount of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_off: Option<String>,
    /// Why it cannot be used: the coupon's status, `minimum_spend`, `no_matching_line` or `lines_needed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// Reads the body of a check. A line may carry all that a receipt's line carries; only its SKU and amount matter.
///
/// # Errors
/// Every fault of the body.
pub(crate) fn read_basket(body: &Value, currency: Currency) -> Result<Basket, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let total = object.required("total", |node| node.money(currency));
        let lines = object.optional("lines", |node| node.list(MOST_LINES, |line| read_line(line, currency)));
        object.finish();
        Some(Basket { total: total?, lines: lines? })
    })
}

fn read_line(node: &Node<'_>, currency: Currency) -> Option<Line> {
    let object = node.object()?;
    object.read_only(&["id", "product", "category", "brand", "quantity", "attributes"]);
    let sku = object.optional("sku", |node| node.text(256));
    let amount = object.required("amount", |node| node.money(currency));
    object.finish();
    Some(Line { sku: sku?, amount: amount? })
}

/// Judges a coupon on a basket at a moment.
pub(crate) fn check(coupon: &Coupon, basket: &Basket, now: Timestamp) -> Verdict {
    let discount = coupon.discount.clone();
    let judged = usable(coupon.status_at(now)).and_then(|()| worth(&discount, basket));
    match judged {
        Ok(amount) => {
            Verdict { valid: true, amount_off: amount.map(|money| money.to_string()), discount, reason: None }
        }
        Err(reason) => Verdict { valid: false, amount_off: None, discount, reason: Some(reason) },
    }
}

const fn usable(status: CouponStatus) -> Result<(), &'static str> {
    match status {
        CouponStatus::Available | CouponStatus::Applied => Ok(()),
        CouponStatus::Reserved => Err("reserved"),
        CouponStatus::Used => Err("used"),
        CouponStatus::Expired => Err("expired"),
        CouponStatus::Cancelled => Err("cancelled"),
        CouponStatus::Lapsed => Err("lapsed"),
    }
}

/// What a discount takes off a basket; `None` where that is not an amount of money, or needs prices that nobody gave.
fn worth(discount: &Discount, basket: &Basket) -> Result<Option<Money>, &'static str> {
    let currency = basket.total.currency();
    let money = |text: &Option<String>| text.as_deref().and_then(|text| Money::parse(text, currency).ok());
    if money(&discount.minimum_spend).is_some_and(|least| basket.total.minor() < least.minor()) {
        return Err("minimum_spend");
    }
    let base = base(discount, basket)?;
    let minor = match discount.kind {
        RewardType::AmountOff | RewardType::GiftCard => money(&discount.amount).map(Money::minor),
        RewardType::PercentOff => discount.percent.as_deref().and_then(|percent| percent_of(base, percent)),
        RewardType::FreeShipping | RewardType::FreeProduct | RewardType::Custom => None,
    };
    Ok(minor.map(|minor| Money::new(minor.min(base), currency)))
}

/// The part of a basket, in minor units, that a discount works on.
fn base(discount: &Discount, basket: &Basket) -> Result<i64, &'static str> {
    let total = basket.total.minor();
    let Some(skus) = &discount.skus else { return Ok(total) };
    let Some(lines) = &basket.lines else {
        // A free product may still be put into the basket; anything else cannot be told without the lines.
        return if discount.kind == RewardType::FreeProduct { Ok(total) } else { Err("lines_needed") };
    };
    let matching = lines.iter().filter(|line| line.sku.as_ref().is_some_and(|sku| skus.contains(sku)));
    let mut amounts = matching.map(|line| line.amount.minor()).peekable();
    if amounts.peek().is_none() {
        return Err("no_matching_line");
    }
    // Discounts on the whole order are in the total and not in the lines.
    Ok(amounts.fold(0_i64, i64::saturating_add).min(total))
}

/// So many per cent of an amount, rounded half-even to minor units like every conversion of money.
fn percent_of(minor: i64, percent: &str) -> Option<i64> {
    let share = Decimal::from_str_exact(percent).ok()?.checked_div(Decimal::ONE_HUNDRED)?;
    let exact = Decimal::from(minor).checked_mul(share)?;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven).to_i64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::tests::{at, coupon};

    const NOW: &str = "2026-03-01T09:30:00Z";

    fn euro() -> Currency {
        Currency::from_code("EUR").unwrap()
    }

    fn with(discount: Value) -> Coupon {
        let discount = serde_json::from_value(discount).unwrap();
        Coupon { discount, ..coupon(CouponStatus::Available) }
    }

    fn verdict(coupon: &Coupon, body: &Value) -> (bool, Option<String>, Option<&'static str>) {
        let verdict = check(coupon, &read_basket(body, euro()).unwrap(), at(NOW));
        (verdict.valid, verdict.amount_off, verdict.reason)
    }

    fn worth(text: &str) -> (bool, Option<String>, Option<&'static str>) {
        (true, Some(text.to_owned()), None)
    }

    fn against(reason: &'static str) -> (bool, Option<String>, Option<&'static str>) {
        (false, None, Some(reason))
    }

    #[test]
    fn an_amount_takes_no_more_than_the_basket() {
        let five = coupon(CouponStatus::Available);
        assert_eq!(verdict(&five, &json!({ "total": "42.00" })), worth("5.00"));
        assert_eq!(verdict(&five, &json!({ "total": "3.20" })), worth("3.20"));
    }

    #[test]
    fn per_cent_are_rounded_half_even() {
        let coupon = with(json!({ "type": "percent_off", "percent": "12.5", "currency": "EUR" }));
        assert_eq!(verdict(&coupon, &json!({ "total": "100.00" })), worth("12.50"));
        assert_eq!(verdict(&coupon, &json!({ "total": "0.20" })), worth("0.02"));
        assert_eq!(verdict(&coupon, &json!({ "total": "0.28" })), worth("0.04"));
    }

    #[test]
    fn the_least_basket_and_the_skus_are_asked_for() {
        let coupon = with(json!({ "type": "percent_off", "percent": "50", "currency": "EUR",
                                  "skus": ["A"], "minimum_spend": "20.00" }));
        let lines = json!([{ "sku": "A", "amount": "10.00", "quantity": "1" }, { "amount": "15.00" }]);
        assert_eq!(verdict(&coupon, &json!({ "total": "25.00", "lines": lines })), worth("5.00"));
        assert_eq!(verdict(&coupon, &json!({ "total": "19.99", "lines": lines })), against("minimum_spend"));
        assert_eq!(verdict(&coupon, &json!({ "total": "20.00" })), against("lines_needed"));
        let others = json!([{ "sku": "B", "amount": "25.00" }]);
        assert_eq!(verdict(&coupon, &json!({ "total": "25.00", "lines": others })), against("no_matching_line"));
    }

    #[test]
    fn a_free_product_has_no_amount() {
        let coupon = with(json!({ "type": "free_product", "skus": ["A"], "currency": "EUR" }));
        assert_eq!(verdict(&coupon, &json!({ "total": "1.00" })), (true, None, None));
        let lines = json!([{ "sku": "A", "amount": "1.00" }]);
        assert_eq!(verdict(&coupon, &json!({ "total": "1.00", "lines": lines })), (true, None, None));
    }

    #[test]
    fn only_coupons_in_the_wallet_or_on_a_cart_are_valid() {
        let total = json!({ "total": "42.00" });
        assert!(verdict(&coupon(CouponStatus::Applied), &total).0);
        for (status, reason) in [
            (CouponStatus::Reserved, "reserved"),
            (CouponStatus::Used, "used"),
            (CouponStatus::Expired, "expired"),
            (CouponStatus::Cancelled, "cancelled"),
            (CouponStatus::Lapsed, "lapsed"),
        ] {
            assert_eq!(verdict(&coupon(status), &total), against(reason));
        }
    }

    #[test]
    fn every_fault_of_a_basket_is_named() {
        let body = json!({ "total": 42.0, "lines": [{ "sku": 7, "amount": "-1", "price": "1" }], "curency": "EUR" });
        let faults = read_basket(&body, euro()).unwrap_err();
        let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/curency", "/lines/0/amount", "/lines/0/price", "/lines/0/sku", "/total"]);
    }
}
