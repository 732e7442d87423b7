//! The tier of a member: reached by qualifying points, held for a time, reviewed when that is over.

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

fn add(sums: &mut BTreeMap<Month, Points>, month: Month, points: Points) {
    let sum = sums.entry(month).or_default();
    *sum = sum.plus(points);
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

    /// Lets the tier rise, or be kept longer, after qualifying points were earned in `earned_in`'s year.
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

    /// Takes tiers away, or shortens them, when a refund took the points that reached them.
    ///
    /// `lost` is the month and number of the qualifying points that the refund took. Points that were missing before do not
    /// matter: only a refund that takes a tier from reached to not reached takes it away. The member returns to the tier held
    /// before, or to a higher one that the remaining points reach. The gifts of the lost tiers move to `self.lost` and stop
    /// counting at once: a tier cannot sustain itself by its own gifts.
    pub(crate) fn sink(
        &mut self,
        program: &CompiledProgram,
        qualifying: &BTreeMap<Month, Points>,
        lost: (Month, Points),
        day: Day,
    ) {
        let Some(tiers) = &program.program.tiers else { return };
        if !lost.1.is_positive() {
            return;
        }
        let oldest = oldest_month(Some(tiers), day);
        let lost = (lost.0.max(oldest), lost.1);
        let month_of = |gift: &Gift| Day::of(gift.at, &program.zone).month().max(oldest);
        let rolls = matches!(tiers.window, TierWindow::RollingMonths(_));
        // In the grace of a rolling window, the last day on which the points reached the tier.
        let ended = self.held.as_ref().and_then(|held| held.until).filter(|until| rolls && *until < day);
        let mut steps = std::mem::take(&mut self.before);
        steps.extend(self.held.take());

        // The points that count for a step: all except the gifts of this step and of those above it.
        let mut counted = qualifying.clone();
        for gift in self.lost.iter().chain(steps.iter().skip(1).flat_map(|step| &step.gifts)) {
            add(&mut counted, month_of(gift), gift.points.qualifying.negated());
        }
        // The lowest step has none below it, so a refund cannot take it.
        let mut standing = steps.len().min(1);
        while let Some(step) = steps.get(standing) {
            let support = Support { tiers, step, day: ended.unwrap_or(day), for_end: false };
            let (before, after) = support.before_and_after(&counted, lost);
            if before.is_some() && after.is_none() {
                break;
            }
            for gift in &step.gifts {
                add(&mut counted, month_of(gift), gift.points.qualifying);
            }
            standing += 1;
        }
        let fallen = steps.split_off(standing);
        self.held = steps.pop();
        self.before = steps;
        self.shorten(tiers, &counted, lost, ended.unwrap_or(day));

        let Some(since) = fallen.first().map(|lowest| lowest.since) else { return };
        let highest = fallen.first().and_then(|lowest| tiers.rank(&lowest.tier)).unwrap_or(0);
        let gifts: Vec<Gift> = fallen.into_iter().rev().flat_map(|step| step.gifts).collect();
        // The last element is taken back next.
        self.lost.splice(0..0, gifts.into_iter().rev());
        self.rise_to_remaining(tiers, &counted, highest.saturating_sub(1), since, (ended, day));
    }

    /// Ends the tier earlier when a refund took the points that had prolonged it.
    fn shorten(&mut self, tiers: &Tiers, counted: &BTreeMap<Month, Points>, lost: (Month, Points), day: Day) {
        let is_floor = self.before.is_empty();
        let is_lowest = self.rank(tiers) == 0;
        let Some(held) = self.held.as_mut().filter(|_| !is_lowest) else { return };
        let (before, after) = Support { tiers, step: held, day, for_end: true }.before_and_after(counted, lost);
        if after >= before {
            return;
        }
        match tiers.window {
            TierWindow::Lifetime => {}
            TierWindow::RollingMonths(_) => {
                held.until = after.map_or(held.until, |after| Some(held.until.map_or(after, |until| until.min(after))));
            }
            TierWindow::CalendarYear => {
                // A fall leads to a tier for its own year; points hold a tier to the end of the year after theirs.
                let own = held.year.map(|year| end_of(if is_floor { year } else { year.saturating_add(1) }));
                let until = after.max(own).filter(|_| held.until <= before);
                held.until = until.map_or(held.until, |until| held.until.map(|held| held.min(until)));
            }
        }
    }

    /// Raises the tier after a refund to the one that the remaining points reach, at most `highest`.
    fn rise_to_remaining(
        &mut self,
        tiers: &Tiers,
        counted: &BTreeMap<Month, Points>,
        highest: usize,
        since: Day,
        (ended, day): (Option<Day>, Day),
    ) {
        if tiers.window == TierWindow::CalendarYear {
            for year in [day.year().saturating_sub(1), day.year()] {
                let reached = tiers.reached(year_sum(counted, year)).min(highest);
                self.rise_to(tiers, reached, since, Some(end_of(year.saturating_add(1))), Some(year));
            }
            return;
        }
        // The grace of a rolling window goes on for the lower tier.
        for (on, until) in [ended.map(|ended| (ended, Some(ended))), Some((day, None))].into_iter().flatten() {
            let reached = tiers.reached(window_sum(tiers.window, counted, on)).min(highest);
            self.rise_to(tiers, reached, since, until, None);
        }
    }
}

impl HeldTier {
    /// A tier for which no rule has given anything yet.
    pub fn new(tier: TierId, since: Day, until: Option<Day>, year: Option<i16>) -> Self {
        Self { tier, since, until, year, gifts: Vec::new(), deducted: BTreeMap::new() }
    }
}

/// Computes how long qualifying points hold a tier.
struct Support<'a> {
    tiers: &'a Tiers,
    step: &'a HeldTier,
    /// Today; in the grace of a rolling window, the last day before it.
    day: Day,
    /// True to find the end of the tier, which points earned in grace move too. False to find the points that reached it.
    for_end: bool,
}

impl Support<'_> {
    /// The last day on which the points hold the tier, before and after the refund. `None`: they do not reach it.
    fn before_and_after(&self, counted: &BTreeMap<Month, Points>, lost: (Month, Points)) -> (Option<Day>, Option<Day>) {
        let mut sums = counted.clone();
        for (month, points) in &self.step.deducted {
            add(&mut sums, *month, *points);
        }
        let after = self.until(&sums);
        add(&mut sums, lost.0, lost.1);
        (self.until(&sums), after)
    }

    fn until(&self, sums: &BTreeMap<Month, Points>) -> Option<Day> {
        let rank = self.tiers.rank(&self.step.tier)?;
        match self.tiers.window {
            TierWindow::Lifetime => {
                self.reaches(rank, window_sum(TierWindow::Lifetime, sums, self.day)).then_some(self.day)
            }
            TierWindow::CalendarYear => {
                let until = |year: i16| end_of(year.saturating_add(1));
                // No points reached an imported tier, so no refund takes it away.
                let first = self.step.year.or_else(|| self.for_end.then(|| self.day.year().saturating_sub(1)))?;
                (first..=self.day.year()).rev().find(|year| self.holds_after(rank, sums, *year)).map(until)
            }
            TierWindow::RollingMonths(_) => {
                let oldest = sums.keys().next()?.max(&self.step.since.month()).to_owned();
                let mut day = self.day;
                while day.month() >= oldest {
                    if self.reaches(rank, window_sum(self.tiers.window, sums, day)) {
                        return Some(day);
                    }
                    day = day.first_of_month().before();
                }
                None
            }
        }
    }

    /// True if the points of a year hold the tier to the end of the next.
    fn holds_after(&self, rank: usize, sums: &BTreeMap<Month, Points>, year: i16) -> bool {
        let in_year = year_sum(sums, year);
        if !self.for_end || self.tiers.grace_days == 0 {
            return self.reaches(rank, in_year);
        }
        let grace = end_of(year).plus_days(1)..=end_of(year).plus_days(self.tiers.grace_days);
        let in_grace = sums.range(grace.start().month()..=grace.end().month()).map(|(_, points)| *points).sum();
        self.reaches(rank, in_year) || self.reaches(rank, in_year.plus(in_grace))
    }

    fn reaches(&self, rank: usize, points: Points) -> bool {
        self.tiers.reached(points) >= rank
    }
}
