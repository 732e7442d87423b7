//! Lots: redeemable points by when they become spendable and when they expire.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::ledger::{LotChange, sum_by_months};
use crate::pack::rows;
use crate::points::Points;
use crate::program::Expiry;
use crate::time::{Day, Month};

/// Names a lot. Points that are issued in one month, become spendable on one day and expire on one day are one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "PackedLotKey", into = "PackedLotKey")]
pub struct LotKey {
    spendable_from: Day,
    last_day: Option<Day>,
    issued: Month,
}

/// A lot's key as it is stored: the first spendable day, the last one, the month of issue.
type PackedLotKey = (Day, Option<Day>, Month);

impl From<PackedLotKey> for LotKey {
    fn from((spendable_from, last_day, issued): PackedLotKey) -> Self {
        Self { spendable_from, last_day, issued }
    }
}

impl From<LotKey> for PackedLotKey {
    fn from(LotKey { spendable_from, last_day, issued }: LotKey) -> Self {
        (spendable_from, last_day, issued)
    }
}

impl LotKey {
    /// The lot of points that are issued on `day` and spendable at once, under an expiry policy.
    pub fn new(day: Day, expiry: Option<Expiry>) -> Self {
        Self::held(day, 0, expiry)
    }

    /// The lot of points that are issued on `day` and held for some days, under an expiry policy.
    pub fn held(day: Day, hold_days: u32, expiry: Option<Expiry>) -> Self {
        let spendable_from = day.plus_days(hold_days);
        let last_day = match expiry {
            Some(Expiry::AfterMonths(months) | Expiry::InactiveMonths(months)) => {
                Some(spendable_from.plus_months(months))
            }
            Some(Expiry::EndOfYear(true)) => Some(spendable_from.end_of_year()),
            Some(Expiry::EndOfYear(false)) | None => None,
        };
        Self { spendable_from, last_day, issued: day.month() }
    }

    /// The lot of points that were issued in a month and are spendable from a day, under an expiry policy.
    pub(crate) fn released(first: Day, issued: Month, expiry: Option<Expiry>) -> Self {
        Self { issued, ..Self::new(first, expiry) }
    }

    /// The lot of points that were issued in a month and wait for an event.
    pub(crate) const fn waiting(issued: Month) -> Self {
        Self { spendable_from: Day::LAST, last_day: None, issued }
    }

    /// A lot by its parts.
    pub(crate) const fn with_days(spendable_from: Day, last_day: Option<Day>, issued: Month) -> Self {
        Self { spendable_from, last_day, issued }
    }

    /// The same lot with another last day.
    #[must_use]
    pub const fn until(self, last_day: Day) -> Self {
        Self { last_day: Some(last_day), ..self }
    }

    /// The first day on which the points can be spent.
    pub const fn spendable_from(self) -> Day {
        self.spendable_from
    }

    /// The last day on which the points can be spent; `None`: for ever.
    pub const fn last_day(self) -> Option<Day> {
        self.last_day
    }

    /// The month in which the points were issued.
    pub const fn issued(self) -> Month {
        self.issued
    }

    /// True when the points have expired on `day`.
    pub fn expired(self, day: Day) -> bool {
        self.last_day.is_some_and(|last| last < day)
    }

    /// The order in which lots are spent: the soonest to expire, then the oldest.
    const fn order(self) -> (bool, Option<Day>, Day, Month) {
        (self.last_day.is_none(), self.last_day, self.spendable_from, self.issued)
    }

    fn change(self, points: Points) -> LotChange {
        LotChange { issued: self.issued, expires: self.last_day.map(Day::month), points }
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
pub type TakenLot = Lot;

/// All lots of a member, in the order in which they are spent; no two with one key, none empty.
///
/// They note their own changes, so that no decision can move a lot and leave it out of its entry.
#[derive(Debug, Clone, Default)]
pub struct Lots {
    lots: Vec<Lot>,
    /// What has changed since [`Lots::drain_changes`].
    changes: Vec<LotChange>,
}

impl PartialEq for Lots {
    /// Compares the lots alone: the noted changes are not a part of the account.
    fn eq(&self, other: &Self) -> bool {
        self.lots == other.lots
    }
}

impl Eq for Lots {}

// Stored as rows of small numbers: a member may have a lot for each day of a year.
impl Serialize for Lots {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.lots.iter().map(|lot| {
            let from = lot.key.spendable_from;
            // Most lots live equally long. A number that no lifetime has stands for no expiry.
            let life = lot.key.last_day.map_or(i64::MIN, |last| i64::from(last.days_since(from)));
            // Most lots are spendable in the month of their issue.
            let held = i64::from(from.month().months_since(lot.key.issued));
            [i64::from(from.number()), life, lot.points.get(), held]
        });
        rows::serialize(rows, serializer)
    }
}

impl<'de> Deserialize<'de> for Lots {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut lots = Self::default();
        for [from, life, points, held] in rows::deserialize(deserializer)? {
            let spendable_from = Day::from_number(from);
            let last_day = (life != i64::MIN).then(|| spendable_from.offset(i32::try_from(life).unwrap_or(i32::MAX)));
            let issued = spendable_from.month().minus(u32::try_from(held).unwrap_or_default());
            lots.insert(LotKey { spendable_from, last_day, issued }, Points::new(points));
        }
        Ok(lots)
    }
}

impl Lots {
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.lots.is_empty()
    }

    /// The lots, in the order in which they are spent.
    pub fn iter(&self) -> impl Iterator<Item = &Lot> {
        self.lots.iter()
    }

    /// All points, pending ones included.
    pub fn total(&self) -> Points {
        self.lots.iter().map(|lot| lot.points).sum()
    }

    /// The points by month of issue and of expiry.
    pub fn by_months(&self) -> Vec<LotChange> {
        sum_by_months(self.lots.iter().map(|lot| lot.key.change(lot.points)))
    }

    /// Points that can be spent on `day`.
    pub fn spendable(&self, day: Day) -> Points {
        self.lots
            .iter()
            .filter(|lot| lot.key.spendable_from <= day && !lot.key.expired(day))
            .map(|lot| lot.points)
            .sum()
    }

    /// Adds points to the lot with this key.
    pub fn add(&mut self, key: LotKey, points: Points) {
        if points.is_positive() {
            self.changes.push(key.change(points));
            self.insert(key, points);
        }
    }

    fn insert(&mut self, key: LotKey, points: Points) {
        if !points.is_positive() {
            return;
        }
        match self.lots.binary_search_by_key(&key.order(), |lot| lot.key.order()) {
            Ok(place) => self.lots[place].points = self.lots[place].points.plus(points),
            Err(place) => self.lots.insert(place, Lot { key, points }),
        }
    }

    /// Takes up to `points` from the lots that `which` selects, in the order in which lots are spent. Returns from which
    /// lots they came.
    pub fn take(&mut self, points: Points, which: impl Fn(LotKey) -> bool) -> Vec<TakenLot> {
        let mut left = points;
        let mut taken = Vec::new();
        for lot in self.lots.iter_mut().filter(|lot| which(lot.key)) {
            let part = lot.points.min(left);
            if part.is_positive() {
                lot.points = lot.points.minus(part);
                left = left.minus(part);
                taken.push(Lot { key: lot.key, points: part });
                self.changes.push(lot.key.change(part.negated()));
            }
        }
        self.lots.retain(|lot| lot.points.is_positive());
        taken
    }

    /// Gives all lots that `which` selects another key.
    pub fn rekey(&mut self, which: impl Fn(LotKey) -> Option<LotKey>) {
        for lot in std::mem::take(&mut self.lots) {
            let key = which(lot.key).unwrap_or(lot.key);
            let (before, after) = (lot.key.change(lot.points.negated()), key.change(lot.points));
            if (before.issued, before.expires) != (after.issued, after.expires) {
                self.changes.extend([before, after]);
            }
            self.insert(key, lot.points);
        }
    }

    /// Returns what has changed since the last call, by months.
    pub(crate) fn drain_changes(&mut self) -> Vec<LotChange> {
        if self.changes.is_empty() { Vec::new() } else { sum_by_months(std::mem::take(&mut self.changes)) }
    }
}

/// The last-consumed `points` of what was taken: what goes back first when a part of it is restored.
pub fn last_taken(taken: &[TakenLot], points: Points) -> Vec<TakenLot> {
    let mut left = points;
    let mut latest: Vec<&TakenLot> = taken.iter().collect();
    latest.sort_by_key(|lot| Reverse(lot.key.order()));
    let parts = latest.into_iter().filter_map(|lot| {
        let part = lot.points.min(left);
        left = left.minus(part);
        part.is_positive().then_some(Lot { key: lot.key, points: part })
    });
    parts.collect()
}

/// The lots that go back when `after` points are restored in all and `before` were restored earlier: last-consumed first.
pub fn between(taken: &[TakenLot], before: Points, after: Points) -> Vec<TakenLot> {
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
        LotKey { spendable_from: day(from), last_day: last.map(day), issued: day(from).month() }
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
    fn lots_note_their_changes_by_month() {
        let mut lots = Lots::default();
        let (a, b) = (key("2025-06-30", Some("2026-06-30")), key("2025-06-29", Some("2026-06-29")));
        let change = |expires: &str, points| LotChange {
            issued: a.issued(),
            expires: Some(Day::from_date(expires.parse().unwrap()).month()),
            points: Points::new(points),
        };
        lots.add(a, Points::new(50));
        lots.add(b, Points::new(20));
        assert_eq!(lots.drain_changes(), [change("2026-06-30", 70)]);
        lots.take(Points::new(30), |_| true);
        lots.rekey(|key| Some(key.until(Day::from_date("2027-01-31".parse().unwrap()))));
        assert_eq!(lots.drain_changes(), [change("2026-06-30", -70), change("2027-01-31", 40)]);
        assert_eq!(lots.drain_changes(), []);
        let read: Lots = crate::pack::unpack(&crate::pack::pack(&lots).unwrap()).unwrap();
        assert_eq!(read, lots);
    }

    #[test]
    fn a_month_counts_from_the_day_they_can_be_spent() {
        let january = Day::from_date("2026-01-31".parse().unwrap());
        assert_eq!(LotKey::new(january, Some(Expiry::AfterMonths(1))).last_day().unwrap().to_string(), "2026-02-28");
        assert_eq!(LotKey::new(january, Some(Expiry::EndOfYear(true))).last_day().unwrap().to_string(), "2026-12-31");
        assert_eq!(LotKey::new(january, None).last_day(), None);
    }
}
