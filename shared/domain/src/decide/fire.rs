//! One rule and one fact: counting, limits, and the outcome.

use super::draft::Draft;
use super::entry_size::{LeftOut, is_needed, is_recomputable};
use super::limits::{Given, Rewards, cap, remember};
use super::measure::{CounterProgress, advance};
use super::occasion::{Occasion, all_hold};
use crate::account::{Counter, Status, Used};
use crate::coupon::CouponStatus;
use crate::ledger::{NamedCoupon, Outcome, SkipReason, Skipped};
use crate::money::Money;
use crate::points::{Both, Points};
use crate::program::Reward;
use crate::rule::{CompiledRule, Eligible, Unit};

/// The most skipped rules of an entry before it is shortened: in all, and of those whose reason can be recomputed.
const MOST_SKIPPED: usize = 64;
const MOST_RECOMPUTABLE: usize = 32;

/// The amount of a fact that has none.
pub(super) const NO_AMOUNT: Eligible = Eligible { amount: 0, items: 0 };

impl<'a> Draft<'a> {
    /// Lets a matching rule count the fact, and fire as often as is due and its limits allow.
    pub(super) fn consider(&mut self, rule: &'a CompiledRule, occasion: &Occasion<'_>, eligible: Eligible) {
        if let Err(reason) = self.may_count(rule, occasion) {
            self.skip(rule, reason, None);
            return;
        }
        let mut counter = if rule.remembers() { self.counter(rule) } else { Counter::default() };
        match advance(rule, &mut counter, eligible, occasion.day) {
            Err(reason) => self.skip(rule, reason, None),
            Ok(progress) if progress.due == 0 => {
                // A total that was reached before: nothing is missing, and it does not fire again.
                let reason = if progress.missing > 0 { SkipReason::BelowThreshold } else { SkipReason::LimitReached };
                let is_listed = progress.missing > 0 && self.lists(rule, reason);
                let missing = is_listed.then(|| self.in_unit(rule.measure().0, progress.missing));
                self.skip(rule, reason, missing);
            }
            Ok(progress) => self.fire(rule, &mut counter, occasion, progress),
        }
        if rule.remembers() {
            self.keep(rule, counter);
        }
    }

    /// True if the rule counts facts of this member now.
    pub(super) fn may_count(&self, rule: &CompiledRule, occasion: &Occasion<'_>) -> Result<(), SkipReason> {
        if self.account.status == Status::Excluded {
            return Err(SkipReason::MemberExcluded);
        }
        if !rule.is_for(occasion.tier) {
            return Err(SkipReason::TierOutOfScope);
        }
        if !all_hold(&rule.rule.conditions, self.context, &self.account, occasion.day) {
            return Err(SkipReason::PredicateNotMet);
        }
        Ok(())
    }

    /// Grants the firings that are due and that the limits allow.
    fn fire(
        &mut self,
        rule: &'a CompiledRule,
        counter: &mut Counter,
        occasion: &Occasion<'_>,
        progress: CounterProgress,
    ) {
        let zone = &self.context.program.zone;
        let policy = &self.decided_by.program;
        let CounterProgress { due, counted, amount, before, .. } = progress;
        let places = counter.uses.room(rule, occasion.when(zone)).unwrap_or(u64::MAX);
        let granted = due.min(places);
        let each = rule.gains.credit.per_firing;
        let by_amount = if granted > 0 {
            rule.gains.credit.by_amount(amount, policy.currency, policy.points.rounding)
        } else {
            Both::ZERO
        };
        let (mut fixed, mut by_amount, capped) = cap(rule, counter, each.times(granted), by_amount, occasion, zone);
        self.draw_budget(rule, occasion.day, &mut fixed, &mut by_amount);
        let issued_before = self.issued.len();
        let rewards = self.give_rewards(rule, granted);
        let firings = i64::try_from(granted).unwrap_or(i64::MAX);

        let used = Used { times: firings, points: fixed.plus(by_amount).sum().get() };
        counter.uses.add(rule, used, occasion.when(zone));
        if rule.measure().1.is_cumulative() {
            let given = Given { firings: granted, lost: due - granted, each, fixed, rewards: &rewards };
            remember(rule, counter, given, occasion);
        }
        if granted > 0 {
            self.fired.push(rule);
            self.entry.outcomes.push(Outcome {
                firings,
                lost: i64::try_from(due - granted).unwrap_or(i64::MAX),
                fixed,
                per_unit: by_amount,
                counted,
                amount: if rule.gains.debit.is_by_amount() { amount } else { 0 },
                before,
                coupons: self.issued[issued_before..].iter().map(NamedCoupon::from).collect(),
                ..Outcome::nothing(rule.rule.id.clone(), rule.version)
            });
        }
        if granted < due || capped {
            self.skip(rule, SkipReason::LimitReached, None);
        }
    }

    /// Issues the coupons of firings in their order, as far as the transaction and the stocks allow.
    fn give_rewards(&mut self, rule: &CompiledRule, granted: u64) -> Rewards {
        let mut rewards = Rewards::default();
        let catalogue = self.context.program;
        let given: Vec<&Reward> = rule.gains.rewards.iter().filter_map(|id| catalogue.reward(id)).collect();
        let (mut is_full, mut is_out) = (false, false);
        let firings = if given.is_empty() { 0 } else { granted };
        for firing in 0..firings {
            let mut codes = Vec::new();
            for reward in &given {
                if self.coupons_left() == 0 {
                    is_full = true;
                } else if self.has_unit(reward) {
                    codes.extend(self.issue(reward, CouponStatus::Available, Points::ZERO, Vec::new(), None));
                } else {
                    is_out = true;
                }
            }
            if codes.is_empty() {
                // Later firings cannot get a coupon either.
                rewards.add(granted - firing, codes);
                break;
            }
            rewards.add(1, codes);
        }
        if is_full {
            self.skip(rule, SkipReason::RewardLimit, None);
        }
        if is_out {
            self.skip(rule, SkipReason::OutOfStock, None);
        }
        rewards
    }

    /// Records that a rule gave nothing.
    pub(super) fn skip(&mut self, rule: &CompiledRule, reason: SkipReason, missing: Option<String>) {
        if self.lists(rule, reason) {
            self.entry.skipped.push(Skipped { rule: rule.rule.id.clone(), reason, missing });
            return;
        }
        self.entry.truncated = true;
        if !is_recomputable(reason, rule)
            && let Some(place) = self.decided_by.rules.position(&rule.rule.id)
        {
            self.left_out.push(LeftOut { place, reason });
        }
    }

    /// True if the entry has room for another skipped rule with this reason.
    fn lists(&self, rule: &CompiledRule, reason: SkipReason) -> bool {
        let listed = self.entry.skipped.len();
        listed < MOST_RECOMPUTABLE
            || self.context.supply.lists_all_skipped
            || is_needed(reason, rule)
            || (listed < MOST_SKIPPED && !is_recomputable(reason, rule))
    }

    /// Formats a count: money with its decimals, receipts and items as numbers.
    pub(super) fn in_unit(&self, unit: Unit, count: i64) -> String {
        match unit {
            Unit::Money => Money::new(count, self.context.program.program.currency).to_string(),
            Unit::Receipts | Unit::Items => count.to_string(),
        }
    }
}
