//! A reward of the catalogue.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use super::cost::CostFields;
use super::cost::RewardCost;
use crate::ids::{RewardId, TierId};
use crate::money::Money;
use crate::text::Text;
use crate::time::Moment;

/// A reward that points buy or a rule gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reward {
    /// Its identifier.
    pub id: RewardId,
    /// Its name.
    pub name: Text,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// The address of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// The kind of benefit.
    #[serde(rename = "type")]
    pub kind: RewardType,
    /// Its value: money, a percentage, an SKU or a text, by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub value: Option<RewardValue>,
    /// The SKUs to which it applies; absent: every SKU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
    /// The minimum spend.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub minimum_spend: Option<Money>,
    /// The most that a coupon takes off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub max_discount: Option<Money>,
    /// The discounts that its coupons combine with; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combines_with: Option<CombinesWith>,
    /// Whose receipts may use its coupons; absent: any member's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
    /// What it costs: `cost`, or `cost_per` where the shopper chooses the points.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = CostFields))]
    pub cost: RewardCost,
    /// The tiers whose members may buy it; absent: every tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierId>>,
    /// The moment from which it is available.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub starts_at: Option<Moment>,
    /// The moment until which it is available, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ends_at: Option<Moment>,
    /// The number of coupons that can be issued; absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// The units, or codes of the pool, left at which its low-stock notice is raised; absent: a tenth of the stock, or 100
    /// codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_stock: Option<u32>,
    /// The number of redemptions per member that are reserved, available, applied, used or expired; absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_member_limit: Option<u32>,
    /// The source of its codes; absent: generated, with twelve characters.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub code: CodeSource,
    /// The number of days for which a coupon is valid; the day of issue is day 0; absent: no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// Its position in lists; lower comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

/// The kind of benefit of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RewardType {
    /// A discount in money.
    AmountOff,
    /// A discount in per cent.
    PercentOff,
    /// Free shipping.
    FreeShipping,
    /// A free product.
    FreeProduct,
    /// A gift card.
    GiftCard,
    /// Any other benefit.
    Custom,
}

/// The value of a reward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// The owner's receipts only.
    Member,
}

/// The kinds of discount that a coupon combines with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CombinesWith {
    /// Discounts on the whole order.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub order: bool,
    /// Discounts on some products.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub product: bool,
    /// Discounts on shipping.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub shipping: bool,
}

/// The source of the codes of a reward's coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CodeSource {
    /// Generated from a pattern: each `#` becomes a random character, the last one a check character.
    Pattern(String),
    /// Drawn from a pool of loaded codes.
    Pool(bool),
    /// Created in the shop, whose own checkout accepts them.
    Provider(Provider),
}

/// A shop that codes are created in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Shopify.
    Shopify,
    /// WooCommerce.
    Woocommerce,
}

impl Provider {
    /// Every shop, with the name of its connection.
    pub const NAMES: [(&'static str, Self); 2] = [("shopify", Self::Shopify), ("woocommerce", Self::Woocommerce)];

    /// The name of its connection.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::Woocommerce => "woocommerce",
        }
    }
}

/// The pattern of rewards that name no source of codes.
const DEFAULT_PATTERN: &str = "############";
/// The number of codes of a pool at which it is low, where the reward does not say.
const LOW_POOL: u32 = 100;

impl Default for CodeSource {
    fn default() -> Self {
        Self::Pattern(DEFAULT_PATTERN.to_owned())
    }
}

impl CodeSource {
    /// True when codes are drawn from a pool: they were loaded, or created in the shop, ahead of need.
    pub const fn is_drawn(&self) -> bool {
        matches!(self, Self::Pool(_) | Self::Provider(_))
    }

    /// The shop that creates the codes, if one does.
    pub const fn provider(&self) -> Option<Provider> {
        match self {
            Self::Provider(provider) => Some(*provider),
            Self::Pattern(_) | Self::Pool(_) => None,
        }
    }
}

impl Reward {
    /// The units left at which its stock is low; `None` for a reward without a stock.
    pub fn low_stock(&self) -> Option<u32> {
        self.stock.map(|stock| self.low_stock.unwrap_or_else(|| stock.div_ceil(10)))
    }

    /// The codes left at which its pool is low; `None` for a reward whose codes are generated.
    pub fn low_pool(&self) -> Option<u32> {
        self.code.is_drawn().then(|| self.low_stock.unwrap_or(LOW_POOL))
    }
}
