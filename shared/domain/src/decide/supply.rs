//! The supply of a decision: units of stock, and coupons that fit into its transaction.

use std::collections::BTreeMap;

use crate::coupon::PoolId;
use crate::ids::{CouponCode, RewardId};
use crate::rule::BudgetPeriod;

/// The most coupons that one decision writes. A transaction holds 100 writes; the others are for the entry, the account and
/// whatever else a fact changes.
pub const MOST_COUPONS: usize = 90;

/// What a decision may give away. By default: a full transaction and unlimited stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    /// The units left of rewards whose stock is short; an absent reward has enough.
    pub left: BTreeMap<RewardId, u32>,
    /// Free codes of pools, in the order in which the decision takes them. An absent pool was not looked at: a decision that
    /// takes codes of it has to be made again.
    pub codes: BTreeMap<PoolId, Vec<CouponCode>>,
    /// The points left of budgets that are short; an absent budget has enough.
    pub budgets: BTreeMap<BudgetPeriod, i64>,
    /// The most coupons that the decision may issue or cancel.
    pub coupons: usize,
    /// True for a decision that is not stored: its entries list every skipped rule, however long they get.
    pub lists_all_skipped: bool,
}

impl Default for Supply {
    fn default() -> Self {
        Self {
            left: BTreeMap::new(),
            codes: BTreeMap::new(),
            budgets: BTreeMap::new(),
            coupons: MOST_COUPONS,
            lists_all_skipped: false,
        }
    }
}

impl Supply {
    /// A full transaction, and no unit of these rewards.
    pub fn without(sold_out: impl IntoIterator<Item = RewardId>) -> Self {
        Self { left: sold_out.into_iter().map(|reward| (reward, 0)).collect(), ..Self::default() }
    }

    /// True if another code of a pool is left after `drawn`; always, where the pool was not looked at.
    pub fn has_code(&self, pool: &PoolId, drawn: usize) -> bool {
        self.codes.get(pool).is_none_or(|codes| drawn < codes.len())
    }

    /// True if another unit of a reward is left after `taken`.
    pub fn has_unit(&self, reward: &RewardId, taken: usize) -> bool {
        self.left.get(reward).is_none_or(|left| taken < usize::try_from(*left).unwrap_or(usize::MAX))
    }
}
