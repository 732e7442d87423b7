//! Explanations of a receipt for every rule of a program, also for those that its entry does not mention.

use std::collections::HashMap;

use crate::fact::{Receipt, Remaining};
use crate::ids::RuleId;
use crate::ledger::{Entry, Outcome, SkipReason, Skipped};
use crate::program::CompiledProgram;
use crate::rule::{CompiledRule, RuleStatus};

/// The result of one rule for a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleId,
    /// The outcome, if the rule fired.
    pub fired: Option<Outcome>,
    /// Why the rule gave nothing, or less than was due.
    pub skipped: Option<Skipped>,
}

/// Explains a decision for every rule of the program that made it, in the program's order.
///
/// The entry comes first; the rest is recomputed from the receipt and the rules.
pub fn explain_receipt(program: &CompiledProgram, receipt: &Receipt, entry: &Entry) -> Vec<RuleExplanation> {
    if entry.rejected.is_some() {
        // No rule was evaluated.
        return Vec::new();
    }
    let words = program.rules.words(receipt);
    let whole = Remaining::whole(receipt);
    // Indexed by rule: a linear search for each of 10,000 rules would take seconds.
    let outcomes: HashMap<&RuleId, &Outcome> = entry.outcomes.iter().rev().map(|o| (&o.rule, o)).collect();
    let reasons: HashMap<&RuleId, &Skipped> = entry.skipped.iter().rev().map(|s| (&s.rule, s)).collect();
    let explain = |rule: &CompiledRule| {
        let id = &rule.rule.id;
        let fired = outcomes.get(id).map(|outcome| (*outcome).clone());
        let told = reasons.get(id).map(|skipped| (*skipped).clone());
        let skipped = match (&fired, told) {
            (_, Some(skipped)) => Some(skipped),
            (Some(_), None) => None,
            (None, None) => {
                let eligible = rule.eligible(receipt, &words, &whole, program.program.currency);
                let before = program.rules.tier_bit(entry.tier.as_ref().map(|tier| &tier.before));
                let reason = if rule.receipt().is_none() {
                    SkipReason::OtherTrigger
                } else if rule.rule.status != RuleStatus::Active || !rule.covers(receipt.occurred_at) {
                    SkipReason::OutsideCalendar
                } else if eligible.is_none() {
                    SkipReason::FilterNotMet
                } else if !rule.is_for(before) {
                    SkipReason::TierOutOfScope
                } else {
                    // Only rules below their threshold are dropped from a long entry.
                    SkipReason::BelowThreshold
                };
                Some(Skipped { rule: id.clone(), reason, missing: None })
            }
        };
        RuleExplanation { rule: id.clone(), fired, skipped }
    };
    program.rules.iter().map(explain).collect()
}
