//! The ladder of tiers, and those that stand outside it.

use serde::{Deserialize, Serialize};

use crate::ids::TierId;
use crate::points::Points;
use crate::text::Text;

/// The tiers of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tiers {
    /// From the lowest, whose threshold is 0, to the highest.
    pub ladder: Vec<Tier>,
    /// Tiers outside the ladder: only an admin or a rule gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vip: Vec<VipTier>,
    /// Which qualifying points count.
    pub window: TierWindow,
    /// How far a member falls who no longer reaches their tier.
    pub downgrade: Downgrade,
    /// For how many days after its end a tier can still be kept.
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
    /// The qualifying points that reach it.
    pub threshold: Points,
    /// Its icon.
    pub icon_url: Option<String>,
    /// What its members enjoy.
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
    /// Its icon.
    pub icon_url: Option<String>,
    /// What its members enjoy.
    pub benefits: Vec<Text>,
}

/// Which qualifying points count towards a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TierWindow {
    /// Those of the calendar year; a tier reached is held to the end of the next.
    CalendarYear,
    /// All there ever were.
    Lifetime,
    /// Those of the last so many months.
    RollingMonths(u32),
}

/// How far a member falls who no longer reaches their tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// Not at all.
    None,
    /// One step.
    OneDown,
    /// To the tier that the points reach.
    Full,
}

impl Tiers {
    /// The place of a tier on the ladder, from the bottom; `None` for a tier outside it.
    pub fn rank(&self, id: &TierId) -> Option<usize> {
        self.ladder.iter().position(|tier| tier.id == *id)
    }

    /// The place on the ladder that so many qualifying points reach.
    pub fn reached(&self, qualifying: Points) -> usize {
        self.ladder.iter().rposition(|tier| tier.threshold <= qualifying).unwrap_or(0)
    }

    /// True when there is such a tier, on the ladder or outside it.
    pub fn knows(&self, id: &TierId) -> bool {
        self.rank(id).is_some() || self.vip.iter().any(|vip| vip.id == *id)
    }
}
