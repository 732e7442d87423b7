//! An earning rule, as a merchant writes it (`api.md`, Rule).

mod check;
mod compile;
mod read;
#[cfg(feature = "openapi")]
mod schema;
mod stored;
mod templates;
mod trigger;

pub(crate) use check::{Known, check_period, check_rules};
pub use compile::{CompiledRule, Eligible, Form, Frame, Gains, Multiplier, Range, RuleSet, Sums, Unit, Words};
pub(crate) use compile::{Waiting, in_program, round};
pub(crate) use read::read_each_rule;
pub use read::{read_rule, read_rules};
pub(crate) use stored::StoredRule;
pub use templates::{RuleTemplate, TemplateNeed, TemplatePart, rule_templates};
pub use trigger::{
    BirthdaySpan, BirthdayTrigger, EmailTrigger, InteractionFilter, InteractionTrigger, ProfileTest, ReferralRole,
    TierChangeTrigger, TierDirection,
};

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{RewardId, RuleId, TierId};
use crate::money::Money;
use crate::points::Points;
use crate::text::Text;
use crate::time::Moment;

/// An earning rule: when something happens, and conditions hold, then points or rewards follow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rule {
    /// Its identifier within the program.
    pub id: RuleId,
    /// Its name in the console.
    pub name: String,
    /// Whether it works.
    pub status: RuleStatus,
    /// The tiers whose members it concerns; absent: every tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierId>>,
    /// From when facts count. Nothing before ever does, however late it arrives.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub starts_at: Moment,
    /// Until when, exclusive; null: for ever.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ends_at: Option<Moment>,
    /// How often it may fire, or how much it may give; all limits apply. One is written as an object, several as a list.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "one_or_several")]
    #[cfg_attr(feature = "openapi", schema(value_type = Limits))]
    pub limit: Vec<Limit>,
    /// How it shows as a way to earn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storefront: Option<WayToEarn>,
    /// What it waits for.
    pub on: Trigger,
    /// What must hold besides; all of them.
    #[serde(rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Predicate>,
    /// What follows; at least one.
    pub then: Vec<Effect>,
}

/// Whether a rule works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleStatus {
    /// Being written.
    Draft,
    /// Working.
    Active,
    /// Stopped for a while.
    Paused,
    /// Kept for the history.
    Archived,
}

/// A bound on what a rule gives one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limit {
    /// What is bounded.
    #[serde(flatten)]
    pub bound: Bound,
    /// The period in which it is bounded.
    pub per: Period,
    /// So many periods together, counted from the one that holds `starts_at`.
    #[serde(skip_serializing_if = "is_one")]
    pub every: u32,
    /// The last so many periods of wall-clock time instead of calendar ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rolling: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_one(n: &u32) -> bool {
    *n == 1
}

/// Limits as they are written: alone, or in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Limits {
    /// The only one.
    One(Limit),
    /// Several, which all apply.
    Several(Vec<Limit>),
}

#[allow(clippy::ptr_arg, reason = "serde's serialize_with passes the field")]
fn one_or_several<S: serde::Serializer>(limits: &Vec<Limit>, serializer: S) -> Result<S::Ok, S::Error> {
    let written = match limits.as_slice() {
        [limit] => Limits::One(*limit),
        several => Limits::Several(several.to_vec()),
    };
    written.serialize(serializer)
}

/// What a limit bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The firings.
    Times(u32),
    /// The points, of both kinds together.
    Points(Points),
}

/// The period of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A local day.
    Day,
    /// An ISO week.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
    /// The whole membership.
    Lifetime,
}

/// How a rule shows in the storefront.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayToEarn {
    /// Whether it shows at all.
    pub visible: bool,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    /// What to do for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Its icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// Where to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
}

/// What a rule waits for.
#[allow(clippy::large_enum_variant, reason = "nearly every trigger is the large one")]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A receipt.
    Receipt(ReceiptTrigger),
    /// A named custom event.
    Interaction(InteractionTrigger),
    /// An e-mail that the member opened.
    EmailOpened(EmailTrigger),
    /// A link in an e-mail that the member followed.
    EmailClicked(EmailTrigger),
    /// The member's birthday, by schedule.
    Birthday(BirthdayTrigger),
    /// Joining the program.
    Enrollment {},
    /// So many days without a purchase.
    Inactivity {
        /// The days.
        days: u32,
    },
    /// A change of tier.
    TierChange(TierChangeTrigger),
    /// A subscription to a list.
    ListSubscription {
        /// The list.
        list: String,
    },
    /// A profile attribute that takes one of some values.
    Profile(ProfileTest),
    /// A referral that succeeds.
    Referral {
        /// Whose side of it.
        role: ReferralRole,
    },
}

/// A receipt, perhaps filtered and measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptTrigger {
    /// Which receipts, and which of their lines.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What is counted; none: each receipt fires once.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
    /// Within what time it must be complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Window>,
}

/// Which receipts, and which of their lines. Values of one list are alternatives, lists combine with AND.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Filter {
    /// Any of these stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores: Option<Vec<String>>,
    /// None of these stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores_not: Option<Vec<String>>,
    /// Any of these channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Only these lines of the receipt, of which there must be one at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineFilter>,
}

/// Which lines of a receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineFilter {
    /// Any of these SKUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
    /// None of these SKUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus_not: Option<Vec<String>>,
    /// Any of these product names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<String>>,
    /// Any of these categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// None of these categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories_not: Option<Vec<String>>,
    /// Any of these brands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brands: Option<Vec<String>>,
    /// None of these brands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brands_not: Option<Vec<String>>,
    /// By attribute, any of these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// What a receipt rule counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Money.
    Spend(Spend),
    /// Receipts.
    Receipts(Counting),
    /// Items.
    Quantity(Counting),
}

/// A measure of money spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Spend {
    /// How it counts.
    #[serde(flatten)]
    pub how: SpendHow,
    /// Only from this running total on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub from: Option<Money>,
    /// Only below this running total.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub up_to: Option<Money>,
    /// How `from` and `up_to` are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<SpendRange>,
}

/// How money spent counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpendHow {
    /// Once, when the total over all receipts reaches it (SP1).
    TotalAtLeast(Money),
    /// Once for each receipt of at least so much (SP2).
    PerReceiptAtLeast(Money),
    /// For each so much over all receipts; the remainder carries (SP3).
    Every(Money),
    /// For each so much within one receipt (SP4).
    EveryPerReceipt(Money),
}

/// How `from` and `up_to` of a spend measure are meant (SP5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpendRange {
    /// A receipt counts if the running total after it lies inside.
    Gate,
    /// The slice of spend that lies inside counts.
    Band,
}

/// How receipts or items are counted. The two `per_receipt` forms are for items only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Once, when the total reaches it.
    TotalAtLeast(u32),
    /// Once for each receipt with at least so many.
    PerReceiptAtLeast(u32),
    /// For each so many over all receipts; the remainder carries.
    Every(u32),
    /// For each so many within one receipt.
    EveryPerReceipt(u32),
}

/// Within what time a measure must be complete (SP6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Window {
    /// So many local days, ending with the receipt's or beginning with the first receipt.
    Days {
        /// How many.
        days: u32,
        /// Where they begin; absent: they end with the receipt.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<WindowStart>,
    },
    /// Whole local days, both included.
    Fixed {
        /// The first.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        starts_on: jiff::civil::Date,
        /// The last.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        ends_on: jiff::civil::Date,
    },
}

/// Where a window of days begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowStart {
    /// With the first receipt that counts.
    FirstReceipt,
}

/// A condition on the member, besides the trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// Near the member's birthday.
    Birthday(Nearness<BirthdaySpan>),
    /// Soon after enrolment.
    Enrolled(Nearness<EnrolledSpan>),
    /// A profile attribute has one of some values.
    Profile(ProfileTest),
    /// On a list.
    List(String),
    /// With a tag.
    Tag(String),
    /// Came by a referral, or not.
    Referred(bool),
}

/// How near a date must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Nearness<Span> {
    /// In the span that holds it.
    Within(Span),
    /// On the day itself through this many days after.
    DaysAfter(u32),
}

/// The span that holds the enrolment: only its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnrolledSpan {
    /// The day.
    Day,
}

/// What a rule does when it fires.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Gives points.
    Credit(Amount),
    /// Takes points.
    Debit(Amount),
    /// Empties the balance.
    Reset {
        /// Of which kind.
        kind: EffectKind,
    },
    /// Multiplies what other rules gave on the same fact.
    Multiply(Multiply),
    /// Gives a coupon of a reward, at no cost; written `{"reward": "five-off"}`.
    #[serde(serialize_with = "bare_id")]
    Reward {
        /// The reward.
        reward: RewardId,
    },
    /// Lifts the member out of the ladder; written `{"vip": "vip"}`.
    #[serde(serialize_with = "bare_id")]
    Vip {
        /// To which tier.
        vip: TierId,
    },
}

/// How many points an effect gives or takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Amount {
    /// How it is counted.
    #[serde(flatten)]
    pub rate: Rate,
    /// Of which kind.
    pub kind: EffectKind,
}

/// How the points of an effect are counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// So many for each firing.
    Points(Points),
    /// So many for each unit of the eligible amount, once for each receipt on which the rule fired.
    PerUnit(#[serde(serialize_with = "decimal_text")] Decimal),
}

/// Which points an effect concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Those that buy rewards.
    #[default]
    Redeemable,
    /// Those that move tiers.
    Qualifying,
    /// Both, the same number of each.
    Both,
}

/// A multiplier of what other rules gave (SP9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Multiply {
    /// By how much; 2 doubles.
    #[serde(serialize_with = "decimal_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub factor: Decimal,
    /// Of which kind.
    pub kind: EffectKind,
    /// Of which rules; absent: of every other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleId>>,
    /// Of all that they gave, or only on the lines that this rule's own filter selects.
    pub scope: MultiplyScope,
}

/// What a multiplier works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MultiplyScope {
    /// All credits of the fact.
    #[default]
    Receipt,
    /// What per-unit and every-per-receipt credits earned on the lines of the multiplier's own filter.
    Lines,
}

fn decimal_text<S: serde::Serializer>(decimal: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&decimal.normalize())
}

fn bare_id<T: Serialize, S: serde::Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
    id.serialize(serializer)
}
