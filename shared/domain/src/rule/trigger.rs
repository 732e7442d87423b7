//! Triggers of a rule; [`super::receipt`] has the one for receipts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ReceiptTrigger;
use crate::ids::TierId;

/// The occurrence that a rule waits for.
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
    /// A number of days without a purchase.
    Inactivity {
        /// The number of days.
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
    /// A referral that is rewarded.
    Referral {
        /// The side of the referral on which the member stands.
        role: ReferralRole,
    },
}

/// A trigger for a named custom event, optionally with properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionTrigger {
    /// The event's name.
    pub name: String,
    /// The properties that the event must have.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<InteractionFilter>,
}

/// A filter of the properties of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionFilter {
    /// The accepted values by property.
    pub properties: BTreeMap<String, Vec<String>>,
}

/// A trigger for opened or clicked e-mails, optionally filtered.
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

/// A trigger for birthdays, by schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BirthdayTrigger {
    /// The day itself, or the first day of its week or month.
    pub at: BirthdaySpan,
    /// The number of days before that.
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

/// A trigger for changes of tier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierChangeTrigger {
    /// The direction of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<TierDirection>,
    /// Any of these tiers before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Vec<TierId>>,
    /// Any of these tiers after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<TierId>>,
}

/// The direction in which a tier changed.
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

/// A side of a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReferralRole {
    /// The member who recommended.
    Advocate,
    /// The member who was recommended.
    Friend,
}
