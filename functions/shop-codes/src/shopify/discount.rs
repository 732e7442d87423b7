//! What Shopify's discount is created from.

use serde_json::{Map, Value, json};
use tessera_domain::coupon::Discount;
use tessera_domain::ids::CouponCode;
use tessera_domain::program::{CombinesWith, RewardType};
use tessera_store::ShopPool;

use crate::http::ShopFailure;

const BASIC: &str = "mutation CreateDiscount($discount: DiscountCodeBasicInput!) {
    discountCodeBasicCreate(basicCodeDiscount: $discount) {
        codeDiscountNode { id } userErrors { field code message } } }";
const FREE_SHIPPING: &str = "mutation CreateFreeShipping($discount: DiscountCodeFreeShippingInput!) {
    discountCodeFreeShippingCreate(freeShippingCodeDiscount: $discount) {
        codeDiscountNode { id } userErrors { field code message } } }";

/// The mutation that creates a pool's discount: its name, its document, and its input.
///
/// # Errors
/// When Shopify has no discount of this kind.
pub(super) fn discount_input(
    pool: &ShopPool,
    first: &CouponCode,
) -> Result<(&'static str, &'static str, Value), ShopFailure> {
    let Discount { kind, minimum_spend, .. } = &pool.discount;
    let mut input = Map::new();
    let mut set = |name: &str, value: Value| drop(input.insert(name.to_owned(), value));
    set("title", json!(pool.title));
    set("code", json!(first));
    set("startsAt", json!(pool.created_at.to_string()));
    set("context", json!({ "all": "ALL" }));
    // Counts for each code. A customer may have several codes of a discount.
    set("usageLimit", json!(1));
    set("appliesOncePerCustomer", json!(false));
    if let Some(minimum) = minimum_spend {
        set("minimumRequirement", json!({ "subtotal": { "greaterThanOrEqualToSubtotal": minimum } }));
    }
    let with = pool.discount.combines_with.unwrap_or_default();
    let gets = |value: Value| json!({ "value": value, "items": { "all": true } });
    match kind {
        RewardType::FreeShipping => {
            set("destination", json!({ "all": true }));
            // Shopify combines no two discounts on shipping.
            set("combinesWith", json!({ "orderDiscounts": with.order, "productDiscounts": with.product }));
            return Ok(("discountCodeFreeShippingCreate", FREE_SHIPPING, Value::Object(input)));
        }
        RewardType::AmountOff => {
            let amount = pool.discount.amount.as_deref().unwrap_or_default();
            set("customerGets", gets(json!({ "discountAmount": { "amount": amount, "appliesOnEachItem": false } })));
        }
        RewardType::PercentOff => {
            set("customerGets", gets(json!({ "percentage": fraction(pool.discount.percent.as_deref())? })));
        }
        RewardType::FreeProduct | RewardType::GiftCard | RewardType::Custom => {
            return Err(ShopFailure::Refused("Shopify creates no codes for this type of reward".to_owned()));
        }
    }
    set("combinesWith", combines(with));
    Ok(("discountCodeBasicCreate", BASIC, Value::Object(input)))
}

fn combines(with: CombinesWith) -> Value {
    json!({ "orderDiscounts": with.order, "productDiscounts": with.product, "shippingDiscounts": with.shipping })
}

/// A percentage as the fraction of one that Shopify takes.
#[expect(clippy::float_arithmetic, reason = "the API takes a JSON number")]
fn fraction(percent: Option<&str>) -> Result<f64, ShopFailure> {
    let percent: Option<f64> = percent.and_then(|percent| percent.parse().ok());
    percent
        .map(|percent| percent / 100.0)
        .ok_or_else(|| ShopFailure::Refused("the reward has no percentage".to_owned()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tessera_domain::coupon::PoolId;
    use tessera_domain::ids::RewardId;

    use super::*;

    fn input(kind: RewardType, change: impl Fn(&mut Discount)) -> (&'static str, Value) {
        let mut discount = Discount {
            kind,
            amount: None,
            percent: None,
            skus: None,
            minimum_spend: None,
            max_discount: None,
            combines_with: None,
            bind: None,
            currency: "EUR".to_owned(),
            value: None,
        };
        change(&mut discount);
        let pool = ShopPool {
            pool: PoolId::created(RewardId::new("five-off").unwrap(), &discount),
            discount,
            shop: None,
            title: "Five".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            first_code: None,
            discount_id: None,
            is_withdrawn: false,
            switch: None,
            batch: None,
            is_filling: false,
            failed: 0,
            error: None,
            attempts: 0,
            due: None,
            checked_at: None,
            is_stopped: false,
        };
        let (operation, document, input) = discount_input(&pool, &CouponCode::new("7K2M9QXT4RVB").unwrap()).unwrap();
        assert!(document.contains(operation));
        (operation, input)
    }

    #[test]
    fn money_and_per_cent_are_basic_discounts_and_shipping_is_its_own() {
        let (operation, money) = input(RewardType::AmountOff, |discount| {
            discount.amount = Some("5.00".to_owned());
            discount.minimum_spend = Some("20.00".to_owned());
            discount.combines_with = Some(CombinesWith { order: false, product: true, shipping: true });
        });
        assert_eq!(operation, "discountCodeBasicCreate");
        assert_eq!(money["customerGets"]["value"]["discountAmount"]["amount"], "5.00");
        assert_eq!(money["minimumRequirement"]["subtotal"]["greaterThanOrEqualToSubtotal"], "20.00");
        assert_eq!((&money["usageLimit"], &money["appliesOncePerCustomer"]), (&json!(1), &json!(false)));
        let combines = json!({ "orderDiscounts": false, "productDiscounts": true, "shippingDiscounts": true });
        assert_eq!(money["combinesWith"], combines);
        let (_, percent) = input(RewardType::PercentOff, |discount| discount.percent = Some("12.5".to_owned()));
        assert_eq!(percent["customerGets"]["value"]["percentage"], 0.125);
        let (operation, shipping) = input(RewardType::FreeShipping, |_| {});
        assert_eq!(operation, "discountCodeFreeShippingCreate");
        assert_eq!((&shipping["destination"]["all"], shipping.get("customerGets")), (&json!(true), None));
    }
}
