//! The view of the ledger: one line for each movement.

use jiff::Timestamp;
use serde::Serialize;

use super::explain::{ExplainedEvent, Explainer, Explanation};
use crate::fact::FactId;
use crate::ids::{CouponCode, InteractionId, MemberId, ReceiptId, RefundId, RewardId, RuleId};
use crate::ledger::{Bucket, Cause, CouponAction, Entry, Moved, Movement, MovementType, Outcome};
use crate::points::{Both, Points};
use crate::program::CompiledReferral;

/// A line of a member's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryView {
    /// Its identifier in the program; the event of the line has the same.
    pub id: String,
    /// When its cause happened; for a release or an expiry, when it fell due, however late it was recorded.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The kind of movement.
    #[serde(rename = "type")]
    pub kind: MovementType,
    /// The change of the balances. Releases and reservations change none.
    pub points: Both,
    /// The points moved, whether or not a balance changed.
    pub moved: Both,
    /// The redeemable balance afterwards, including pending and reserved points, less the debt.
    pub balance: Points,
    /// Its cause.
    pub source: EntrySource,
    /// The reasons, one sentence for each rule.
    pub explanation: Vec<Explanation>,
}

/// The cause of a line of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntrySource {
    /// The receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptId>,
    /// The refund of that receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundId>,
    /// The interaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<InteractionId>,
    /// The referral.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral: Option<String>,
    /// The rule, when there is only one. Where nothing else names the cause, the first of several that gave points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardId>,
    /// The coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<CouponCode>,
    /// On a merge, the member whose account was taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged: Option<MemberId>,
    /// On a merge, the member who has everything now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<MemberId>,
    /// The scheduled job, when time was the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<&'static str>,
    /// The person, by the name of the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

impl EntryView {
    /// The lines of an entry, newest first. `key` identifies the entry in its program.
    pub fn of(key: &str, entry: &Entry, explainer: &Explainer<'_>) -> Vec<Self> {
        let mut balance = entry.balance;
        let numbered: Vec<(usize, &Movement)> = entry.movements.iter().enumerate().collect();
        let lines = numbered.into_iter().rev().map(|(place, movement)| {
            let points = movement.delta();
            let after = balance;
            balance = balance.minus(points.redeemable);
            let by_time = matches!(movement.kind, MovementType::Release | MovementType::Expire) && !movement.by_event;
            Self {
                id: format!("{key}~{place}"),
                // Entries of earlier versions do not say when a movement fell due.
                at: if by_time { movement.due_at.unwrap_or(entry.decided_at) } else { entry.at },
                kind: movement.kind,
                points,
                moved: moved(movement),
                balance: after,
                source: if by_time {
                    EntrySource { job: Some("points-expiry"), ..EntrySource::default() }
                } else {
                    EntrySource::of(entry)
                },
                explanation: explanation(entry, movement.kind, explainer),
            }
        });
        lines.collect()
    }
}

/// The points of a movement, except repayments of a debt: those were counted when they were credited.
fn moved(movement: &Movement) -> Both {
    let carried =
        movement.postings.iter().filter(|posting| (posting.from, posting.to) != (Bucket::Available, Bucket::Debt));
    carried.fold(Both::ZERO, |mut sum, posting| {
        let side = sum.of_mut(posting.kind);
        *side = side.plus(posting.amount);
        sum
    })
}

impl EntrySource {
    /// The cause of an entry.
    pub fn of(entry: &Entry) -> Self {
        source_of(&entry.cause, &entry.outcomes)
    }
}

fn source_of(cause: &Cause, outcomes: &[Outcome]) -> EntrySource {
    let rule = match outcomes {
        [outcome] => Some(outcome.rule.clone()),
        _ => None,
    };
    let none = EntrySource::default();
    match cause {
        Cause::Fact(fact) => EntrySource { rule, ..source_of_fact(fact) },
        // Nothing but its rules names the cause.
        Cause::Enrollment | Cause::Profile => EntrySource { rule: rule.or_else(|| first_rule(outcomes)), ..none },
        Cause::Referral(referral) => {
            let rule = rule.filter(|rule| !CompiledReferral::owns(rule));
            EntrySource { referral: Some(referral.clone()), rule, ..none }
        }
        Cause::Inactivity(_) => EntrySource { job: Some("inactivity"), rule, ..none },
        Cause::Hold(receipt) => EntrySource { receipt: Some(receipt.clone()), job: Some("held-points"), rule, ..none },
        Cause::TierReview(_) => EntrySource { job: Some("tier-review"), rule, ..none },
        Cause::TierChange(cause) => {
            let source = source_of(cause, outcomes);
            EntrySource { rule: rule.or_else(|| source.rule.clone()), ..source }
        }
        Cause::Coupon { code, reward, .. } => {
            EntrySource { coupon: Some(code.clone()), reward: Some(reward.clone()), ..none }
        }
        Cause::Import { .. } => EntrySource { job: Some("member-import"), ..none },
        Cause::Merge { source, target, actor } => EntrySource {
            merged: Some(source.clone()),
            merged_into: Some(target.clone()),
            actor: actor.clone(),
            ..none
        },
        Cause::Adjustment { actor, .. } | Cause::Unmerge { actor, .. } | Cause::Erase { actor } => {
            EntrySource { actor: Some(actor.clone()), ..none }
        }
        Cause::Move { moved: Moved::Receipt(receipt), actor, .. } => {
            EntrySource { receipt: Some(receipt.clone()), rule, actor: Some(actor.clone()), ..none }
        }
        Cause::Move { moved: Moved::Coupon(coupon), actor, .. } => {
            EntrySource { coupon: Some(coupon.clone()), actor: Some(actor.clone()), ..none }
        }
    }
}

/// The first rule that gave points; if none did, the first that fired.
fn first_rule(outcomes: &[Outcome]) -> Option<RuleId> {
    let paying = outcomes.iter().find(|outcome| !outcome.credits().is_zero());
    paying.or_else(|| outcomes.first()).map(|outcome| outcome.rule.clone())
}

fn source_of_fact(fact: &FactId) -> EntrySource {
    let none = EntrySource::default();
    match fact {
        FactId::Receipt { receipt } => EntrySource { receipt: Some(receipt.clone()), ..none },
        FactId::Refund { receipt, refund } => {
            EntrySource { receipt: Some(receipt.clone()), refund: Some(refund.clone()), ..none }
        }
        FactId::Interaction { interaction } => EntrySource { interaction: Some(interaction.clone()), ..none },
        FactId::Birthday { .. } => EntrySource { job: Some("birthdays"), ..none },
        FactId::Due { .. } => EntrySource { job: Some("inactivity"), ..none },
    }
}

fn explanation(entry: &Entry, kind: MovementType, explainer: &Explainer<'_>) -> Vec<Explanation> {
    let event = match (kind, &entry.cause) {
        (MovementType::Release, _) => ExplainedEvent::Released,
        (MovementType::Expire, _) => ExplainedEvent::Expired,
        (MovementType::Reverse, Cause::Hold(_)) => ExplainedEvent::HoldCancelled,
        (MovementType::WriteOff, _) => ExplainedEvent::DebtForgiven,
        (
            MovementType::Restore,
            Cause::Fact(FactId::Refund { .. }) | Cause::Coupon { action: CouponAction::Settle, .. },
        ) => ExplainedEvent::GoodsReturned,
        (MovementType::Restore, _) => ExplainedEvent::CouponCancelled,
        (MovementType::Redeem, _) => ExplainedEvent::RewardRedeemed,
        (_, Cause::Adjustment { reason, .. }) => return vec![Explainer::said(reason)],
        _ => {
            let outcomes = entry.outcomes.iter().map(|outcome| explainer.outcome(outcome));
            let skipped = entry.skipped.iter().filter(|_| kind == MovementType::Earn);
            return outcomes.chain(skipped.map(|skipped| explainer.skipped(skipped))).collect();
        }
    };
    vec![explainer.event(event)]
}
