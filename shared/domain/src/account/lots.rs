//! Lots: redeemable points by when they become spendable and when they expire.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::pack::rows;
use crate::points::Points;
use crate::program::Expiry;
use crate::time::Day;

/// What tells one lot from another. Points that become spendable on one day and expire on one day are one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LotKey(
    /// The first day on which they can be spent.
    pub Day,
    /// The last day on which they can be spent; `None`: for ever.
    pub Option<Day>,
);

impl LotKey {
    /// The lot of points that become spendable on `day`, under an expiry policy.
    pub fn new(day: Day, expiry: Option<Expiry>) -> Self {
        let last = match expiry {
            Some(Expiry::AfterMonths(months) | Expiry::InactiveMonths(months)) => Some(day.plus_months(months)),
            Some(Expiry::EndOfYear(true)) => Some(day.end_of_year()),
            Some(Expiry::EndOfYear(false)) | None => None,
        };
        Self(day, last)
    }

    /// The first day on which they can be spent.
    pub const fn spendable_from(self) -> Day {
        self.0
    }

    /// The last day on which they can be spent.
    pub const fn last_day(self) -> Option<Day> {
        self.1
    }

    /// True when they have expired on `day`.
    pub fn expired(self, day: Day) -> bool {
        self.1.is_some_and(|last| last < day)
    }

    /// In which order lots are spent: the soonest to expire, then the oldest.
    const fn order(self) -> (bool, Option<Day>, Day) {
        (self.1.is_none(), self.1, self.0)
    }
}

/// Some points with one fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lot {
    /// Which.
    #[serde(rename = "k")]
    pub key: LotKey,
    /// How many.
    #[serde(rename = "p")]
    pub points: Points,
}

/// Points that were taken from a lot, so that they can go back to it.
pub type Taken = Lot;

/// All lots of a member, in the order in which they are spent; no two with one key, none empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lots(Vec<Lot>);

// Stored as rows of small numbers: a member may have a lot for each day of a year.
impl Serialize for Lots {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.iter().map(|lot| {
            let from = lot.key.0;
            // Most lots live equally long, and one that lives for ever is told by a number that no life has.
            let life = lot.key.1.map_or(i64::MIN, |last| i64::from(last.days_since(from)));
            [i64::from(from.number()), life, lot.points.get()]
        });
        rows::serialize(rows, serializer)
    }
}

impl<'de> Deserialize<'de> for Lots {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut lots = Self::default();
        for [from, life, points] in rows::deserialize(deserializer)? {
            let from = Day::from_number(from);
            let last = (life != i64::MIN).then(|| from.offset(i32::try_from(life).unwrap_or(i32::MAX)));
            lots.add(LotKey(from, last), Points::new(points));
        }
        Ok(lots)
    }
}

impl Lots {
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lots, in the order in which they are spent.
    pub fn iter(&self) -> impl Iterator<Item = &Lot> {
        self.0.iter()
    }

    /// All points, pending ones included.
    pub fn total(&self) -> Points {
        self.0.iter().map(|lot| lot.points).sum()
    }

    /// Points that can be spent on `day`.
    pub fn spendable(&self, day: Day) -> Points {
        self.0.iter().filter(|lot| lot.key.0 <= day && !lot.key.expired(day)).map(|lot| lot.points).sum()
    }

    /// Adds points to the lot with this key.
    pub fn add(&mut self, key: LotKey, points: Points) {
        if !points.is_positive() {
            return;
        }
        match self.0.binary_search_by_key(&key.order(), |lot| lot.key.order()) {
            Ok(place) => self.0[place].points = self.0[place].points.plus(points),
            Err(place) => self.0.insert(place, Lot { key, points }),
        }
    }

    /// Takes up to `points` from the lots that `which` selects, in the order in which lots are spent; tells from which
    /// lots they came.
    pub fn take(&mut self, points: Points, which: impl Fn(LotKey) -> bool) -> Vec<Taken> {
        let mut left = points;
        let mut taken = Vec::new();
        for lot in self.0.iter_mut().filter(|lot| which(lot.key)) {
            let part = lot.points.min(left);
            if part.is_positive() {
                lot.points = lot.points.minus(part);
                left = left.minus(part);
                taken.push(Lot { key: lot.key, points: part });
            }
        }
        self.0.retain(|lot| lot.points.is_positive());
        taken
    }

    /// Gives all lots that `which` selects another key.
    pub fn rekey(&mut self, which: impl Fn(LotKey) -> Option<LotKey>) {
        for lot in std::mem::take(&mut self.0) {
            self.add(which(lot.key).unwrap_or(lot.key), lot.points);
        }
    }
}

/// The last-consumed `points` of what was taken: what goes back first when a part of it is restored.
pub fn last_taken(taken: &[Taken], points: Points) -> Vec<Taken> {
    let mut left = points;
    let mut latest: Vec<&Taken> = taken.iter().collect();
    latest.sort_by_key(|lot| Reverse(lot.key.order()));
    let parts = latest.into_iter().filter_map(|lot| {
        let part = lot.points.min(left);
        left = left.minus(part);
        part.is_positive().then_some(Lot { key: lot.key, points: part })
    });
    parts.collect()
}

/// The lots that go back when `after` points are restored in all and `before` were restored earlier: last-consumed first.
pub fn between(taken: &[Taken], before: Points, after: Points) -> Vec<Taken> {
    let earlier = last_taken(taken, before);
    let now = last_taken(taken, after).into_iter();
    now.filter_map(|lot| {
        let had: Points = earlier.iter().filter(|other| other.key == lot.key).map(|other| other.points).sum();
        let points = lot.points.minus(had);
        points.is_positive().then_some(Lot { points, ..lot })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(from: &str, last: Option<&str>) -> LotKey {
        let day = |text: &str| Day::from_date(text.parse().unwrap());
        LotKey(day(from), last.map(day))
    }

    #[test]
    fn the_soonest_expiring_lot_is_spent_first() {
        let mut lots = Lots::default();
        let (a, b, c) =
            (key("2025-06-30", Some("2026-06-30")), key("2025-12-31", Some("2026-12-31")), key("2025-01-01", None));
        for (key, points) in [(c, 5), (b, 100), (a, 50)] {
            lots.add(key, Points::new(points));
        }
        let taken = lots.take(Points::new(70), |_| true);
        assert_eq!(taken, [Lot { key: a, points: Points::new(50) }, Lot { key: b, points: Points::new(20) }]);
        assert_eq!(lots.total(), Points::new(85));
        assert_eq!(
            last_taken(&taken, Points::new(30)),
            [Lot { key: b, points: Points::new(20) }, Lot { key: a, points: Points::new(10) }]
        );
    }

    #[test]
    fn a_month_counts_from_the_day_they_can_be_spent() {
        let january = Day::from_date("2026-01-31".parse().unwrap());
        assert_eq!(LotKey::new(january, Some(Expiry::AfterMonths(1))).last_day().unwrap().to_string(), "2026-02-28");
        assert_eq!(LotKey::new(january, Some(Expiry::EndOfYear(true))).last_day().unwrap().to_string(), "2026-12-31");
        assert_eq!(LotKey::new(january, None).last_day(), None);
    }
}
