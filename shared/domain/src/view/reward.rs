//! The view of the catalogue for one member, with the progress to the next reward.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::account::Account;
use crate::decide::{RedemptionFault, may_redeem};
use crate::ids::RewardId;
use crate::points::Points;
#[cfg(feature = "openapi")]
use crate::program::CostFields;
use crate::program::{CompiledProgram, Reward, RewardCost, RewardType, RewardValue};

/// A reward of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RewardView {
    /// The reward.
    pub id: RewardId,
    /// Its name.
    pub name: String,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The kind of benefit.
    #[serde(rename = "type")]
    pub kind: RewardType,
    /// Its value: money, a percentage, an SKU or a text, by type; absent where the shopper chooses the points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub value: Option<RewardValue>,
    /// What it costs: `cost`, or `cost_per` where the shopper chooses the points.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = CostFields))]
    pub cost: RewardCost,
    /// The address of its picture.
    pub image_url: Option<String>,
    /// True when this member can redeem it now.
    pub redeemable: bool,
    /// The reason otherwise: `insufficient_points`, `tier_not_eligible`, `out_of_stock`, `limit_reached` or `not_available`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// The cheapest reward above the balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextReward {
    /// The reward.
    #[serde(flatten)]
    pub reward: RewardView,
    /// The missing points.
    pub missing: Points,
    /// The progress, 0 to 1.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub progress: Progress,
}

/// A progress in ten-thousandths, written as a number from 0 to 1. It is 1 only when complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress(u32);

impl Progress {
    const WHOLE: u32 = 10_000;
    /// Complete.
    pub const COMPLETE: Self = Self(Self::WHOLE);

    /// The share of `cost` that `available` covers.
    pub fn of(available: Points, cost: Points) -> Self {
        if !cost.is_positive() || available >= cost {
            return Self::COMPLETE;
        }
        let available = i128::from(available.get().max(0));
        let part = available * i128::from(Self::WHOLE) / i128::from(cost.get());
        Self(u32::try_from(part).unwrap_or(0))
    }
}

impl Serialize for Progress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The number is made from its decimal digits: no float arithmetic is needed.
        let digits = format!("{}.{:04}", self.0 / Self::WHOLE, self.0 % Self::WHOLE);
        serializer.serialize_f64(digits.parse().unwrap_or_default())
    }
}

/// The rewards on offer, the most expensive affordable one, and the next one.
pub(super) struct Catalogue {
    pub rewards: Vec<RewardView>,
    pub best: Option<RewardView>,
    pub next: Option<NextReward>,
    pub progress: Progress,
}

/// The catalogue for a settled account; `None` for an unknown shopper.
pub(super) fn catalogue(
    program: &CompiledProgram,
    account: Option<&Account>,
    sold_out: &BTreeSet<RewardId>,
    now: Timestamp,
    language: &str,
) -> Catalogue {
    let fault = |reward: &Reward| {
        let fault = account.and_then(|account| may_redeem(program, account, reward, now).err());
        fault.or_else(|| sold_out.contains(&reward.id).then_some(RedemptionFault::OutOfStock))
    };
    let on_offer: Vec<(&Reward, Option<RedemptionFault>)> = program
        .program
        .rewards
        .iter()
        .filter(|reward| is_on_offer(program, reward, now))
        .map(|reward| (reward, fault(reward)))
        .collect();
    let available = account.map_or(Points::ZERO, Account::available);
    let missing =
        |reward: &Reward| account.map_or(reward.cost.lowest(), |account| account.missing_for(reward.cost.lowest()));
    let show = |reward: &Reward, fault: Option<&RedemptionFault>| {
        let short = || account.is_some() && missing(reward).is_positive();
        let reason = fault.map(reason).or_else(|| short().then_some(INSUFFICIENT_POINTS));
        RewardView {
            id: reward.id.clone(),
            name: reward.name.in_locale(language).to_owned(),
            description: reward.description.as_ref().map(|text| text.in_locale(language).to_owned()),
            kind: reward.kind,
            value: reward.value.clone(),
            cost: reward.cost,
            image_url: reward.image_url.clone(),
            redeemable: account.is_some() && reason.is_none(),
            reason,
        }
    };
    let eligible =
        || on_offer.iter().filter(|(_, fault)| account.is_some() && fault.is_none()).map(|(reward, _)| *reward);
    let best = eligible()
        .filter(|reward| !missing(reward).is_positive())
        .min_by_key(|reward| (reward.rank.unwrap_or(u32::MAX), Reverse(reward.cost.lowest())));
    let next = eligible()
        .filter(|reward| missing(reward).is_positive())
        .min_by_key(|reward| (reward.cost.lowest(), reward.rank.unwrap_or(u32::MAX)));
    let next = next.map(|reward| NextReward {
        reward: show(reward, None),
        missing: missing(reward),
        progress: Progress::of(available, reward.cost.lowest()),
    });
    Catalogue {
        rewards: on_offer.iter().map(|(reward, fault)| show(reward, fault.as_ref())).collect(),
        best: best.map(|reward| show(reward, None)),
        progress: next.as_ref().map_or(Progress::COMPLETE, |next| next.progress),
        next,
    }
}

const INSUFFICIENT_POINTS: &str = "insufficient_points";

/// The reason why a reward cannot be redeemed. A visitor's reason is the state of the whole hub.
const fn reason(fault: &RedemptionFault) -> &'static str {
    match fault {
        RedemptionFault::NotAMember | RedemptionFault::MemberExcluded => RedemptionFault::NotAvailable.slug(),
        other => other.slug(),
    }
}

/// True when anybody's points can buy it now.
fn is_on_offer(program: &CompiledProgram, reward: &Reward, now: Timestamp) -> bool {
    let started = reward.starts_at.is_none_or(|at| at.at(&program.zone) <= now);
    let over = reward.ends_at.is_some_and(|at| at.at(&program.zone) <= now);
    started && !over && reward.cost.is_for_sale()
}
