//! The referral program: who may recommend, what counts as a conversion, and what both sides get.

mod compile;
mod stored;

pub use compile::{CompiledReferral, MILESTONE_RULE};
pub(super) use stored::StoredReferral;

use serde::{Deserialize, Serialize};

use crate::ids::TierId;
use crate::money::Money;
use crate::rule::{Effect, Filter};

/// A program in which members bring their friends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReferralProgram {
    /// Whether new referrals are accepted. Those that exist are carried to their end.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub enabled: bool,
    /// Who gets a code.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub advocates: Advocates,
    /// What a friend must do.
    pub conversion: Conversion,
    /// The form and the validity of codes.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub code: CodePolicy,
    /// The days within which a friend must convert after a code was named.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub attribution_days: u32,
    /// The days between the conversion and the rewards.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub hold_days: u32,
    /// The days after which a friend who has not converted is reminded; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remind_after_days: Option<u32>,
    /// What the friend gets; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friend: Option<FriendReward>,
    /// What the advocate gets; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advocate: Option<AdvocateReward>,
    /// The score at which a person reviews a referral.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub review_at_score: u32,
    /// The points of the score.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub checks: ReferralChecks,
}

/// Who gets a referral code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Advocates {
    /// Members alone, or everyone who is known.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub who: AdvocateKind,
    /// The tiers whose members may recommend; absent: every tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierId>>,
}

/// Whether visitors may recommend too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AdvocateKind {
    /// Only members.
    Members,
    /// Visitors too.
    Anyone,
}

/// What a friend must do to convert.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "a program has one")]
pub enum Conversion {
    /// Buy.
    Receipt(ConversionReceipt),
    /// Do something that is reported as an interaction of this name.
    Interaction(String),
}

/// The order that converts a friend.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversionReceipt {
    /// The amount that it must reach; absent: any.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub amount: Option<ConversionAmount>,
    /// Whether it must be the friend's first order.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub first_only: bool,
    /// The receipts and lines that count.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// The amount of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConversionAmount {
    /// More than this.
    SpendOver(Money),
    /// This or more.
    SpendAtLeast(Money),
}

impl ConversionAmount {
    /// True if an amount in minor units of the program's currency reaches it.
    pub fn is_reached(self, amount: i64) -> bool {
        match self {
            Self::SpendOver(money) => amount > money.minor(),
            Self::SpendAtLeast(money) => amount >= money.minor(),
        }
    }
}

/// The form and the validity of referral codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CodePolicy {
    /// The characters after the prefix; the last one is a check character.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub length: u32,
    /// What every code begins with.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub prefix: String,
    /// The days for which a code is valid; absent: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// The days after its creation from which a code is valid.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub starts_after_days: u32,
}

impl CodePolicy {
    /// The pattern that codes are generated from.
    pub fn pattern(&self) -> String {
        let places = usize::try_from(self.length).unwrap_or(usize::MAX);
        format!("{}{}", self.prefix, "#".repeat(places))
    }
}

/// What a friend gets, and when.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FriendReward {
    /// When.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub on: FriendRewardTime,
    /// What.
    pub then: Vec<Effect>,
}

/// When a friend gets the reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FriendRewardTime {
    /// At once, if the friend is verified.
    Attributed,
    /// After the conversion and the hold.
    Qualified,
}

/// What an advocate gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdvocateReward {
    /// How milestones combine.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub mode: MilestoneMode,
    /// The milestones, by the number of friends.
    pub milestones: Vec<Milestone>,
}

/// How the rewards of several milestones combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MilestoneMode {
    /// Each is given in full.
    Additive,
    /// Each tops the earlier ones up, and replaces their unused coupons.
    Replace,
}

/// A reward for a number of friends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Milestone {
    /// The number of friends.
    pub at: u32,
    /// What the advocate gets.
    pub then: Vec<Effect>,
}

/// What suspicious signs add to the score of a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReferralChecks {
    /// The friend comes from a network that the advocate uses.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub same_ip: u32,
    /// Many referrals come from one network.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub ip_velocity: u32,
    /// One advocate has many referrals in a short time.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub advocate_velocity: u32,
}

impl Default for ReferralChecks {
    fn default() -> Self {
        Self { same_ip: 30, ip_velocity: 20, advocate_velocity: 20 }
    }
}
