//! Pools of codes: which pool a coupon's code is drawn from.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Discount;
use crate::ids::RewardId;
use crate::money::Currency;
use crate::points::Points;
use crate::program::{CodeSource, Reward};

/// The bytes of a discount's hash that name its pool.
const HASH_BYTES: usize = 8;

/// The pool that the codes of some coupons are drawn from.
///
/// Loaded codes have one pool per reward. A code that a shop created gives one discount for good, so each discount has a pool
/// of its own: a changed reward, and each number of points that a shopper can choose, has another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolId {
    /// The reward.
    #[serde(rename = "r")]
    pub reward: RewardId,
    /// The hash of the discount, for codes that a shop created.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<String>,
}

impl PoolId {
    /// The pool of a reward's loaded codes.
    pub const fn loaded(reward: RewardId) -> Self {
        Self { reward, discount: None }
    }

    /// The pool of the codes that a shop created for a discount.
    pub fn created(reward: RewardId, discount: &Discount) -> Self {
        // A discount consists of texts and numbers alone, so it always has JSON.
        let text = serde_json::to_string(discount).unwrap_or_default();
        let hash = Sha256::digest(text.as_bytes());
        let hash = hex::encode(hash.get(..HASH_BYTES).unwrap_or_default());
        Self { reward, discount: Some(hash) }
    }

    /// The pool that a coupon with this discount draws from; `None` where codes are generated.
    pub fn of(reward: &Reward, discount: &Discount) -> Option<Self> {
        match reward.code {
            CodeSource::Pattern(_) => None,
            CodeSource::Pool(_) => Some(Self::loaded(reward.id.clone())),
            CodeSource::Provider(_) => Some(Self::created(reward.id.clone(), discount)),
        }
    }

    /// The pool of a reward that is bought with `points`; as [`PoolId::of`].
    pub fn of_points(reward: &Reward, points: Points, currency: Currency) -> Option<Self> {
        if !reward.code.is_drawn() {
            return None;
        }
        Self::of(reward, &Discount::of(reward, points, currency))
    }
}

impl Reward {
    /// Every discount that its coupons can give: one, or one for each number of points that a shopper can choose.
    pub fn discounts(&self, currency: Currency) -> Vec<Discount> {
        match self.cost.chosen() {
            None => vec![Discount::of(self, Points::ZERO, currency)],
            Some(per) => per.choices().map(|points| Discount::of(self, points, currency)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::input;
    use crate::program::read_reward;

    fn reward(change: &serde_json::Value) -> Reward {
        let mut body = json!({ "id": "five-off", "name": "Five", "type": "amount_off", "value": "5.00", "cost": 100,
                               "code": { "provider": "shopify" } });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let euro = Currency::from_code("EUR").unwrap();
        input::read(&body, |node| read_reward(node, euro)).unwrap()
    }

    fn pool(reward: &Reward, points: i64) -> Option<PoolId> {
        PoolId::of_points(reward, Points::new(points), Currency::from_code("EUR").unwrap())
    }

    #[test]
    fn another_discount_has_another_pool_and_another_name_has_not() {
        let one = pool(&reward(&json!({})), 100).unwrap();
        assert_eq!(one.discount.as_ref().map(String::len), Some(16));
        assert_eq!(pool(&reward(&json!({ "name": "5 off", "cost": 200, "stock": 7 })), 200), Some(one.clone()));
        assert_ne!(pool(&reward(&json!({ "value": "6.00" })), 100), Some(one.clone()));
        assert_ne!(pool(&reward(&json!({ "minimum_spend": "20.00" })), 100), Some(one));
        let loaded = pool(&reward(&json!({ "code": { "pool": true } })), 100).unwrap();
        assert_eq!(loaded, PoolId::loaded(RewardId::new("five-off").unwrap()));
        assert_eq!(pool(&reward(&json!({ "code": { "pattern": "ADA-########" } })), 100), None);
    }

    #[test]
    fn each_number_of_points_has_a_discount() {
        let per = json!({ "points": 100, "value": "1.00", "min": 200, "max": 550, "step": 100 });
        let chosen = reward(&json!({ "value": null, "cost": null, "cost_per": per }));
        let euro = Currency::from_code("EUR").unwrap();
        let amounts: Vec<Option<String>> = chosen.discounts(euro).into_iter().map(|discount| discount.amount).collect();
        assert_eq!(amounts, ["2.00", "3.00", "4.00", "5.00"].map(|amount| Some(amount.to_owned())));
        assert_ne!(pool(&chosen, 200), pool(&chosen, 300));
        assert_eq!(reward(&json!({})).discounts(euro).len(), 1);
    }
}
