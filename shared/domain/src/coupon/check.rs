//! What a coupon takes off a basket. Tills and carts ask before they accept a coupon.

use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use super::{BasketLine, Coupon, CouponBasket, CouponStatus, Discount, DiscountClass};
use crate::ids::LineId;
use crate::money::{Money, proportion, spread};
use crate::program::RewardType;

/// The response to a check of a coupon on a basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CouponCheck))]
pub struct BasketCheck {
    /// Whether the coupon can be used on this basket now.
    pub valid: bool,
    /// The discount, as it was when the coupon was issued.
    pub discount: Discount,
    /// What the coupon takes off the goods, in the discount's currency; 0 for a benefit that is not money.
    pub amount_off: String,
    /// The share of each line of the basket.
    pub lines: Vec<LineOff>,
    /// Whether it combines with the other codes on the basket.
    pub combines: bool,
    /// Why the coupon cannot be used: its status, `minimum_spend`, `no_matching_line`, `lines_needed` or `other_member`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = Option<String>))]
    pub reason: Option<&'static str>,
}

/// What a coupon takes off one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineOff {
    /// The line.
    pub id: LineId,
    /// What the coupon takes off it.
    pub amount_off: String,
}

/// What is known of a basket besides its goods.
#[derive(Debug, Clone, Default)]
pub struct BasketContext {
    /// True when the basket is known to be somebody's who does not own the coupon.
    pub is_of_another: bool,
    /// The other codes on the basket: the discounts of the program's coupons; `None`: the shop's own promotion.
    pub with: Vec<Option<Discount>>,
}

/// Checks a coupon on a basket at a time.
pub fn check_basket(coupon: &Coupon, basket: &CouponBasket, context: &BasketContext, now: Timestamp) -> BasketCheck {
    let discount = coupon.discount.clone();
    let bound = if coupon.is_bound() && context.is_of_another { Err("other_member") } else { Ok(()) };
    let checked = require_usable(coupon.status_at(now)).and(bound).and_then(|()| AmountOff::of(&discount, basket));
    let (off, reason) = match checked {
        Ok(off) => (off, None),
        Err(reason) => (AmountOff::none(basket), Some(reason)),
    };
    let text = |minor| Money::new(minor, basket.total.currency()).to_string();
    let lines = basket.lines.iter().flatten().zip(off.by_line);
    BasketCheck {
        valid: reason.is_none(),
        amount_off: text(off.total),
        lines: lines.map(|(line, off)| LineOff { id: line.id.clone(), amount_off: text(off) }).collect(),
        combines: context.with.iter().all(|other| combine(&discount, other.as_ref())),
        discount,
        reason,
    }
}

/// True if two discounts on one basket combine: each must allow the other. The shop's own promotions are discounts on the
/// whole order, and what they allow is the shop's matter.
fn combine(discount: &Discount, other: Option<&Discount>) -> bool {
    match other {
        Some(other) => discount.allows(other.class()) && other.allows(discount.class()),
        None => discount.allows(DiscountClass::Order),
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

/// What a discount takes off, in minor units.
struct AmountOff {
    total: i64,
    by_line: Vec<i64>,
}

impl AmountOff {
    fn none(basket: &CouponBasket) -> Self {
        Self { total: 0, by_line: vec![0; basket.lines.as_deref().map_or(0, <[_]>::len)] }
    }

    /// The amount is computed once for all eligible lines, bounded, and then spread over them.
    fn of(discount: &Discount, basket: &CouponBasket) -> Result<Self, &'static str> {
        let currency = basket.total.currency();
        let minor = |text: &Option<String>| Some(Money::parse(text.as_deref()?, currency).ok()?.minor());
        let Some(lines) = basket.lines.as_deref().filter(|lines| !lines.is_empty()) else {
            return Self::of_total(discount, basket, minor);
        };
        let weights: Vec<i64> =
            lines.iter().map(|line| if matches(discount, line) { line.amount.minor() } else { 0 }).collect();
        if !lines.iter().any(|line| matches(discount, line)) {
            return Err("no_matching_line");
        }
        let eligible = weights.iter().copied().fold(0, i64::saturating_add).min(basket.total.minor());
        let dearest = lines.iter().filter(|line| matches(discount, line)).map(unit_price).max().unwrap_or(0);
        let total = amount(discount, eligible, dearest, minor)?;
        // Lines that cost nothing have no share; without any other, there is nothing to spread.
        let by_line = if total == 0 { vec![0; lines.len()] } else { spread(total, &weights) };
        Ok(Self { total, by_line })
    }

    /// Without lines, the whole basket is eligible unless the discount is for some SKUs.
    fn of_total(
        discount: &Discount,
        basket: &CouponBasket,
        minor: impl Fn(&Option<String>) -> Option<i64>,
    ) -> Result<Self, &'static str> {
        match (&discount.skus, discount.kind) {
            (None, _) => Ok(Self { total: amount(discount, basket.total.minor(), 0, minor)?, by_line: Vec::new() }),
            // The free product may still be added to the basket.
            (Some(_), RewardType::FreeProduct) => Ok(Self::none(basket)),
            (Some(_), _) => Err("lines_needed"),
        }
    }
}

/// What a discount takes off an eligible sum; `dearest` is the price of the dearest unit.
fn amount(
    discount: &Discount,
    eligible: i64,
    dearest: i64,
    minor: impl Fn(&Option<String>) -> Option<i64>,
) -> Result<i64, &'static str> {
    if minor(&discount.minimum_spend).is_some_and(|least| eligible < least) {
        return Err("minimum_spend");
    }
    let full = match discount.kind {
        RewardType::AmountOff | RewardType::GiftCard => minor(&discount.amount).unwrap_or(0),
        RewardType::PercentOff => discount.percent.as_deref().and_then(|p| percent_of(eligible, p)).unwrap_or(0),
        RewardType::FreeProduct => dearest,
        RewardType::FreeShipping | RewardType::Custom => 0,
    };
    let most = minor(&discount.max_discount).unwrap_or(i64::MAX);
    Ok(full.min(most).min(eligible))
}

/// True if a discount applies to a line.
fn matches(discount: &Discount, line: &BasketLine) -> bool {
    discount.skus.as_ref().is_none_or(|skus| line.sku.as_ref().is_some_and(|sku| skus.contains(sku)))
}

/// The price of one item of a line, rounded half-even.
fn unit_price(line: &BasketLine) -> i64 {
    proportion(line.amount.minor(), 1, line.items.max(1))
}

/// A percentage of an amount in minor units, rounded half-even like every conversion of money.
fn percent_of(minor: i64, percent: &str) -> Option<i64> {
    let share = Decimal::from_str_exact(percent).ok()?.checked_div(Decimal::ONE_HUNDRED)?;
    let exact = Decimal::from(minor).checked_mul(share)?;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven).to_i64()
}

#[cfg(test)]
mod tests;
