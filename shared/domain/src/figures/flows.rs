//! Flows of points: the columns of the roll-forward.

use serde::{Deserialize, Serialize};

use crate::ledger::Bucket;

/// Points that came and went, by reason (invariant 2 of the ledger). All numbers are gross and not negative, except `moved`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PackedFlows", into = "PackedFlows")]
pub struct Flows {
    /// Points given: by rules, awards, referral rewards, imports.
    pub issued: i64,
    /// Debts written off.
    pub forgiven: i64,
    /// Points spent on rewards.
    pub redeemed: i64,
    /// Spent points that came back.
    pub restored: i64,
    /// Points that expired.
    pub expired: i64,
    /// Points that refunds took back.
    pub reversed: i64,
    /// Points that an admin, a rule or an erasure removed.
    pub removed: i64,
    /// Points that came from another line of the same report, less those that went there.
    pub moved: i64,
}

/// Flows as they are stored, in the order of the fields.
type PackedFlows = [i64; 8];

impl From<PackedFlows> for Flows {
    fn from([issued, forgiven, redeemed, restored, expired, reversed, removed, moved]: PackedFlows) -> Self {
        Self { issued, forgiven, redeemed, restored, expired, reversed, removed, moved }
    }
}

impl From<Flows> for PackedFlows {
    fn from(flows: Flows) -> Self {
        let Flows { issued, forgiven, redeemed, restored, expired, reversed, removed, moved } = flows;
        [issued, forgiven, redeemed, restored, expired, reversed, removed, moved]
    }
}

impl Flows {
    /// The change of the balance.
    pub const fn net(&self) -> i64 {
        self.issued + self.forgiven - self.redeemed + self.restored - self.expired - self.reversed - self.removed
            + self.moved
    }

    /// Adds points that went from one bucket to another.
    pub(super) const fn post(&mut self, from: Bucket, to: Bucket, points: i64) {
        self.enter(from, points);
        self.leave(to, points);
    }

    /// Points that come from a bucket to a member.
    pub(super) const fn enter(&mut self, from: Bucket, points: i64) {
        match from {
            Bucket::Issued => self.issued += points,
            Bucket::Forgiven => self.forgiven += points,
            Bucket::Redeemed => self.restored += points,
            Bucket::Expired => self.expired -= points,
            Bucket::Reversed => self.reversed -= points,
            Bucket::Removed => self.removed -= points,
            Bucket::Moved => self.moved += points,
            Bucket::Pending | Bucket::Available | Bucket::Reserved | Bucket::Debt => {}
        }
    }

    /// Points that go from a member to a bucket.
    pub(super) const fn leave(&mut self, to: Bucket, points: i64) {
        match to {
            Bucket::Issued => self.issued -= points,
            Bucket::Forgiven => self.forgiven -= points,
            Bucket::Redeemed => self.redeemed += points,
            Bucket::Expired => self.expired += points,
            Bucket::Reversed => self.reversed += points,
            Bucket::Removed => self.removed += points,
            Bucket::Moved => self.moved -= points,
            Bucket::Pending | Bucket::Available | Bucket::Reserved | Bucket::Debt => {}
        }
    }

    /// Adds other flows.
    pub fn add(&mut self, other: &Self) {
        let (own, other) = (PackedFlows::from(*self), PackedFlows::from(*other));
        *self = std::array::from_fn::<i64, 8, _>(|column| own[column] + other[column]).into();
    }

    /// These flows without others.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let (own, other) = (PackedFlows::from(*self), PackedFlows::from(*other));
        std::array::from_fn::<i64, 8, _>(|column| own[column] - other[column]).into()
    }

    /// True when nothing flowed.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}
