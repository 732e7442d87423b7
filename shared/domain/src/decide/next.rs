//! The smallest additions to a basket that earn more points. A till and a cart say them: "4.20 € more earns 50 points".

use serde::Serialize;

use super::Context;
use super::draft::Draft;
use super::measure::advance;
use super::occasion::{Basket, Occasion};
use crate::account::{Account, Counter};
use crate::fact::{FactId, Receipt};
use crate::ids::RuleId;
use crate::ledger::Cause;
use crate::money::Money;
use crate::points::Points;
use crate::rule::{CompiledRule, Eligible, Form, Range, SpendRange, Unit};

/// The most steps that are returned.
const MOST_STEPS: usize = 5;

/// What a basket lacks until a rule fires once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextStep {
    /// The rule.
    pub rule: RuleId,
    /// The money that is missing, in the program's currency, of goods that the rule counts.
    pub missing: String,
    /// The redeemable points that the rule then gives more, before multipliers.
    pub gains: Points,
}

/// The smallest steps of a basket to more points, the smallest first: one for each rule that counts money, matches the basket
/// and whose limits allow another firing.
pub fn next_steps(context: &Context<'_>, account: &Account, receipt: &Receipt) -> Vec<NextStep> {
    let cause = Cause::Fact(FactId::Receipt { receipt: receipt.id.clone() });
    let draft = Draft::new(context, account, receipt.occurred_at, cause);
    let basket = Basket::whole(context.program, receipt);
    let currency = context.program.program.currency;
    let occasion = Occasion::new(context, &draft.account, receipt.occurred_at);
    let rules = context.program.rules.for_receipt(&basket.words, occasion.at, occasion.day);
    let mut steps: Vec<(i64, NextStep)> = rules
        .filter_map(|rule| {
            let eligible = rule.eligible(receipt, &basket.words, &basket.remaining, currency)?;
            let (missing, gains) = step(&draft, rule, &occasion, eligible)?;
            let missing_text = Money::new(missing, currency).to_string();
            Some((missing, NextStep { rule: rule.rule.id.clone(), missing: missing_text, gains }))
        })
        .collect();
    steps.sort_by_key(|(missing, step)| (*missing, std::cmp::Reverse(step.gains)));
    steps.into_iter().take(MOST_STEPS).map(|(_, step)| step).collect()
}

/// The money until a rule's next firing, and the points that it gives more.
fn step(draft: &Draft<'_>, rule: &CompiledRule, occasion: &Occasion<'_>, eligible: Eligible) -> Option<(i64, Points)> {
    let (Unit::Money, form) = rule.measure() else { return None };
    if form == Form::Always || rule.range().is_some_and(is_gate) || draft.may_count(rule, occasion).is_err() {
        return None;
    }
    let mut counter: Counter = draft.counter(rule);
    let progress = advance(rule, &mut counter, eligible, occasion.day).ok()?;
    let places = counter.uses.room(rule, occasion.when(&draft.context.program.zone)).unwrap_or(u64::MAX);
    if progress.missing <= 0 || places <= progress.due {
        return None;
    }
    let program = &draft.context.program.program;
    let credit = &rule.gains.credit;
    let by_amount = |amount| credit.by_amount(amount, program.currency, program.points.rounding).redeemable;
    // A rule that has not fired yet credits the whole amount with its first firing.
    let before = if progress.due > 0 { by_amount(progress.amount) } else { Points::ZERO };
    let more = by_amount(progress.amount.saturating_add(progress.missing)).minus(before);
    let gains = credit.per_firing.redeemable.plus(more);
    gains.is_positive().then_some((progress.missing, gains))
}

/// True for bounds that a whole receipt lies within or not: what is missing would have to be judged with it.
fn is_gate(range: Range) -> bool {
    range.meant == SpendRange::Gate
}
