//! The size of an entry, and what it leaves out to stay small.

use crate::ledger::{Entry, NamedCoupon, Outcome, SkipReason, Skipped};
use crate::rule::{CompiledRule, Frame, RuleSet};

/// Soft limit of a packed entry (1 write unit). Above it, skipped rules are dropped: they can be recomputed.
const ENTRY_BYTES: usize = 850;
/// Upper bounds of packed sizes: an entry without its lists, and one item of each list without its texts.
const BARE_BYTES: usize = 120;
const OUTCOME_BYTES: usize = 14;
const NUMBER_BYTES: usize = 8;
const SKIPPED_BYTES: usize = 24;
const LINE_BYTES: usize = 40;
const LOT_BYTES: usize = 16;

/// Drops skipped rules from an entry above the soft limit. They can be recomputed from the program's version, except those
/// that a refund needs for a running total: these stay.
pub(super) fn shorten(entry: &mut Entry, rules: &RuleSet) {
    let mut over = most_bytes(entry).saturating_sub(ENTRY_BYTES);
    for place in (0..entry.skipped.len()).rev() {
        if over == 0 {
            return;
        }
        let skipped = &entry.skipped[place];
        if !rules.get(&skipped.rule).is_some_and(|rule| is_needed(skipped, rule)) {
            over = over.saturating_sub(skipped_bytes(skipped));
            entry.skipped.remove(place);
            entry.truncated = true;
        }
    }
}

/// An upper bound of an entry's packed size. Packing it would take longer than deciding.
fn most_bytes(entry: &Entry) -> usize {
    let outcomes: usize = entry.outcomes.iter().map(outcome_bytes).sum();
    let skipped: usize = entry.skipped.iter().map(skipped_bytes).sum();
    let coupons: usize = entry.coupons.iter().map(coupon_bytes).sum();
    let lots = entry.extended.len() + entry.movements.iter().map(|movement| movement.lots.len()).sum::<usize>();
    let others = entry.movements.len() + entry.ignored.len();
    BARE_BYTES + outcomes + skipped + coupons + others * LINE_BYTES + lots * LOT_BYTES
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    let both = [outcome.fixed, outcome.per_unit, outcome.extra, outcome.debited, outcome.reset];
    let numbers = both.iter().filter(|both| !both.is_zero()).count()
        + usize::from(outcome.counted != 0)
        + usize::from(outcome.before.is_some())
        + usize::from(outcome.lost != 0);
    let coupons: usize = outcome.coupons.iter().map(coupon_bytes).sum();
    let held = outcome.held.as_ref().map_or(0, |held| NUMBER_BYTES + held.extras.len() * LINE_BYTES);
    held + OUTCOME_BYTES
        + outcome.rule.as_str().len()
        + numbers * NUMBER_BYTES
        + outcome.taken.len() * LINE_BYTES
        + coupons
}

fn coupon_bytes(coupon: &NamedCoupon) -> usize {
    coupon.code.as_str().len() + coupon.reward.as_str().len() + 5
}

fn skipped_bytes(skipped: &Skipped) -> usize {
    let missing = skipped.missing.as_ref().map_or(0, |missing| missing.len() + 3);
    SKIPPED_BYTES + skipped.rule.as_str().len() + missing
}

/// True for reasons that keep a rule from counting a receipt at all.
const fn is_shut_out(skipped: &Skipped) -> bool {
    matches!(skipped.reason, SkipReason::PredicateNotMet | SkipReason::OutsideRange | SkipReason::MemberExcluded)
}

/// True for a reason that cannot be recomputed: a refund must know that a cumulative rule did not count the receipt, and
/// people ask why a rule that fired gave no coupon.
pub(super) fn is_needed(skipped: &Skipped, rule: &CompiledRule) -> bool {
    let is_late = skipped.reason == SkipReason::OutsideWindow && matches!(rule.frame(), Some(Frame::FirstReceipt(_)));
    matches!(skipped.reason, SkipReason::RewardLimit | SkipReason::OutOfStock | SkipReason::BudgetExhausted)
        || ((is_shut_out(skipped) || is_late) && rule.measure().1.is_cumulative())
}
