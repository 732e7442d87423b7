//! How much of a rule's limits is used: by calendar period, and, for limits that roll, by moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

use super::counter::KEPT;
use crate::pack::rows;
use crate::points::Points;
use crate::rule::{Bound, CompiledRule, Limit, Period};
use crate::time::Day;

/// What is used of the limits of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// By calendar period, in the order of [`Use::key`].
    periods: Vec<Use>,
    /// By moment, oldest first.
    recent: Vec<Recent>,
}

/// What is used in one calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    period: Period,
    every: u32,
    /// Its first local day.
    start: Day,
    used: Used,
}

impl Use {
    fn key(&self) -> (usize, u32, Day) {
        (code(self.period), self.every, self.start)
    }
}

/// What was used at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Recent {
    /// In milliseconds since 1970.
    at: i64,
    used: Used,
}

/// Firings and points, of both kinds together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// The firings granted.
    pub times: i64,
    /// The points granted; counted only where a limit bounds points.
    pub points: i64,
}

impl Used {
    fn plus(self, other: Self) -> Self {
        // A refund gives places back; more than were taken never come back.
        let sum = |a: i64, b: i64| a.saturating_add(b).max(0);
        Self { times: sum(self.times, other.times), points: sum(self.points, other.points) }
    }

    const fn is_nothing(self) -> bool {
        self.times == 0 && self.points == 0
    }
}

/// A moment in a time zone: where limits look.
#[derive(Debug, Clone, Copy)]
pub struct When<'a> {
    /// The moment.
    pub at: Timestamp,
    /// Its local day.
    pub day: Day,
    /// The program's time zone.
    pub zone: &'a TimeZone,
}

impl Uses {
    /// True when nothing is used.
    pub const fn is_empty(&self) -> bool {
        self.periods.is_empty() && self.recent.is_empty()
    }

    /// For how many periods and moments something is remembered.
    pub(super) const fn len(&self) -> usize {
        self.periods.len() + self.recent.len()
    }

    /// What is used of a limit at a moment.
    pub fn of(&self, rule: &CompiledRule, limit: &Limit, when: When<'_>) -> Used {
        if limit.rolling {
            let start = CompiledRule::rolling_start(limit, when.at, when.zone).as_millisecond();
            let end = when.at.as_millisecond();
            let within = self.recent.iter().filter(|recent| start < recent.at && recent.at <= end);
            return within.fold(Used::default(), |sum, recent| sum.plus(recent.used));
        }
        let start = rule.period_start(limit, when.day);
        let same = |u: &&Use| u.period == limit.per && u.every == limit.every && u.start == start;
        self.periods.iter().find(same).map(|u| u.used).unwrap_or_default()
    }

    /// How many firings the limits of a rule leave at a moment; `None` when none bounds them.
    pub fn room(&self, rule: &CompiledRule, when: When<'_>) -> Option<u64> {
        let left = rule.rule.limit.iter().filter_map(|limit| {
            let used = self.of(rule, limit, when);
            match limit.bound {
                Bound::Times(times) => Some(u64::try_from(i64::from(times) - used.times).unwrap_or(0)),
                Bound::Points(points) if used.points >= points.get() => Some(0),
                Bound::Points(_) => None,
            }
        });
        left.min()
    }

    /// How many points the limits of a rule leave at a moment; `None` when none bounds them.
    pub fn room_for_points(&self, rule: &CompiledRule, when: When<'_>) -> Option<Points> {
        let left = rule.rule.limit.iter().filter_map(|limit| match limit.bound {
            Bound::Points(points) => Some(points.minus(Points::new(self.of(rule, limit, when).points))),
            Bound::Times(_) => None,
        });
        left.min()
    }

    /// Notes firings and points granted at a moment; below zero, those given back.
    pub fn add(&mut self, rule: &CompiledRule, used: Used, when: When<'_>) {
        let used = bounded_by(rule, used);
        if used.is_nothing() {
            return;
        }
        self.add_to_periods(rule, used, when.day);
        if rule.rule.limit.iter().any(|limit| limit.rolling) {
            self.add_recent(when.at.as_millisecond(), used);
            self.forget_moments(rule, when.zone);
        }
    }

    /// Gives back firings and points, both below zero, of which only the local day is known. Rolling limits get the latest
    /// of that day back.
    pub fn give_back(&mut self, rule: &CompiledRule, used: Used, day: Day, zone: &TimeZone) {
        let used = bounded_by(rule, used);
        if used.is_nothing() {
            return;
        }
        self.add_to_periods(rule, used, day);
        let (start, end) = (day.start(zone).as_millisecond(), day.plus_days(1).start(zone).as_millisecond());
        let mut left = Used { times: used.times.min(0), points: used.points.min(0) };
        for recent in self.recent.iter_mut().rev().filter(|recent| start <= recent.at && recent.at < end) {
            let before = recent.used;
            recent.used = before.plus(left);
            left.times += before.times - recent.used.times;
            left.points += before.points - recent.used.points;
        }
        self.recent.retain(|recent| !recent.used.is_nothing());
    }

    /// Adds to the calendar periods that hold a day. Two limits over the same period share one count.
    fn add_to_periods(&mut self, rule: &CompiledRule, used: Used, day: Day) {
        let calendar = || rule.rule.limit.iter().filter(|limit| !limit.rolling);
        for (place, limit) in calendar().enumerate() {
            let mut before = calendar().take(place);
            if !before.any(|other| (other.per, other.every) == (limit.per, limit.every)) {
                self.add_period(limit, rule.period_start(limit, day), used);
            }
        }
    }

    /// Forgets moments that no late fact or refund needs any more, and the oldest of too many.
    ///
    /// As with calendar periods, a fact may come 400 days late: its own period then ends 400 days before the newest moment.
    fn forget_moments(&mut self, rule: &CompiledRule, zone: &TimeZone) {
        let Some(newest) = self.recent.last().and_then(|recent| Timestamp::from_millisecond(recent.at).ok()) else {
            return;
        };
        let latest = Day::of(newest, zone).offset(-KEPT).start(zone);
        let rolling = || rule.rule.limit.iter().filter(|limit| limit.rolling);
        let oldest = rolling().map(|limit| CompiledRule::rolling_start(limit, latest, zone)).min();
        let oldest = oldest.unwrap_or(latest).as_millisecond();
        self.recent.retain(|recent| recent.at > oldest);
        let most = rolling().map(|limit| usize::try_from(most_moments(limit)).unwrap_or(usize::MAX)).max();
        let surplus = self.recent.len().saturating_sub(most.unwrap_or(0));
        self.recent.drain(..surplus);
    }

    /// Adds what another account used: open periods are shared from now on.
    pub(super) fn unite(&mut self, other: Self) {
        for theirs in other.periods {
            let place = self.periods.partition_point(|own| own.key() < theirs.key());
            match self.periods.get_mut(place).filter(|own| own.key() == theirs.key()) {
                Some(own) => own.used = own.used.plus(theirs.used),
                None => self.periods.insert(place, theirs),
            }
        }
        for theirs in other.recent {
            self.add_recent(theirs.at, theirs.used);
        }
    }

    fn add_period(&mut self, limit: &Limit, start: Day, used: Used) {
        let same = |u: &Use| u.period == limit.per && u.every == limit.every && u.start == start;
        if let Some(place) = self.periods.iter().position(same) {
            self.periods[place].used = self.periods[place].used.plus(used);
            if self.periods[place].used.is_nothing() {
                self.periods.remove(place);
            }
            return;
        }
        let used = Used::default().plus(used);
        if !used.is_nothing() {
            let new = Use { period: limit.per, every: limit.every, start, used };
            let place = self.periods.partition_point(|other| other.key() < new.key());
            self.periods.insert(place, new);
        }
    }

    fn add_recent(&mut self, at: i64, used: Used) {
        match self.recent.binary_search_by_key(&at, |recent| recent.at) {
            Ok(place) => self.recent[place].used = self.recent[place].used.plus(used),
            Err(place) => self.recent.insert(place, Recent { at, used: Used::default().plus(used) }),
        }
        self.recent.retain(|recent| !recent.used.is_nothing());
    }

    /// The first day of the latest calendar period in which something was used.
    pub(super) fn latest(&self) -> Option<Day> {
        self.periods.iter().map(|u| u.start).max()
    }

    /// Forgets periods that closed before a day.
    pub(super) fn prune(&mut self, oldest: Day) {
        self.periods.retain(|u| {
            let longest = match u.period {
                Period::Lifetime => return true,
                Period::Day => u.every,
                Period::Week => u.every.saturating_mul(7),
                Period::Month => u.every.saturating_mul(31),
                Period::Year => u.every.saturating_mul(366),
            };
            u.start.plus_days(longest) >= oldest
        });
    }
}

/// The moments that every rolling limit remembers at least: about one for each day that calendar periods are remembered.
const LEAST_MOMENTS: u64 = 400;

/// The most moments that a rolling limit remembers. Each used a place, or a point, at least, so that those of a whole period
/// are among them.
pub(crate) fn most_moments(limit: &Limit) -> u64 {
    let most = match limit.bound {
        Bound::Times(times) => u64::from(times),
        Bound::Points(points) => u64::try_from(points.get()).unwrap_or(0),
    };
    most.max(LEAST_MOMENTS)
}

/// What the limits of a rule count of some firings: points only where one of them bounds points.
fn bounded_by(rule: &CompiledRule, used: Used) -> Used {
    let bounds_points = rule.rule.limit.iter().any(|limit| matches!(limit.bound, Bound::Points(_)));
    if bounds_points { used } else { Used { points: 0, ..used } }
}

const PERIODS: [Period; 5] = [Period::Day, Period::Week, Period::Month, Period::Year, Period::Lifetime];

/// How a period is stored.
fn code(period: Period) -> usize {
    PERIODS.iter().position(|other| *other == period).unwrap_or_default()
}

// Stored as rows of small numbers, a group for each kind of period: a rule limited by the day has a row for each day on
// which it fired, and someone who buys every day few numbers.
impl Serialize for Uses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut groups: Vec<((Period, u32), Vec<&Use>)> = Vec::new();
        for used in &self.periods {
            let kind = (used.period, used.every);
            match groups.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, group)) => group.push(used),
                None => groups.push((kind, vec![used])),
            }
        }
        let periods: Vec<(usize, u32, ByteBuf)> = groups
            .into_iter()
            .map(|((period, every), group)| {
                let rows = group.iter().map(|u| [i64::from(u.start.number()), u.used.times, u.used.points]);
                (code(period), every, ByteBuf::from(rows::fold(rows)))
            })
            .collect();
        let recent = self.recent.iter().map(|recent| [recent.at, recent.used.times, recent.used.points]);
        (periods, ByteBuf::from(rows::fold(recent))).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Uses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (periods, recent) = <(Vec<(usize, u32, ByteBuf)>, ByteBuf)>::deserialize(deserializer)?;
        let wrong = || D::Error::custom("not rows of uses");
        let mut read = Self::default();
        for (period, every, packed) in periods {
            let period = *PERIODS.get(period).ok_or_else(wrong)?;
            for [start, times, points] in rows::unfold(&packed).ok_or_else(wrong)? {
                let used = Used { times, points };
                read.periods.push(Use { period, every, start: Day::from_number(start), used });
            }
        }
        for [at, times, points] in rows::unfold(&recent).ok_or_else(wrong)? {
            read.recent.push(Recent { at, used: Used { times, points } });
        }
        Ok(read)
    }
}
