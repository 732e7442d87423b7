//! The notices that a stock or a pool has run low.
//!
//! The commit that brings a stock or a pool down to the reward's `low_stock` gives the notice, once for each stock, and once for
//! each filling of a pool. The marker of that is written in the notice's transaction. A failure is only logged: the commit
//! stands, and the next one gives the notice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_domain::notice::{Notice, NoticeContent};
use tessera_domain::program::{CompiledProgram, Reward};

use super::{Spread, Take, given_by};
use crate::items::{Reader, item, name};
use crate::keys::{self, Key};
use crate::notices::notice_item;
use crate::pools::{PoolCodes, SHARDS, Shard, WINDOW};
use crate::writes::{ABSENT, Write};
use crate::{Store, StoreError};

const READ: &str = "reading what runs low";
const NOTE: &str = "giving the notice that a reward runs low";

/// The counter that a commit took units of, as it was read before.
pub(super) type Glimpsed = BTreeMap<RewardId, (u32, i64)>;

/// What a commit took that may have run low.
pub(super) struct TakenSupplies<'a> {
    pub takes: &'a [Take],
    /// The codes that were drawn, by pool.
    pub drawn: BTreeMap<PoolId, u64>,
    pub glimpsed: &'a Glimpsed,
    pub codes: &'a PoolCodes,
    pub at: Timestamp,
}

impl Store {
    /// Gives notice of what a commit brought down to its reward's `low_stock`. Costs a read only where one of the counters or
    /// shards that it took from is nearly empty.
    pub(super) async fn note_low(&self, program: &ProgramId, config: &CompiledProgram, taken: &TakenSupplies<'_>) {
        for take in taken.takes {
            let Some(reward) = config.reward(&take.reward) else { continue };
            if let Err(error) = self.note_low_stock(program, reward, take, taken).await {
                tracing::warn!(%program, reward = %reward.id, %error, "no notice of a low stock was given");
            }
        }
        for (pool, drawn) in &taken.drawn {
            // A pool of a shop's codes is filled by itself, and the connection shows when it is not.
            let Some(reward) = config.reward(&pool.reward).filter(|_| pool.discount.is_none()) else { continue };
            if let Err(error) = self.note_low_pool(program, reward, pool, *drawn, taken).await {
                tracing::warn!(%program, reward = %reward.id, %error, "no notice of a low pool was given");
            }
        }
    }

    async fn note_low_stock(
        &self,
        program: &ProgramId,
        reward: &Reward,
        take: &Take,
        taken: &TakenSupplies<'_>,
    ) -> Result<(), StoreError> {
        let (Some(stock), Some(low)) = (reward.stock, reward.low_stock()) else { return Ok(()) };
        let issued = match taken.glimpsed.get(&reward.id) {
            Some((shard, before)) if *shard == take.part.shard => before + take.part.amount,
            _ => self.stock_counter(program, &reward.id, take.part.shard).await?,
        };
        // While every counter has more than its share of `low`, the stock has more than `low`.
        let spread = Spread::of_stock(stock);
        if spread.share(take.part.shard) - issued > i64::from(low.div_ceil(spread.shards())) {
            return Ok(());
        }
        let marker = keys::low_stock(program, &reward.id, 's', u64::from(stock));
        if self.get(READ, &self.tables.members, &marker, false).await?.is_some() {
            return Ok(());
        }
        let issued = given_by(&self.stock_counters(program, &reward.id).await?);
        let left = u64::try_from(i64::from(stock) - issued).unwrap_or(0);
        if left <= u64::from(low) {
            self.give_low_stock(program, &reward.id, left, marker, taken.at).await?;
        }
        Ok(())
    }

    async fn note_low_pool(
        &self,
        program: &ProgramId,
        reward: &Reward,
        pool: &PoolId,
        drawn: u64,
        taken: &TakenSupplies<'_>,
    ) -> Result<(), StoreError> {
        let Some(low) = reward.low_pool() else { return Ok(()) };
        let Some((left, is_all)) = taken.codes.left(pool, drawn) else { return Ok(()) };
        let enough = if is_all { u64::from(low) } else { u64::from(low.div_ceil(SHARDS)) };
        if left > enough {
            return Ok(());
        }
        let of = match taken.codes.loaded(pool) {
            Some(of) => of,
            None => self.codes_loaded(program, pool).await?,
        };
        let marker = keys::low_stock(program, &reward.id, 'p', of);
        if self.get(READ, &self.tables.members, &marker, false).await?.is_some() {
            return Ok(());
        }
        let shards = self.read_shards(program, pool, None, WINDOW).await?;
        let left: u64 = shards.iter().map(Shard::left).sum();
        if left <= u64::from(low) {
            self.give_low_stock(program, &reward.id, left, marker, taken.at).await?;
        }
        Ok(())
    }

    /// The codes that a pool was ever loaded with. One read of a count for each shard.
    async fn codes_loaded(&self, program: &ProgramId, pool: &PoolId) -> Result<u64, StoreError> {
        let counts: Vec<Key> = (0..SHARDS).map(|shard| keys::pool_count(program, pool, shard)).collect();
        let counts = self.get_many(READ, &self.tables.members, &counts, false).await?;
        counts.iter().map(|count| Reader::new(READ, count).number::<u64>(name::VERSION)).sum()
    }

    async fn give_low_stock(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        left: u64,
        marker: Key,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let table = &*self.tables.members;
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let notice = Notice { at, content: NoticeContent::LowStock { reward: reward.clone(), left } };
        let marker = Write::put(table, item(&marker, [])).when(ABSENT);
        let notice = Write::put(table, notice_item(program, &notice)?).when(ABSENT);
        // Who comes second finds the marker, and gives no notice.
        self.transact_patiently(NOTE, vec![marker, notice]).await.map(drop)
    }
}
