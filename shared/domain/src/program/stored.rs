//! One version of a program as it is stored. It is read without checks, forever.
//!
//! The checks of a `PUT` grow stricter over the years, but what was once accepted still decides: facts are decided by the
//! version that was in force when they happened. What cannot be read is only what a newer function stored with fields
//! or kinds that this one does not know: deciding by half a rule would be wrong, and writing it back would lose the rest.
//!
//! The bytes are CBOR compressed with LZ4. The largest programs fit one page of a DynamoDB query that way, and
//! decompressing costs a twentieth of reading.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::referral::StoredReferral;
use super::{
    Bind, CodeSource, CombinesWith, CompiledProgram, CostPer, CouponPolicy, IdentityPolicy, MembersPolicy,
    PointsPolicy, Program, PublishingPolicy, Reward, RewardCost, RewardType, RewardValue, Storefront, Tiers,
};
use crate::ids::{RewardId, TierId};
use crate::money::{Currency, Money};
use crate::pack::{PackError, pack, unpack_strict};
use crate::points::Points;
use crate::rule::{Budget, StoredRule};
use crate::text::Text;
use crate::time::Moment;

/// The largest decompressed size, in bytes. A submitted document has at most 4 MiB of JSON.
const MOST_BYTES: usize = 64 << 20;

/// One version of a program, to be stored or as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProgram {
    program: Program,
    version: u32,
    /// For each rule, in the program's order, the version in which it last changed.
    rules_since: Vec<u32>,
}

impl StoredProgram {
    pub(super) const fn new(program: Program, version: u32, rules_since: Vec<u32>) -> Self {
        Self { program, version, rules_since }
    }

    /// Its version; the first is 1.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// The encoder's.
    pub fn pack(&self) -> Result<Vec<u8>, PackError> {
        Ok(lz4_flex::compress_prepend_size(&pack(&Document::new(self))?))
    }

    /// Reads stored bytes, without any check of what they mean.
    ///
    /// # Errors
    /// When the bytes are damaged, or have a field or a kind that this version of the code does not know.
    pub fn unpack(bytes: &[u8]) -> Result<Self, PackError> {
        let damaged = |why: &dyn std::fmt::Display| PackError::new::<Self>(why);
        let (size, block) = lz4_flex::block::uncompressed_size(bytes).map_err(|why| damaged(&why))?;
        if size > MOST_BYTES {
            return Err(damaged(&format_args!("{size} bytes are more than any program has")));
        }
        let packed = lz4_flex::decompress(block, size).map_err(|why| damaged(&why))?;
        Ok(unpack_strict::<Document>(&packed)?.into_stored())
    }

    /// The program.
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// Compiles it.
    pub fn compile(self) -> CompiledProgram {
        CompiledProgram::with_rule_versions(self.program, self.version, &self.rules_since)
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    name: String,
    currency: Currency,
    timezone: String,
    locale: String,
    points: PointsPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Tiers>,
    rewards: Vec<StoredReward>,
    rules: Vec<StoredRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    referral: Option<StoredReferral>,
    coupons: CouponPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<MembersPolicy>,
    storefront: Storefront,
    identity: IdentityPolicy,
    #[serde(default, skip_serializing_if = "PublishingPolicy::is_usual")]
    publishing: PublishingPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
}

/// A reward of the catalogue as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredReward {
    id: RewardId,
    name: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(rename = "type")]
    kind: RewardType,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<StoredRewardValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skus: Option<Vec<String>>,
    /// In minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_spend: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<Bind>,
    /// In minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_discount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    combines_with: Option<CombinesWith>,
    /// Zero where `cost_per` is present.
    cost: Points,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_per: Option<StoredCostPer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<TierId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stock: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low_stock: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_member_limit: Option<u32>,
    code: CodeSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct StoredCostPer {
    points: Points,
    /// In minor units.
    value: i64,
    min: Points,
    max: Points,
    step: Points,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredRewardValue {
    /// In minor units.
    Money(i64),
    Percent(Decimal),
    Text(String),
}

impl Document {
    fn new(stored: &StoredProgram) -> Self {
        let program = &stored.program;
        Self {
            version: stored.version,
            name: program.name.clone(),
            currency: program.currency,
            timezone: program.timezone.clone(),
            locale: program.locale.clone(),
            points: program.points.clone(),
            tiers: program.tiers.clone(),
            rewards: program.rewards.iter().map(StoredReward::new).collect(),
            rules: program.rules.iter().zip(&stored.rules_since).map(|(r, since)| StoredRule::new(r, *since)).collect(),
            referral: program.referral.as_ref().map(StoredReferral::new),
            coupons: program.coupons.clone(),
            members: Some(program.members.clone()).filter(|members| *members != MembersPolicy::default()),
            storefront: program.storefront.clone(),
            identity: program.identity.clone(),
            publishing: program.publishing,
            budget: program.budget,
        }
    }

    fn into_stored(self) -> StoredProgram {
        let currency = self.currency;
        let (rules, rules_since) = self.rules.into_iter().map(|rule| rule.into_rule(currency)).unzip();
        let program = Program {
            name: self.name,
            currency,
            timezone: self.timezone,
            locale: self.locale,
            points: self.points,
            tiers: self.tiers,
            rewards: self.rewards.into_iter().map(|reward| reward.into_reward(currency)).collect(),
            rules,
            referral: self.referral.map(|referral| referral.into_referral(currency)),
            coupons: self.coupons,
            members: self.members.unwrap_or_default(),
            storefront: self.storefront,
            identity: self.identity,
            publishing: self.publishing,
            budget: self.budget,
        };
        StoredProgram { program, version: self.version, rules_since }
    }
}

impl StoredReward {
    fn new(reward: &Reward) -> Self {
        let reward = reward.clone();
        Self {
            id: reward.id,
            name: reward.name,
            description: reward.description,
            image_url: reward.image_url,
            kind: reward.kind,
            value: reward.value.map(|value| match value {
                RewardValue::Money(money) => StoredRewardValue::Money(money.minor()),
                RewardValue::Percent(percent) => StoredRewardValue::Percent(percent),
                RewardValue::Text(text) => StoredRewardValue::Text(text),
            }),
            skus: reward.skus,
            minimum_spend: reward.minimum_spend.map(Money::minor),
            bind: reward.bind,
            max_discount: reward.max_discount.map(Money::minor),
            combines_with: reward.combines_with,
            cost: match reward.cost {
                RewardCost::Fixed(points) => points,
                RewardCost::Chosen(_) => Points::ZERO,
            },
            cost_per: reward.cost.chosen().map(|per| StoredCostPer {
                points: per.points,
                value: per.value.minor(),
                min: per.min,
                max: per.max,
                step: per.step,
            }),
            tiers: reward.tiers,
            starts_at: reward.starts_at,
            ends_at: reward.ends_at,
            stock: reward.stock,
            low_stock: reward.low_stock,
            per_member_limit: reward.per_member_limit,
            code: reward.code,
            valid_days: reward.valid_days,
            rank: reward.rank,
        }
    }

    fn into_reward(self, currency: Currency) -> Reward {
        Reward {
            id: self.id,
            name: self.name,
            description: self.description,
            image_url: self.image_url,
            kind: self.kind,
            value: self.value.map(|value| match value {
                StoredRewardValue::Money(minor) => RewardValue::Money(Money::new(minor, currency)),
                StoredRewardValue::Percent(percent) => RewardValue::Percent(percent),
                StoredRewardValue::Text(text) => RewardValue::Text(text),
            }),
            skus: self.skus,
            minimum_spend: self.minimum_spend.map(|minor| Money::new(minor, currency)),
            bind: self.bind,
            max_discount: self.max_discount.map(|minor| Money::new(minor, currency)),
            combines_with: self.combines_with,
            cost: self.cost_per.map_or(RewardCost::Fixed(self.cost), |per| {
                RewardCost::Chosen(CostPer {
                    points: per.points,
                    value: Money::new(per.value, currency),
                    min: per.min,
                    max: per.max,
                    step: per.step,
                })
            }),
            tiers: self.tiers,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            stock: self.stock,
            low_stock: self.low_stock,
            per_member_limit: self.per_member_limit,
            code: self.code,
            valid_days: self.valid_days,
            rank: self.rank,
        }
    }
}
