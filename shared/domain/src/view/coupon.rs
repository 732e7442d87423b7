//! A coupon as shown.

use jiff::Timestamp;
use serde::Serialize;

use crate::coupon::{Coupon, CouponStatus, Discount};
use crate::ids::{CouponCode, ReceiptId, RewardId};
use crate::member::Profile;
use crate::points::Points;
use crate::program::CompiledProgram;

/// A coupon, as every endpoint shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CouponView {
    /// Its code.
    pub code: CouponCode,
    /// The reward that it gives.
    pub reward: RewardId,
    /// The reward's name, in lists for shoppers, as long as the program has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it stands.
    pub status: CouponStatus,
    /// What it cost; zero when a rule gave it.
    pub cost: Points,
    /// Whose it is: the shop's own id, or ours.
    pub member: String,
    /// The advantage, as it was when issued.
    pub discount: Discount,
    /// When it was issued.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub issued_at: Timestamp,
    /// When it expires; null: never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// While reserved, when that lapses; while applied, when it is available again.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The receipt that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
}

impl CouponView {
    /// A coupon at a moment; its owner goes by the shop's own id where the profile has one.
    pub fn new(coupon: &Coupon, profile: Option<&Profile>, now: Timestamp) -> Self {
        let status = coupon.status_at(now);
        let open = matches!(status, CouponStatus::Reserved | CouponStatus::Applied);
        let id = profile.and_then(|profile| profile.id.as_ref());
        Self {
            code: coupon.code.clone(),
            reward: coupon.reward.clone(),
            name: None,
            status,
            cost: coupon.cost,
            member: id.map_or_else(|| coupon.member.to_string(), ToString::to_string),
            discount: coupon.discount.clone(),
            issued_at: coupon.issued_at,
            expires_at: coupon.expires_at,
            until: coupon.until.filter(|_| open),
            receipt: coupon.receipt.clone(),
        }
    }

    /// The same, with the reward's name in a language.
    #[must_use]
    pub fn named(self, program: &CompiledProgram, language: &str) -> Self {
        let name = program.reward(&self.reward).map(|reward| reward.name.in_locale(language).to_owned());
        Self { name, ..self }
    }
}
