//! The smallest steps from a basket to more points. A till and a cart say them: "4.20 € more earns 50 points", "2 more
//! purchases earn 50 points".

use serde::Serialize;

use super::Context;
use super::draft::Draft;
use super::measure::advance;
use super::occasion::{Basket, Occasion};
use crate::account::{Account, Counter};
use crate::fact::{FactId, Receipt};
use crate::ids::RuleId;
use crate::ledger::Cause;
use crate::points::Points;
use crate::rule::{CompiledRule, Eligible, Form, SpendBounds, SpendRange, Unit};

/// The most steps of each unit that are returned.
const MOST_STEPS: usize = 5;

/// What a basket lacks until a rule fires once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextStep {
    /// The rule.
    pub rule: RuleId,
    /// What is missing of goods that the rule counts: money in the program's currency, or a number of items or receipts.
    pub missing: String,
    /// What `missing` counts; absent for money.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub unit: Option<CountedUnit>,
    /// The redeemable points that the rule then gives more, before multipliers.
    pub gains: Points,
}

/// What is counted, if it is not money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CountedUnit {
    /// Further items in the basket.
    Items,
    /// Further purchases after this one.
    Receipts,
}

/// The smallest steps of a basket to more points: one for each rule that matches the basket and whose limits allow another
/// firing. Money comes first, then items, then receipts; in each unit the smallest step comes first.
pub fn next_steps(context: &Context<'_>, account: &Account, receipt: &Receipt) -> Vec<NextStep> {
    let cause = Cause::Fact(FactId::Receipt { receipt: receipt.id.clone() });
    let draft = Draft::new(context, account, receipt.occurred_at, cause);
    let basket = Basket::whole(context.program, receipt);
    let currency = context.program.program.currency;
    let shown = |unit| match unit {
        Unit::Money => (0, None),
        Unit::Items => (1, Some(CountedUnit::Items)),
        Unit::Receipts => (2, Some(CountedUnit::Receipts)),
    };
    let occasion = Occasion::new(context, &draft.account, receipt.occurred_at);
    let rules = context.program.rules.for_receipt(&basket.words, occasion.at, occasion.day);
    let mut steps: Vec<(u8, i64, NextStep)> = rules
        .filter_map(|rule| {
            let eligible = rule.eligible(receipt, &basket.words, &basket.remaining, currency)?;
            let (missing, gains) = step(&draft, rule, &occasion, eligible)?;
            let (place, unit) = shown(rule.measure().0);
            let text = draft.in_unit(rule.measure().0, missing);
            Some((place, missing, NextStep { rule: rule.rule.id.clone(), missing: text, unit, gains }))
        })
        .collect();
    steps.sort_by_key(|(place, missing, step)| (*place, *missing, std::cmp::Reverse(step.gains)));
    let mut places = [0; 3];
    steps.retain(|(place, _, _)| {
        let taken = &mut places[usize::from(*place)];
        *taken += 1;
        *taken <= MOST_STEPS
    });
    steps.into_iter().map(|(_, _, step)| step).collect()
}

/// What is missing until a rule's next firing, and the points that it gives more.
fn step(draft: &Draft<'_>, rule: &CompiledRule, occasion: &Occasion<'_>, eligible: Eligible) -> Option<(i64, Points)> {
    let (unit, form) = rule.measure();
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
    // What further items or purchases cost is not known.
    let dearer = if unit == Unit::Money { progress.missing } else { 0 };
    // A rule that has not fired yet credits the whole amount with its first firing.
    let before = if progress.due > 0 { by_amount(progress.amount) } else { Points::ZERO };
    let more = by_amount(progress.amount.saturating_add(dearer)).minus(before);
    let gains = credit.per_firing.redeemable.plus(more);
    gains.is_positive().then_some((progress.missing, gains))
}

/// True for bounds that a whole receipt lies within or not: what is missing would have to be judged with it.
fn is_gate(range: SpendBounds) -> bool {
    range.meant == SpendRange::Gate
}
