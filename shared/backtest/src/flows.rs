//! The sums of postings by bucket.

use tessera_domain::ledger::{Bucket, Entry, Movement};
use tessera_domain::points::Kind;

/// The number of buckets.
const PLACES: usize = 11;

/// The sum of all postings into each bucket, by kind of point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BucketFlows {
    buckets: [[i64; PLACES]; 2],
}

const fn place(bucket: Bucket) -> usize {
    match bucket {
        Bucket::Issued => 0,
        Bucket::Forgiven => 1,
        Bucket::Pending => 2,
        Bucket::Available => 3,
        Bucket::Reserved => 4,
        Bucket::Debt => 5,
        Bucket::Redeemed => 6,
        Bucket::Expired => 7,
        Bucket::Reversed => 8,
        Bucket::Removed => 9,
        Bucket::Moved => 10,
    }
}

const fn side(kind: Kind) -> usize {
    match kind {
        Kind::Redeemable => 0,
        Kind::Qualifying => 1,
    }
}

impl BucketFlows {
    /// Adds the postings of an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.add_movements(&entry.movements);
    }

    /// Adds postings.
    pub fn add_movements(&mut self, movements: &[Movement]) {
        for posting in movements.iter().flat_map(|movement| &movement.postings) {
            let of = &mut self.buckets[side(posting.kind)];
            of[place(posting.from)] -= posting.amount.get();
            of[place(posting.to)] += posting.amount.get();
        }
    }

    /// Adds the sums of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().flatten().zip(other.buckets.iter().flatten()) {
            *mine += theirs;
        }
    }

    /// The sum of a bucket.
    pub const fn of(&self, bucket: Bucket, kind: Kind) -> i64 {
        self.buckets[side(kind)][place(bucket)]
    }

    /// The points issued.
    pub const fn issued(&self, kind: Kind) -> i64 {
        -self.of(Bucket::Issued, kind)
    }
}
