//! The stored form of the referral program: money in minor units, one tag for each choice.

use serde::{Deserialize, Serialize};

use super::{
    AdvocateReward, Advocates, CodePolicy, Conversion, ConversionAmount, ConversionReceipt, FriendReward,
    FriendRewardTime, Milestone, MilestoneMode, ReferralChecks, ReferralProgram,
};
use crate::money::{Currency, Money};
use crate::rule::{Effect, Filter, StoredEffect};

/// A referral program as it is stored.
#[derive(Serialize, Deserialize)]
pub(in crate::program) struct StoredReferral {
    enabled: bool,
    advocates: Advocates,
    conversion: StoredConversion,
    code: CodePolicy,
    attribution_days: u32,
    hold_days: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remind_after_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    friend: Option<StoredFriend>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    advocate: Option<StoredAdvocate>,
    review_at_score: u32,
    checks: ReferralChecks,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "a program has one")]
enum StoredConversion {
    Receipt {
        /// In minor units.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<StoredAmount>,
        first_only: bool,
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<Filter>,
    },
    Interaction(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredAmount {
    SpendOver(i64),
    SpendAtLeast(i64),
}

#[derive(Serialize, Deserialize)]
struct StoredFriend {
    on: FriendRewardTime,
    then: Vec<StoredEffect>,
}

#[derive(Serialize, Deserialize)]
struct StoredAdvocate {
    mode: MilestoneMode,
    milestones: Vec<StoredMilestone>,
}

#[derive(Serialize, Deserialize)]
struct StoredMilestone {
    at: u32,
    then: Vec<StoredEffect>,
}

fn stored(effects: &[Effect]) -> Vec<StoredEffect> {
    effects.iter().map(StoredEffect::new).collect()
}

fn read(effects: Vec<StoredEffect>) -> Vec<Effect> {
    effects.into_iter().map(StoredEffect::into_effect).collect()
}

impl StoredReferral {
    pub fn new(referral: &ReferralProgram) -> Self {
        let referral = referral.clone();
        Self {
            enabled: referral.enabled,
            advocates: referral.advocates,
            conversion: match referral.conversion {
                Conversion::Receipt(receipt) => StoredConversion::Receipt {
                    amount: receipt.amount.map(|amount| match amount {
                        ConversionAmount::SpendOver(money) => StoredAmount::SpendOver(money.minor()),
                        ConversionAmount::SpendAtLeast(money) => StoredAmount::SpendAtLeast(money.minor()),
                    }),
                    first_only: receipt.first_only,
                    filter: receipt.filter,
                },
                Conversion::Interaction(name) => StoredConversion::Interaction(name),
            },
            code: referral.code,
            attribution_days: referral.attribution_days,
            hold_days: referral.hold_days,
            remind_after_days: referral.remind_after_days,
            friend: referral.friend.map(|friend| StoredFriend { on: friend.on, then: stored(&friend.then) }),
            advocate: referral.advocate.map(|advocate| StoredAdvocate {
                mode: advocate.mode,
                milestones: advocate
                    .milestones
                    .iter()
                    .map(|milestone| StoredMilestone { at: milestone.at, then: stored(&milestone.then) })
                    .collect(),
            }),
            review_at_score: referral.review_at_score,
            checks: referral.checks,
        }
    }

    pub fn into_referral(self, currency: Currency) -> ReferralProgram {
        let money = |minor| Money::new(minor, currency);
        ReferralProgram {
            enabled: self.enabled,
            advocates: self.advocates,
            conversion: match self.conversion {
                StoredConversion::Receipt { amount, first_only, filter } => Conversion::Receipt(ConversionReceipt {
                    amount: amount.map(|amount| match amount {
                        StoredAmount::SpendOver(minor) => ConversionAmount::SpendOver(money(minor)),
                        StoredAmount::SpendAtLeast(minor) => ConversionAmount::SpendAtLeast(money(minor)),
                    }),
                    first_only,
                    filter,
                }),
                StoredConversion::Interaction(name) => Conversion::Interaction(name),
            },
            code: self.code,
            attribution_days: self.attribution_days,
            hold_days: self.hold_days,
            remind_after_days: self.remind_after_days,
            friend: self.friend.map(|friend| FriendReward { on: friend.on, then: read(friend.then) }),
            advocate: self.advocate.map(|advocate| AdvocateReward {
                mode: advocate.mode,
                milestones: advocate
                    .milestones
                    .into_iter()
                    .map(|milestone| Milestone { at: milestone.at, then: read(milestone.then) })
                    .collect(),
            }),
            review_at_score: self.review_at_score,
            checks: self.checks,
        }
    }
}
