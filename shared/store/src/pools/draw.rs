//! Drawing codes: a decision learns which codes it may use, and its transaction takes those that it used.

use std::collections::BTreeMap;

use tessera_domain::coupon::{FoldedCode, PoolId};
use tessera_domain::ids::{CouponCode, MemberId, ProgramId};
use tessera_domain::program::Provider;

use super::{SHARDS, Shard, WINDOW};
use crate::items::text;
use crate::keys::{self, Key};
use crate::writes::Write;
use crate::{Store, StoreError, TargetId};

/// The condition that a code is free in the pool of its reward.
const FREE_IN_POOL: &str = "q = :pool";

/// A free code, and its place in the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolCode {
    pub code: CouponCode,
    /// Its number within the shard.
    pub number: u64,
    pub place: Key,
    /// The shop that created it; `None` for a code that was loaded.
    pub shop: Option<String>,
}

impl PoolCode {
    /// True unless the connection leads to another shop than the one that created it.
    fn works_in(&self, shop: Option<&str>) -> bool {
        self.shop.as_deref().zip(shop).is_none_or(|(own, now)| own == now)
    }
}

/// The free codes that one attempt at a commit may use.
#[derive(Debug, Default)]
pub(crate) struct PoolCodes {
    found: BTreeMap<PoolId, Found>,
}

/// What was found of one pool.
#[derive(Debug, Default)]
struct Found {
    codes: Vec<PoolCode>,
    /// The shards that were read.
    shards: Vec<Shard>,
}

impl Found {
    /// True when all shards were read.
    fn is_whole(&self) -> bool {
        self.shards.len() >= SHARDS as usize
    }
}

impl PoolCodes {
    /// True when so many codes of a pool were found, or all that it has.
    pub fn knows(&self, pool: &PoolId, wanted: usize) -> bool {
        self.found.get(pool).is_some_and(|found| found.codes.len() >= wanted || found.is_whole())
    }

    /// The codes of all pools that were looked at.
    pub fn all(&self) -> impl Iterator<Item = (&PoolId, impl Iterator<Item = &CouponCode>)> {
        self.found.iter().map(|(pool, found)| (pool, found.codes.iter().map(|free| &free.code)))
    }

    /// True when a pool has no code at all.
    pub fn is_empty(&self, pool: &PoolId) -> bool {
        self.found.get(pool).is_some_and(|found| found.codes.is_empty() && found.is_whole())
    }

    /// The free code that a coupon uses.
    pub fn find(&self, pool: &PoolId, code: &CouponCode) -> Option<&PoolCode> {
        self.found.get(pool)?.codes.iter().find(|free| free.code == *code)
    }

    /// The codes left in the shards that were read, and whether these are all shards.
    pub(crate) fn left(&self, pool: &PoolId, drawn: u64) -> Option<(u64, bool)> {
        let found = self.found.get(pool)?;
        let left: u64 = found.shards.iter().map(Shard::left).sum();
        Some((left.saturating_sub(drawn), found.is_whole()))
    }

    /// The codes that a pool was ever loaded with, if all its shards were read.
    pub(crate) fn loaded(&self, pool: &PoolId) -> Option<u64> {
        let found = self.found.get(pool).filter(|found| found.is_whole())?;
        Some(found.shards.iter().map(|shard| shard.loaded).sum())
    }
}

impl Store {
    /// Finds at least `wanted` free codes of a pool, if it has so many. Reads one shard, and the others only when that one has
    /// too few. `seed` chooses the shard and the codes.
    ///
    /// `provider`: whose codes they are. Which shop that is today is read beside the first shard: codes of the shop that the
    /// connection led to before are not found, also while they wait to be dropped.
    pub(crate) async fn find_codes(
        &self,
        program: &ProgramId,
        (pool, provider): (&PoolId, Option<Provider>),
        wanted: usize,
        seed: [u8; 2],
        into: &mut PoolCodes,
    ) -> Result<(), StoreError> {
        let [shard, place] = seed.map(u32::from);
        let limit = u32::try_from(wanted).unwrap_or(u32::MAX).max(WINDOW);
        let first = self.read_shard(program, pool, shard % SHARDS, limit);
        let (first, shop) = tokio::try_join!(first, self.shop_of_today(program, provider))?;
        let working = |codes: &[PoolCode]| -> Vec<PoolCode> {
            codes.iter().filter(|code| code.works_in(shop.as_deref())).cloned().collect()
        };
        let mut codes = working(&first.codes);
        if !codes.is_empty() {
            // Draws at one moment take different codes.
            let turn = place as usize % codes.len();
            codes.rotate_left(turn);
        }
        let mut shards = vec![first];
        if codes.len() < wanted {
            let others = self.read_shards(program, pool, Some(shard % SHARDS), limit).await?;
            let mut more: Vec<PoolCode> = others.iter().flat_map(|shard| working(&shard.codes)).collect();
            let turn = if more.is_empty() { 0 } else { (place as usize).wrapping_mul(WINDOW as usize) % more.len() };
            more.rotate_left(turn);
            codes.extend(more);
            shards.extend(others);
        }
        into.found.insert(pool.clone(), Found { codes, shards });
        Ok(())
    }

    /// The shop that a provider's connection leads to; `None` where there is none to compare with.
    async fn shop_of_today(
        &self,
        program: &ProgramId,
        provider: Option<Provider>,
    ) -> Result<Option<String>, StoreError> {
        let Some(connection) = provider.and_then(|provider| TargetId::parse(provider.name())) else { return Ok(None) };
        Ok(self.target(program, &connection).await?.and_then(|target| target.shop))
    }

    /// The two writes that draw a code for a coupon: its place in the pool is deleted, and its guard leads to the coupon.
    pub(crate) fn draw_writes(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        free: &PoolCode,
        owner: &MemberId,
        coupon: &Key,
    ) -> [Write; 2] {
        let table = &*self.tables.members;
        let guard = keys::coupon_guard(program, &FoldedCode::from(&free.code));
        let take = Write::delete(table, &free.place).when("attribute_exists(pk)");
        // An update, because the guard keeps the code's place in a shop.
        let lead = Write::update(table, &guard, "SET m = :m, k = :k REMOVE q")
            .when(FREE_IN_POOL)
            .value(":m", text(owner.as_str()))
            .value(":k", text(&*coupon.sk))
            .value(":pool", text(keys::pool_name(pool)));
        [take, lead]
    }
}
