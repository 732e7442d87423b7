//! Points that wait for an event (`hold.until`): from their credit to their release or cancellation.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::draft::Draft;
use super::effects::MOST_EXTRAS;
use super::multiply::{Fired, Share};
use super::occasion::{Basket, Occasion};
use super::refund::{RefundContext, extras_on, negative_balance};
use crate::account::{Hold, HoldEnd, HoldState, LotKey, ReceiptMark, mark_of};
use crate::fact::Interaction;
use crate::ids::{ReceiptId, RuleId};
use crate::ledger::{Bucket, Cause, HeldCredit, Movement, MovementType, Outcome};
use crate::points::{Both, Kind, Points};
use crate::rule::{CompiledRule, HoldOtherwise};
use crate::time::{Day, Month};

/// The property of an interaction that names the receipt whose points it releases.
const RECEIPT: &str = "receipt";
/// The most receipts that one interaction may name.
const MOST_RECEIPTS: usize = 10;

/// The most waits that one decision ends because a merge brought their events; the next decision continues.
const MOST_ARRIVED: usize = 10;

/// What a refund takes from points that wait, or waited.
#[derive(Debug, Default)]
pub(super) struct LostHolds {
    /// Points that still wait, by the month of their issue.
    waiting: BTreeMap<Month, Points>,
    /// Points that were released, by their lots.
    released: BTreeMap<LotKey, Points>,
}

impl Draft<'_> {
    /// The holds of the entry's outcomes, by the extras that multipliers gave on them.
    pub(super) fn hold(
        &mut self,
        rules: &[&CompiledRule],
        occasion: &Occasion<'_>,
        shares: &BTreeMap<(usize, usize), Share>,
    ) -> Vec<Hold> {
        let Some(basket) = &occasion.basket else { return Vec::new() };
        let policy = &self.decided_by.program.points;
        let mut holds = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let Some(terms) = &rule.gains.hold else { continue };
            let mut extras: Vec<(RuleId, Both)> = Vec::new();
            for (_, share) in shares.range((place, 0)..(place + 1, 0)) {
                let extra = share.firings.plus(share.per_unit);
                // The last one sums up those beyond the bound.
                match extras.get_mut(MOST_EXTRAS - 1) {
                    Some((_, last)) => *last = last.plus(extra),
                    None => extras.push((rules[share.multiplier].rule.id.clone(), extra)),
                }
            }
            let outcome = &mut self.entry.outcomes[place];
            let hold = Hold {
                receipt: basket.receipt.id.clone(),
                rule: rule.rule.id.clone(),
                event: terms.until.interaction.clone(),
                day: occasion.day,
                deadline: occasion.day.plus_days(terms.at_most_days),
                releases: terms.otherwise == HoldOtherwise::Release,
                hold_days: policy.hold_days,
                expiry: policy.expiry,
                points: outcome.fixed.plus(outcome.per_unit).redeemable,
                extras: extras.iter().map(|(rule, extra)| (rule.clone(), extra.redeemable)).collect(),
            };
            let points = hold.total();
            // The extras on cumulative firings are remembered with those.
            let extras = if rule.measure().1.is_cumulative() { Vec::new() } else { extras };
            // Multipliers may take all that the rule gave: nothing waits then, but a return still finds what they took.
            if points.is_positive() || !extras.is_empty() {
                outcome.held = Some(HeldCredit { points, extras });
            }
            if points.is_positive() {
                holds.push(hold);
            }
        }
        holds
    }

    /// Adds points that wait to the account, or to a lot of their own if their event came before the receipt.
    pub(super) fn deposit_held(&mut self, movement: Movement, hold: Hold) -> Movement {
        let points = hold.total();
        if let Some(day) = self.account.holds.arrival_of(&hold) {
            let key = hold.released_on(day);
            self.end_hold(&hold, HoldEnd::Released(key.spendable_from(), key.last_day()));
            return self.account.deposit(movement, Bucket::Issued, key, points);
        }
        self.account.lots.add(LotKey::waiting(hold.day.month()), points);
        self.account.holds.add(hold);
        movement.post(Bucket::Issued, Bucket::Pending, Kind::Redeemable, points)
    }

    /// Starts the holding period of points that wait for an interaction. One whose receipt has not come waits for it.
    pub(super) fn release_for(&mut self, interaction: &Interaction) {
        let day = Day::of(interaction.occurred_at, &self.context.program.zone);
        for named in interaction.texts(RECEIPT).into_iter().take(MOST_RECEIPTS) {
            let met = self.account.holds.take_awaiting(&interaction.name, &named);
            if met.is_empty() {
                self.wait_for_receipt(interaction, &named, day);
            }
            for hold in met {
                self.release(&hold, hold.released_on(day));
            }
        }
    }

    fn wait_for_receipt(&mut self, interaction: &Interaction, named: &str, day: Day) {
        let Ok(receipt) = ReceiptId::new(named) else { return };
        let mark = mark_of(&receipt);
        let awaiting = self.context.program.rules.awaiting(&interaction.name);
        let has_ended = |rule: &RuleId| self.account.holds.state(mark, rule, day.month()) != HoldState::Unknown;
        if !awaiting.is_empty() && !awaiting.iter().any(has_ended) {
            let today = self.today();
            self.account.holds.add_early(&interaction.name, receipt, day, today);
        }
    }

    /// Ends the wait of points whose deadline has come, or whose event came before their receipt. It has an entry of its own.
    pub(super) fn end_wait(&mut self, at: Timestamp, hold: &Hold, arrived: Option<Day>) {
        self.start_entry(at, Cause::Hold(hold.receipt.clone()));
        self.entry.movements = self.account.settle(self.context.program, at);
        match arrived {
            Some(day) => self.release(hold, hold.released_on(day)),
            None if hold.releases => self.release(hold, hold.released_at_deadline()),
            None => self.cancel_held(hold),
        }
        self.conclude();
    }

    /// Ends the waits whose events came before them. Only a merge leaves such: it brings events and receipts together.
    pub(super) fn end_arrived_waits(&mut self) {
        for _ in 0..MOST_ARRIVED {
            let Some((hold, day)) = self.account.holds.take_arrived() else { return };
            self.end_wait(self.context.now, &hold, Some(day));
        }
    }

    /// Ends the waits that were over when their receipt came.
    pub(super) fn end_overdue_waits(&mut self) {
        let today = self.today();
        while let Some(hold) = self.account.holds.take_overdue(today) {
            let at = hold.deadline.start(&self.context.program.zone);
            self.end_wait(at, &hold, None);
        }
    }

    /// Gives points that waited a lot like any other.
    fn release(&mut self, hold: &Hold, key: LotKey) {
        let points = hold.total();
        self.account.lots.take(points, |lot| lot == LotKey::waiting(hold.day.month()));
        self.account.lots.add(key, points);
        self.entry.extended.extend(self.account.lots.drain_changes());
        self.end_hold(hold, HoldEnd::Released(key.spendable_from(), key.last_day()));
        let is_due = self.account.settled.is_some_and(|day| key.spendable_from() <= day);
        let due = if is_due { points } else { Points::ZERO };
        let movement = Movement { by_event: true, ..Movement::new(MovementType::Release) };
        let movement = movement.post(Bucket::Pending, Bucket::Available, Kind::Redeemable, due);
        let movement = self.account.settle_debt(movement);
        self.push(movement);
        let expired = self.account.expire();
        self.push(expired);
    }

    /// Cancels points whose event did not come. They return to their budgets, and their firings keep their limits.
    fn cancel_held(&mut self, hold: &Hold) {
        let points = hold.total();
        self.account.lots.take(points, |lot| lot == LotKey::waiting(hold.day.month()));
        let movement = Movement::new(MovementType::Reverse);
        self.push(movement.post(Bucket::Pending, Bucket::Reversed, Kind::Redeemable, points));
        self.account.lifetime_earned = self.account.lifetime_earned.minus(points);
        self.account.void_firings(&hold.rule, mark_of(&hold.receipt));
        self.end_hold(hold, HoldEnd::Cancelled);
        let both = |points: Points| Both { redeemable: points.negated(), ..Both::ZERO };
        let nothing = |rule: &RuleId| {
            let version = self.context.program.rules.get(rule).map_or(0, |rule| rule.version);
            Outcome::nothing(rule.clone(), version)
        };
        let own = Outcome { fixed: both(hold.points), ..nothing(&hold.rule) };
        let extras = hold.extras.iter().map(|(rule, points)| Outcome { extra: both(*points), ..nothing(rule) });
        for change in std::iter::once(own).chain(extras).collect::<Vec<_>>() {
            self.note_change(change);
        }
        self.return_to_budgets(hold.day);
    }

    fn end_hold(&mut self, hold: &Hold, end: HoldEnd) {
        let today = self.today();
        self.account.holds.end(hold, end, today);
    }

    /// Notes points that a refund takes of a rule (`of`: the rule itself, or a multiplier on it), by where they are now.
    pub(super) fn lose_held(
        &mut self,
        state: HoldState,
        receipt: ReceiptMark,
        rule: &RuleId,
        of: &RuleId,
        points: Points,
    ) {
        let sum = match state {
            HoldState::Open => match self.account.holds.lose(receipt, rule, of, points) {
                Some(month) => self.lost_holds.waiting.entry(month).or_default(),
                None => return,
            },
            HoldState::Released(key) => self.lost_holds.released.entry(key).or_default(),
            HoldState::Cancelled | HoldState::Unknown => return,
        };
        *sum = sum.plus(points);
    }

    /// Posts what a refund takes from points that wait or waited. Returns what is left to take of the lost points.
    pub(super) fn post_lost_holds(&mut self, lost: Both) -> Both {
        let LostHolds { waiting, released } = std::mem::take(&mut self.lost_holds);
        let (mut rest, mut movement) = (lost.redeemable, Movement::new(MovementType::Reverse));
        let mut back = Movement::new(MovementType::Earn);
        for (month, points) in waiting {
            let key = LotKey::waiting(month);
            self.account.lots.take(points, |lot| lot == key);
            movement = movement.post(Bucket::Pending, Bucket::Reversed, Kind::Redeemable, points);
            // A multiplier below 1 took points that it takes no longer.
            self.account.lots.add(key, points.negated());
            back = back.post(Bucket::Issued, Bucket::Pending, Kind::Redeemable, points.negated());
            rest = rest.minus(points);
        }
        self.push(movement);
        self.push(back);
        self.account.holds.drop_blank();
        let policy = negative_balance(self);
        for (key, points) in released {
            let points = points.min(rest).max(Points::ZERO);
            rest = rest.minus(points);
            for movement in self.account.claw_back(Some(key), points, policy) {
                self.push(movement);
            }
        }
        self.account.lifetime_earned = self.account.lifetime_earned.minus(lost.redeemable.minus(rest));
        Both { redeemable: rest, ..lost }
    }
}

/// What became of the points of a receipt's rule.
pub(super) fn state_of(draft: &Draft<'_>, fact: &RefundContext<'_>, rule: &RuleId, day: Day) -> HoldState {
    draft.account.holds.state(mark_of(&fact.receipt.id), rule, day.month())
}

/// Recomputes the extras on rules per receipt whose points wait, or waited, each for itself.
pub(super) fn take_back_held_extras(draft: &mut Draft<'_>, fact: &RefundContext<'_>, basket: &Basket<'_>, day: Day) {
    for outcome in &fact.decision.outcomes {
        let Some(rule) = fact.decided_by.rules.get(&outcome.rule) else { continue };
        let Some(mut given) = outcome.held.clone().filter(|held| !held.extras.is_empty()) else { continue };
        fact.earlier_of(&outcome.rule).filter_map(|change| change.held.clone()).for_each(|change| given.add(change));
        let standing = |number: fn(&Outcome) -> Both| {
            let now = draft.entry.outcomes.iter().filter(|change| change.rule == outcome.rule);
            now.fold(fact.standing(outcome, number, Both::plus), |sum, change| sum.plus(number(change)))
        };
        let base = Fired { rule, firings: 1, fixed: standing(|o| o.fixed), per_unit: standing(|o| o.per_unit) };
        let firings = |multiplier: &Outcome| {
            let now = draft.entry.outcomes.iter().filter(|change| change.rule == multiplier.rule);
            let now: i64 = now.map(|change| change.firings).sum();
            fact.standing(multiplier, |o| o.firings, |a, b| a + b) + now
        };
        let mut due = extras_on(fact, base, firings, basket);
        let mut dues: Vec<Both> = given.extras.iter().map(|(rule, _)| due.remove(rule).unwrap_or_default()).collect();
        if let Some(last) = dues.get_mut(MOST_EXTRAS - 1) {
            *last = due.into_values().fold(*last, Both::plus);
        }
        let state = state_of(draft, fact, &outcome.rule, day);
        let mut lost: Vec<(RuleId, Both)> = Vec::new();
        for ((multiplier, given), due) in given.extras.iter().zip(dues) {
            let mut change = due.towards_zero(*given).minus(*given);
            if state == HoldState::Cancelled {
                change.redeemable = Points::ZERO;
            }
            if change.is_zero() {
                continue;
            }
            let points = change.redeemable.negated();
            draft.lose_held(state, mark_of(&fact.receipt.id), &outcome.rule, multiplier, points);
            let found = fact.decision.outcomes.iter().find(|other| other.rule == *multiplier);
            let version = found.map_or(0, |other| other.rule_version);
            draft.note_change(Outcome { extra: change, ..Outcome::nothing(multiplier.clone(), version) });
            lost.push((multiplier.clone(), change));
        }
        if !lost.is_empty() {
            let points = lost.iter().map(|(_, change)| change.redeemable).sum();
            let held = Some(HeldCredit { points, extras: lost });
            draft.note_change(Outcome { held, ..Outcome::nothing(outcome.rule.clone(), outcome.rule_version) });
        }
    }
}
