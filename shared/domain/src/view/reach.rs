//! The rewards that a basket brings within a member's reach.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::account::Account;
use crate::decide::may_redeem;
use crate::ids::RewardId;
use crate::points::Points;
use crate::program::{CompiledProgram, Reward, RewardType};

/// A reward that a member could redeem after a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RewardInReach {
    /// The reward.
    pub id: RewardId,
    /// Its name.
    pub name: String,
    /// The kind of benefit.
    #[serde(rename = "type")]
    pub kind: RewardType,
    /// Its cost in points; where the shopper chooses the points, the fewest.
    pub cost: Points,
    /// True when the member can redeem it without the purchase as well.
    pub redeemable: bool,
}

/// The rewards that a member can redeem with the points of `after`, the account as a purchase would leave it, the most
/// expensive first. Pending points do not count, and what is sold out is not promised.
pub fn rewards_within_reach(
    program: &CompiledProgram,
    before: &Account,
    after: &Account,
    sold_out: &BTreeSet<RewardId>,
    now: Timestamp,
    language: &str,
) -> Vec<RewardInReach> {
    let affords = |account: &Account, reward: &Reward| {
        may_redeem(program, account, reward, now).is_ok() && !account.missing_for(reward.cost.lowest()).is_positive()
    };
    let rewards = program.program.rewards.iter().filter(|reward| !sold_out.contains(&reward.id));
    let mut reached: Vec<RewardInReach> = rewards
        .filter(|reward| affords(after, reward))
        .map(|reward| RewardInReach {
            id: reward.id.clone(),
            name: reward.name.in_locale(language).to_owned(),
            kind: reward.kind,
            cost: reward.cost.lowest(),
            redeemable: affords(before, reward),
        })
        .collect();
    reached.sort_by_key(|reward| std::cmp::Reverse(reward.cost));
    reached
}
