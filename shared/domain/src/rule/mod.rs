//! An earning rule, as a merchant writes it (`api.md`, Rule).

mod budget;
mod check;
mod compile;
mod condition;
mod effect;
mod limit;
mod read;
mod receipt;
#[cfg(feature = "openapi")]
mod schema;
mod stored;
mod templates;
mod trigger;

pub use budget::{Budget, BudgetPeriod};
pub(crate) use check::{Known, check_period, check_rules};
pub use compile::{
    CompiledRule, Eligible, Form, Frame, Gains, Multiplier, ReceiptWords, RuleSet, SpendBounds, Sums, Unit,
};
pub(crate) use compile::{Waiting, in_program, round};
pub use condition::{EnrolledSpan, Nearness, Predicate};
pub use effect::{
    Amount, Credit, Effect, EffectKind, EventHold, HoldEvent, HoldOtherwise, Multiply, MultiplyScope, Rate, Stacking,
};
pub use limit::{Bound, Limit, Limits, Period};
pub(crate) use read::{read_budget, read_each_rule, read_effect, read_filter};
pub use read::{read_rule, read_rules};
pub use receipt::{
    Counting, Filter, LineFilter, Measure, ReceiptTrigger, Spend, SpendHow, SpendRange, Window, WindowStart,
};
pub(crate) use stored::{StoredEffect, StoredRule};
pub use templates::{RuleTemplate, TemplateNeed, TemplatePart, rule_templates};
pub use trigger::{
    BirthdaySpan, BirthdayTrigger, EmailTrigger, InteractionFilter, InteractionTrigger, ProfileTest, ReferralRole,
    TierChangeTrigger, TierDirection, Trigger,
};

use serde::{Deserialize, Serialize};

use crate::ids::{RuleId, TierId};
use crate::text::Text;
use crate::time::Moment;

/// An earning rule: when its trigger occurs and its conditions hold, its effects follow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rule {
    /// Its identifier within the program.
    pub id: RuleId,
    /// Its name in the console.
    pub name: String,
    /// Whether it is in force.
    pub status: RuleStatus,
    /// The tiers whose members it concerns; absent: every tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierId>>,
    /// The moment from which facts count. An earlier fact never counts, even if it arrives later.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub starts_at: Moment,
    /// The moment until which facts count, exclusive; null: no end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ends_at: Option<Moment>,
    /// Bounds on firings or points; all apply. One is written as an object, several as a list.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "limit::one_or_several")]
    #[cfg_attr(feature = "openapi", schema(value_type = Limits))]
    pub limit: Vec<Limit>,
    /// The redeemable points that it may give all members together in a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How it is shown as a way to earn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storefront: Option<WayToEarn>,
    /// The trigger.
    pub on: Trigger,
    /// Conditions on the member; all must hold.
    #[serde(rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Predicate>,
    /// The effects; at least one.
    pub then: Vec<Effect>,
}

/// Whether a rule is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleStatus {
    /// Being written.
    Draft,
    /// In force.
    Active,
    /// Suspended.
    Paused,
    /// Retired; stays for the history.
    Archived,
}

/// How a rule is shown in the storefront.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayToEarn {
    /// Whether it is shown at all.
    pub visible: bool,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    /// What the shopper has to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// The address of its icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// The address where the shopper can do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
}
