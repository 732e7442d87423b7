//! The rewards that are sold out: one item per program, which storefronts read instead of every counter.
//!
//! Taking the last unit adds the reward; freeing a unit removes it. A version of the program that changes the stock or the pool
//! of a reward counts anew, in the transaction that puts it in force. All raise the item's version. Adding is conditional on the
//! version that was read before the counters, so a unit freed in between is never hidden.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_domain::money::Currency;
use tessera_domain::program::{CompiledProgram, Program, Reward};

use super::spread::{Spread, SpreadCounter, given_by};
use crate::items::{Reader, bytes, item, name, number, packed};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, keys, retry};

const READ: &str = "reading the rewards that are sold out";
const NOTE: &str = "noting that a reward is sold out";

/// Stands in the list, in place of a stock, for a reward whose pool of codes is empty. No stock is so large.
const EMPTY_POOL: u32 = u32::MAX;

/// The rewards that are sold out, each with its stock at that time: a raised stock has units again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct SoldOut(BTreeMap<RewardId, u32>);

/// The item as it was read.
#[derive(Default)]
pub(super) struct SoldOutItem {
    list: SoldOut,
    version: u64,
}

/// What limits the units of a reward.
#[derive(Debug, Default, PartialEq, Eq)]
struct RewardSupply {
    stock: Option<u32>,
    /// The pool that every code is drawn from. A reward with a pool for each number of points has none: it is not sold out
    /// when one of them is empty.
    pool: Option<PoolId>,
}

impl RewardSupply {
    fn of(reward: &Reward, currency: Currency) -> Self {
        let has_one_pool = reward.cost.chosen().is_none() || reward.code.provider().is_none();
        let pool = has_one_pool.then(|| PoolId::of_points(reward, reward.cost.lowest(), currency)).flatten();
        Self { stock: reward.stock, pool }
    }
}

/// The rewards whose supply differs between two versions of a program, with their new supply.
fn changed_supplies<'a>(before: Option<&Program>, after: &'a Program) -> Vec<(&'a RewardId, RewardSupply)> {
    let supply_before = |id: &RewardId| {
        let program = before?;
        let reward = program.rewards.iter().find(|reward| reward.id == *id)?;
        Some(RewardSupply::of(reward, program.currency))
    };
    let supplies = after.rewards.iter().map(|reward| (&reward.id, RewardSupply::of(reward, after.currency)));
    supplies.filter(|(id, supply)| supply_before(id).unwrap_or_default() != *supply).collect()
}

impl Store {
    /// The program's rewards that have no unit left, eventually consistent. Costs half a read unit, and nothing in a program
    /// without stocks.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn sold_out(
        &self,
        program: &ProgramId,
        config: &CompiledProgram,
    ) -> Result<BTreeSet<RewardId>, StoreError> {
        let may_run_out = |reward: &&Reward| reward.stock.is_some() || reward.code.is_drawn();
        let limited = || config.program.rewards.iter().filter(may_run_out);
        if limited().next().is_none() {
            return Ok(BTreeSet::new());
        }
        let SoldOut(listed) = self.stored_sold_out(program, false).await?.list;
        let none_left = |reward: &&Reward| match (reward.stock, listed.get(&reward.id)) {
            (Some(0), _) | (_, Some(&EMPTY_POOL)) => true,
            (Some(stock), Some(at)) => stock <= *at,
            (_, None) | (None, Some(_)) => false,
        };
        Ok(limited().filter(none_left).map(|reward| reward.id.clone()).collect())
    }

    /// Adds rewards whose last unit a commit may have taken. A failure is only logged: the commit stands, and the next
    /// redemption that finds the stock used up adds the reward.
    pub(super) async fn note_last_units(
        &self,
        program: &ProgramId,
        config: &CompiledProgram,
        rewards: BTreeSet<RewardId>,
    ) {
        for reward in rewards {
            let Some(stock) = config.reward(&reward).and_then(|reward| reward.stock) else { continue };
            if let Err(error) = self.note_sold_out(program, &reward, stock).await {
                tracing::warn!(%program, %reward, %error, "a sold-out reward was not noted");
            }
        }
    }

    /// Adds a reward to the list if all its counters are used up.
    pub(super) async fn note_sold_out(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        stock: u32,
    ) -> Result<(), StoreError> {
        for attempt in 1..=retry::TRIES {
            // The list before the counters: a unit that is freed in between changes the version.
            let mut stored = self.stored_sold_out(program, true).await?;
            let listed = stored.list.0.get(reward).is_some_and(|at| *at == stock || *at == EMPTY_POOL);
            if listed || !Spread::of_stock(stock).is_used_up(&self.stock_counters(program, reward).await?) {
                return Ok(());
            }
            stored.list.0.insert(reward.clone(), stock);
            if self.write(NOTE, &self.sold_out_write(program, &stored)?).await? == Written::Done {
                return Ok(());
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: NOTE, tries: retry::TRIES })
    }

    /// Adds a reward whose pool was found empty. A failure is only logged: the next draw that finds it empty adds it.
    pub(super) async fn note_empty_pool(&self, program: &ProgramId, pool: &PoolId) {
        if let Err(error) = self.add_empty_pool(program, pool).await {
            tracing::warn!(%program, reward = %pool.reward, %error, "an empty pool was not noted");
        }
    }

    async fn add_empty_pool(&self, program: &ProgramId, pool: &PoolId) -> Result<(), StoreError> {
        for attempt in 1..=retry::TRIES {
            // The list before the pool: loading codes changes the version afterwards.
            let mut stored = self.stored_sold_out(program, true).await?;
            let is_listed = stored.list.0.get(&pool.reward) == Some(&EMPTY_POOL);
            if is_listed || !self.is_pool_empty(program, pool).await? {
                return Ok(());
            }
            stored.list.0.insert(pool.reward.clone(), EMPTY_POOL);
            if self.write(NOTE, &self.sold_out_write(program, &stored)?).await? == Written::Done {
                return Ok(());
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: NOTE, tries: retry::TRIES })
    }

    /// Removes a reward whose pool got codes from the list. It raises the version in any case: whoever saw the pool empty before
    /// does not add the reward.
    pub(crate) async fn note_refilled(&self, program: &ProgramId, reward: &RewardId) -> Result<(), StoreError> {
        for attempt in 1..=retry::TRIES {
            let mut stored = self.stored_sold_out(program, true).await?;
            if stored.list.0.get(reward) == Some(&EMPTY_POOL) {
                stored.list.0.remove(reward);
            }
            if self.write(NOTE, &self.sold_out_write(program, &stored)?).await? == Written::Done {
                return Ok(());
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: NOTE, tries: retry::TRIES })
    }

    /// The write for the transaction that frees units of a reward: it removes the reward from the list, unless it stays sold out.
    /// A lowered stock can be used up still, and a pool empty. `counters` holds what was issued before, `freed` the freed units.
    pub(super) async fn has_units_write(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        counters: &[SpreadCounter],
        freed: usize,
    ) -> Result<Write, StoreError> {
        let mut stored = self.stored_sold_out(program, true).await?;
        let issued = given_by(counters) - i64::try_from(freed).unwrap_or(i64::MAX);
        if stored.list.0.get(reward).is_some_and(|at| *at != EMPTY_POOL && issued < i64::from(*at)) {
            stored.list.0.remove(reward);
        }
        self.sold_out_write(program, &stored)
    }

    /// The write that brings the list up to date with a version of the program, for the transaction that puts it in force.
    /// `None`, without a call, when the version changes no stock and no pool.
    ///
    /// A later update could be lost with the process, and a repeated request would find nothing to change.
    pub(crate) async fn supplies_write(
        &self,
        program: &ProgramId,
        before: &Program,
        after: &Program,
    ) -> Result<Option<Write>, StoreError> {
        let changed = changed_supplies(Some(before), after);
        if changed.is_empty() {
            return Ok(None);
        }
        // The list before the counters and pools, as whoever adds one reward.
        let mut stored = self.stored_sold_out(program, true).await?;
        let mut is_changed = false;
        for (reward, supply) in changed {
            let found = match self.shortage(program, reward, &supply).await? {
                Some(at) => stored.list.0.insert(reward.clone(), at) != Some(at),
                None => stored.list.0.remove(reward).is_some(),
            };
            is_changed |= found;
        }
        if is_changed { self.sold_out_write(program, &stored).map(Some) } else { Ok(None) }
    }

    /// The write of the list of a new program, whose pools are all empty; `None` when it has no pool.
    pub(crate) fn empty_pools_write(&self, program: &ProgramId, first: &Program) -> Result<Option<Write>, StoreError> {
        let pooled = changed_supplies(None, first).into_iter().filter(|(_, supply)| supply.pool.is_some());
        let list: BTreeMap<RewardId, u32> = pooled.map(|(reward, _)| (reward.clone(), EMPTY_POOL)).collect();
        if list.is_empty() {
            return Ok(None);
        }
        self.sold_out_write(program, &SoldOutItem { list: SoldOut(list), version: 0 }).map(Some)
    }

    /// What stands in the list for a reward; `None` when it has units. A stock of zero needs no place in the list.
    async fn shortage(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        supply: &RewardSupply,
    ) -> Result<Option<u32>, StoreError> {
        if let Some(pool) = &supply.pool
            && self.is_pool_empty(program, pool).await?
        {
            return Ok(Some(EMPTY_POOL));
        }
        let Some(stock) = supply.stock.filter(|stock| *stock > 0) else { return Ok(None) };
        let counters = self.stock_counters(program, reward).await?;
        Ok(Spread::of_stock(stock).is_used_up(&counters).then_some(stock))
    }

    async fn stored_sold_out(&self, program: &ProgramId, consistent: bool) -> Result<SoldOutItem, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::sold_out(program), consistent).await?;
        let Some(found) = found else { return Ok(SoldOutItem::default()) };
        let reader = Reader::new(READ, &found);
        Ok(SoldOutItem { list: reader.body()?, version: reader.number(name::VERSION)? })
    }

    fn sold_out_write(&self, program: &ProgramId, stored: &SoldOutItem) -> Result<Write, StoreError> {
        let body = bytes(packed(NOTE, &stored.list)?);
        let after = item(&keys::sold_out(program), [(name::BODY, body), (name::VERSION, number(stored.version + 1))]);
        let write = Write::put(&self.tables.members, after);
        Ok(match stored.version {
            0 => write.when(ABSENT),
            version => write.when("v = :before").value(":before", number(version)),
        })
    }
}
