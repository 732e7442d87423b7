//! Points: whole, signed, with saturating arithmetic.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A number of points. Balances are never negative (a debt is kept apart); differences may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = i64))]
#[serde(transparent)]
pub struct Points(i64);

impl Points {
    /// No points.
    pub const ZERO: Self = Self(0);
    /// The most points in one document or request; sums of many stay far inside `i64`.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// This number of points.
    pub const fn new(points: i64) -> Self {
        Self(points)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True when above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// True when zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The saturating sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The saturating difference, which may be negative.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product, capped at [`Points::MAX`], the most that one rule gives for one receipt.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        let product = i128::from(self.0) * i128::from(count);
        Self(i64::try_from(product).unwrap_or(i64::MAX).min(Self::MAX.0))
    }

    /// The negation.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// These points, clamped between zero and `given`.
    #[must_use]
    pub fn towards_zero(self, given: Self) -> Self {
        if given.is_positive() { self.min(given).max(Self::ZERO) } else { self.max(given).min(Self::ZERO) }
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A kind of points; a member has a balance of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Points that buy rewards (the trade's "non-qualifying").
    Redeemable,
    /// Points that count towards tiers.
    Qualifying,
}

/// Points of both kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Both {
    /// Points that buy rewards.
    #[serde(default)]
    pub redeemable: Points,
    /// Points that count towards tiers.
    #[serde(default)]
    pub qualifying: Points,
}

impl Both {
    /// Zero of both kinds.
    pub const ZERO: Self = Self { redeemable: Points::ZERO, qualifying: Points::ZERO };

    /// The points of one kind.
    pub const fn of(self, kind: Kind) -> Points {
        match kind {
            Kind::Redeemable => self.redeemable,
            Kind::Qualifying => self.qualifying,
        }
    }

    /// The points of one kind, mutable.
    pub const fn of_mut(&mut self, kind: Kind) -> &mut Points {
        match kind {
            Kind::Redeemable => &mut self.redeemable,
            Kind::Qualifying => &mut self.qualifying,
        }
    }

    /// The sum, kind by kind.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { redeemable: self.redeemable.plus(other.redeemable), qualifying: self.qualifying.plus(other.qualifying) }
    }

    /// The difference, kind by kind.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            redeemable: self.redeemable.minus(other.redeemable),
            qualifying: self.qualifying.minus(other.qualifying),
        }
    }

    /// Both kinds multiplied by a number.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { redeemable: self.redeemable.times(count), qualifying: self.qualifying.times(count) }
    }

    /// The smaller, kind by kind.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self { redeemable: self.redeemable.min(other.redeemable), qualifying: self.qualifying.min(other.qualifying) }
    }

    /// As [`Points::towards_zero`], kind by kind.
    #[must_use]
    pub fn towards_zero(self, given: Self) -> Self {
        Self {
            redeemable: self.redeemable.towards_zero(given.redeemable),
            qualifying: self.qualifying.towards_zero(given.qualifying),
        }
    }

    /// The negation of both kinds.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { redeemable: self.redeemable.negated(), qualifying: self.qualifying.negated() }
    }

    /// The sum of both kinds.
    pub const fn sum(self) -> Points {
        self.redeemable.plus(self.qualifying)
    }

    /// As [`Both::is_zero`], for serde, which passes a reference.
    pub(crate) const fn is_zero_ref(&self) -> bool {
        self.is_zero()
    }

    /// True when both kinds are zero.
    pub const fn is_zero(self) -> bool {
        self.redeemable.is_zero() && self.qualifying.is_zero()
    }
}

/// Serializes both kinds as a pair of numbers, for storage.
pub mod packed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Both, Points};

    /// Writes `[redeemable, qualifying]`.
    ///
    /// # Errors
    /// The serializer's.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's with passes a reference")]
    pub fn serialize<S: Serializer>(both: &Both, serializer: S) -> Result<S::Ok, S::Error> {
        (both.redeemable, both.qualifying).serialize(serializer)
    }

    /// Reads `[redeemable, qualifying]`.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Both, D::Error> {
        let (redeemable, qualifying) = <(Points, Points)>::deserialize(deserializer)?;
        Ok(Both { redeemable, qualifying })
    }
}

/// How fractions of a point are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Down.
    Floor,
    /// To the nearest; halves up.
    HalfUp,
    /// Up.
    Ceil,
}

impl Rounding {
    /// Rounds an exact number of points; `None` beyond any balance.
    pub fn round(self, exact: Decimal) -> Option<Points> {
        let whole = match self {
            Self::Floor => exact.floor(),
            Self::HalfUp => exact.checked_add(Decimal::new(5, 1))?.floor(),
            Self::Ceil => exact.ceil(),
        };
        i64::try_from(whole)
            .ok()
            .map(Points::new)
            .filter(|points| *points <= Points::MAX && *points >= Points::MAX.negated())
    }
}
