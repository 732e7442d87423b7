//! Adjustments by a person: awards, deductions, a set balance, a reward, a tier outside the ladder.

use serde_json::{Value, json};

use super::draft::Draft;
use super::{Context, Decision};
use crate::account::{Account, LotKey, window_sum};
use crate::coupon::CouponStatus;
use crate::ids::{RewardId, TierId};
use crate::input::{self, Fault, Node};
use crate::ledger::{Bucket, Cause, Movement, MovementType};
use crate::points::{Kind, Points};
use crate::program::TierWindow;
use crate::rule::EffectKind;

/// An adjustment by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// The change of points.
    pub change: Option<PointsChange>,
    /// The kind of the points.
    pub kind: EffectKind,
    /// The reward to give.
    pub reward: Option<RewardId>,
    /// `Some(Some(tier))` gives a tier outside the ladder, `Some(None)` takes it away.
    pub vip: Option<Option<TierId>>,
    /// The reason that the person gave.
    pub reason: String,
    /// The version of the account that the person saw.
    pub expected_version: Option<u64>,
}

/// A change of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointsChange {
    /// Gives points.
    Award(Points),
    /// Takes points.
    Deduct(Points),
    /// Sets the balance.
    SetBalance(Points),
}

/// Why an adjustment is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdjustmentFault {
    /// The account has changed since the person saw it.
    #[error("the member's version is {0} now")]
    StaleVersion(u64),
    /// The member has fewer points than are deducted.
    #[error("the member has {0} points")]
    InsufficientPoints(Points),
    /// There is no such reward, or its codes cannot be drawn here.
    #[error("there is no reward {0} to give")]
    UnknownReward(RewardId),
    /// The reward is out of stock.
    #[error("the reward is out of stock")]
    OutOfStock,
    /// There is no such tier outside the ladder.
    #[error("there is no tier {0} outside the ladder")]
    UnknownTier(TierId),
}

/// A change by hand: at most one of award, deduct and `set_balance`; at least one of these, reward and vip.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Adjustment), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_adjustment` reads")]
pub struct AdjustmentBody {
    /// Points to award.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    award: Option<u64>,
    /// Points to deduct.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    deduct: Option<u64>,
    /// The balance to set; needs `expected_version`.
    set_balance: Option<u64>,
    /// The kind of points; redeemable when absent.
    kind: Option<EffectKind>,
    /// Why.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
    /// The version of the member that was seen.
    expected_version: Option<u64>,
    /// A reward to give.
    reward: Option<String>,
    /// The tier outside the ladder to give; null takes it away.
    vip: Option<String>,
}

impl AdjustmentBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "award": 100, "reason": "an apology for the late parcel" })
    }
}

/// Reads the body of `POST /v1/members/{member}/adjustments`.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_adjustment(body: &Value) -> Result<Adjustment, Vec<Fault>> {
    const KINDS: [(&str, EffectKind); 3] =
        [("redeemable", EffectKind::Redeemable), ("qualifying", EffectKind::Qualifying), ("both", EffectKind::Both)];
    input::read(body, |node| {
        let object = node.object()?;
        let award = object.optional("award", Node::points);
        let deduct = object.optional("deduct", Node::points);
        let set = object.optional("set_balance", |n| n.integer(0, Points::MAX.get()).map(Points::new));
        let kind = object.or("kind", EffectKind::Redeemable, |n| n.choice(&KINDS));
        let reason = object.required("reason", |n| {
            n.text(500).filter(|text| !text.trim().is_empty()).or_else(|| n.refuse("must say why"))
        });
        let version =
            object.optional("expected_version", |n| n.integer(0, i64::MAX).and_then(|v| u64::try_from(v).ok()));
        let reward = object.optional("reward", Node::id::<RewardId>);
        let vip = object.field("vip").map(|n| if n.value.is_null() { Some(None) } else { n.id::<TierId>().map(Some) });
        object.finish();

        let changes: Vec<PointsChange> =
            [award?.map(PointsChange::Award), deduct?.map(PointsChange::Deduct), set?.map(PointsChange::SetBalance)]
                .into_iter()
                .flatten()
                .collect();
        let (reward, version) = (reward?, version?);
        if changes.len() > 1 {
            node.fault("must have at most one of award, deduct, set_balance");
        }
        if changes.is_empty() && reward.is_none() && vip.is_none() {
            node.fault("must have one of award, deduct, set_balance, reward, vip");
        }
        if matches!(changes.first(), Some(PointsChange::SetBalance(_))) && version.is_none() {
            node.fault("set_balance needs expected_version, the version of the member that was seen");
        }
        Some(Adjustment {
            change: changes.first().copied(),
            kind: kind?,
            reward,
            vip: match vip {
                Some(vip) => Some(vip?),
                None => None,
            },
            reason: reason?,
            expected_version: version,
        })
    })
}

/// Decides on an adjustment by `actor`.
///
/// # Errors
/// Why it is refused. Nothing changes then.
pub fn decide_adjustment(
    context: &Context<'_>,
    account: &Account,
    adjustment: &Adjustment,
    actor: &str,
) -> Result<Decision, AdjustmentFault> {
    if adjustment.expected_version.is_some_and(|version| version != account.version) {
        return Err(AdjustmentFault::StaleVersion(account.version));
    }
    let cause = Cause::Adjustment { actor: actor.to_owned(), reason: adjustment.reason.clone() };
    let mut draft = Draft::new(context, account, context.now, cause);
    if let Some(change) = adjustment.change {
        if adjustment.kind != EffectKind::Qualifying {
            redeemable(&mut draft, change)?;
        }
        if adjustment.kind != EffectKind::Redeemable {
            qualifying(&mut draft, change)?;
        }
    }
    if let Some(id) = &adjustment.reward {
        let unknown = || AdjustmentFault::UnknownReward(id.clone());
        // A reward with `cost_per` has no value: nobody chose its points.
        let reward = context.program.reward(id).filter(|reward| reward.cost.chosen().is_none()).ok_or_else(unknown)?;
        if !draft.has_unit(reward) {
            return Err(AdjustmentFault::OutOfStock);
        }
        draft.issue(reward, CouponStatus::Available, Points::ZERO, Vec::new(), None).ok_or_else(unknown)?;
    }
    if let Some(vip) = &adjustment.vip {
        draft.account.tier.vip = match vip {
            None => None,
            Some(id) => {
                let known = context.program.program.tiers.iter().flat_map(|tiers| &tiers.vip).any(|vip| vip.id == *id);
                if !known {
                    return Err(AdjustmentFault::UnknownTier(id.clone()));
                }
                Some((id.clone(), draft.today()))
            }
        };
    }
    Ok(draft.finish())
}

fn redeemable(draft: &mut Draft<'_>, change: PointsChange) -> Result<(), AdjustmentFault> {
    let has = draft.account.available().minus(draft.account.debt);
    let delta = match change {
        PointsChange::Award(points) => points,
        PointsChange::Deduct(points) => points.negated(),
        PointsChange::SetBalance(points) => points.minus(has),
    };
    let movement = Movement::new(MovementType::Adjust);
    let movement = if delta.is_positive() {
        let key = LotKey::new(draft.today(), draft.context.program.program.points.expiry);
        if matches!(change, PointsChange::Award(_)) {
            draft.account.lifetime_earned = draft.account.lifetime_earned.plus(delta);
        }
        draft.account.deposit(movement, Bucket::Issued, key, delta)
    } else {
        let less = delta.negated();
        if less > draft.account.available() {
            return Err(AdjustmentFault::InsufficientPoints(draft.account.available()));
        }
        draft.account.spend(less);
        movement.post(Bucket::Available, Bucket::Removed, Kind::Redeemable, less)
    };
    draft.push(movement);
    Ok(())
}

fn qualifying(draft: &mut Draft<'_>, change: PointsChange) -> Result<(), AdjustmentFault> {
    let today = draft.today();
    let window = draft.context.program.program.tiers.as_ref().map_or(TierWindow::CalendarYear, |tiers| tiers.window);
    let has = window_sum(window, &draft.account.qualifying, today);
    let delta = match change {
        PointsChange::Award(points) => points,
        PointsChange::Deduct(points) => points.negated(),
        PointsChange::SetBalance(points) => points.minus(has),
    };
    let movement = Movement::new(MovementType::Adjust);
    if delta.is_positive() {
        draft.push(movement.post(Bucket::Issued, Bucket::Available, Kind::Qualifying, delta));
        draft.earn_qualifying(delta, today);
        return Ok(());
    }
    let less = delta.negated();
    if less > has {
        return Err(AdjustmentFault::InsufficientPoints(has));
    }
    // A deduction of qualifying points never takes a tier away at once; the next review does.
    let month = draft.account.qualifying.entry(today.month()).or_default();
    *month = month.minus(less);
    draft.account.tier.note_deducted(today.month(), less);
    draft.push(movement.post(Bucket::Available, Bucket::Removed, Kind::Qualifying, less));
    Ok(())
}
