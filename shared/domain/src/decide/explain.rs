//! Explanations of a receipt for every rule of a program, also for those that its entry does not mention.

use std::collections::HashMap;

use super::entry_size::is_per_receipt;
use super::occasion::all_hold;
use super::{Context, Seed, Supply};
use crate::account::{Account, Status};
use crate::fact::{Receipt, Remaining};
use crate::ids::{MemberId, RuleId};
use crate::ledger::{Entry, Outcome, SkipReason, Skipped};
use crate::member::Profile;
use crate::money::Money;
use crate::program::CompiledProgram;
use crate::rule::{CompiledRule, Eligible, Frame, RuleStatus, Unit};
use crate::time::Day;

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

/// The member whose receipt is explained, as of now.
#[derive(Debug, Clone, Copy)]
pub struct Buyer<'a> {
    /// The member.
    pub member: &'a MemberId,
    /// The profile.
    pub profile: &'a Profile,
    /// The account.
    pub account: &'a Account,
}

/// Explains a decision for every rule of the program that made it, in the program's order.
///
/// The entry comes first: it lists skipped rules, and keeps in short form the reasons of others that depend on the past. The
/// rest follows from the receipt and the rules. An entry of a version that kept no short form, or one with more changes of
/// reason than it has room for, leaves some reasons open. These are recomputed as far as possible: conditions from the member
/// as of now (`buyer`), running totals as if there were none.
pub fn explain_receipt(
    program: &CompiledProgram,
    receipt: &Receipt,
    entry: &Entry,
    buyer: Option<Buyer<'_>>,
) -> Vec<RuleExplanation> {
    if entry.rejected.is_some() {
        // No rule was evaluated.
        return Vec::new();
    }
    let words = program.rules.words(receipt);
    let whole = Remaining::whole(receipt);
    let rest = Unlisted {
        program,
        entry,
        buyer,
        tier: program.rules.tier_bit(entry.tier.as_ref().map(|tier| &tier.before)),
        day: Day::of(receipt.occurred_at, &program.zone),
    };
    // Indexed by rule: a linear search for each of 10,000 rules would take seconds.
    let outcomes: HashMap<&RuleId, &Outcome> = entry.outcomes.iter().rev().map(|o| (&o.rule, o)).collect();
    let reasons: HashMap<&RuleId, &Skipped> = entry.skipped.iter().rev().map(|s| (&s.rule, s)).collect();
    let explain = |(place, rule): (u32, &CompiledRule)| {
        let id = &rule.rule.id;
        let fired = outcomes.get(id).map(|outcome| (*outcome).clone());
        let because = |reason| Skipped { rule: id.clone(), reason, missing: None };
        let skipped = match (&fired, reasons.get(id)) {
            (_, Some(skipped)) => Some((*skipped).clone()),
            (Some(outcome), None) => (outcome.lost > 0).then(|| because(SkipReason::LimitReached)),
            (None, None) => Some(if rule.receipt().is_none() {
                because(SkipReason::OtherTrigger)
            } else if rule.rule.status != RuleStatus::Active || !rule.covers(receipt.occurred_at) {
                because(SkipReason::OutsideCalendar)
            } else if let Some(eligible) = rule.eligible(receipt, &words, &whole, program.program.currency) {
                let reason = rest.reason(place, rule, eligible);
                Skipped { missing: rest.missing(rule, reason, eligible), ..because(reason) }
            } else {
                because(SkipReason::FilterNotMet)
            }),
        };
        RuleExplanation { rule: id.clone(), fired, skipped }
    };
    (0..).zip(program.rules.iter()).map(explain).collect()
}

/// Finds the reasons of rules that met a receipt, and that its entry does not list.
struct Unlisted<'a> {
    program: &'a CompiledProgram,
    entry: &'a Entry,
    buyer: Option<Buyer<'a>>,
    /// The bit of the tier before the receipt.
    tier: u64,
    day: Day,
}

impl Unlisted<'_> {
    fn reason(&self, place: u32, rule: &CompiledRule, eligible: Eligible) -> SkipReason {
        if self.entry.status == Status::Excluded {
            return SkipReason::MemberExcluded;
        }
        if !rule.is_for(self.tier) {
            return SkipReason::TierOutOfScope;
        }
        // The same order as in `is_recomputable`: a reason that can be recomputed has no run.
        let known = if rule.rule.conditions.is_empty() { self.of_receipt(rule, eligible) } else { None };
        known.or_else(|| self.kept(place)).unwrap_or_else(|| self.likeliest(rule, eligible))
    }

    /// The reason that follows from the receipt and the rule alone.
    fn of_receipt(&self, rule: &CompiledRule, eligible: Eligible) -> Option<SkipReason> {
        let (unit, form) = rule.measure();
        if let Some(Frame::Fixed(first, last)) = rule.frame()
            && (self.day < first || last < self.day)
        {
            return Some(SkipReason::OutsideWindow);
        }
        let is_below = is_per_receipt(rule) && form.due(eligible.count(unit)) == 0;
        is_below.then_some(SkipReason::BelowThreshold)
    }

    /// The reason that the entry keeps in short form.
    fn kept(&self, place: u32) -> Option<SkipReason> {
        let next = self.entry.left_out.partition_point(|run| run.from <= place);
        self.entry.left_out.get(next.checked_sub(1)?)?.reason
    }

    /// The likeliest reason, when nothing is known of that time.
    fn likeliest(&self, rule: &CompiledRule, eligible: Eligible) -> SkipReason {
        if !self.meets_conditions(rule) {
            return SkipReason::PredicateNotMet;
        }
        if let Some(reason) = self.of_receipt(rule, eligible) {
            return reason;
        }
        if rule.range().is_some() {
            SkipReason::OutsideRange
        } else if rule.measure().1.is_cumulative() {
            SkipReason::BelowThreshold
        } else {
            // The receipt reached the threshold.
            SkipReason::LimitReached
        }
    }

    /// True if the conditions of a rule hold for the member as of now; conditions on an unknown member do not.
    fn meets_conditions(&self, rule: &CompiledRule) -> bool {
        let conditions = &rule.rule.conditions;
        let Some(Buyer { member, profile, account }) = self.buyer else { return conditions.is_empty() };
        let supply = Supply::default();
        let context = Context {
            program: self.program,
            member,
            profile: Some(profile),
            now: self.entry.decided_at,
            seed: Seed([0; 32]),
            supply: &supply,
        };
        all_hold(conditions, &context, account, self.day)
    }

    /// What a receipt lacks for a rule that counts each receipt alone.
    fn missing(&self, rule: &CompiledRule, reason: SkipReason, eligible: Eligible) -> Option<String> {
        if reason != SkipReason::BelowThreshold || !is_per_receipt(rule) {
            return None;
        }
        let (unit, form) = rule.measure();
        let missing = form.missing(eligible.count(unit));
        Some(match unit {
            Unit::Money => Money::new(missing, self.program.program.currency).to_string(),
            Unit::Receipts | Unit::Items => missing.to_string(),
        })
    }
}
