//! The rules for changes of tier that a decision makes.

use super::draft::Draft;
use super::occasion::Occasion;
use super::{Context, fire};
use crate::account::Gift;
use crate::ids::TierId;
use crate::ledger::{Cause, TierMove};
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
            for rule in rules {
                self.consider(rule, &occasion, fire::NO_AMOUNT);
            }
            self.apply(&occasion);
            self.remember_gifts(&change.after);
            let after = self.account.tier.current().cloned();
            if let (Some(before), Some(after)) = (before, after)
                && before != after
            {
                moved = Some(tier_move(context, before, after));
            }
            self.entry.tier = if is_review { Some(change) } else { moved.clone() };
        }
    }

    /// Remembers what the rules for reaching a tier gave: a refund that takes the tier away takes it back.
    fn remember_gifts(&mut self, tier: &TierId) {
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
            .collect();
        let before = self.account.tier.before.iter_mut();
        if let Some(held) = before.chain(&mut self.account.tier.held).rev().find(|held| held.tier == *tier) {
            held.gifts.extend(gifts);
        }
    }
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
