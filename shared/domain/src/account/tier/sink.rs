//! What a refund does to the tier of a member.

use std::collections::BTreeMap;

use super::{Gift, HeldTier, TierState, end_of, oldest_month, window_sum, year_sum};
use crate::points::Points;
use crate::program::{CompiledProgram, TierWindow, Tiers};
use crate::time::{Day, Month};

fn add(sums: &mut BTreeMap<Month, Points>, month: Month, points: Points) {
    let sum = sums.entry(month).or_default();
    *sum = sum.plus(points);
}

impl TierState {
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
        let oldest = oldest_month(Some(tiers), day);
        // Under a window, nothing tells whether points of merged months reached the tier.
        let is_merged = tiers.window != TierWindow::Lifetime && lost.0 <= oldest;
        if !lost.1.is_positive() || is_merged {
            return;
        }
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
