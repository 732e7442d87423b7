//! Conditions of a rule on the member.

use serde::{Deserialize, Serialize};

use super::{BirthdaySpan, ProfileTest};

/// A condition on the member, besides the trigger. A condition on missing profile data is false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// The fact is near the member's birthday.
    Birthday(Nearness<BirthdaySpan>),
    /// The fact is soon after the member's enrolment.
    Enrolled(Nearness<EnrolledSpan>),
    /// A profile attribute has one of some values.
    Profile(ProfileTest),
    /// The member is on this list.
    List(String),
    /// The member has this tag.
    Tag(String),
    /// Whether the member came by a referral.
    Referred(bool),
}

/// How near a date must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Nearness<Span> {
    /// In the span that contains the date.
    Within(Span),
    /// On the date itself and this many days after it.
    DaysAfter(u32),
}

/// The span that contains the enrolment: only its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnrolledSpan {
    /// The day.
    Day,
}
