//! Coupons: what a redeemed or granted reward becomes.

mod basket;
mod change;
mod check;
mod generate;
mod pool;

pub use crate::ids::FoldedCode;
pub use basket::{BasketBody, BasketInput, BasketLine, BasketLineBody, CouponBasket, read_basket};
pub use change::{CouponChange, CouponFault, change_coupon};
pub use check::{BasketCheck, BasketContext, LineOff, check_basket};
pub use generate::Seed;
pub use pool::PoolId;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::TakenLot;
use crate::ids::{CouponCode, MemberId, ReceiptId, RewardId};
use crate::money::Currency;
use crate::points::Points;
use crate::program::{Bind, CodeSource, CombinesWith, CompiledProgram, Provider, Reward, RewardType, RewardValue};

/// A coupon, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// Its code.
    #[serde(rename = "c")]
    pub code: CouponCode,
    /// The code that it had while it was reserved, if its code was drawn from a pool when it was committed. It leads to the
    /// coupon, but no checkout accepts it.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<CouponCode>,
    /// Whose it is.
    #[serde(rename = "m")]
    pub member: MemberId,
    /// The reward that it gives.
    #[serde(rename = "r")]
    pub reward: RewardId,
    /// Its stored status. [`Coupon::status_at`] adds what follows from the time.
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
    pub taken: Vec<TakenLot>,
    /// The receipt that used it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
    /// When it was used, or cancelled out of the wallet; `None` otherwise, also for a cancelled reservation.
    #[serde(
        rename = "n",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub ended_at: Option<Timestamp>,
    /// The `Idempotency-Key` of the request that used it: only that request may repeat the use.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub used_key: Option<String>,
    /// True while it counts against the reward's limit per member.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The part of its cost that returns of the order have given back.
    #[serde(rename = "b", default, skip_serializing_if = "points_zero")]
    pub restored: Points,
    /// True while its owner still has the points that its cancellation gave back, although a receipt dated before the
    /// cancellation used it.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub unpaid: bool,
    /// The shop that created its code, and whose checkout accepts it.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Since when its cancellation waits until the shop has deleted its code. Until then an order may use it.
    #[serde(
        rename = "z",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub cancelling: Option<Timestamp>,
    /// True when its code was drawn from a pool, of loaded codes or of a shop's.
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    pub drawn: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn points_zero(points: &Points) -> bool {
    points.is_zero()
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
    /// The most that it takes off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_discount: Option<String>,
    /// The discounts that it combines with; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combines_with: Option<CombinesWith>,
    /// Whose receipts may use it; absent: anyone's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
    /// The currency of its amounts.
    pub currency: String,
    /// What it is, for `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What kind of thing a discount is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscountClass {
    /// The whole order, also a gift card and any other benefit.
    Order,
    /// Some products.
    Product,
    /// Shipping.
    Shipping,
}

impl Discount {
    /// What it is on.
    pub const fn class(&self) -> DiscountClass {
        match self.kind {
            RewardType::FreeShipping => DiscountClass::Shipping,
            RewardType::FreeProduct => DiscountClass::Product,
            _ if self.skus.is_some() => DiscountClass::Product,
            RewardType::AmountOff | RewardType::PercentOff | RewardType::GiftCard | RewardType::Custom => {
                DiscountClass::Order
            }
        }
    }

    /// True if it combines with discounts of a class. One that says nothing combines with none.
    pub fn allows(&self, other: DiscountClass) -> bool {
        let with = self.combines_with.unwrap_or_default();
        match other {
            DiscountClass::Order => with.order,
            DiscountClass::Product => with.product,
            DiscountClass::Shipping => with.shipping,
        }
    }

    /// The advantage of a reward that was bought with `points`, on which the value may depend.
    pub fn of(reward: &Reward, points: Points, currency: Currency) -> Self {
        let mut discount = Self {
            kind: reward.kind,
            amount: None,
            percent: None,
            skus: reward.skus.clone(),
            minimum_spend: reward.minimum_spend.map(|money| money.to_string()),
            max_discount: reward.max_discount.map(|money| money.to_string()),
            combines_with: reward.combines_with,
            bind: reward.bind,
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
        if let Some(per) = reward.cost.chosen() {
            discount.amount = Some(per.value_of(points).to_string());
        }
        discount
    }
}

impl Coupon {
    /// The code under which it was issued; it never changes.
    pub fn issued_code(&self) -> &CouponCode {
        self.handle.as_ref().unwrap_or(&self.code)
    }

    /// Where it stands at a moment: reservations lapse, carts are left, coupons expire without anyone writing it. A coupon
    /// whose cancellation waits for the shop is cancelled for everyone but an order.
    pub fn status_at(&self, now: Timestamp) -> CouponStatus {
        match self.status {
            CouponStatus::Available | CouponStatus::Applied if self.cancelling.is_some() => CouponStatus::Cancelled,
            _ => self.status_by_time(now),
        }
    }

    /// As [`Coupon::status_at`], whether or not its cancellation waits for the shop.
    pub fn status_by_time(&self, now: Timestamp) -> CouponStatus {
        let over = self.until.is_some_and(|until| until <= now);
        let expired = self.expires_at.is_some_and(|at| at <= now);
        match self.status {
            CouponStatus::Reserved if over => CouponStatus::Lapsed,
            CouponStatus::Available | CouponStatus::Applied if expired => CouponStatus::Expired,
            CouponStatus::Applied if over => CouponStatus::Available,
            status => status,
        }
    }

    /// Where it stood at a time, as far as a receipt of that time may use it: a cancellation or an end that came later is
    /// ignored.
    pub fn status_as_of(&self, at: Timestamp) -> CouponStatus {
        let cancelled_later = self.status == CouponStatus::Cancelled && self.ended_at.is_some_and(|ended| at < ended);
        let expired = self.expires_at.is_some_and(|end| end <= at);
        match (cancelled_later || self.status == CouponStatus::Expired, expired) {
            (true, false) => CouponStatus::Available,
            (true, true) => CouponStatus::Expired,
            (false, _) => self.status_by_time(at),
        }
    }

    /// The coupon after its owner's erasure: cancelled, if it could still be used. No points come back.
    #[must_use]
    pub fn cancelled_by_erasure(&self, now: Timestamp) -> Self {
        match self.status {
            CouponStatus::Reserved => Self { status: CouponStatus::Cancelled, until: None, ..self.clone() },
            CouponStatus::Available | CouponStatus::Applied => Self {
                status: CouponStatus::Cancelled,
                until: None,
                ended_at: Some(now),
                cancelling: None,
                ..self.clone()
            },
            CouponStatus::Used | CouponStatus::Expired | CouponStatus::Cancelled | CouponStatus::Lapsed => self.clone(),
        }
    }

    /// True if a code that a shop created was used, but not by an order of that shop: its own checkout still accepts it. Ids of its
    /// orders begin with its name.
    pub fn is_used_elsewhere(&self) -> bool {
        let is_of = |provider: Provider, receipt: &ReceiptId| {
            receipt.as_str().strip_prefix(provider.name()).is_some_and(|rest| rest.starts_with(':'))
        };
        let is_used = self.status == CouponStatus::Used;
        self.provider.is_some_and(|provider| is_used && !self.receipt.as_ref().is_some_and(|id| is_of(provider, id)))
    }

    /// True when its code was generated and its reward generates codes today, so that no shop's checkout knows the code by itself.
    ///
    /// Coupons of earlier releases do not say that their code was drawn: of those, the reward tells.
    pub fn has_generated_code(&self, program: &CompiledProgram) -> bool {
        let reward = program.reward(&self.reward);
        let generates = reward.is_some_and(|reward| matches!(reward.code, CodeSource::Pattern(_)));
        generates && !self.drawn && self.handle.is_none() && self.provider.is_none()
    }

    /// True when a member token may cancel it at a moment: it is in the wallet, and its code was generated.
    pub fn is_cancellable_by_member(&self, program: &CompiledProgram, now: Timestamp) -> bool {
        self.status_at(now) == CouponStatus::Available && self.has_generated_code(program)
    }

    /// True when only its owner's receipts may use it.
    pub fn is_bound(&self) -> bool {
        self.discount.bind == Some(Bind::Member)
    }

    /// How many points went into it.
    pub fn paid(&self) -> Points {
        self.taken.iter().map(|taken| taken.points).sum()
    }
}
