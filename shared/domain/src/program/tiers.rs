//! The ladder of tiers, and tiers outside it.

use serde::{Deserialize, Serialize};

use crate::ids::TierId;
use crate::points::Points;
use crate::text::Text;

/// The tiers of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tiers {
    /// The steps from the lowest, whose threshold is 0, to the highest.
    pub ladder: Vec<Tier>,
    /// Tiers outside the ladder, which only an admin or a rule gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vip: Vec<VipTier>,
    /// The period whose qualifying points count.
    pub window: TierWindow,
    /// How far a member falls who no longer reaches the threshold.
    pub downgrade: Downgrade,
    /// The number of days after its end during which a tier can still be kept.
    pub grace_days: u32,
}

/// A step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tier {
    /// Its identifier.
    pub id: TierId,
    /// Its name.
    pub name: Text,
    /// The qualifying points needed.
    pub threshold: Points,
    /// The address of its icon.
    pub icon_url: Option<String>,
    /// The benefits of its members.
    pub benefits: Vec<Text>,
}

/// A tier outside the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VipTier {
    /// Its identifier.
    pub id: TierId,
    /// Its name.
    pub name: Text,
    /// The address of its icon.
    pub icon_url: Option<String>,
    /// The benefits of its members.
    pub benefits: Vec<Text>,
}

/// The period whose qualifying points count towards a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TierWindow {
    /// The calendar year; a tier reached is held until the end of the next year.
    CalendarYear,
    /// The whole membership.
    Lifetime,
    /// The latest months, this many.
    RollingMonths(u32),
}

/// How far a member falls who no longer reaches the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// No fall.
    None,
    /// One step.
    OneDown,
    /// To the tier whose threshold the points reach.
    Full,
}

impl Tiers {
    /// The position of a tier on the ladder, from 0; `None` for a tier outside it.
    pub fn rank(&self, id: &TierId) -> Option<usize> {
        self.ladder.iter().position(|tier| tier.id == *id)
    }

    /// The position on the ladder that these qualifying points reach.
    pub fn reached(&self, qualifying: Points) -> usize {
        self.ladder.iter().rposition(|tier| tier.threshold <= qualifying).unwrap_or(0)
    }

    /// True when the tier exists, on the ladder or outside it.
    pub fn knows(&self, id: &TierId) -> bool {
        self.rank(id).is_some() || self.vip.iter().any(|vip| vip.id == *id)
    }
}
