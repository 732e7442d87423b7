//! Points of receipts that wait for an event (`hold.until`).
//!
//! They are in a lot that never becomes spendable, one for each month of issue. A hold says which of them wait for what, and
//! ends in one of two ways: the points get a lot like any other, or they are cancelled. How it ended is remembered, so that a
//! later refund takes the points from where they are, and none twice.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::counter::KEPT;
use super::lots::LotKey;
use super::{Account, ReceiptMark, mark_of};
use crate::ids::{ReceiptId, RuleId};
use crate::pack::rows;
use crate::points::Points;
use crate::program::{CompiledProgram, Expiry};
use crate::time::{Day, Month};

/// The most ended holds that are remembered; the oldest go first.
const MOST_ENDED: usize = 1_000;
/// The most events that wait for their receipts; the oldest go first.
const MOST_EARLY: usize = 100;

/// The holds of a member, and the events that came before their receipts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// Holds whose event has not come.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<Hold>,
    /// Holds that ended, in the order of their ends.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty", with = "packed_ends")]
    ended: Vec<EndedHold>,
    /// Events whose receipts have not come, in the order of their arrival.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    early: Vec<EarlyEvent>,
}

/// Points that one rule gave for one receipt and that wait for an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The receipt.
    #[serde(rename = "r")]
    pub receipt: ReceiptId,
    /// The rule.
    #[serde(rename = "u")]
    pub rule: RuleId,
    /// The name of the interaction.
    #[serde(rename = "n")]
    pub event: String,
    /// The receipt's local day.
    #[serde(rename = "d")]
    pub day: Day,
    /// The local day that begins with the end of the wait.
    #[serde(rename = "t")]
    pub deadline: Day,
    /// True when the points are released at the deadline; otherwise they are cancelled.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub releases: bool,
    /// The days of holding that the event starts.
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    pub hold_days: u32,
    /// The expiry of the points, from their release.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Expiry>,
    /// The redeemable points of the rule that still wait.
    #[serde(rename = "p")]
    pub points: Points,
    /// The extras of multipliers on them; negative for factors below 1.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<(RuleId, Points)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(days: &u32) -> bool {
    *days == 0
}

impl Hold {
    /// All points that wait.
    pub fn total(&self) -> Points {
        self.extras.iter().fold(self.points, |sum, (_, points)| sum.plus(*points))
    }

    /// The lot of the points when they are released by an event on a day.
    pub(crate) fn released_on(&self, event: Day) -> LotKey {
        let first = event.max(self.day).plus_days(self.hold_days);
        LotKey::released(first, self.day.month(), self.expiry)
    }

    /// The lot of the points when they are released at the deadline, or later because a receipt came late.
    pub(crate) fn released_at_deadline(&self) -> LotKey {
        LotKey::released(self.deadline, self.day.month(), self.expiry)
    }

    /// Subtracts lost points: those of the rule itself, or of a multiplier on it.
    fn lose(&mut self, of: &RuleId, points: Points) {
        match self.extras.iter_mut().find(|(rule, _)| rule == of) {
            Some((_, extra)) => *extra = extra.minus(points),
            None => self.points = self.points.minus(points),
        }
    }
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldEnd {
    /// The points were cancelled.
    Cancelled,
    /// They were released, to a lot with these first and last days.
    Released(Day, Option<Day>),
}

/// A hold that ended, for later refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EndedHold {
    mark: u32,
    on: Day,
    end: HoldEnd,
}

/// An event that waits for its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EarlyEvent {
    /// The name of the interaction.
    #[serde(rename = "n")]
    event: String,
    /// The receipt that it names.
    #[serde(rename = "r")]
    receipt: ReceiptId,
    /// The local day on which it happened.
    #[serde(rename = "d")]
    day: Day,
    /// The local day on which it came.
    #[serde(rename = "a")]
    arrived: Day,
}

/// What is known of the points that a rule gave for a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldState {
    /// They wait.
    Open,
    /// They were cancelled.
    Cancelled,
    /// They were released to this lot.
    Released(LotKey),
    /// They never waited, or that was forgotten.
    Unknown,
}

/// Names a hold: the first bytes of the hash of its receipt's mark and its rule.
fn hold_mark(receipt: ReceiptMark, rule: &RuleId) -> u32 {
    let hash = Sha256::new().chain_update(receipt.to_be_bytes()).chain_update(rule.as_str()).finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

impl Holds {
    /// True when there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.ended.is_empty() && self.early.is_empty()
    }

    /// The holds whose event has not come.
    pub fn open(&self) -> &[Hold] {
        &self.open
    }

    /// The day that begins with the earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Day> {
        self.open.iter().map(|hold| hold.deadline).min()
    }

    /// Adds a hold.
    pub(crate) fn add(&mut self, hold: Hold) {
        self.open.push(hold);
    }

    /// Ends the earliest hold whose deadline has come by a day, and returns it.
    pub(crate) fn take_overdue(&mut self, today: Day) -> Option<Hold> {
        let overdue = self.open.iter().enumerate().filter(|(_, hold)| hold.deadline <= today);
        let (place, _) = overdue.min_by_key(|(_, hold)| hold.deadline)?;
        Some(self.open.remove(place))
    }

    /// Removes a hold whose event came before its receipt; returns it with the day of the event.
    pub(crate) fn take_arrived(&mut self) -> Option<(Hold, Day)> {
        let found = self.open.iter().enumerate().find_map(|(place, hold)| Some((place, self.arrival_of(hold)?)));
        found.map(|(place, day)| (self.open.remove(place), day))
    }

    /// The day of the event that came before the receipt of a hold, and in time.
    pub(crate) fn arrival_of(&self, hold: &Hold) -> Option<Day> {
        let is_of = |early: &&EarlyEvent| early.event == hold.event && early.receipt == hold.receipt;
        let found = self.early.iter().find(is_of).filter(|early| early.arrived < hold.deadline);
        found.map(|early| early.day)
    }

    /// Removes the holds of a receipt that wait for an event.
    pub(crate) fn take_awaiting(&mut self, event: &str, receipt: &str) -> Vec<Hold> {
        let is_met = |hold: &Hold| hold.event == event && hold.receipt.as_str() == receipt;
        let (met, open) = std::mem::take(&mut self.open).into_iter().partition(is_met);
        self.open = open;
        met
    }

    /// Remembers an event whose receipt has not come. The first of equal ones counts.
    pub(crate) fn add_early(&mut self, event: &str, receipt: ReceiptId, day: Day, arrived: Day) {
        self.early.retain(|early| early.arrived >= arrived.offset(-KEPT));
        if self.early.iter().any(|early| early.event == event && early.receipt == receipt) {
            return;
        }
        self.early.push(EarlyEvent { event: event.to_owned(), receipt, day, arrived });
        let surplus = self.early.len().saturating_sub(MOST_EARLY);
        self.early.drain(..surplus);
    }

    /// Remembers how a hold ended.
    pub(crate) fn end(&mut self, hold: &Hold, end: HoldEnd, today: Day) {
        self.ended.retain(|ended| ended.on >= today.offset(-KEPT));
        self.ended.push(EndedHold { mark: hold_mark(mark_of(&hold.receipt), &hold.rule), on: today, end });
        let surplus = self.ended.len().saturating_sub(MOST_ENDED);
        self.ended.drain(..surplus);
    }

    /// What became of the points that a rule gave for a receipt of a month.
    pub(crate) fn state(&self, receipt: ReceiptMark, rule: &RuleId, issued: Month) -> HoldState {
        if self.open.iter().any(|hold| hold.rule == *rule && mark_of(&hold.receipt) == receipt) {
            return HoldState::Open;
        }
        let mark = hold_mark(receipt, rule);
        match self.ended.iter().rev().find(|ended| ended.mark == mark).map(|ended| ended.end) {
            Some(HoldEnd::Cancelled) => HoldState::Cancelled,
            Some(HoldEnd::Released(first, last)) => HoldState::Released(LotKey::with_days(first, last, issued)),
            None => HoldState::Unknown,
        }
    }

    /// Subtracts lost points of a rule, or of a multiplier on it, from an open hold. Returns the month of their lot.
    pub(crate) fn lose(&mut self, receipt: ReceiptMark, rule: &RuleId, of: &RuleId, points: Points) -> Option<Month> {
        let is_it = |hold: &&mut Hold| hold.rule == *rule && mark_of(&hold.receipt) == receipt;
        let hold = self.open.iter_mut().find(is_it)?;
        hold.lose(of, points);
        Some(hold.day.month())
    }

    /// Drops holds of which nothing waits any more: their receipts were returned.
    pub(crate) fn drop_blank(&mut self) {
        self.open.retain(|hold| !hold.total().is_zero());
    }

    /// Adds those of another account.
    pub(super) fn unite(&mut self, other: Self) {
        self.open.extend(other.open);
        self.ended.extend(other.ended);
        self.ended.sort_by_key(|ended| ended.on);
        self.early.extend(other.early);
        self.early.sort_by_key(|early| early.arrived);
    }
}

impl Account {
    /// Ends holds whose deadline has come, to show the account as of now. A decision books them with entries.
    pub(super) fn end_overdue_holds(&mut self, program: &CompiledProgram, now: Timestamp) {
        let today = Day::of(now, &program.zone);
        while let Some(hold) = self.holds.take_overdue(today) {
            let points = hold.total();
            self.lots.take(points, |key| key == LotKey::waiting(hold.day.month()));
            if hold.releases {
                self.lots.add(hold.released_at_deadline(), points);
            } else {
                self.lifetime_earned = self.lifetime_earned.minus(points);
            }
        }
    }

    /// Makes the firings of a rule on a receipt remember that their redeemable points are gone.
    pub(crate) fn void_firings(&mut self, rule: &RuleId, receipt: ReceiptMark) {
        let retired = self.retired.iter_mut().filter(|retired| retired.rule == *rule);
        let counters = self.counters.get_mut(rule).into_iter().chain(retired.map(|retired| &mut retired.counter));
        for run in counters.flat_map(|counter| &mut counter.runs).filter(|run| run.receipt == Some(receipt)) {
            run.void_redeemable();
        }
    }
}

/// Ended holds as rows: mark, day, first spendable day after it, life. A number that no day has stands for cancelled.
mod packed_ends {
    use serde::{Deserializer, Serializer};

    use super::{Day, EndedHold, HoldEnd, rows};

    pub fn serialize<S: Serializer>(ended: &[EndedHold], serializer: S) -> Result<S::Ok, S::Error> {
        let rows = ended.iter().map(|ended| {
            let (first, life) = match ended.end {
                HoldEnd::Cancelled => (i64::MIN, 0),
                HoldEnd::Released(first, last) => {
                    let life = last.map_or(i64::MIN, |last| i64::from(last.days_since(first)));
                    (i64::from(first.days_since(ended.on)), life)
                }
            };
            [i64::from(ended.mark), i64::from(ended.on.number()), first, life]
        });
        rows::serialize(rows, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EndedHold>, D::Error> {
        let days = |number: i64| i32::try_from(number).unwrap_or_default();
        let rows = rows::deserialize(deserializer)?.into_iter().map(|[mark, on, first, life]| {
            let on = Day::from_number(on);
            let end = if first == i64::MIN {
                HoldEnd::Cancelled
            } else {
                let first = on.offset(days(first));
                HoldEnd::Released(first, (life != i64::MIN).then(|| first.offset(days(life))))
            };
            EndedHold { mark: u32::try_from(mark).unwrap_or_default(), on, end }
        });
        Ok(rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{pack, unpack};

    fn day(n: u32) -> Day {
        Day::from_date(jiff::civil::date(2026, 3, 1)).plus_days(n)
    }

    fn hold(receipt: &str, deadline: u32) -> Hold {
        Hold {
            receipt: ReceiptId::new(receipt).unwrap(),
            rule: RuleId::new("r").unwrap(),
            event: "delivered".to_owned(),
            day: day(0),
            deadline: day(deadline),
            releases: false,
            hold_days: 14,
            expiry: Some(Expiry::AfterMonths(12)),
            points: Points::new(10),
            extras: vec![(RuleId::new("double").unwrap(), Points::new(10))],
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        let mut holds = Holds::default();
        holds.add(hold("a", 30));
        let released = hold("b", 30);
        holds.end(&hold("c", 2), HoldEnd::Cancelled, day(2));
        holds.end(&released, HoldEnd::Released(day(17), Some(day(400))), day(3));
        holds.end(&hold("d", 9), HoldEnd::Released(day(3), None), day(9));
        holds.add_early("delivered", ReceiptId::new("e").unwrap(), day(1), day(4));
        assert_eq!(unpack::<Holds>(&pack(&holds).unwrap()).unwrap(), holds);
        let state = |receipt: &str| {
            holds.state(mark_of(&ReceiptId::new(receipt).unwrap()), &RuleId::new("r").unwrap(), day(0).month())
        };
        assert_eq!((state("a"), state("c"), state("x")), (HoldState::Open, HoldState::Cancelled, HoldState::Unknown));
        let key = LotKey::with_days(day(17), Some(day(400)), day(0).month());
        assert_eq!(state("b"), HoldState::Released(key));
    }

    #[test]
    fn what_a_sender_can_add_is_bounded() {
        let mut holds = Holds::default();
        for n in 0..3_000_u32 {
            let receipt = ReceiptId::new(format!("r-{n}")).unwrap();
            holds.add_early("delivered", receipt.clone(), day(0), day(0));
            holds.add_early("delivered", receipt, day(1), day(1));
            holds.end(&hold(&format!("r-{n}"), 30), HoldEnd::Cancelled, day(n / 100));
        }
        assert_eq!((holds.early.len(), holds.ended.len()), (MOST_EARLY, MOST_ENDED));
        assert_eq!(holds.early[99].receipt.as_str(), "r-2999", "the newest stay");
        let bytes = pack(&holds).unwrap().len();
        assert!(bytes < 16_000, "{bytes}");
        holds.add_early("delivered", ReceiptId::new("later").unwrap(), day(500), day(500));
        assert_eq!(holds.early.len(), 1, "no receipt comes after 400 days");
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let mut holds = Holds::default();
        holds.add(hold("a", 30));
        holds.add(hold("b", 20));
        assert_eq!(holds.next_deadline(), Some(day(20)));
        assert_eq!(holds.take_overdue(day(19)), None);
        assert_eq!(holds.take_overdue(day(20)).unwrap().receipt.as_str(), "b");
        assert_eq!(holds.take_awaiting("delivered", "b"), []);
        assert_eq!(holds.take_awaiting("shipped", "a"), []);
        assert_eq!(holds.take_awaiting("delivered", "a").len(), 1);
        assert!(holds.is_empty());
    }
}
