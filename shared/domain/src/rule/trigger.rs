//! What a rule waits for besides receipts: interactions, e-mails, dates, tier changes, profiles, referrals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::TierId;

/// A named custom event, perhaps with properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionTrigger {
    /// The event's name.
    pub name: String,
    /// What its properties must be.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<InteractionFilter>,
}

/// What the properties of an event must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionFilter {
    /// By property, any of these values.
    pub properties: BTreeMap<String, Vec<String>>,
}

/// An opened or clicked e-mail, perhaps filtered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmailTrigger {
    /// Any of these campaign categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_categories: Option<Vec<String>>,
    /// Any of these devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<String>>,
    /// Any of these link categories (clicks only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_categories: Option<Vec<String>>,
}

/// A birthday by schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BirthdayTrigger {
    /// On the day, or when its week or month begins.
    pub at: BirthdaySpan,
    /// So many days earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_before: Option<u32>,
}

/// The day itself, or the ISO week or month that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BirthdaySpan {
    /// The day.
    Day,
    /// Its ISO week.
    Week,
    /// Its month.
    Month,
}

/// A change of tier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierChangeTrigger {
    /// Up, down, or out of the ladder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<TierDirection>,
    /// From any of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Vec<TierId>>,
    /// To any of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<TierId>>,
}

/// Which way a tier changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TierDirection {
    /// Up the ladder.
    Upgrade,
    /// Down the ladder.
    Downgrade,
    /// To a tier outside it.
    Vip,
}

/// A profile attribute that has, or takes, one of some values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileTest {
    /// The attribute.
    pub attribute: String,
    /// The values.
    #[serde(rename = "in")]
    pub values: Vec<String>,
}

/// Whose side of a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReferralRole {
    /// Who recommended.
    Advocate,
    /// Who came.
    Friend,
}
