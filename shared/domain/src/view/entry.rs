//! The ledger as shown: one line for each movement.

use jiff::Timestamp;
use serde::Serialize;

use super::explain::{Event, Explainer, Explanation};
use crate::ids::{CouponCode, InteractionId, ReceiptId, RefundId, RewardId, RuleId};
use crate::ledger::{Bucket, Cause, CouponAction, Entry, Movement, MovementType, Outcome};
use crate::points::{Both, Points};

/// A line of a member's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryView {
    /// What identifies it among the member's lines.
    pub id: String,
    /// When what caused it happened; for points that were released or expired by time, when that was noted.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// What kind of movement it is.
    #[serde(rename = "type")]
    pub kind: MovementType,
    /// By how much it changes the balances. Points that only become spendable, or are set aside, change none.
    pub points: Both,
    /// How many points went from one place to another, whether or not a balance changed.
    pub moved: Both,
    /// The redeemable balance after it: pending and reserved points included, less the debt.
    pub balance: Points,
    /// What caused it.
    pub source: EntrySource,
    /// Why, a sentence for each rule.
    pub explanation: Vec<Explanation>,
}

/// What caused a line of the ledger.
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
    /// The rule, when it was one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardId>,
    /// The coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<CouponCode>,
    /// The passing of time, under the name of the job that watches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<&'static str>,
    /// The person, by the name of their API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

impl EntryView {
    /// The lines of an entry, the latest first. `key` identifies the entry among the member's.
    pub fn of(key: &str, entry: &Entry, explainer: &Explainer<'_>) -> Vec<Self> {
        let mut balance = entry.balance;
        let numbered: Vec<(usize, &Movement)> = entry.movements.iter().enumerate().collect();
        let lines = numbered.into_iter().rev().map(|(place, movement)| {
            let points = movement.delta();
            let after = balance;
            balance = balance.minus(points.redeemable);
            let by_time = matches!(movement.kind, MovementType::Release | MovementType::Expire);
            Self {
                id: format!("{key}.{place}"),
                at: if by_time { entry.decided_at } else { entry.at },
                kind: movement.kind,
                points,
                moved: moved(movement),
                balance: after,
                source: if by_time {
                    EntrySource { job: Some("points-expiry"), ..EntrySource::default() }
                } else {
                    source(entry)
                },
                explanation: explanation(entry, movement.kind, explainer),
            }
        });
        lines.collect()
    }
}

/// All that a movement carries, except what it pays of a debt: those points have been counted on their way in.
fn moved(movement: &Movement) -> Both {
    let carried =
        movement.postings.iter().filter(|posting| (posting.0, posting.1) != (Bucket::Available, Bucket::Debt));
    carried.fold(Both::ZERO, |mut sum, posting| {
        let side = sum.of_mut(posting.kind());
        *side = side.plus(posting.3);
        sum
    })
}

fn source(entry: &Entry) -> EntrySource {
    source_of(&entry.cause, &entry.outcomes)
}

fn source_of(cause: &Cause, outcomes: &[Outcome]) -> EntrySource {
    let rule = match outcomes {
        [outcome] => Some(outcome.rule.clone()),
        _ => None,
    };
    let none = EntrySource::default();
    match cause {
        Cause::Receipt(receipt) => EntrySource { receipt: Some(receipt.clone()), rule, ..none },
        Cause::Refund(receipt, refund) => {
            EntrySource { receipt: Some(receipt.clone()), refund: Some(refund.clone()), rule, ..none }
        }
        Cause::Interaction(interaction) => EntrySource { interaction: Some(interaction.clone()), rule, ..none },
        Cause::Enrollment | Cause::Profile => EntrySource { rule, ..none },
        Cause::Referral(referral) => EntrySource { referral: Some(referral.clone()), rule, ..none },
        Cause::Birthday(_) => EntrySource { job: Some("birthdays"), rule, ..none },
        Cause::Inactivity(_) => EntrySource { job: Some("inactivity"), rule, ..none },
        Cause::TierReview(_) => EntrySource { job: Some("tier-review"), rule, ..none },
        Cause::TierChange(cause) => EntrySource { rule, ..source_of(cause, outcomes) },
        Cause::Coupon { code, reward, .. } => {
            EntrySource { coupon: Some(code.clone()), reward: Some(reward.clone()), ..none }
        }
        Cause::Adjustment { actor, .. } => EntrySource { actor: Some(actor.clone()), ..none },
    }
}

fn explanation(entry: &Entry, kind: MovementType, explainer: &Explainer<'_>) -> Vec<Explanation> {
    let event = match (kind, &entry.cause) {
        (MovementType::Release, _) => Event::Released,
        (MovementType::Expire, _) => Event::Expired,
        (MovementType::WriteOff, _) => Event::DebtForgiven,
        (MovementType::Restore, Cause::Refund(..) | Cause::Coupon { action: CouponAction::Settle, .. }) => {
            Event::GoodsReturned
        }
        (MovementType::Restore, _) => Event::CouponCancelled,
        (MovementType::Redeem, _) => Event::RewardRedeemed,
        (_, Cause::Adjustment { reason, .. }) => return vec![Explainer::said(reason)],
        _ => {
            let outcomes = entry.outcomes.iter().map(|outcome| explainer.outcome(outcome));
            let skipped = entry.skipped.iter().filter(|_| kind == MovementType::Earn);
            return outcomes.chain(skipped.map(|skipped| explainer.skipped(skipped))).collect();
        }
    };
    vec![explainer.event(event)]
}
