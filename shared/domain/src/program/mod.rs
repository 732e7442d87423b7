//! A loyalty program as one document (`api.md`, Program).

mod check;
mod cost;
mod diff;
mod locales;
mod read;
mod referral;
mod reward;
mod size;
mod stored;
mod submitted;
#[cfg(test)]
mod tests;
mod tiers;
mod unsupported;

pub use crate::points::Rounding;
pub use crate::rule::Stacking;
#[cfg(feature = "openapi")]
pub(crate) use cost::CostFields;
pub use cost::{CostPer, RewardCost};
pub use diff::{Difference, DifferenceKind, MOST_DIFFERENCES, bounded_diff, diff};
pub use read::{read_reward, read_tier};
pub use referral::{
    AdvocateKind, AdvocateReward, Advocates, CodePolicy, CompiledReferral, Conversion, ConversionAmount,
    ConversionReceipt, FriendReward, FriendRewardTime, MILESTONE_RULE, Milestone, MilestoneMode, ReferralChecks,
    ReferralProgram,
};
pub use reward::{Bind, CodeSource, CombinesWith, Provider, Reward, RewardType, RewardValue};
pub use stored::StoredProgram;
pub use submitted::SubmittedProgram;
pub use tiers::{Downgrade, Tier, TierWindow, Tiers, VipTier};

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{RewardId, TierId};
use crate::member::IdentifierKind;
use crate::money::Currency;
use crate::readers;
use crate::rule::{Budget, Rule, RuleSet, Trigger};

/// A loyalty program: all of its configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Program {
    /// Its name, as shoppers see it.
    pub name: String,
    /// The currency of all its amounts (ISO 4217).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub currency: Currency,
    /// The time zone in which its days begin (IANA).
    pub timezone: String,
    /// The language tag of responses to callers whose language is unknown.
    pub locale: String,
    /// The policy for points.
    pub points: PointsPolicy,
    /// Its tiers; absent: it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Tiers>,
    /// Its catalogue of rewards.
    pub rewards: Vec<Reward>,
    /// Its earning rules.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Rule>))]
    pub rules: Vec<Arc<Rule>>,
    /// The referral program; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral: Option<ReferralProgram>,
    /// The policy for coupons.
    pub coupons: CouponPolicy,
    /// How long personal data is kept.
    #[serde(default, skip_serializing_if = "MembersPolicy::is_default")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub members: MembersPolicy,
    /// Its appearance in the shop.
    pub storefront: Storefront,
    /// The identifiers that count as verified.
    pub identity: IdentityPolicy,
    /// How it is changed.
    pub publishing: PublishingPolicy,
    /// The redeemable points that all rules may give all members together in a period, after each rule's own budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// How long personal data is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MembersPolicy {
    /// The days after which visitors who did nothing are erased; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3650))]
    pub visitor_days: Option<u32>,
}

impl MembersPolicy {
    /// True if everything is kept.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The identifiers that count as verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentityPolicy {
    /// The kinds that are verified when an API key sends them without `verified`.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<IdentifierKind>))]
    pub verified: BTreeSet<IdentifierKind>,
    /// The first digits of EAN-13 codes of cards with up to nine digits: 020–029, 040–049 or 200–299, which never appear on
    /// goods; `200` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^(0[24][0-9]|2[0-9][0-9])$"))]
    pub ean_prefix: Option<String>,
}

impl Default for IdentityPolicy {
    fn default() -> Self {
        Self { verified: BTreeSet::from([IdentifierKind::Card]), ean_prefix: None }
    }
}

/// How a program is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublishingPolicy {
    /// True if a change is a draft that another key than its author's publishes.
    pub two_person: bool,
}

impl PublishingPolicy {
    /// Whether it is the policy of a program that names none.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The policy for points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PointsPolicy {
    /// Their name: plural forms such as `{ "one", "other" }`, or plural forms by locale.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub name: Value,
    /// How fractions of a point are rounded, once for each rule and receipt.
    pub rounding: Rounding,
    /// The number of days for which points earned on receipts stay pending.
    pub hold_days: u32,
    /// When points expire; null: never.
    pub expiry: Option<Expiry>,
    /// The value of one point in the program's currency, for the liability; null: none.
    pub point_value: Option<String>,
    /// How several multipliers combine.
    pub multiplier_stacking: Stacking,
    /// What happens to points that a refund takes back after they were spent.
    pub negative_balance: NegativeBalance,
    /// The points that are restored when an order paid with points is returned.
    pub returned_redemption: ReturnedRedemption,
    /// How many days before points expire their owners are warned.
    #[serde(default = "PointsPolicy::usual_warn_days")]
    pub warn_days: Vec<u32>,
}

impl PointsPolicy {
    /// Thirty and seven days.
    pub(crate) fn usual_warn_days() -> Vec<u32> {
        vec![30, 7]
    }
}

/// When points expire. The clock starts when they become spendable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// This many months after they became spendable.
    AfterMonths(u32),
    /// At the end of the year in which they became spendable.
    EndOfYear(bool),
    /// After this many months without activity; any activity extends them all.
    InactiveMonths(u32),
}

/// What happens to points that a refund takes back after they were spent (R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NegativeBalance {
    /// They become a debt, which the next points earned repay.
    Allow,
    /// They are written off.
    WriteOff,
}

/// The points that are restored when an order paid with points is returned (R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReturnedRedemption {
    /// None.
    None,
    /// All, when the whole order is returned.
    FullOnly,
    /// In proportion to what is returned.
    Prorata,
}

/// The policy for coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CouponPolicy {
    /// The time for which an applied coupon stays on a cart, in minutes.
    pub apply_minutes: u32,
    /// The days before a coupon's expiry on which its owner is warned.
    #[serde(default = "CouponPolicy::default_warn_days")]
    pub warn_days: Vec<u32>,
}

impl CouponPolicy {
    fn default_warn_days() -> Vec<u32> {
        vec![7]
    }
}

impl Default for CouponPolicy {
    fn default() -> Self {
        Self { apply_minutes: 60, warn_days: Self::default_warn_days() }
    }
}

/// The appearance of the program in the shop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Storefront {
    /// The address of the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shop_url: Option<String>,
    /// The origins whose pages may call the storefront's endpoints.
    pub allowed_origins: Vec<String>,
    /// The address of the logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<String>,
    /// The address of the banner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner_url: Option<String>,
    /// Colours by role, as `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub colours: Option<Value>,
    /// The kind of font: `system`, `serif`, `rounded` or `mono`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font: Option<String>,
}

impl Storefront {
    /// The colour for primary actions. Documents of before colours were checked may have another notation, which counts as none.
    pub fn accent(&self) -> Option<&str> {
        let accent = self.colours.as_ref()?.get("accent")?.as_str()?;
        readers::is_colour(accent).then_some(accent)
    }
}

/// A program compiled for decisions: its time zone is resolved and its rules are indexed.
#[derive(Debug, Clone)]
pub struct CompiledProgram {
    /// The document.
    pub program: Program,
    /// The version of the document.
    pub version: u32,
    /// Its time zone.
    pub zone: TimeZone,
    /// Its compiled rules.
    pub rules: RuleSet,
    /// Its referral program, ready for decisions.
    pub referral: Option<CompiledReferral>,
    locales: Vec<String>,
    asks_profile: Vec<Asked>,
}

/// A kind of fact whose rules may depend on the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Receipts.
    Receipt,
    /// Interactions.
    Interaction,
    /// Due dates: lapses and tier reviews.
    Due,
    /// Any other fact that may change a tier, such as an adjustment.
    Tier,
}

impl Asked {
    const ALL: [Self; 4] = [Self::Receipt, Self::Interaction, Self::Due, Self::Tier];

    const fn meets(self, trigger: &Trigger) -> bool {
        match trigger {
            // Due dates are decided before every fact.
            Trigger::TierChange(_) | Trigger::Inactivity { .. } => true,
            Trigger::Receipt(_) => matches!(self, Self::Receipt),
            Trigger::Interaction(_) | Trigger::EmailOpened(_) | Trigger::EmailClicked(_) => {
                matches!(self, Self::Interaction)
            }
            // Callers that decide on these facts have loaded the profile.
            Trigger::Birthday(_)
            | Trigger::Enrollment {}
            | Trigger::ListSubscription { .. }
            | Trigger::Profile(_)
            | Trigger::Referral { .. } => false,
        }
    }
}

impl Program {
    /// The identifiers of all tiers: those of the ladder, upwards, then the others.
    pub(crate) fn tier_ids(&self) -> Vec<TierId> {
        let tiers = self.tiers.as_ref();
        let ladder = tiers.into_iter().flat_map(|tiers| &tiers.ladder).map(|tier| tier.id.clone());
        let others = tiers.into_iter().flat_map(|tiers| &tiers.vip).map(|tier| tier.id.clone());
        ladder.chain(others).collect()
    }
}

impl CompiledProgram {
    /// Compiles a program of which every rule last changed in this version.
    pub fn new(program: impl Into<Program>, version: u32) -> Self {
        let program = program.into();
        let since = vec![version; program.rules.len()];
        Self::with_rule_versions(program, version, &since)
    }

    /// Compiles a program; `since` has, for each rule in order, the version in which it last changed.
    pub(crate) fn with_rule_versions(program: Program, version: u32, since: &[u32]) -> Self {
        let zone = TimeZone::get(&program.timezone).unwrap_or(TimeZone::UTC);
        let rules = RuleSet::new(&program.rules, program.tier_ids(), &zone, since);
        let asks_profile = Asked::ALL.into_iter().filter(|asked| rules.asks_profile(|on| asked.meets(on))).collect();
        let locales = locales::of(&program);
        let referral = CompiledReferral::new(&program, &zone, version);
        Self { program, version, zone, rules, referral, locales, asks_profile }
    }

    /// The same program without `hold` of credits: points are given as if each event came with its receipt. For backtests,
    /// which replay receipts alone.
    #[must_use]
    pub fn without_holds(mut self) -> Self {
        self.rules = self.rules.without_holds();
        self
    }

    /// The language tags of its responses: those of its texts, its own, and those of the built-in sentences.
    pub fn locales(&self) -> impl Iterator<Item = &str> + Clone {
        self.locales.iter().map(String::as_str)
    }

    /// True when a decision on this kind of fact needs the profile.
    ///
    /// A rule that the fact may meet has a condition on the profile, or a rule for a change of tier that may follow.
    pub fn asks_profile(&self, asked: Asked) -> bool {
        self.asks_profile.contains(&asked)
    }

    /// The reward with an identifier.
    pub fn reward(&self, id: &RewardId) -> Option<&Reward> {
        self.program.rewards.iter().find(|reward| reward.id == *id)
    }

    /// The position of a tier on the ladder; the lowest is 0.
    pub fn rank(&self, id: &TierId) -> Option<usize> {
        self.program.tiers.as_ref().and_then(|tiers| tiers.rank(id))
    }
}
