//! Effects of a rule: what it does when it fires.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{RewardId, RuleId, TierId};
use crate::points::Points;

/// What a rule does when it fires.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Credits points.
    Credit(Credit),
    /// Debits points.
    Debit(Amount),
    /// Sets the balance to zero.
    Reset {
        /// The kinds of points.
        kind: EffectKind,
    },
    /// Multiplies the credits of other rules for the same fact.
    Multiply(Multiply),
    /// Issues a coupon of a reward at no cost; written `{"reward": "five-off"}`.
    #[serde(serialize_with = "bare_id")]
    Reward {
        /// The reward.
        reward: RewardId,
    },
    /// Gives a tier outside the ladder; written `{"vip": "vip"}`.
    #[serde(serialize_with = "bare_id")]
    Vip {
        /// The tier.
        vip: TierId,
    },
}

/// The points that an effect credits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credit {
    /// How the points are counted.
    #[serde(flatten)]
    pub rate: Rate,
    /// The kinds of points.
    pub kind: EffectKind,
    /// Keeps redeemable points pending until an event; absent: the program's `hold_days` alone apply. Only on receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<EventHold>,
}

/// What the points of a receipt wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventHold {
    /// The event that starts the program's `hold_days`.
    pub until: HoldEvent,
    /// The local days after the receipt on which the event may still come.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 365))]
    pub at_most_days: u32,
    /// What becomes of the points when it does not come in time.
    pub otherwise: HoldOtherwise,
}

/// An interaction whose property `receipt` names the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldEvent {
    /// The name of the interaction.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    pub interaction: String,
}

/// What becomes of held points whose event does not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldOtherwise {
    /// They are cancelled.
    Cancel,
    /// They are released and can be spent at once.
    Release,
}

/// The points that an effect debits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Amount {
    /// How the points are counted.
    #[serde(flatten)]
    pub rate: Rate,
    /// The kinds of points.
    pub kind: EffectKind,
}

/// How the points of an effect are counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// A fixed number of points for each firing.
    Points(Points),
    /// Points for each unit of the eligible amount, once for each receipt on which the rule fired.
    PerUnit(#[serde(serialize_with = "decimal_text")] Decimal),
}

/// The kinds of points that an effect concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Points that buy rewards.
    #[default]
    Redeemable,
    /// Points that count towards tiers.
    Qualifying,
    /// Both kinds, the same number of each.
    Both,
}

/// How several multipliers combine (SP9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// Only the largest applies.
    Max,
    /// Their extra shares are added.
    Additive,
    /// Their factors are multiplied.
    Product,
}

/// A multiplier of the credits of other rules (SP9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Multiply {
    /// The factor; 2 doubles.
    #[serde(serialize_with = "decimal_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub factor: Decimal,
    /// The kinds of points that it multiplies.
    pub kind: EffectKind,
    /// The rules whose credits it multiplies; absent: every other rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleId>>,
    /// Whether it multiplies whole credits, or those earned on the lines of this rule's own filter.
    pub scope: MultiplyScope,
}

/// The part of the credits that a multiplier works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MultiplyScope {
    /// All credits of the fact.
    #[default]
    Receipt,
    /// Per-unit and every-per-receipt credits earned on the lines of the multiplier's own filter.
    Lines,
}

fn decimal_text<S: serde::Serializer>(decimal: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&decimal.normalize())
}

fn bare_id<T: Serialize, S: serde::Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
    id.serialize(serializer)
}
