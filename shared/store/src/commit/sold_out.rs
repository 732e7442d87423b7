//! The rewards that are sold out: one item per program, which storefronts read instead of every counter.
//!
//! Taking the last unit adds the reward; freeing a unit removes it. Both raise the item's version. Adding is conditional on
//! the version that was read before the counters, so a unit freed in between is never hidden.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_domain::program::{CompiledProgram, Reward};

use super::spread::Spread;
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

    /// The write that removes a reward from the list, for the transaction that frees one of its units.
    pub(super) async fn has_units_write(&self, program: &ProgramId, reward: &RewardId) -> Result<Write, StoreError> {
        let mut stored = self.stored_sold_out(program, true).await?;
        stored.list.0.remove(reward);
        self.sold_out_write(program, &stored)
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
