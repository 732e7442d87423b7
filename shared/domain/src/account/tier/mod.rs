//! The tier of a member: reached by qualifying points, held for a time, reviewed when that is over.

mod sink;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LotKey;
use crate::ids::{CouponCode, RuleId, TierId};
use crate::points::{Both, Points};
use crate::program::{CompiledProgram, Downgrade, TierWindow, Tiers};
use crate::time::{Day, Month};

/// A member's place on the ladder, and outside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierState {
    /// The tier on the ladder; `None` before the first review.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldTier>,
    /// The tiers held before it was reached, the latest last: where a refund leads back to.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<HeldTier>,
    /// The tier outside the ladder, and since when; it outranks the ladder and does not fall.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<(TierId, Day)>,
    /// What is still to be taken back for tiers that a refund took away: its next step goes on with the last.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Gift>,
}

/// A tier that is or was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldTier {
    /// Which.
    #[serde(rename = "i")]
    pub tier: TierId,
    /// Since when.
    #[serde(rename = "s")]
    pub since: Day,
    /// The last day on which it is held without being earned again; `None`: for ever.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// The year whose points reached it; for a tier that a fall led to, the first year in which it is held.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i16>,
    /// What the rules for the change to it gave: a refund that takes the tier away takes it back.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub gifts: Vec<Gift>,
    /// Qualifying points that were deducted or reset since then, by month. They still count when a refund asks whether the
    /// tier was reached, because a deduction never takes a tier away at once.
    #[serde(rename = "d", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deducted: BTreeMap<Month, Points>,
}

/// The most months with deductions per tier. The oldest month is added to the next one.
const MOST_DEDUCTIONS: usize = 36;

/// What a rule gave for a change of tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gift {
    /// The rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// The version of the program in which it last changed.
    #[serde(rename = "v")]
    pub rule_version: u32,
    /// When.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// How often it fired.
    #[serde(rename = "n")]
    pub firings: i64,
    /// The points.
    #[serde(rename = "p", with = "crate::points::packed")]
    pub points: Both,
    /// The lot that they went to.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotKey>,
    /// The coupons.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CouponCode>,
}

/// Qualifying points that count on `day` under a window.
pub fn window_sum(window: TierWindow, qualifying: &BTreeMap<Month, Points>, day: Day) -> Points {
    match window {
        TierWindow::CalendarYear => year_sum(qualifying, day.year()),
        TierWindow::Lifetime => qualifying.values().copied().sum(),
        TierWindow::RollingMonths(months) => {
            let month = day.month();
            qualifying.range(month.minus(months.saturating_sub(1))..=month).map(|(_, points)| *points).sum()
        }
    }
}

/// The oldest month whose qualifying points are kept on `day`; those of earlier months are added to it. No window reaches
/// back to it.
pub fn oldest_month(tiers: Option<&Tiers>, day: Day) -> Month {
    let window = match tiers.map(|tiers| tiers.window) {
        Some(TierWindow::RollingMonths(months)) => months,
        _ => 24,
    };
    day.month().minus(window.saturating_add(13))
}

fn year_sum(qualifying: &BTreeMap<Month, Points>, year: i16) -> Points {
    qualifying.range(Month::of_year(year)).map(|(_, points)| *points).sum()
}

/// 31 December of a year.
fn end_of(year: i16) -> Day {
    Day::from_date(jiff::civil::date(year.clamp(1, 9999), 12, 31))
}

impl TierState {
    /// The tier that rules and rewards see.
    pub fn current(&self) -> Option<&TierId> {
        self.vip.as_ref().map(|(id, _)| id).or_else(|| self.held.as_ref().map(|held| &held.tier))
    }

    fn rank(&self, tiers: &Tiers) -> usize {
        self.held.as_ref().and_then(|held| tiers.rank(&held.tier)).unwrap_or(0)
    }

    /// Holds a step of the ladder.
    fn hold(&mut self, tiers: &Tiers, rank: usize, since: Day, until: Option<Day>, year: Option<i16>) {
        if let Some(tier) = tiers.ladder.get(rank) {
            let until = until.filter(|_| rank > 0);
            self.held = Some(HeldTier::new(tier.id.clone(), since, until, year));
        }
    }

    /// Brings the tier up to a day: places a newcomer, and lets a tier fall that is over and was not earned again.
    /// `since` is the day up to which that was done before.
    pub(super) fn review(
        &mut self,
        program: &CompiledProgram,
        qualifying: &BTreeMap<Month, Points>,
        since: Option<Day>,
        day: Day,
    ) {
        self.place(program, qualifying, day);
        let mut since = since.unwrap_or(day);
        while let Some(fallen) = self.fall_once(program, qualifying, since, day) {
            since = fallen;
        }
    }

    /// Places a newcomer, or someone whose tier the program no longer has.
    pub(crate) fn place(&mut self, program: &CompiledProgram, qualifying: &BTreeMap<Month, Points>, day: Day) {
        let Some(tiers) = &program.program.tiers else { return };
        if self.held.as_ref().is_some_and(|held| tiers.rank(&held.tier).is_some()) {
            return;
        }
        let rank = tiers.reached(window_sum(tiers.window, qualifying, day));
        self.before.clear();
        if rank > 0 {
            // A refund of the points that reached the tier leads back to the lowest one.
            self.hold(tiers, 0, day, None, None);
            self.before.extend(self.held.take());
        }
        let until = (tiers.window == TierWindow::CalendarYear).then(|| end_of(day.year().saturating_add(1)));
        self.hold(tiers, rank, day, until, Some(day.year()));
    }

    /// Lets the tier fall at the first review after `since` and by `day` that takes it away. Returns the day of that
    /// review.
    pub(crate) fn fall_once(
        &mut self,
        program: &CompiledProgram,
        qualifying: &BTreeMap<Month, Points>,
        since: Day,
        day: Day,
    ) -> Option<Day> {
        let tiers = program.program.tiers.as_ref()?;
        if let TierWindow::RollingMonths(_) = tiers.window {
            return self.roll(tiers, qualifying, since, day);
        }
        while let Some(until) = self.held.as_ref().and_then(|held| held.until) {
            let last_chance = until.plus_days(tiers.grace_days);
            if day <= last_chance {
                break;
            }
            let review = last_chance.plus_days(1);
            if self.fall(tiers, qualifying, until, review) {
                return Some(review);
            }
        }
        None
    }

    /// The daily reviews under a rolling window, from the day after `since` to `day`: a tier whose window has held less than
    /// its threshold for longer than the grace falls, once; returns the day. Between facts a window changes only when a
    /// month leaves it.
    fn roll(&mut self, tiers: &Tiers, qualifying: &BTreeMap<Month, Points>, since: Day, day: Day) -> Option<Day> {
        let mut today = since;
        loop {
            let sum = window_sum(tiers.window, qualifying, today);
            let rank = self.rank(tiers);
            let held = self.held.as_mut()?;
            if rank == 0 || tiers.reached(sum) >= rank {
                held.until = None;
            } else {
                // It was reached up to the day before.
                let until = *held.until.get_or_insert(today.offset(-1));
                if today > until.plus_days(tiers.grace_days) {
                    let without_points = match tiers.downgrade {
                        Downgrade::None => rank,
                        Downgrade::OneDown => rank - 1,
                        Downgrade::Full => 0,
                    };
                    let fallen = without_points.max(tiers.reached(sum));
                    if fallen < rank {
                        self.before.clear();
                        if fallen > without_points {
                            self.hold(tiers, without_points, today, None, None);
                            self.before.extend(self.held.take());
                        }
                        self.hold(tiers, fallen, today, None, None);
                        return Some(today);
                    }
                }
            }
            if today >= day {
                return None;
            }
            let next_month = today.first_of_month().plus_months(1);
            let grace_over = self.held.as_ref().and_then(|held| held.until);
            let grace_over = grace_over.map(|until| until.plus_days(tiers.grace_days).plus_days(1));
            let next = grace_over.filter(|over| *over > today).map_or(next_month, |over| over.min(next_month));
            today = next.min(day);
        }
    }

    /// The next day on which the tier may fall; `None` when it cannot.
    pub(super) fn next_review(&self, program: &CompiledProgram, today: Option<Day>) -> Option<Day> {
        let tiers = program.program.tiers.as_ref()?;
        let held = self.held.as_ref()?;
        let rolls = matches!(tiers.window, TierWindow::RollingMonths(_));
        if rolls && tiers.downgrade == Downgrade::None {
            return None;
        }
        match held.until {
            Some(until) => Some(until.plus_days(tiers.grace_days).plus_days(1)),
            // Under a rolling window the sum may fall below the threshold with every month.
            None if self.rank(tiers) > 0 && rolls => Some(today.unwrap_or(held.since).first_of_month().plus_months(1)),
            None => None,
        }
    }

    /// Reviews a tier held until `until`, whose grace is over on `day`. Returns whether it fell.
    fn fall(&mut self, tiers: &Tiers, qualifying: &BTreeMap<Month, Points>, until: Day, day: Day) -> bool {
        let (ended, next) = (until.year(), until.year().saturating_add(1));
        let in_next = year_sum(qualifying, next);
        // Everything is settled before it counts, so what the new year holds by now was earned in grace.
        let in_grace = if tiers.grace_days > 0 { in_next } else { Points::ZERO };
        let earned = tiers.reached(year_sum(qualifying, ended).plus(in_grace));
        let rank = self.rank(tiers);
        let fallen = match tiers.downgrade {
            Downgrade::None => rank,
            Downgrade::OneDown => rank.saturating_sub(1),
            Downgrade::Full => earned,
        };
        let place = if earned >= rank { rank } else { fallen.max(tiers.reached(in_next)) };
        // The new year's points hold the tier that they reach to the end of the year after.
        let reached_in_next = tiers.reached(in_next) >= place;
        let until = Some(end_of(if reached_in_next { next.saturating_add(1) } else { next }));
        if place == rank {
            if let Some(held) = &mut self.held {
                held.until = until.filter(|_| rank > 0);
            }
            return false;
        }
        self.before.clear();
        let is_full = tiers.downgrade == Downgrade::Full;
        let reached_in_ended = is_full && tiers.reached(year_sum(qualifying, ended)) >= place;
        let without_points = if is_full { 0 } else { fallen };
        if place > without_points && (reached_in_ended || reached_in_next) {
            // A refund of the points that reached the tier leads back to where the fall alone leads.
            self.hold(tiers, without_points, day, Some(end_of(next)), Some(next));
            self.before.extend(self.held.take());
        }
        self.hold(tiers, place, day, until, Some(if reached_in_ended { ended } else { next }));
        true
    }

    /// Lets the tier rise, or be kept longer, after qualifying points were earned on `earned_on`, however late that is noticed.
    pub(crate) fn rise(
        &mut self,
        program: &CompiledProgram,
        qualifying: &BTreeMap<Month, Points>,
        earned_on: Day,
        day: Day,
    ) {
        let Some(tiers) = &program.program.tiers else { return };
        if tiers.window != TierWindow::CalendarYear {
            let reached = tiers.reached(window_sum(tiers.window, qualifying, day));
            self.rise_to(tiers, reached, day, None, None);
            let rank = self.rank(tiers);
            if let Some(held) = self.held.as_mut().filter(|_| reached >= rank) {
                held.until = None;
            }
            return;
        }
        for year in [earned_on.year(), day.year()] {
            let until = end_of(year.saturating_add(1));
            if until >= day {
                self.rise_to(tiers, tiers.reached(year_sum(qualifying, year)), day, Some(until), Some(year));
            }
        }
        self.keep_in_grace(tiers, qualifying, day);
    }

    fn rise_to(&mut self, tiers: &Tiers, reached: usize, day: Day, until: Option<Day>, year: Option<i16>) {
        let rank = self.rank(tiers);
        if reached > rank {
            self.before.extend(self.held.take());
            self.hold(tiers, reached, day, until, year);
        } else if reached == rank
            && rank > 0
            && let Some(held) = &mut self.held
            && held.until < until
        {
            held.until = until;
            // The points reach the tier without these deductions.
            held.deducted.retain(|month, _| year.is_none_or(|year| !Month::of_year(year).contains(month)));
        }
    }

    fn keep_in_grace(&mut self, tiers: &Tiers, qualifying: &BTreeMap<Month, Points>, day: Day) {
        let rank = self.rank(tiers);
        let Some(held) = &mut self.held else { return };
        let Some(until) = held.until.filter(|until| *until < day) else { return };
        let both = year_sum(qualifying, until.year()).plus(year_sum(qualifying, day.year()));
        if tiers.reached(both) >= rank {
            held.until = Some(end_of(day.year()));
        }
    }

    /// Records qualifying points that were deducted or reset. A negative number undoes an earlier deduction.
    pub(crate) fn note_deducted(&mut self, month: Month, points: Points) {
        for held in self.before.iter_mut().chain(&mut self.held) {
            let sum = held.deducted.get(&month).copied().unwrap_or(Points::ZERO);
            // The earlier deduction may date from before this tier.
            let sum = if points.is_positive() { sum.plus(points) } else { sum.plus(points).max(Points::ZERO.min(sum)) };
            if sum.is_zero() {
                held.deducted.remove(&month);
            } else {
                held.deducted.insert(month, sum);
            }
            if held.deducted.len() > MOST_DEDUCTIONS
                && let Some((_, oldest)) = held.deducted.pop_first()
                && let Some(mut next) = held.deducted.first_entry()
            {
                *next.get_mut() = next.get().plus(oldest);
            }
        }
    }
}

impl HeldTier {
    /// A tier for which no rule has given anything yet.
    pub fn new(tier: TierId, since: Day, until: Option<Day>, year: Option<i16>) -> Self {
        Self { tier, since, until, year, gifts: Vec::new(), deducted: BTreeMap::new() }
    }
}
