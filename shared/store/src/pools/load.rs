//! Loading codes into a pool.

use std::collections::{BTreeMap, BTreeSet};

use tessera_domain::coupon::{FoldedCode, PoolId};
use tessera_domain::ids::{CouponCode, ProgramId, RewardId};

use super::{SHARDS, ShopCode};
use crate::items::{Item, Reader, bytes, item, name, number, packed, text};
use crate::keys::{self, Key};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, Store, StoreError, random, retry};

const LOAD: &str = "loading codes into a pool";
/// The codes of one transaction: two writes for each, and one for the count of the shard.
const CHUNK: usize = 49;
/// The transactions that run at once.
const AT_ONCE: usize = 8;

/// A code to load.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewCode<'a> {
    pub code: &'a CouponCode,
    /// Its place in the shop that created it.
    pub shop: Option<&'a ShopCode>,
}

/// What became of some codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodesAdded {
    /// The codes that are new.
    pub added: u32,
    /// The codes that the program had before, or that came twice.
    pub duplicates: u32,
    /// The codes that were not tried, because the time was over.
    pub left: u32,
}

impl Store {
    /// Loads codes into the pool of a reward. A code that the program has, in any spelling, is a duplicate. Costs four write
    /// units for each code.
    ///
    /// A fault leaves some of the codes loaded, each completely; loading them again adds the rest. The request is recorded
    /// before the first code: no code is loaded unseen. Once `is_late` is true, no further codes are tried.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn load_codes(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        codes: &[CouponCode],
        audit: &Audit,
        is_late: &(dyn Fn() -> bool + Sync),
    ) -> Result<CodesAdded, StoreError> {
        self.record_audit(program, audit).await?;
        let new: Vec<NewCode<'_>> = codes.iter().map(|code| NewCode { code, shop: None }).collect();
        let (added, left) = self.load_all(program, &PoolId::loaded(reward.clone()), &new, is_late).await?;
        self.note_refilled(program, reward).await?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(CodesAdded { added: count(added), duplicates: count(codes.len() - added - left), left: count(left) })
    }

    /// Loads codes into a pool; returns how many are new, and how many were not tried because it was late.
    pub(super) async fn load_all(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        codes: &[NewCode<'_>],
        is_late: &(dyn Fn() -> bool + Sync),
    ) -> Result<(usize, usize), StoreError> {
        let unique: BTreeMap<FoldedCode, NewCode<'_>> =
            codes.iter().rev().map(|new| (FoldedCode::from(new.code), *new)).collect();
        let unique: Vec<(FoldedCode, NewCode<'_>)> = unique.into_iter().collect();
        // Small pools are spread too: a draw begins at any shard.
        let size = unique.len().div_ceil(SHARDS as usize).clamp(1, CHUNK);
        let start = u32::from(random::seed()?.0[0]);
        let chunks: Vec<_> = (start..).zip(unique.chunks(size)).collect();
        let (mut added, mut left) = (0, 0);
        for group in chunks.chunks(AT_ONCE) {
            if is_late() {
                left += group.iter().map(|(_, chunk)| chunk.len()).sum::<usize>();
                continue;
            }
            let mut loads = Vec::with_capacity(group.len());
            for (turn, chunk) in group {
                loads.push(self.load_chunk(program, pool, turn % SHARDS, chunk));
            }
            added += futures::future::try_join_all(loads).await?.into_iter().sum::<usize>();
        }
        Ok((added, left))
    }

    /// Loads the new ones of some codes into one shard; returns how many.
    async fn load_chunk(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        shard: u32,
        codes: &[(FoldedCode, NewCode<'_>)],
    ) -> Result<usize, StoreError> {
        for attempt in 0..retry::TRIES {
            if attempt > 0 {
                retry::pause(attempt).await;
            }
            let guards: Vec<Key> = codes.iter().map(|(folded, _)| keys::coupon_guard(program, folded)).collect();
            let found = self.get_many(LOAD, &self.tables.members, &guards, true).await?;
            let taken = found.iter().map(|guard| Reader::new(LOAD, guard).text(name::PK));
            let taken = taken.collect::<Result<BTreeSet<&str>, _>>()?;
            let new: Vec<NewCode<'_>> = codes
                .iter()
                .zip(&guards)
                .filter(|(_, guard)| !taken.contains(guard.pk.as_str()))
                .map(|((_, new), _)| *new)
                .collect();
            if new.is_empty() {
                return Ok(0);
            }
            let writes = self.load_writes(program, pool, shard, &new).await?;
            if self.transact(LOAD, writes).await? == Transacted::Done {
                return Ok(new.len());
            }
        }
        Err(StoreError::Contended { operation: LOAD, tries: retry::TRIES })
    }

    async fn load_writes(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        shard: u32,
        codes: &[NewCode<'_>],
    ) -> Result<Vec<Write>, StoreError> {
        let table = &*self.tables.members;
        let count = keys::pool_count(program, pool, shard);
        let stored = self.get(LOAD, table, &count, true).await?;
        let before: u64 = stored.as_ref().map_or(Ok(0), |stored| Reader::new(LOAD, stored).number(name::VERSION))?;
        let put = |key: &Key, attributes: Item| {
            let mut new = item(key, []);
            new.extend(attributes);
            Write::put(table, new).when(ABSENT)
        };
        let mut writes = Vec::with_capacity(2 * codes.len() + 1);
        for (place, new) in (before..).zip(codes) {
            let guard = keys::coupon_guard(program, &FoldedCode::from(new.code));
            let mut of = Item::from([(name::POOL.to_owned(), text(keys::pool_name(pool)))]);
            if let Some(shop) = new.shop {
                of.insert(name::SHOP_CODE.to_owned(), bytes(packed(LOAD, shop)?));
            }
            writes.push(put(&guard, of));
            let mut free = Item::from([(name::CODE.to_owned(), text(new.code.as_str()))]);
            if let Some(shop) = new.shop.and_then(|shop| shop.shop.as_ref()) {
                free.insert(name::OF_SHOP.to_owned(), text(shop));
            }
            writes.push(put(&keys::pool_code(program, pool, shard, place), free));
        }
        let after = item(&count, [(name::VERSION, number(before + codes.len() as u64))]);
        let counted = Write::put(table, after);
        writes.push(match before {
            0 => counted.when(ABSENT),
            before => counted.when("v = :before").value(":before", number(before)),
        });
        Ok(writes)
    }
}
