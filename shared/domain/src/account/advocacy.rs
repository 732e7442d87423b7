//! What an account remembers of an advocate: the friends who count, and what milestones gave.

use serde::{Deserialize, Serialize};

use super::Gift;
use crate::ids::RewardId;

/// The standing of an advocate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advocacy {
    /// The friends who have converted, past the hold.
    #[serde(rename = "n", default)]
    pub friends: u32,
    /// The milestones that gave something and stand, in the order in which they were reached.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<MilestoneGift>,
}

/// What a milestone gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MilestoneGift {
    /// The number of friends.
    #[serde(rename = "a")]
    pub at: u32,
    /// What it gave.
    #[serde(rename = "g")]
    pub gift: Gift,
    /// The rewards of its coupons that a later milestone has replaced.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<RewardId>,
}

impl Advocacy {
    /// True when nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.friends == 0 && self.milestones.is_empty()
    }

    /// Adds what another account remembers. Nothing fires.
    pub(super) fn unite(&mut self, other: Self) {
        self.friends = self.friends.saturating_add(other.friends);
        self.milestones.extend(other.milestones);
    }
}
