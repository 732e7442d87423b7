//! A loyalty program as one document (`api.md`, Program).

mod check;
mod locales;
mod read;
mod reward;
mod size;
mod stored;
mod submitted;
#[cfg(test)]
mod tests;
mod tiers;
mod unsupported;
pub(crate) mod words;

pub use read::{read_reward, read_tier};
pub use reward::{Bind, CodeSource, Reward, RewardType, RewardValue};
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
use crate::rule::{Rule, RuleSet, Trigger};

/// A loyalty program: all of its configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Program {
    /// Its name, as shoppers know it.
    pub name: String,
    /// The one currency that it counts in (ISO 4217).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub currency: Currency,
    /// The time zone of its days (IANA).
    pub timezone: String,
    /// The language tag of its responses when nothing else is known.
    pub locale: String,
    /// How its points behave.
    pub points: PointsPolicy,
    /// Its tiers; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Tiers>,
    /// Its catalogue of rewards.
    pub rewards: Vec<Reward>,
    /// Its earning rules.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Rule>))]
    pub rules: Vec<Arc<Rule>>,
    /// How its coupons behave.
    pub coupons: CouponPolicy,
    /// How it shows in the shop.
    pub storefront: Storefront,
    /// Which identifiers count as verified.
    pub identity: IdentityPolicy,
}

/// Which identifiers count as verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentityPolicy {
    /// The kinds that are verified whenever an API key sends them without `verified`.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<IdentifierKind>))]
    pub verified: BTreeSet<IdentifierKind>,
}

impl Default for IdentityPolicy {
    fn default() -> Self {
        Self { verified: BTreeSet::from([IdentifierKind::Card]) }
    }
}

/// How points behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PointsPolicy {
    /// What they are called: `{ "one", "other" }`, or such forms by locale.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub name: Value,
    /// How a fraction of a point is rounded, once for each rule and receipt.
    pub rounding: Rounding,
    /// For how many days points earned on receipts stay pending.
    pub hold_days: u32,
    /// When points expire; null: never.
    pub expiry: Option<Expiry>,
    /// What one point is worth, in the program's currency, for the liability; null: nothing.
    pub point_value: Option<String>,
    /// How several multipliers combine.
    pub multiplier_stacking: Stacking,
    /// What happens when a refund takes back points that were spent.
    pub negative_balance: NegativeBalance,
    /// Which points come back when an order paid with points is returned.
    pub returned_redemption: ReturnedRedemption,
}

/// How a fraction of a point is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Down.
    Floor,
    /// To the nearest, a half up.
    HalfUp,
    /// Up.
    Ceil,
}

/// When points expire. The clock starts when they become spendable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// So many months after they became spendable.
    AfterMonths(u32),
    /// At the end of the year in which they became spendable.
    EndOfYear(bool),
    /// After so many months without activity; every activity moves them all.
    InactiveMonths(u32),
}

/// How several multipliers combine (SP9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// The largest alone.
    Max,
    /// Their extras add up.
    Additive,
    /// They multiply each other.
    Product,
}

/// What happens when a refund takes back points that were spent (R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NegativeBalance {
    /// They are owed; the next points earned pay first.
    Allow,
    /// They are forgiven.
    WriteOff,
}

/// Which points come back when an order paid with points is returned (R6).
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

/// How coupons behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CouponPolicy {
    /// For how long an applied coupon stays on a cart, in minutes.
    pub apply_minutes: u32,
}

/// How the program shows in the shop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Storefront {
    /// The shop's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shop_url: Option<String>,
    /// The origins whose pages may call the storefront's endpoints.
    pub allowed_origins: Vec<String>,
    /// The logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<String>,
    /// The banner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner_url: Option<String>,
    /// Colours by role, as CSS colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub colours: Option<Value>,
    /// The font family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font: Option<String>,
}

/// A program made ready to decide: checked, with its time zone and its rules compiled.
#[derive(Debug, Clone)]
pub struct CompiledProgram {
    /// The document.
    pub program: Program,
    /// Which version of it; each change makes a new one, and all are kept.
    pub version: u32,
    /// Its time zone.
    pub zone: TimeZone,
    /// Its rules, ready to match.
    pub rules: RuleSet,
    locales: Vec<String>,
    asks_profile: Vec<Asked>,
}

/// A kind of fact whose rules may ask for the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Receipts.
    Receipt,
    /// Interactions.
    Interaction,
    /// What comes due by the calendar: lapses, reviews of tiers.
    Due,
    /// Anything else that may change a tier, such as an adjustment.
    Tier,
}

impl Asked {
    const ALL: [Self; 4] = [Self::Receipt, Self::Interaction, Self::Due, Self::Tier];

    const fn meets(self, trigger: &Trigger) -> bool {
        match trigger {
            // What fell due is decided before every fact.
            Trigger::TierChange(_) | Trigger::Inactivity { .. } => true,
            Trigger::Receipt(_) => matches!(self, Self::Receipt),
            Trigger::Interaction(_) | Trigger::EmailOpened(_) | Trigger::EmailClicked(_) => {
                matches!(self, Self::Interaction)
            }
            // Those that decide on these have the profile at hand.
            Trigger::Birthday(_)
            | Trigger::Enrollment {}
            | Trigger::ListSubscription { .. }
            | Trigger::Profile(_)
            | Trigger::Referral { .. } => false,
        }
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
        let rules = RuleSet::new(&program, &zone, since);
        let asks_profile = Asked::ALL.into_iter().filter(|asked| rules.asks_profile(|on| asked.meets(on))).collect();
        let locales = locales::of(&program);
        Self { program, version, zone, rules, locales, asks_profile }
    }

    /// The language tags that its responses can be in: those of its texts, its own, and those of our sentences.
    pub fn locales(&self) -> impl Iterator<Item = &str> + Clone {
        self.locales.iter().map(String::as_str)
    }

    /// True when a kind of fact can meet a rule with a condition on the profile, or one for the change of tier that may
    /// follow: then the profile must be looked up for it.
    pub fn asks_profile(&self, asked: Asked) -> bool {
        self.asks_profile.contains(&asked)
    }

    /// A reward of the catalogue.
    pub fn reward(&self, id: &RewardId) -> Option<&Reward> {
        self.program.rewards.iter().find(|reward| reward.id == *id)
    }

    /// The place of a tier on the ladder, from the bottom.
    pub fn rank(&self, id: &TierId) -> Option<usize> {
        self.program.tiers.as_ref().and_then(|tiers| tiers.rank(id))
    }
}
