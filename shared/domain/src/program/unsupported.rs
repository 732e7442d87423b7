//! Rewards with codes of a shop that the shop's checkout could not honour.
//!
//! They are refused, never ignored: a reward that can never be redeemed is worse than one that cannot be saved.

use super::check::ProgramParts;
use super::{Reward, RewardType};
use crate::input::Faults;

/// The most discounts that a shop creates codes of for one reward.
const MOST_DISCOUNTS: u64 = 50;

fn refuse(faults: &Faults, pointer: String, what: &str) {
    faults.add(pointer, format_args!("is not supported by this version: {what}"));
}

/// Adds a fault for every reward that a shop's checkout could not honour.
pub(super) fn check(parts: &ProgramParts<'_>, faults: &Faults) {
    for (place, reward) in parts.rewards.iter().enumerate() {
        if let Some(reward) = reward.as_ref().filter(|reward| reward.code.provider().is_some()) {
            check_provided(reward, &format!("/rewards/{place}"), faults);
        }
    }
}

/// Names what a shop's own checkout cannot give as this reward says.
fn check_provided(reward: &Reward, pointer: &str, faults: &Faults) {
    match reward.kind {
        RewardType::AmountOff | RewardType::PercentOff | RewardType::FreeShipping => {}
        RewardType::FreeProduct | RewardType::GiftCard | RewardType::Custom => {
            refuse(faults, format!("{pointer}/type"), "a code of a shop for another reward than a discount");
        }
    }
    for (name, there, what) in [
        (
            "skus",
            reward.skus.is_some(),
            "a code of a shop that is bound to SKUs: the shop knows products by its own ids",
        ),
        ("max_discount", reward.max_discount.is_some(), "a code of a shop with a bound of its discount"),
        ("bind", reward.bind.is_some(), "a code of a shop that is bound to a member: its checkout accepts anyone"),
    ] {
        if there {
            refuse(faults, format!("{pointer}/{name}"), what);
        }
    }
    if let Some(per) = reward.cost.chosen().filter(|per| per.choices_count() > MOST_DISCOUNTS) {
        let what = format!(
            "codes of a shop for {} numbers of points, each of which is a discount of its own; {MOST_DISCOUNTS} are \
             the most: raise step or lower max",
            per.choices_count(),
        );
        refuse(faults, format!("{pointer}/cost_per/step"), &what);
    }
}
