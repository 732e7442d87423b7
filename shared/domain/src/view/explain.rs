//! Why a fact gave what it gave, in a sentence for each rule.

use std::fmt::Write as _;

use serde::Serialize;

use crate::ids::RuleId;
use crate::ledger::{Outcome, SkipReason, Skipped};
use crate::points::Both;

/// A sentence of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The rule that it is about; null when it is about no rule.
    pub rule: Option<RuleId>,
    /// The sentence, in English.
    pub text: String,
}

impl Explanation {
    /// A sentence about no rule.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { rule: None, text: text.into() }
    }
}

/// What a rule gave, or gave back.
pub fn explain_outcome(outcome: &Outcome) -> Explanation {
    let mut text = match outcome.firings {
        0 => "Recomputed".to_owned(),
        firings if firings < 0 => format!("Reversed {}", times(firings.saturating_neg())),
        firings => format!("Fired {}", times(firings)),
    };
    let credits = outcome.credits();
    if !credits.is_zero() {
        let _ = write!(text, ": {}", in_words(credits));
    }
    match outcome.rewards.len() {
        0 => {}
        1 => text.push_str(", 1 coupon"),
        coupons => {
            let _ = write!(text, ", {coupons} coupons");
        }
    }
    if outcome.lost > 0 {
        let _ = write!(text, "; {} more not granted, the limit is reached", times(outcome.lost));
    }
    if outcome.unrecoverable > 0 {
        let _ = write!(text, "; {} not reversed, the reward was used", times(outcome.unrecoverable));
    }
    text.push('.');
    Explanation { rule: Some(outcome.rule.clone()), text }
}

/// Why a rule gave nothing.
pub fn explain_skip(skipped: &Skipped) -> Explanation {
    let why = match skipped.reason {
        SkipReason::TierOutOfScope => "the member's tier is not one of the rule's",
        SkipReason::PredicateNotMet => "a condition of the rule is not met",
        SkipReason::BelowThreshold => "not enough yet",
        SkipReason::OutsideRange => "the running total is outside the rule's range",
        SkipReason::OutsideWindow => "outside the rule's window",
        SkipReason::LimitReached => "the limit is reached",
        SkipReason::OutOfStock => "the reward is out of stock",
        SkipReason::Duplicate => "it was counted already",
        SkipReason::MemberExcluded => "the member is excluded",
        SkipReason::OutsideCalendar => "the rule was not in force",
        SkipReason::FilterNotMet => "it is not what the rule asks for",
        SkipReason::OtherTrigger => "the rule waits for something else",
    };
    let text = match &skipped.missing {
        Some(missing) => format!("Gave nothing: {why}, {missing} missing."),
        None => format!("Gave nothing: {why}."),
    };
    Explanation { rule: Some(skipped.rule.clone()), text }
}

fn times(count: i64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn in_words(points: Both) -> String {
    match (points.redeemable.is_zero(), points.qualifying.is_zero()) {
        (false, true) => format!("{} points", points.redeemable),
        (true, false) => format!("{} qualifying points", points.qualifying),
        _ => format!("{} points, {} qualifying points", points.redeemable, points.qualifying),
    }
}
