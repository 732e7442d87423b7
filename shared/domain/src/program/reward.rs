//! A reward of the catalogue.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{RewardId, TierId};
use crate::money::Money;
use crate::points::Points;
use crate::text::Text;
use crate::time::Moment;

/// Something that points buy, or that a rule gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reward {
    /// Its identifier.
    pub id: RewardId,
    /// Its name.
    pub name: Text,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// What kind of advantage it gives.
    #[serde(rename = "type")]
    pub kind: RewardType,
    /// How much of it: money, per cent or an SKU, by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub value: Option<RewardValue>,
    /// The only SKUs that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
    /// The least basket that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub minimum_spend: Option<Money>,
    /// Whose receipts may use its coupons; absent: anyone's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
    /// What it costs; zero: it cannot be bought, only given.
    pub cost: Points,
    /// The tiers whose members may buy it; absent: every tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierId>>,
    /// From when it can be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub starts_at: Option<Moment>,
    /// Until when, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ends_at: Option<Moment>,
    /// How many can ever be issued; absent: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// How many redemptions of one member may stand: reserved, available, applied, used or expired; absent: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_member_limit: Option<u32>,
    /// Where its codes come from.
    pub code: CodeSource,
    /// For how many days a coupon works, the day of issue included as day zero; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// Its place when several can be had; lower is shown first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

/// What kind of advantage a reward gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RewardType {
    /// Money off.
    AmountOff,
    /// Per cent off.
    PercentOff,
    /// No charge for shipping.
    FreeShipping,
    /// A product for nothing.
    FreeProduct,
    /// A gift card of some value.
    GiftCard,
    /// Anything else.
    Custom,
}

/// How much of its advantage a reward gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RewardValue {
    /// Of `amount_off` and `gift_card`.
    Money(Money),
    /// Of `percent_off`, above 0 and at most 100.
    Percent(Decimal),
    /// Of `free_product` (an SKU) and `custom` (any text).
    Text(String),
}

/// Whose receipts may use a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    /// Its owner's alone.
    Member,
}

/// Where the codes of a reward's coupons come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CodeSource {
    /// Made by a pattern in which each `#` becomes a random character, the last one a check character.
    Pattern(String),
    /// Drawn from codes that were loaded.
    Pool(bool),
    /// Created in the shop.
    Provider(String),
}
