//! Postings: points that go from one place to another, so that nothing appears or vanishes.

use serde::{Deserialize, Serialize};

use crate::points::{Both, Kind, Points};

/// A place where points are, or come from, or go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bucket {
    /// Where all points come from.
    #[serde(rename = "i")]
    Issued,
    /// Where points come from that pay a debt which nobody will.
    #[serde(rename = "f")]
    Forgiven,
    /// With the member, not spendable yet.
    #[serde(rename = "p")]
    Pending,
    /// With the member. Qualifying points are always here.
    #[serde(rename = "a")]
    Available,
    /// With the member, set aside for a reservation.
    #[serde(rename = "r")]
    Reserved,
    /// With the member, negative: points owed.
    #[serde(rename = "d")]
    Debt,
    /// Spent on rewards.
    #[serde(rename = "s")]
    Redeemed,
    /// Expired.
    #[serde(rename = "x")]
    Expired,
    /// Taken back by refunds.
    #[serde(rename = "v")]
    Reversed,
    /// Taken away by an admin, a rule or an erasure.
    #[serde(rename = "o")]
    Removed,
}

impl Bucket {
    /// True for the places whose sum is the member's balance.
    pub const fn is_members(self) -> bool {
        matches!(self, Self::Pending | Self::Available | Self::Reserved | Self::Debt)
    }
}

/// Points of one kind that go from one place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting(
    /// From where.
    pub Bucket,
    /// To where.
    pub Bucket,
    /// Of which kind; qualifying when true.
    bool,
    /// How many; above zero.
    pub Points,
);

impl Posting {
    /// Points that go from one place to another.
    pub const fn new(from: Bucket, to: Bucket, kind: Kind, points: Points) -> Self {
        Self(from, to, matches!(kind, Kind::Qualifying), points)
    }

    /// Of which kind the points are.
    pub const fn kind(&self) -> Kind {
        if self.2 { Kind::Qualifying } else { Kind::Redeemable }
    }
}

/// What kind of movement an entry shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MovementType {
    /// Points given by rules.
    Earn,
    /// Pending points that became spendable.
    Release,
    /// Points spent on a reward.
    Redeem,
    /// Points of a reward that came back.
    Restore,
    /// Points that expired.
    Expire,
    /// Points taken back by a refund.
    Reverse,
    /// Points taken by a rule.
    Debit,
    /// A balance emptied by a rule.
    Reset,
    /// A debt forgiven.
    WriteOff,
    /// An award, a deduction or a set balance.
    Adjust,
    /// An opening balance.
    Import,
    /// A balance that came from or went to another member.
    Merge,
    /// A balance removed with the personal data.
    Erase,
}

/// One movement of an entry: its type, and the postings that make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// What kind it is.
    #[serde(rename = "t")]
    pub kind: MovementType,
    /// What goes where.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub postings: Vec<Posting>,
}

impl Movement {
    /// A movement without postings yet.
    pub const fn new(kind: MovementType) -> Self {
        Self { kind, postings: Vec::new() }
    }

    /// Adds a posting; none for no points.
    #[must_use]
    pub fn post(mut self, from: Bucket, to: Bucket, kind: Kind, points: Points) -> Self {
        if points.is_positive() {
            self.postings.push(Posting::new(from, to, kind, points));
        }
        self
    }

    /// By how much it changes the member's balances.
    pub fn delta(&self) -> Both {
        self.postings.iter().fold(Both::ZERO, |mut sum, posting| {
            let side = sum.of_mut(posting.kind());
            if posting.1.is_members() {
                *side = side.plus(posting.3);
            }
            if posting.0.is_members() {
                *side = side.minus(posting.3);
            }
            sum
        })
    }
}
