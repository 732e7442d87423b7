//! What a decision may give away: units of stock, and coupons that fit into its transaction.

use std::collections::BTreeMap;

use crate::ids::RewardId;

/// The most coupons that one decision writes. DynamoDB takes 100 writes in a transaction; the others are for the entry,
/// the account and what else a fact changes.
pub const MOST_COUPONS: usize = 90;

/// What a decision may give away. The default is a full transaction and plenty of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    /// The units left of rewards whose stock is short; a reward that is absent has plenty.
    pub left: BTreeMap<RewardId, u32>,
    /// The most coupons that the decision may issue or cancel.
    pub coupons: usize,
}

impl Default for Supply {
    fn default() -> Self {
        Self { left: BTreeMap::new(), coupons: MOST_COUPONS }
    }
}

impl Supply {
    /// A full transaction, and no unit of these rewards.
    pub fn without(sold_out: impl IntoIterator<Item = RewardId>) -> Self {
        Self { left: sold_out.into_iter().map(|reward| (reward, 0)).collect(), ..Self::default() }
    }

    /// True when at least one more unit of a reward is left after `taken`.
    pub fn has_unit(&self, reward: &RewardId, taken: usize) -> bool {
        self.left.get(reward).is_none_or(|left| taken < usize::try_from(*left).unwrap_or(usize::MAX))
    }
}
