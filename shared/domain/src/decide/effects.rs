//! Effects of the rules that fired: credits, multipliers, debits, resets, a tier outside the ladder.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::multiply::{Fired, Share, extras};
use super::occasion::Occasion;
use crate::account::{Extra, Hold, LotKey, mark_of, window_sum};
use crate::ledger::{Bucket, Movement, MovementType};
use crate::points::{Both, Kind, Points};
use crate::program::TierWindow;
use crate::rule::CompiledRule;
use crate::time::Day;

/// The most multipliers whose extras a firing remembers one by one. The last one sums up the others.
pub(super) const MOST_EXTRAS: usize = 8;

impl Draft<'_> {
    /// Posts the effects of the entry's rules in the order of `semantics.md`, and lets the tier rise.
    pub(super) fn apply(&mut self, occasion: &Occasion<'_>) {
        // One rule for each outcome, in their order.
        let rules = std::mem::take(&mut self.fired);
        let shares = if rules.iter().any(|rule| !rule.gains.multiply.is_empty()) {
            self.multiply(&rules, occasion)
        } else {
            BTreeMap::new()
        };
        self.attach(&rules, occasion, &shares);
        let holds = self.hold(&rules, occasion, &shares);
        self.credit(occasion, holds);
        for (place, rule) in rules.iter().enumerate() {
            if !rule.gains.debit.is_nothing() {
                self.debit(place, rule, occasion.day);
            }
        }
        for (place, rule) in rules.iter().enumerate() {
            let (redeemable, qualifying) = rule.gains.reset;
            if redeemable || qualifying {
                self.reset(place, redeemable, qualifying);
            }
            if let Some(vip) = &rule.gains.vip {
                self.account.tier.vip = Some((vip.clone(), self.today()));
                self.entry.outcomes[place].vip = Some(vip.clone());
            }
        }
    }

    /// Adds the extras of multipliers to their outcomes. Returns those on rules that are counted apart.
    fn multiply(&mut self, rules: &[&CompiledRule], occasion: &Occasion<'_>) -> BTreeMap<(usize, usize), Share> {
        let outcomes = self.entry.outcomes.iter().zip(rules);
        let fired: Vec<Fired<'_>> = outcomes
            .map(|(outcome, rule)| {
                let (firings, fixed, per_unit) = (outcome.firings, outcome.fixed, outcome.per_unit);
                Fired { rule, firings, fixed, per_unit }
            })
            .collect();
        let mut extras = extras(&fired, self.decided_by, occasion.basket.as_ref());
        for (place, rule) in rules.iter().enumerate() {
            self.entry.outcomes[place].cut = self.draw_extra(rule, place, occasion.day, &mut extras).get();
        }
        for (outcome, extra) in self.entry.outcomes.iter_mut().zip(extras.by_rule) {
            outcome.extra = extra;
        }
        extras.shares
    }

    /// Attaches credits by amount and multiplier extras to the firings of cumulative rules, so that a reversal takes them
    /// back too.
    fn attach(&mut self, rules: &[&CompiledRule], occasion: &Occasion<'_>, shares: &BTreeMap<(usize, usize), Share>) {
        let Some(basket) = &occasion.basket else { return };
        let receipt = mark_of(&basket.receipt.id);
        for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.measure().1.is_cumulative()) {
            let outcome = &self.entry.outcomes[place];
            let mut extras: Vec<Extra> = Vec::new();
            for (_, share) in shares.range((place, 0)..(place + 1, 0)) {
                let multiplier = rules[share.multiplier];
                if let Some(last) = extras.get_mut(MOST_EXTRAS - 1) {
                    last.firings = last.firings.plus(share.firings);
                    last.per_unit = last.per_unit.plus(share.per_unit);
                    last.exact = None;
                    continue;
                }
                extras.push(Extra {
                    rule: multiplier.rule.id.clone(),
                    rule_version: multiplier.version,
                    firings: share.firings,
                    exact: Some(share.exact),
                    per_unit: share.per_unit,
                });
            }
            if outcome.per_unit.is_zero() && extras.is_empty() && rule.gains.hold.is_none() {
                continue;
            }
            let due = u64::try_from(outcome.firings.saturating_add(outcome.lost)).unwrap_or(0);
            let per_unit = outcome.per_unit;
            if let Some(counter) = self.account.counter_of_mut(rule) {
                counter.attach(due, receipt, rule.gains.hold.is_some(), per_unit, &extras);
            }
        }
    }

    fn credit(&mut self, occasion: &Occasion<'_>, holds: Vec<Hold>) {
        let total = self.entry.outcomes.iter().fold(Both::ZERO, |sum, outcome| sum.plus(outcome.credits()));
        let policy = &self.decided_by.program.points;
        let mut earn = Movement::new(MovementType::Earn).post(
            Bucket::Issued,
            Bucket::Available,
            Kind::Qualifying,
            total.qualifying,
        );
        let free = total.redeemable.minus(holds.iter().map(Hold::total).sum());
        if free.is_positive() {
            // Only points earned on receipts are held.
            let hold = if occasion.basket.is_some() { policy.hold_days } else { 0 };
            let key = LotKey::held(occasion.day, hold, policy.expiry);
            self.entry.lot = Some(key);
            earn = self.account.deposit(earn, Bucket::Issued, key, free);
        }
        for hold in holds {
            earn = self.deposit_held(earn, hold);
        }
        self.account.lifetime_earned = self.account.lifetime_earned.plus(total.redeemable);
        self.push(earn);
        // The points of a late fact may have expired already.
        let expired = self.account.expire();
        self.push(expired);
        self.earn_qualifying(total.qualifying, occasion.day);
    }

    /// Takes points. A debit stops at zero.
    fn debit(&mut self, place: usize, rule: &CompiledRule, day: Day) {
        let policy = &self.decided_by.program;
        let outcome = &self.entry.outcomes[place];
        let firings = u64::try_from(outcome.firings).unwrap_or(0);
        let debit = &rule.gains.debit;
        let by_amount = debit.by_amount(outcome.amount, policy.currency, policy.points.rounding);
        let due = debit.per_firing.times(firings).plus(by_amount);
        let spendable = if self.account.debt.is_positive() { Points::ZERO } else { self.account.available() };
        let debited = due.min(Both { redeemable: spendable, qualifying: self.qualifying() });
        let taken = self.account.spend(debited.redeemable);
        self.take_qualifying(debited.qualifying, day);
        let movement = Movement::new(MovementType::Debit)
            .post(Bucket::Available, Bucket::Removed, Kind::Redeemable, debited.redeemable)
            .post(Bucket::Available, Bucket::Removed, Kind::Qualifying, debited.qualifying);
        self.push(movement);
        let outcome = &mut self.entry.outcomes[place];
        (outcome.debited, outcome.taken) = (debited, taken);
    }

    /// Removes spendable or qualifying points. Held points and a debt stay (L6).
    fn reset(&mut self, place: usize, redeemable: bool, qualifying: bool) {
        let mut emptied = Both::ZERO;
        if redeemable {
            emptied.redeemable = self.account.available();
            self.account.spend(emptied.redeemable);
        }
        if qualifying {
            emptied.qualifying = self.account.qualifying_total();
            for (month, points) in std::mem::take(&mut self.account.qualifying) {
                self.account.tier.note_deducted(month, points);
            }
        }
        // A negative sum, because a refund took more than the month had, returns to zero as an issue.
        let movement = Movement::new(MovementType::Reset)
            .post(Bucket::Available, Bucket::Removed, Kind::Redeemable, emptied.redeemable)
            .post(Bucket::Available, Bucket::Removed, Kind::Qualifying, emptied.qualifying)
            .post(Bucket::Issued, Bucket::Available, Kind::Qualifying, emptied.qualifying.negated());
        self.push(movement);
        self.entry.outcomes[place].reset = emptied;
    }

    /// The qualifying points that count now; zero if refunds took more.
    fn qualifying(&self) -> Points {
        let tiers = self.context.program.program.tiers.as_ref();
        let window = tiers.map_or(TierWindow::CalendarYear, |tiers| tiers.window);
        window_sum(window, &self.account.qualifying, self.today()).max(Points::ZERO)
    }

    fn take_qualifying(&mut self, points: Points, day: Day) {
        if points.is_positive() {
            let month = self.account.qualifying.entry(day.month()).or_default();
            *month = month.minus(points);
            self.account.tier.note_deducted(day.month(), points);
        }
    }
}
