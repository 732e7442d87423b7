//! The rules for changes of tier that a decision makes.

use jiff::Timestamp;

use super::draft::Draft;
use super::occasion::Occasion;
use super::{Context, fire};
use crate::account::{Gift, Run};
use crate::ids::TierId;
use crate::ledger::{Cause, SkipReason, TierMove};
use crate::points::Both;
use crate::rule::{CompiledRule, TierDirection, Trigger, Waiting};

impl Draft<'_> {
    /// Runs the rules for a change of tier, again and again while their points change the tier.
    ///
    /// It terminates: points only carry a member up the ladder, and a program whose tiers outside it could go on for ever is
    /// refused. A review always has an entry, because nothing else records it. `is_open`: the current entry is that of the
    /// first change.
    pub(super) fn follow(&mut self, moved: TierMove, caused: &Cause, mut is_open: bool) {
        let mut moved = Some(moved);
        while let Some(change) = moved.take() {
            let at = self.entry.at;
            let context = self.context;
            let rules: Vec<&CompiledRule> = context
                .program
                .rules
                .waiting(&Waiting::TierChange)
                .filter(|rule| meets(rule, context, &change))
                .collect();
            let rules: Vec<&CompiledRule> = rules.into_iter().filter(|rule| rule.covers(at)).collect();
            let is_review = matches!(caused, Cause::TierReview(_));
            if rules.is_empty() && !is_review {
                return;
            }
            if !std::mem::take(&mut is_open) {
                self.start_entry(at, Cause::TierChange(Box::new(caused.clone())));
            }
            let mut occasion = Occasion::new(context, &self.account, at);
            occasion.tier = context.program.rules.tier_bit(Some(&change.after));
            let before = self.account.tier.current().cloned();
            let mut spent = Vec::new();
            for rule in rules {
                if self.may_count(rule, &occasion).is_ok() && self.take_spent(rule) {
                    self.skip(rule, SkipReason::LimitReached, None);
                    spent.push(spent_gift(rule, at));
                } else {
                    self.consider(rule, &occasion, fire::NO_AMOUNT);
                }
            }
            self.apply(&occasion);
            self.remember_gifts(&change.after, spent);
            let after = self.account.tier.current().cloned();
            if let (Some(before), Some(after)) = (before, after)
                && before != after
            {
                moved = Some(tier_move(context, before, after));
            }
            self.entry.tier = if is_review { Some(change) } else { moved.clone() };
        }
    }

    /// Keeps the firing of a rule for a lost tier whose coupon was used: the rule stays fired, and does not fire for the next
    /// change of tier (R3). A rule that was restarted or removed since then keeps nothing.
    pub(super) fn keep_spent(&mut self, gift: &Gift) {
        let rule = self.context.program.rules.get(&gift.rule).filter(|rule| rule.starts_at() <= gift.at);
        let Some(rule) = rule.filter(|rule| matches!(rule.rule.on, Trigger::TierChange(_))) else { return };
        let mut counter = self.counter(rule);
        counter.push(Run { spent: 1, ..Run::default() });
        self.keep(rule, counter);
    }

    /// Uses up a firing that [`Draft::keep_spent`] kept. Returns false if there is none.
    fn take_spent(&mut self, rule: &CompiledRule) -> bool {
        let mut counter = self.counter(rule);
        let Some(place) = counter.runs.iter().position(|run| run.spent > 0) else { return false };
        counter.runs[place].spent -= 1;
        counter.runs.retain(|run| run.due() > 0);
        self.keep(rule, counter);
        true
    }

    /// Remembers what the rules for reaching a tier gave: a refund that takes the tier away takes it back. `spent` are the
    /// firings that were kept from an earlier loss of a tier: another loss keeps them again.
    fn remember_gifts(&mut self, tier: &TierId, spent: Vec<Gift>) {
        let (lot, at) = (self.entry.lot, self.entry.at);
        let gifts: Vec<Gift> = self
            .entry
            .outcomes
            .iter()
            .filter(|outcome| !outcome.credits().is_zero() || !outcome.coupons.is_empty())
            .map(|outcome| Gift {
                rule: outcome.rule.clone(),
                rule_version: outcome.rule_version,
                at,
                firings: outcome.firings,
                points: outcome.credits(),
                lot,
                coupons: outcome.coupons.iter().map(|coupon| coupon.code.clone()).collect(),
            })
            .chain(spent)
            .collect();
        let before = self.account.tier.before.iter_mut();
        if let Some(held) = before.chain(&mut self.account.tier.held).rev().find(|held| held.tier == *tier) {
            held.gifts.extend(gifts);
        }
    }
}

/// The gift of a rule that stayed fired: nothing, and no firing of its own.
fn spent_gift(rule: &CompiledRule, at: Timestamp) -> Gift {
    Gift {
        rule: rule.rule.id.clone(),
        rule_version: rule.version,
        at,
        firings: 0,
        points: Both::ZERO,
        lot: None,
        coupons: Vec::new(),
    }
}

/// True for what [`spent_gift`] returns.
pub(super) fn is_spent(gift: &Gift) -> bool {
    gift.firings == 0 && gift.points.is_zero() && gift.coupons.is_empty()
}

pub(super) fn tier_move(context: &Context<'_>, before: TierId, after: TierId) -> TierMove {
    let skipped = match (context.program.rank(&before), context.program.rank(&after)) {
        (Some(from), Some(to)) if from < to => passed_over(context, from + 1..to),
        (Some(from), Some(to)) if to < from => passed_over(context, to + 1..from),
        _ => Vec::new(),
    };
    TierMove { before, after, skipped }
}

fn passed_over(context: &Context<'_>, ranks: std::ops::Range<usize>) -> Vec<TierId> {
    let ladder = context.program.program.tiers.as_ref().map(|tiers| tiers.ladder.as_slice()).unwrap_or_default();
    ladder.get(ranks).unwrap_or_default().iter().map(|tier| tier.id.clone()).collect()
}

/// True if this change of tier triggers the rule.
fn meets(rule: &CompiledRule, context: &Context<'_>, moved: &TierMove) -> bool {
    let Trigger::TierChange(trigger) = &rule.rule.on else { return false };
    let ranks = (context.program.rank(&moved.before), context.program.rank(&moved.after));
    let direction = match ranks {
        (_, None) => Some(TierDirection::Vip),
        (Some(before), Some(after)) if before < after => Some(TierDirection::Upgrade),
        (Some(_), Some(_)) => Some(TierDirection::Downgrade),
        // A return to the ladder is neither an upgrade nor a downgrade.
        (None, Some(_)) => None,
    };
    trigger.direction.is_none_or(|wanted| Some(wanted) == direction)
        && trigger.from.as_ref().is_none_or(|from| from.contains(&moved.before))
        && trigger.to.as_ref().is_none_or(|to| to.contains(&moved.after))
}
