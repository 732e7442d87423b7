//! Limits of a rule.

use serde::{Deserialize, Serialize};

use crate::points::Points;

/// A bound on what a rule gives one member in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limit {
    /// The bound.
    #[serde(flatten)]
    pub bound: Bound,
    /// The period to which it applies.
    pub per: Period,
    /// The number of periods taken together, counted from the one that contains `starts_at`.
    #[serde(skip_serializing_if = "is_one")]
    pub every: u32,
    /// The latest periods of wall-clock time, instead of calendar ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rolling: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_one(n: &u32) -> bool {
    *n == 1
}

/// The limits of a rule as they are written: one object, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Limits {
    /// The only limit.
    One(Limit),
    /// Several limits, which all apply.
    Several(Vec<Limit>),
}

#[allow(clippy::ptr_arg, reason = "serde's serialize_with passes the field")]
pub(super) fn one_or_several<S: serde::Serializer>(limits: &Vec<Limit>, serializer: S) -> Result<S::Ok, S::Error> {
    let written = match limits.as_slice() {
        [limit] => Limits::One(*limit),
        several => Limits::Several(several.to_vec()),
    };
    written.serialize(serializer)
}

/// The quantity that a limit bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The number of firings.
    Times(u32),
    /// The points credited, of both kinds together.
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
