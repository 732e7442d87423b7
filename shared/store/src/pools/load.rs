//! Loading codes into a pool.

use std::collections::{BTreeMap, BTreeSet};

use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{CouponCode, ProgramId, RewardId};

use super::SHARDS;
use crate::items::{Item, Reader, item, name, number, text};
use crate::keys::{self, Key};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, Store, StoreError, random, retry};

const LOAD: &str = "loading codes into a pool";
/// The codes of one transaction: two writes for each, and one for the count of the shard.
const CHUNK: usize = 49;
/// The transactions that run at once.
const AT_ONCE: usize = 8;

/// What became of some codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodesAdded {
    /// The codes that are new.
    pub added: u32,
    /// The codes that the program had before, or that came twice.
    pub duplicates: u32,
}

impl Store {
    /// Loads codes into the pool of a reward. A code that the program has, in any spelling, is a duplicate. Costs four write
    /// units for each code.
    ///
    /// A fault leaves some of the codes loaded, each completely; loading them again adds the rest. The request is recorded
    /// before the first code: no code is loaded unseen.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn load_codes(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        codes: &[CouponCode],
        audit: &Audit,
    ) -> Result<CodesAdded, StoreError> {
        self.record_audit(program, audit).await?;
        let unique: BTreeMap<FoldedCode, &CouponCode> =
            codes.iter().rev().map(|code| (FoldedCode::from(code), code)).collect();
        let unique: Vec<(FoldedCode, &CouponCode)> = unique.into_iter().collect();
        // Small pools are spread too: a draw begins at any shard.
        let size = unique.len().div_ceil(SHARDS as usize).clamp(1, CHUNK);
        let start = u32::from(random::seed()?.0[0]);
        let chunks: Vec<_> = (start..).zip(unique.chunks(size)).collect();
        let mut added = 0;
        for group in chunks.chunks(AT_ONCE) {
            let mut loads = Vec::with_capacity(group.len());
            for (turn, chunk) in group {
                loads.push(self.load_chunk(program, reward, turn % SHARDS, chunk));
            }
            added += futures::future::try_join_all(loads).await?.into_iter().sum::<usize>();
        }
        self.note_refilled(program, reward).await?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(CodesAdded { added: count(added), duplicates: count(codes.len() - added) })
    }

    /// Loads the new ones of some codes into one shard; returns how many.
    async fn load_chunk(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        shard: u32,
        codes: &[(FoldedCode, &CouponCode)],
    ) -> Result<usize, StoreError> {
        for attempt in 0..retry::TRIES {
            if attempt > 0 {
                retry::pause(attempt).await;
            }
            let guards: Vec<Key> = codes.iter().map(|(folded, _)| keys::coupon_guard(program, folded)).collect();
            let found = self.get_many(LOAD, &self.tables.members, &guards, true).await?;
            let taken = found.iter().map(|guard| Reader::new(LOAD, guard).text(name::PK));
            let taken = taken.collect::<Result<BTreeSet<&str>, _>>()?;
            let new: Vec<&CouponCode> = codes
                .iter()
                .zip(&guards)
                .filter(|(_, guard)| !taken.contains(guard.pk.as_str()))
                .map(|((_, code), _)| *code)
                .collect();
            if new.is_empty() {
                return Ok(0);
            }
            let writes = self.load_writes(program, reward, shard, &new).await?;
            if self.transact(LOAD, writes).await? == Transacted::Done {
                return Ok(new.len());
            }
        }
        Err(StoreError::Contended { operation: LOAD, tries: retry::TRIES })
    }

    async fn load_writes(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        shard: u32,
        codes: &[&CouponCode],
    ) -> Result<Vec<Write>, StoreError> {
        let table = &*self.tables.members;
        let count = keys::pool_count(program, reward, shard);
        let stored = self.get(LOAD, table, &count, true).await?;
        let before: u64 = stored.as_ref().map_or(Ok(0), |stored| Reader::new(LOAD, stored).number(name::VERSION))?;
        let put = |key: &Key, attributes: Item| {
            let mut new = item(key, []);
            new.extend(attributes);
            Write::put(table, new).when(ABSENT)
        };
        let mut writes = Vec::with_capacity(2 * codes.len() + 1);
        for (place, code) in (before..).zip(codes) {
            let guard = keys::coupon_guard(program, &FoldedCode::from(*code));
            let of = Item::from([(name::POOL.to_owned(), text(reward.as_str()))]);
            writes.push(put(&guard, of));
            let free = Item::from([(name::CODE.to_owned(), text(code.as_str()))]);
            writes.push(put(&keys::pool_code(program, reward, shard, place), free));
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
