//! Coupons: what a redeemed or given reward becomes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::Taken;
use crate::ids::{CouponCode, MemberId, ReceiptId, RewardId};
use crate::points::Points;
use crate::program::{Reward, RewardType, RewardValue};

/// A coupon, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// Its code.
    #[serde(rename = "c")]
    pub code: CouponCode,
    /// Whose it is.
    #[serde(rename = "m")]
    pub member: MemberId,
    /// The reward that it gives.
    #[serde(rename = "r")]
    pub reward: RewardId,
    /// Where it stands. What follows from the time is told by [`Coupon::status_at`].
    #[serde(rename = "s")]
    pub status: CouponStatus,
    /// What it cost; zero when a rule gave it.
    #[serde(rename = "p")]
    pub cost: Points,
    /// The advantage, as it was when issued.
    #[serde(rename = "d")]
    pub discount: Discount,
    /// When it was issued.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub issued_at: Timestamp,
    /// When it expires.
    #[serde(
        rename = "x",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub expires_at: Option<Timestamp>,
    /// While it is reserved: when that lapses. While it is applied: when it reads as available again.
    #[serde(
        rename = "u",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub until: Option<Timestamp>,
    /// The lots that paid for it.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Taken>,
    /// The receipt that used it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
}

/// Where a coupon stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CouponStatus {
    /// Points are set aside for it.
    Reserved,
    /// In the wallet.
    Available,
    /// On a cart.
    Applied,
    /// Used, for good.
    Used,
    /// Too old.
    Expired,
    /// Given back.
    Cancelled,
    /// A reservation that was not committed in time.
    Lapsed,
}

/// The advantage that a coupon gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Discount {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: RewardType,
    /// The money off, for `amount_off` and `gift_card`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The per cent off, for `percent_off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// The only SKUs that it works on, or the free product's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
    /// The least basket that it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_spend: Option<String>,
    /// The currency of its amounts.
    pub currency: String,
    /// What it is, for `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Discount {
    /// The advantage of a reward.
    pub fn of(reward: &Reward, currency: crate::money::Currency) -> Self {
        let mut discount = Self {
            kind: reward.kind,
            amount: None,
            percent: None,
            skus: reward.skus.clone(),
            minimum_spend: reward.minimum_spend.map(|money| money.to_string()),
            currency: currency.to_string(),
            value: None,
        };
        match &reward.value {
            Some(RewardValue::Money(money)) => discount.amount = Some(money.to_string()),
            Some(RewardValue::Percent(percent)) => discount.percent = Some(percent.normalize().to_string()),
            Some(RewardValue::Text(sku)) if reward.kind == RewardType::FreeProduct => {
                discount.skus = Some(vec![sku.clone()]);
            }
            Some(RewardValue::Text(text)) => discount.value = Some(text.clone()),
            None => {}
        }
        discount
    }
}

impl Coupon {
    /// Where it stands at a moment: reservations lapse, carts are left, coupons expire without anyone writing it.
    pub fn status_at(&self, now: Timestamp) -> CouponStatus {
        let over = self.until.is_some_and(|until| until <= now);
        let expired = self.expires_at.is_some_and(|at| at <= now);
        match self.status {
            CouponStatus::Reserved if over => CouponStatus::Lapsed,
            CouponStatus::Available | CouponStatus::Applied if expired => CouponStatus::Expired,
            CouponStatus::Applied if over => CouponStatus::Available,
            status => status,
        }
    }

    /// How many points went into it.
    pub fn paid(&self) -> Points {
        self.taken.iter().map(|taken| taken.points).sum()
    }
}
