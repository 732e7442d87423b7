//! Double-entry bookkeeping of points: postings between buckets, so that no point appears or vanishes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::points::{Both, Kind, Points};
use crate::time::Month;

/// An account of the double-entry ledger: where points are, come from, or go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bucket {
    /// The source of all points.
    #[serde(rename = "i")]
    Issued,
    /// The source of points that write off a debt.
    #[serde(rename = "f")]
    Forgiven,
    /// Held by the member, not spendable yet.
    #[serde(rename = "p")]
    Pending,
    /// Held by the member and spendable. Qualifying points are always here.
    #[serde(rename = "a")]
    Available,
    /// Held by the member, set aside for a reservation.
    #[serde(rename = "r")]
    Reserved,
    /// Owed by the member: negative.
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
    /// With another member: points of a merge leave one account for it and arrive at the other from it.
    #[serde(rename = "m")]
    Moved,
    /// Taken away by an admin, a rule or an erasure.
    #[serde(rename = "o")]
    Removed,
}

impl Bucket {
    /// True for the buckets whose sum is the member's balance.
    pub const fn is_members(self) -> bool {
        matches!(self, Self::Pending | Self::Available | Self::Reserved | Self::Debt)
    }
}

/// A transfer of points from one bucket to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedPosting", into = "PackedPosting")]
pub struct Posting {
    /// The bucket that has fewer points afterwards.
    pub from: Bucket,
    /// The bucket that has more points afterwards.
    pub to: Bucket,
    /// The kind of the points.
    pub kind: Kind,
    /// How many points; above zero.
    pub amount: Points,
}

/// A posting as it is stored: from, to, whether the points are qualifying, amount.
type PackedPosting = (Bucket, Bucket, bool, Points);

impl From<PackedPosting> for Posting {
    fn from((from, to, is_qualifying, amount): PackedPosting) -> Self {
        Self { from, to, kind: if is_qualifying { Kind::Qualifying } else { Kind::Redeemable }, amount }
    }
}

impl From<Posting> for PackedPosting {
    fn from(Posting { from, to, kind, amount }: Posting) -> Self {
        (from, to, kind == Kind::Qualifying, amount)
    }
}

/// The type of a movement, and of the line that shows it.
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
    /// A balance that came back from, or returned to, another member when a merge was undone.
    Unmerge,
    /// A balance removed with the personal data.
    Erase,
}

/// One movement of an entry: a type and its postings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// Its type.
    #[serde(rename = "t")]
    pub kind: MovementType,
    /// Its postings.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub postings: Vec<Posting>,
    /// The lots of redeemable points that changed: what a liability report must know of the movement.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<LotChange>,
    /// True for a release that an event, or the end of the wait for it, caused.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub by_event: bool,
    /// When points were released or expired by time alone; `None` for every other movement, and where it was not stored.
    #[serde(
        rename = "d",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub due_at: Option<Timestamp>,
}

/// A change of the lots that were issued in one month and expire in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedLotChange", into = "PackedLotChange")]
pub struct LotChange {
    /// The month in which the points were issued.
    pub issued: Month,
    /// The month in which the points expire; `None`: never.
    pub expires: Option<Month>,
    /// The points added to the lots; negative if taken from them.
    pub points: Points,
}

/// A change of lots as it is stored: issued, expires, points.
type PackedLotChange = (Month, Option<Month>, Points);

impl From<PackedLotChange> for LotChange {
    fn from((issued, expires, points): PackedLotChange) -> Self {
        Self { issued, expires, points }
    }
}

impl From<LotChange> for PackedLotChange {
    fn from(LotChange { issued, expires, points }: LotChange) -> Self {
        (issued, expires, points)
    }
}

/// Adds up changes of the same months; those that cancel out are dropped.
pub(crate) fn sum_by_months(changes: impl IntoIterator<Item = LotChange>) -> Vec<LotChange> {
    let mut sums: BTreeMap<(Month, Option<Month>), Points> = BTreeMap::new();
    for LotChange { issued, expires, points } in changes {
        let sum = sums.entry((issued, expires)).or_default();
        *sum = sum.plus(points);
    }
    let remaining = sums.into_iter().filter(|(_, points)| !points.is_zero());
    remaining.map(|((issued, expires), points)| LotChange { issued, expires, points }).collect()
}

impl Movement {
    /// A movement without postings yet.
    pub const fn new(kind: MovementType) -> Self {
        Self { kind, postings: Vec::new(), lots: Vec::new(), by_event: false, due_at: None }
    }

    /// Adds a posting; none for no points.
    #[must_use]
    pub fn post(mut self, from: Bucket, to: Bucket, kind: Kind, amount: Points) -> Self {
        if amount.is_positive() {
            self.postings.push(Posting { from, to, kind, amount });
        }
        self
    }

    /// Adds the lots that the movement changed.
    #[must_use]
    pub(crate) fn with_lots(mut self, changes: Vec<LotChange>) -> Self {
        self.lots = sum_by_months(self.lots.into_iter().chain(changes));
        self
    }

    /// The change of the member's balances.
    pub fn delta(&self) -> Both {
        self.postings.iter().fold(Both::ZERO, |mut sum, posting| {
            let side = sum.of_mut(posting.kind);
            if posting.to.is_members() {
                *side = side.plus(posting.amount);
            }
            if posting.from.is_members() {
                *side = side.minus(posting.amount);
            }
            sum
        })
    }
}
