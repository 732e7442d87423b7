//! The standing of a member: what reports count people by.

use serde::{Deserialize, Serialize};

use crate::account::{Account, Status};
use crate::ids::TierId;

/// A member's status and tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedStanding", into = "PackedStanding")]
pub struct MemberStanding {
    /// The status.
    pub status: Status,
    /// The tier; `None` in a program without tiers.
    pub tier: Option<TierId>,
}

/// A standing as it is stored: status, tier.
type PackedStanding = (Status, Option<TierId>);

impl From<PackedStanding> for MemberStanding {
    fn from((status, tier): PackedStanding) -> Self {
        Self { status, tier }
    }
}

impl From<MemberStanding> for PackedStanding {
    fn from(MemberStanding { status, tier }: MemberStanding) -> Self {
        (status, tier)
    }
}

impl MemberStanding {
    /// The standing of an account; `None` before its first entry, for one that became part of another, and after an erasure.
    pub(crate) fn of(account: &Account) -> Option<Self> {
        let is_counted = account.version > 0 && account.merged_into.is_none() && account.erased_at.is_none();
        is_counted.then(|| Self { status: account.status, tier: account.tier.current().cloned() })
    }
}

/// A change of standing. An entry has one only when something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedMove", into = "PackedMove")]
pub struct StandingMove {
    /// Before; `None` for a member's first entry.
    pub before: Option<MemberStanding>,
    /// After; `None` when the account became part of another, or was erased.
    pub after: Option<MemberStanding>,
}

/// A change of standing as it is stored: before, after.
type PackedMove = (Option<MemberStanding>, Option<MemberStanding>);

impl From<PackedMove> for StandingMove {
    fn from((before, after): PackedMove) -> Self {
        Self { before, after }
    }
}

impl From<StandingMove> for PackedMove {
    fn from(StandingMove { before, after }: StandingMove) -> Self {
        (before, after)
    }
}
