//! The view of a coupon.

use jiff::Timestamp;
use serde::Serialize;

use crate::coupon::{Coupon, CouponStatus, Discount};
use crate::ids::{CouponCode, ReceiptId, RewardId};
use crate::member::Profile;
use crate::points::Points;
use crate::program::CompiledProgram;

/// A coupon, as every endpoint returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CouponView {
    /// Its code.
    pub code: CouponCode,
    /// Its reward.
    pub reward: RewardId,
    /// The name of the reward, in lists for shoppers, if the program still has the reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its status.
    pub status: CouponStatus,
    /// Its cost in points; zero when a rule issued it.
    pub cost: Points,
    /// Its owner: the shop's id, otherwise the internal id.
    pub member: String,
    /// Its benefit, as of the time of issue.
    pub discount: Discount,
    /// When it was issued.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub issued_at: Timestamp,
    /// When it expires; null: never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When its reservation lapses; while applied, when it becomes available again.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The receipt that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
    /// True when the member's own token may cancel it: it is available, and its code was generated.
    pub cancellable: bool,
}

impl CouponView {
    /// The view of a coupon at a moment; the owner is the shop's id if the profile has one.
    pub fn new(program: &CompiledProgram, coupon: &Coupon, profile: Option<&Profile>, now: Timestamp) -> Self {
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
            cancellable: coupon.is_cancellable_by_member(program, now),
        }
    }

    /// Adds the name of the reward in a language.
    #[must_use]
    pub fn named(self, program: &CompiledProgram, language: &str) -> Self {
        let name = program.reward(&self.reward).map(|reward| reward.name.in_locale(language).to_owned());
        Self { name, ..self }
    }
}
