//! The view of a receipt, its decision and its refunds.

use jiff::Timestamp;
use serde::Serialize;

use super::explain::Explainer;
use super::reach::RewardInReach;
use crate::decide::{Decision, NextStep};
use crate::fact::Receipt;
use crate::ids::{CouponCode, ReceiptId, RefundId, RuleId, TierId};
use crate::ledger::{Entry, MovementType, NamedCoupon, Outcome, Rejection, SkipReason, Skipped, TierMove};
use crate::money::{Currency, Money};
use crate::points::{Both, Points};
use crate::program::CompiledProgram;

/// The status of an accepted fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FactStatus {
    /// It is stored and waits for its decision.
    Accepted,
    /// It was decided.
    Evaluated,
    /// It was rejected.
    Rejected,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptView {
    /// Its identifier, by the shop's number.
    pub id: ReceiptId,
    /// Its status.
    pub status: FactStatus,
    /// The reason for which it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Rejection>,
    /// When the purchase happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub occurred_at: Timestamp,
    /// The total paid for goods; absent in lists of decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// The currency; absent when the total is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub currency: Option<Currency>,
    /// The decision, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
    /// Its refunds; absent in lists of decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunds: Option<Vec<RefundView>>,
}

/// The decision on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecisionView {
    /// The points that the receipt earned.
    pub points: Both,
    /// The rules that fired.
    pub outcomes: Vec<OutcomeView>,
    /// The rules that it met but that did not fire.
    pub skipped: Vec<SkippedView>,
    /// True when some of `skipped` were left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The tier before and after; null without tiers.
    pub tier: Option<TierMove>,
    /// The coupons that it used.
    pub coupons: Vec<CouponCode>,
    /// The coupons that it named but could not use.
    pub coupons_ignored: Vec<IgnoredCoupon>,
    /// When it was decided.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub decided_at: Timestamp,
    /// The version of the program that decided.
    pub program_version: u32,
}

/// The outcome of a rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeView {
    /// The rule.
    pub rule: RuleId,
    /// The version of the program in which it last changed.
    pub rule_version: u32,
    /// The number of firings.
    pub firings: i64,
    /// The points credited, including those from multiplying other rules.
    pub credits: Both,
    /// The redeemable points, with those from multiplying them, that wait for an event; absent when none do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub held: Option<Points>,
    /// The part of these from multiplying.
    #[serde(skip_serializing_if = "Both::is_zero_ref")]
    pub multiplied: Both,
    /// The points debited.
    #[serde(skip_serializing_if = "Both::is_zero_ref")]
    pub debits: Both,
    /// The points removed by a reset.
    #[serde(skip_serializing_if = "Both::is_zero_ref")]
    pub reset: Both,
    /// The tier outside the ladder that it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vip: Option<TierId>,
    /// The count of the fact in the rule's measure, as money or a number; absent without a measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// The running total before, of a cumulative measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The number of firings that a limit cut.
    pub lost: i64,
    /// The coupons issued.
    pub rewards: Vec<CouponCode>,
    /// The explanation in a sentence.
    pub text: String,
}

/// A rule that did not fire, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkippedView {
    /// The rule.
    pub rule: RuleId,
    /// The reason.
    pub reason: SkipReason,
    /// The missing amount, as money or a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// The explanation in a sentence.
    pub text: String,
}

/// A coupon that a receipt named but could not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IgnoredCoupon {
    /// Its code.
    pub code: CouponCode,
    /// The reason.
    pub reason: String,
}

/// A refund of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefundView {
    /// Its identifier, by the shop's number.
    pub id: RefundId,
    /// Its status.
    pub status: FactStatus,
    /// The reason for which it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Rejection>,
    /// The change of the points earned; not positive.
    pub points: Both,
    /// The redeemed points that were restored.
    pub restored: Both,
}

/// The points that a receipt would earn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewView {
    /// The points that it would earn.
    pub points: Both,
    /// The decision; codes of coupons are unknown before they are issued.
    pub decision: DecisionView,
    /// For a member: the rewards that could be redeemed after the purchase, the most expensive first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub rewards_within_reach: Option<Vec<RewardInReach>>,
    /// For a member: the smallest steps to more points, the smallest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub next: Option<Vec<NextStep>>,
}

/// The effect that a fact would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExaminedView {
    /// The decision; codes of coupons are unknown before they are issued.
    #[serde(flatten)]
    pub decision: DecisionView,
    /// The decisions on the changes of tier that would follow.
    pub tier_changes: Vec<DecisionView>,
}

impl ExaminedView {
    /// The view of a decision that is not committed.
    pub fn of(decision: &Decision, explainer: &Explainer<'_>) -> Self {
        let without_codes = |entry: &Entry| PreviewView::of(entry, explainer).decision;
        Self {
            decision: without_codes(&decision.entry),
            tier_changes: decision.tier_changes.iter().map(without_codes).collect(),
        }
    }

    /// The view when no rule is concerned.
    pub fn nothing(program: &CompiledProgram, now: Timestamp) -> Self {
        let decision = DecisionView {
            points: Both::ZERO,
            outcomes: Vec::new(),
            skipped: Vec::new(),
            truncated: false,
            tier: None,
            coupons: Vec::new(),
            coupons_ignored: Vec::new(),
            decided_at: now,
            program_version: program.version,
        };
        Self { decision, tier_changes: Vec::new() }
    }
}

impl PreviewView {
    /// The points of a decision that is not committed.
    pub fn of(entry: &Entry, explainer: &Explainer<'_>) -> Self {
        let mut decision = DecisionView::of(entry, explainer);
        for outcome in &mut decision.outcomes {
            outcome.rewards.clear();
        }
        Self { points: decision.points, decision, rewards_within_reach: None, next: None }
    }
}

impl ReceiptView {
    /// The view of a receipt, its refunds and their entries so far.
    pub fn new<'a>(
        receipt: &Receipt,
        refunds: impl IntoIterator<Item = &'a RefundId>,
        entries: &[Entry],
        explainer: &Explainer<'_>,
    ) -> Self {
        let decided = entries.iter().find(|entry| entry.is_decision_on(&receipt.id));
        let refund = |id: &RefundId| {
            // A refund that cancels many coupons has an entry for each step; the last one is its decision.
            let steps = || {
                let is_of = |entry: &&Entry| entry.cause.refund() == Some((&receipt.id, id));
                entries.iter().filter(is_of)
            };
            let decided = steps().find(|entry| entry.step.is_none());
            RefundView {
                id: id.clone(),
                status: status(decided),
                reason: decided.and_then(|entry| entry.rejected),
                points: steps().map(earned).fold(Both::ZERO, Both::plus),
                restored: steps().map(restored).fold(Both::ZERO, Both::plus),
            }
        };
        Self {
            id: receipt.id.clone(),
            status: status(decided),
            reason: decided.and_then(|entry| entry.rejected),
            occurred_at: receipt.occurred_at,
            total: Some(Money::new(receipt.total, receipt.currency).to_string()),
            currency: Some(receipt.currency),
            decision: decided.map(|entry| DecisionView::of(entry, explainer)),
            refunds: Some(refunds.into_iter().map(refund).collect()),
        }
    }

    /// The view of a receipt from its entry alone, for lists; `None` for other entries.
    pub fn of_entry(entry: &Entry, explainer: &Explainer<'_>) -> Option<Self> {
        let id = entry.cause.receipt()?;
        Some(Self {
            id: id.clone(),
            status: status(Some(entry)),
            reason: entry.rejected,
            occurred_at: entry.at,
            total: None,
            currency: None,
            decision: Some(DecisionView::of(entry, explainer)),
            refunds: None,
        })
    }
}

impl OutcomeView {
    /// The outcome of a rule that fired.
    pub fn of(outcome: &Outcome, explainer: &Explainer<'_>) -> Self {
        Self {
            rule: outcome.rule.clone(),
            rule_version: outcome.rule_version,
            firings: outcome.firings,
            credits: outcome.credits(),
            held: outcome.held.as_ref().map(|held| held.points),
            multiplied: outcome.extra,
            debits: outcome.debited,
            reset: outcome.reset,
            vip: outcome.vip.clone(),
            counted: explainer.measured(&outcome.rule, outcome.counted),
            before: outcome.before.and_then(|before| explainer.measured(&outcome.rule, before)),
            lost: outcome.lost,
            rewards: codes(&outcome.coupons),
            text: explainer.outcome(outcome).text,
        }
    }
}

impl SkippedView {
    /// A rule that did not fire.
    pub fn of(skipped: &Skipped, explainer: &Explainer<'_>) -> Self {
        Self {
            rule: skipped.rule.clone(),
            reason: skipped.reason,
            missing: skipped.missing.clone(),
            text: explainer.skipped(skipped).text,
        }
    }
}

impl DecisionView {
    /// The decision of an entry on its receipt.
    pub fn of(entry: &Entry, explainer: &Explainer<'_>) -> Self {
        let outcomes = entry.outcomes.iter().map(|outcome| OutcomeView::of(outcome, explainer));
        let skipped = entry.skipped.iter().map(|skipped| SkippedView::of(skipped, explainer));
        let ignored =
            entry.ignored.iter().map(|(code, reason)| IgnoredCoupon { code: code.clone(), reason: reason.clone() });
        Self {
            points: earned(entry),
            outcomes: outcomes.collect(),
            skipped: skipped.collect(),
            truncated: entry.truncated,
            tier: entry.tier.clone(),
            coupons: codes(&entry.coupons),
            coupons_ignored: ignored.collect(),
            decided_at: entry.decided_at,
            program_version: entry.program_version,
        }
    }
}

fn codes(coupons: &[NamedCoupon]) -> Vec<CouponCode> {
    coupons.iter().map(|coupon| coupon.code.clone()).collect()
}

/// The points that rules gave for the fact itself, without releases and expiries recorded with it.
fn earned(entry: &Entry) -> Both {
    entry.outcomes.iter().fold(Both::ZERO, |sum, outcome| sum.plus(outcome.net()))
}

fn restored(entry: &Entry) -> Both {
    let restores = entry.movements.iter().filter(|movement| movement.kind == MovementType::Restore);
    restores.fold(Both::ZERO, |sum, movement| sum.plus(movement.delta()))
}

pub(super) fn status(entry: Option<&Entry>) -> FactStatus {
    match entry {
        None => FactStatus::Accepted,
        Some(entry) if entry.rejected.is_some() => FactStatus::Rejected,
        Some(_) => FactStatus::Evaluated,
    }
}
