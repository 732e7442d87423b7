//! The size of an entry, and what it leaves out to stay small.

use crate::ledger::{Entry, NamedCoupon, Outcome, ReasonRun, SkipReason, Skipped};
use crate::rule::{CompiledRule, Frame, RuleSet};

/// Soft limit of a packed entry (1 write unit). Above it, skipped rules are dropped.
const ENTRY_BYTES: usize = 850;
/// Upper bounds of packed sizes: an entry without its lists, and one item of each list without its texts.
const BARE_BYTES: usize = 120;
const OUTCOME_BYTES: usize = 14;
const NUMBER_BYTES: usize = 8;
const SKIPPED_BYTES: usize = 24;
const LINE_BYTES: usize = 40;
const LOT_BYTES: usize = 16;
const RUN_BYTES: usize = 6;
/// The most runs of reasons that an entry has room for. Few programs have as many kinds of rules side by side.
const MOST_RUNS: usize = 32;

/// A reason that an entry has no room for, and that cannot be recomputed.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeftOut {
    /// The rule's position in its program version.
    pub place: u32,
    pub reason: SkipReason,
}

/// Drops skipped rules from an entry above the soft limit: first those whose reason can be recomputed from the receipt and the
/// program's version, then others, whose reasons stay in short form. Those that a refund needs for a running total, and those
/// that people ask about, stay.
///
/// `left_out`: the rules that the entry never listed.
pub(super) fn shorten(entry: &mut Entry, rules: &RuleSet, mut left_out: Vec<LeftOut>) {
    let mut over = (most_bytes(entry) + left_out.len().min(MOST_RUNS) * RUN_BYTES).saturating_sub(ENTRY_BYTES);
    if over == 0 && left_out.is_empty() {
        return;
    }
    for recomputable in [true, false] {
        for place in (0..entry.skipped.len()).rev() {
            if over == 0 {
                break;
            }
            let skipped = &entry.skipped[place];
            let Some(rule) = rules.get(&skipped.rule) else { continue };
            if is_needed(skipped.reason, rule) || is_recomputable(skipped.reason, rule) != recomputable {
                continue;
            }
            if !recomputable && let Some(place) = rules.position(&skipped.rule) {
                left_out.push(LeftOut { place, reason: skipped.reason });
                over += if left_out.len() <= MOST_RUNS { RUN_BYTES } else { 0 };
            }
            over = over.saturating_sub(skipped_bytes(skipped));
            entry.skipped.remove(place);
            entry.truncated = true;
        }
    }
    entry.left_out = runs(left_out);
}

/// The reasons as runs, in the order of the rules.
fn runs(mut left_out: Vec<LeftOut>) -> Vec<ReasonRun> {
    left_out.sort_by_key(|left_out| left_out.place);
    let mut runs: Vec<ReasonRun> = Vec::new();
    for LeftOut { place, reason } in left_out {
        if runs.last().is_none_or(|run| run.reason != Some(reason) && run.from != place) {
            if runs.len() == MOST_RUNS {
                runs.push(ReasonRun { from: place, reason: None });
                break;
            }
            runs.push(ReasonRun { from: place, reason: Some(reason) });
        }
    }
    runs
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
const fn is_shut_out(reason: SkipReason) -> bool {
    matches!(reason, SkipReason::PredicateNotMet | SkipReason::OutsideRange | SkipReason::MemberExcluded)
}

/// True for a reason that an entry always lists: a refund must know that a rule did not count the receipt, and people ask why
/// a rule that fired gave no coupon.
pub(super) fn is_needed(reason: SkipReason, rule: &CompiledRule) -> bool {
    let is_late = reason == SkipReason::OutsideWindow && matches!(rule.frame(), Some(Frame::FirstReceipt(_)));
    matches!(reason, SkipReason::RewardLimit | SkipReason::OutOfStock | SkipReason::BudgetExhausted)
        || ((is_shut_out(reason) || is_late) && rule.measure().1.is_cumulative())
        // A refund lowers the spend that a range is judged by, unless the rule did not count it.
        || ((is_shut_out(reason) || is_late) && reason != SkipReason::OutsideRange && rule.range().is_some())
}

/// True for a reason that an explanation recomputes from the entry, the receipt and the rule alone.
pub(super) fn is_recomputable(reason: SkipReason, rule: &CompiledRule) -> bool {
    match reason {
        SkipReason::MemberExcluded | SkipReason::TierOutOfScope => true,
        // A condition, which comes first, depends on the member at that time.
        SkipReason::OutsideWindow => rule.rule.conditions.is_empty() && matches!(rule.frame(), Some(Frame::Fixed(..))),
        SkipReason::BelowThreshold => rule.rule.conditions.is_empty() && is_per_receipt(rule),
        _ => rule.receipt().is_none(),
    }
}

/// True if a rule's firings follow from one receipt.
pub(super) fn is_per_receipt(rule: &CompiledRule) -> bool {
    !rule.measure().1.is_cumulative() && rule.range().is_none() && !matches!(rule.frame(), Some(Frame::FirstReceipt(_)))
}
