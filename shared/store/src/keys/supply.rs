//! The keys of what rewards and rules can run out of: stocks, pools of codes, budgets.

use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_domain::rule::BudgetPeriod;

use super::{Key, escape};

/// What the sort keys of all codes of a pool begin with, in the partition of its shard. The count of loaded codes sorts before.
pub(crate) const POOL_CODES: &str = "n#";
/// What the sort keys of all markers of low stocks begin with.
pub(crate) const LOW_STOCK: &str = "low#";

/// One of the counters that a stock is spread over.
pub(crate) fn stock(program: &ProgramId, reward: &RewardId, shard: u32) -> Key {
    Key::new(format!("{}#s#{}#{shard}", escape(program.as_str()), escape(reward.as_str())), "stock")
}

/// One of the counters that a budget's period is spread over.
pub(crate) fn budget(program: &ProgramId, period: &BudgetPeriod, shard: u32) -> Key {
    let rule = period.rule.as_ref().map(|rule| escape(rule.as_str())).unwrap_or_default();
    let start = period.start.map(|day| day.to_string()).unwrap_or_default();
    Key::new(format!("{}#q#{rule}#{start}#{shard}", escape(program.as_str())), "budget")
}

/// The list of a program's rewards that are sold out.
pub(crate) fn sold_out(program: &ProgramId) -> Key {
    Key::new(format!("{}#s", escape(program.as_str())), "sold_out")
}

/// The partition of a shard of a pool of codes. A reward has one pool of loaded codes, and one for each discount of which a
/// shop creates codes.
pub(crate) fn pool(program: &ProgramId, pool: &PoolId, shard: u32) -> String {
    let shard = match &pool.discount {
        None => shard.to_string(),
        Some(discount) => format!("{}.{shard}", escape(discount)),
    };
    format!("{}#p#{}#{shard}", escape(program.as_str()), escape(pool.reward.as_str()))
}

/// A pool as the guards of its free codes name it.
pub(crate) fn pool_name(pool: &PoolId) -> String {
    match &pool.discount {
        None => pool.reward.to_string(),
        Some(discount) => format!("{}#{discount}", pool.reward),
    }
}

/// The count of the codes that a shard of a pool was ever loaded with.
pub(crate) fn pool_count(program: &ProgramId, of: &PoolId, shard: u32) -> Key {
    Key::new(pool(program, of, shard), "loaded")
}

/// The place of a free code in a shard of a pool.
pub(crate) fn pool_code(program: &ProgramId, of: &PoolId, shard: u32, number: u64) -> Key {
    Key::new(pool(program, of, shard), format!("{POOL_CODES}{number:012}"))
}

/// The marker that notice was given of a reward's low stock (`s`) or pool (`p`) of this size.
pub(crate) fn low_stock(program: &ProgramId, reward: &RewardId, kind: char, of: u64) -> Key {
    Key::new(sold_out(program).pk, format!("{LOW_STOCK}{}#{kind}#{of:012}", escape(reward.as_str())))
}

/// A partition of the index `due`: the open reservations of a reward with a stock.
pub(crate) fn held(program: &ProgramId, reward: &RewardId) -> String {
    format!("{}#h#{}", escape(program.as_str()), escape(reward.as_str()))
}
