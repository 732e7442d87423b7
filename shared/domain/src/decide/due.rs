//! Lapses, falls of tier and ends of waits that fell due before a decision, each with its own entry and time.

use jiff::Timestamp;

use super::draft::Draft;
use super::occasion::Occasion;
use super::tier_rules::tier_move;
use crate::account::Account;
use crate::ledger::Cause;
use crate::rule::{CompiledRule, Waiting};
use crate::time::Day;

/// The most events that one decision includes, to bound its transaction. The next decision continues.
const MOST_EVENTS: usize = 24;

/// An event that fell due.
enum DueEvent<'a> {
    /// The tier falls at the midnight that begins this day.
    Fall(Day),
    /// A receipt's points have waited for too long.
    WaitOver,
    /// The member lapsed. Each rule comes with the purchase that its time counts from.
    Lapse(Vec<(&'a CompiledRule, Timestamp)>),
}

impl<'a> Draft<'a> {
    /// Decides on everything that fell due up to now, in the order of time, before the fact itself.
    ///
    /// So the result does not depend on how late, or how often, a job or a fact notices it.
    pub(super) fn catch_up(&mut self) {
        self.end_arrived_waits();
        for _ in 0..MOST_EVENTS {
            let Some((at, event)) = self.next_event() else { return };
            self.triggered_by_due = true;
            match event {
                DueEvent::Fall(day) => self.fall(at, day),
                DueEvent::WaitOver => self.end_overdue_wait(at),
                DueEvent::Lapse(rules) => self.lapse(at, rules),
            }
        }
    }

    /// The first event that falls due by now. At the same midnight, the tier falls first, then waits end.
    fn next_event(&self) -> Option<(Timestamp, DueEvent<'a>)> {
        let context = self.context;
        let zone = &context.program.zone;
        let today = Day::of(context.now, zone);
        let since = self.account.settled.unwrap_or(today);
        // A copy: the fall itself settles the account first.
        let mut tier = self.account.tier.clone();
        let fall = tier.fall_once(context.program, &self.account.qualifying, since, today.max(since));
        let fall = fall.map(|day| (day.start(zone), day));

        let rules = context.program.rules.waiting(&Waiting::Inactivity);
        let lapses: Vec<(Timestamp, &CompiledRule, Timestamp)> = rules
            .filter_map(|rule| {
                let (since, day) = self.account.next_lapse(context.program, rule)?;
                let at = day.start(zone).max(rule.starts_at());
                (at <= context.now && rule.covers(at)).then_some((at, rule, since))
            })
            .collect();
        let lapse = lapses.iter().map(|(at, _, _)| *at).min();
        let wait = self.account.holds.next_deadline().filter(|day| *day <= today).map(|day| day.start(zone));
        // At the same moment the order is that of this list.
        let first = [fall.map(|(at, _)| at), wait, lapse].into_iter().flatten().min()?;
        let event = match fall {
            Some((at, day)) if at == first => DueEvent::Fall(day),
            _ if wait == Some(first) => DueEvent::WaitOver,
            _ => {
                let together = lapses.into_iter().filter(|(at, _, _)| *at == first);
                DueEvent::Lapse(together.map(|(_, rule, since)| (rule, since)).collect())
            }
        };
        Some((first, event))
    }

    fn end_overdue_wait(&mut self, at: Timestamp) {
        let today = Day::of(at, &self.context.program.zone);
        if let Some(hold) = self.account.holds.take_overdue(today) {
            self.end_wait(at, &hold, None);
        }
    }

    fn lapse(&mut self, at: Timestamp, rules: Vec<(&'a CompiledRule, Timestamp)>) {
        self.start_entry(at, Cause::Inactivity(Day::of(at, &self.context.program.zone)));
        // The tier does not fall here: that event would have come first. Under a rolling window, the review updates it.
        self.entry.movements = self.account.settle(self.context.program, at);
        let occasion = Occasion::new(self.context, &self.account, at);
        for (rule, since) in rules {
            self.consider_once(rule, &occasion, Account::lapse_mark(since));
        }
        self.apply(&occasion);
        self.conclude();
    }

    fn fall(&mut self, at: Timestamp, day: Day) {
        let since = self.account.settled.map_or(day, |settled| settled.min(day));
        let mut tier = self.account.tier.clone();
        tier.fall_once(self.context.program, &self.account.qualifying, since, day);
        let (before, after) = (self.account.tier.current().cloned(), tier.current().cloned());
        let moved = match (before, after) {
            (Some(before), Some(after)) if before != after => tier_move(self.context, before, after),
            // A tier outside the ladder hides the fall.
            _ => {
                self.account.tier = tier;
                return;
            }
        };
        let cause = Cause::TierReview(day);
        self.start_entry(at, Cause::TierChange(Box::new(cause.clone())));
        self.entry.movements = self.account.settle_points(self.context.program, at);
        self.account.tier = tier;
        self.follow(moved, &cause, true);
        self.is_concluded = true;
    }
}
