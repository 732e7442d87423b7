//! The notes that a stock or a pool has run low.
//!
//! A note is written once for each stock, and once for each filling of a pool, by the commit that brings it down to the
//! reward's `low_stock`. Notices are derived from notes. A failure to write one is only logged: the commit stands, and the
//! next one notes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::ids::{ProgramId, RewardId};
use tessera_domain::program::{CompiledProgram, Reward};

use super::{PoolCodes, SHARDS, Shard, WINDOW};
use crate::calls::Range;
use crate::commit::{Take, shards, share};
use crate::items::{Reader, bytes, item, name, packed};
use crate::keys::{self, Key, LOW_STOCK};
use crate::writes::{ABSENT, Write};
use crate::{Store, StoreError};

const READ: &str = "reading what runs low";
const NOTE: &str = "noting that a reward runs low";

/// The note that the stock or the pool of a reward has run low.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LowStock {
    /// The reward.
    #[serde(rename = "r")]
    pub reward: RewardId,
    /// What runs out.
    #[serde(rename = "k")]
    pub kind: LowKind,
    /// The units or codes that were left.
    #[serde(rename = "l")]
    pub left: u64,
    /// The number at or below which the reward says it is low.
    #[serde(rename = "n")]
    pub low: u32,
    /// All units of the stock, or all codes that the pool was ever loaded with.
    #[serde(rename = "w")]
    pub of: u64,
    /// When it was noted.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
}

/// What a reward runs out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowKind {
    /// Units of its stock.
    Stock,
    /// Codes of its pool.
    Pool,
}

impl LowKind {
    /// The letter in keys.
    const fn letter(self) -> char {
        match self {
            Self::Stock => 's',
            Self::Pool => 'p',
        }
    }
}

/// The counter that a commit took units of, as it was read before.
pub(crate) type Glimpsed = BTreeMap<RewardId, (u32, u32)>;

/// What a commit took that may have run low.
pub(crate) struct Taken<'a> {
    pub takes: &'a [Take],
    /// The codes that were drawn, by reward.
    pub drawn: BTreeMap<RewardId, u64>,
    pub glimpsed: &'a Glimpsed,
    pub codes: &'a PoolCodes,
    pub at: Timestamp,
}

impl Store {
    /// All notes of a program's rewards that ran low. The reward's own note of a filling is unique: a notice's id can be made
    /// from reward, kind and `of`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn low_stock(&self, program: &ProgramId) -> Result<Vec<LowStock>, StoreError> {
        let range = Range { consistent: false, ..Range::all(keys::sold_out(program).pk, LOW_STOCK) };
        let notes = self.range(READ, &self.tables.members, range).await?;
        notes.iter().map(|note| Reader::new(READ, note).body()).collect()
    }

    /// Notes what a commit brought down to its reward's `low_stock`. Costs a read only where one of the counters or shards that
    /// it took from is nearly empty.
    pub(crate) async fn note_low(&self, program: &ProgramId, config: &CompiledProgram, taken: &Taken<'_>) {
        for take in taken.takes {
            let Some(reward) = config.reward(&take.reward) else { continue };
            if let Err(error) = self.note_low_stock(program, reward, take, taken).await {
                tracing::warn!(%program, reward = %reward.id, %error, "a low stock was not noted");
            }
        }
        for (reward, drawn) in &taken.drawn {
            let Some(reward) = config.reward(reward) else { continue };
            if let Err(error) = self.note_low_pool(program, reward, *drawn, taken).await {
                tracing::warn!(%program, reward = %reward.id, %error, "a low pool was not noted");
            }
        }
    }

    async fn note_low_stock(
        &self,
        program: &ProgramId,
        reward: &Reward,
        take: &Take,
        taken: &Taken<'_>,
    ) -> Result<(), StoreError> {
        let (Some(stock), Some(low)) = (reward.stock, reward.low_stock()) else { return Ok(()) };
        let issued = match taken.glimpsed.get(&reward.id) {
            Some((shard, before)) if *shard == take.shard => before + take.units,
            _ => self.stock_counter(program, &reward.id, take.shard).await?,
        };
        // While every counter has more than its share of `low`, the stock has more than `low`.
        if share(stock, take.shard).saturating_sub(issued) > low.div_ceil(shards(stock)) {
            return Ok(());
        }
        let note = keys::low_stock(program, &reward.id, LowKind::Stock.letter(), u64::from(stock));
        if self.get(READ, &self.tables.members, &note, false).await?.is_some() {
            return Ok(());
        }
        let counters = self.stock_counters(program, &reward.id, stock).await?;
        let issued: u64 = counters.iter().map(|issued| u64::from(*issued)).sum();
        let (left, of) = (u64::from(stock).saturating_sub(issued), u64::from(stock));
        if left <= u64::from(low) {
            let note = LowStock { reward: reward.id.clone(), kind: LowKind::Stock, left, low, of, at: taken.at };
            self.put_low_stock(program, &note).await?;
        }
        Ok(())
    }

    async fn note_low_pool(
        &self,
        program: &ProgramId,
        reward: &Reward,
        drawn: u64,
        taken: &Taken<'_>,
    ) -> Result<(), StoreError> {
        let Some(low) = reward.low_pool() else { return Ok(()) };
        let Some((left, is_all)) = taken.codes.left(&reward.id, drawn) else { return Ok(()) };
        let enough = if is_all { u64::from(low) } else { u64::from(low.div_ceil(SHARDS)) };
        if left > enough {
            return Ok(());
        }
        let of = match taken.codes.loaded(&reward.id) {
            Some(of) => of,
            None => self.codes_loaded(program, &reward.id).await?,
        };
        let note = keys::low_stock(program, &reward.id, LowKind::Pool.letter(), of);
        if self.get(READ, &self.tables.members, &note, false).await?.is_some() {
            return Ok(());
        }
        let shards = self.read_shards(program, &reward.id, None, WINDOW).await?;
        let left: u64 = shards.iter().map(Shard::left).sum();
        if left <= u64::from(low) {
            let note = LowStock { reward: reward.id.clone(), kind: LowKind::Pool, left, low, of, at: taken.at };
            self.put_low_stock(program, &note).await?;
        }
        Ok(())
    }

    /// The codes that a pool was ever loaded with. One read of a count for each shard.
    async fn codes_loaded(&self, program: &ProgramId, reward: &RewardId) -> Result<u64, StoreError> {
        let counts: Vec<Key> = (0..SHARDS).map(|shard| keys::pool_count(program, reward, shard)).collect();
        let counts = self.get_many(READ, &self.tables.members, &counts, false).await?;
        counts.iter().map(|count| Reader::new(READ, count).number::<u64>(name::VERSION)).sum()
    }

    async fn put_low_stock(&self, program: &ProgramId, note: &LowStock) -> Result<(), StoreError> {
        let key = keys::low_stock(program, &note.reward, note.kind.letter(), note.of);
        let new = item(&key, [(name::BODY, bytes(packed(NOTE, note)?))]);
        // Somebody else may have noted it at the same moment.
        self.write(NOTE, &Write::put(&self.tables.members, new).when(ABSENT)).await.map(drop)
    }
}
