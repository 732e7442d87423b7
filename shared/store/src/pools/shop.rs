//! Codes that a shop created: their places in the shop, from loading to deletion.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::coupon::{FoldedCode, PoolId};
use tessera_domain::ids::{CouponCode, ProgramId};
use tessera_domain::pack::unpack;

use super::SHARDS;
use super::load::NewCode;
use crate::calls::Range;
use crate::items::{Item, Reader, moment, name, number, text};
use crate::keys::{self, Key, POOL_CODES};
use crate::writes::{Transacted, Write};
use crate::{Store, StoreError, TargetId};

const READ: &str = "reading codes of a shop";
const CLOSE: &str = "deleting a shop's pools of codes";
const SPEND: &str = "taking a code that an order has used out of its pool";
const DEAD: &str = "taking codes that are dead in their shop out of a pool";
const DELETE: &str = "noting that a shop deleted codes";
/// The codes of one transaction: a write for each, and one for the counter.
const CHUNK: usize = 50;
/// The codes of a transaction that takes them out of their pool: two writes for each, and one for the counter.
const DEAD_CHUNK: usize = 49;

/// The place of a code in the shop that created it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopCode {
    /// The connection to the shop.
    #[serde(rename = "c")]
    pub connection: TargetId,
    /// Which shop that was: the connection may lead to another one by now. Absent in codes of earlier releases.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<String>,
    /// The shop's id of the discount; empty where a code is a discount of its own.
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    pub discount: String,
    /// The shop's id of the code.
    #[serde(rename = "i")]
    pub id: String,
}

/// A code that a shop created, as its guard knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponShopCode {
    /// The code.
    pub code: FoldedCode,
    /// Its place in the shop.
    pub shop: ShopCode,
    /// The name of the pool in which it is still free.
    pub free_in: Option<String>,
    /// When the shop had deleted it.
    pub deleted_at: Option<Timestamp>,
}

/// A code that waits to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyCode {
    /// The code.
    pub code: CouponCode,
    /// Its place in the shop.
    pub shop: ShopCode,
    /// Its place in the pool.
    place: Key,
}

impl Store {
    /// Loads codes that a shop created into the pool of their discount; returns how many are new. A fault leaves some of them
    /// loaded, each completely; loading them again adds the rest.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn load_shop_codes(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        codes: &[(CouponCode, ShopCode)],
    ) -> Result<usize, StoreError> {
        let new: Vec<NewCode<'_>> = codes.iter().map(|(code, shop)| NewCode { code, shop: Some(shop) }).collect();
        let (added, _) = self.load_all(program, pool, &new, &|| false).await?;
        self.note_refilled(program, &pool.reward).await?;
        Ok(added)
    }

    /// Those of some codes that a shop created, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn shop_codes(
        &self,
        program: &ProgramId,
        codes: impl IntoIterator<Item = FoldedCode>,
    ) -> Result<Vec<CouponShopCode>, StoreError> {
        let mut codes: Vec<FoldedCode> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        let places: Vec<(Key, FoldedCode)> =
            codes.into_iter().map(|code| (keys::coupon_guard(program, &code), code)).collect();
        let guards: Vec<Key> = places.iter().map(|(guard, _)| guard.clone()).collect();
        let mut found = Vec::new();
        for guard in self.get_many(READ, &self.tables.members, &guards, true).await? {
            let reader = Reader::new(READ, &guard);
            let pk = reader.text(name::PK)?;
            let code = places.iter().find(|(place, _)| place.pk == pk).map(|(_, code)| code.clone());
            let Some(code) = code.filter(|_| reader.has(name::SHOP_CODE)) else { continue };
            let shop = unpack(reader.bytes(name::SHOP_CODE)?).map_err(StoreError::packed(READ))?;
            let deleted_at = reader.has(name::SHOP_DELETED).then(|| reader.moment(name::SHOP_DELETED)).transpose()?;
            let free_in = reader.has(name::POOL).then(|| reader.text(name::POOL)).transpose()?.map(str::to_owned);
            found.push(CouponShopCode { code, shop, free_in, deleted_at });
        }
        Ok(found)
    }

    /// Notes that a shop has deleted codes of one pool, and counts each once.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_shop_deleted(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
        codes: &[FoldedCode],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for chunk in codes.chunks(CHUNK) {
            if self.note_deleted(program, connection, pool, chunk, now).await? {
                continue;
            }
            // Some were noted before.
            for code in chunk {
                self.note_deleted(program, connection, pool, std::slice::from_ref(code), now).await?;
            }
        }
        Ok(())
    }

    /// Deletes the pools of a connection whose shop has left: the codes that are ready, and what the shop was asked for. Coupons
    /// stay. Repeating it completes it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delete_shop_pools(&self, program: &ProgramId, connection: &TargetId) -> Result<(), StoreError> {
        for stored in self.shop_pools(program, connection).await? {
            self.delete_shop_pool(program, connection, &stored.pool.pool).await?;
        }
        Ok(())
    }

    /// As [`Store::delete_shop_pools`], for one pool.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delete_shop_pool(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
    ) -> Result<(), StoreError> {
        for shard in 0..SHARDS {
            let range = Range::all(keys::pool(program, pool, shard), "");
            for place in self.range(READ, &self.tables.members, range).await? {
                self.delete_place(program, pool, &place).await?;
            }
        }
        self.delete_shop_batches(program, connection, pool).await?;
        let record = Write::delete(&self.tables.programs, &keys::shop_pool(program, connection.as_str(), pool));
        self.write(CLOSE, &record).await.map(drop)
    }

    /// Takes codes that are ready out of a pool, at most `most`: nobody draws them any more. Returns them, none when there are no
    /// more. Codes that are drawn at this moment are left to the next call.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn withdraw_shop_codes(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        most: u32,
    ) -> Result<Vec<(CouponCode, ShopCode)>, StoreError> {
        let mut withdrawn = Vec::new();
        for shard in 0..SHARDS {
            let missing = most.saturating_sub(u32::try_from(withdrawn.len()).unwrap_or(u32::MAX));
            if missing == 0 {
                break;
            }
            let range = Range { limit: Some(missing), ..Range::all(keys::pool(program, pool, shard), POOL_CODES) };
            let (places, _) = self.page(READ, &self.tables.members, &range).await?;
            let codes = places.iter().map(|place| Reader::new(READ, place).parsed(name::CODE));
            let codes: Vec<CouponCode> = codes.collect::<Result<_, _>>()?;
            let known = self.shop_codes(program, codes.iter().map(FoldedCode::from)).await?;
            for (place, code) in places.iter().zip(codes) {
                let shop = known.iter().find(|known| known.code == FoldedCode::from(&code));
                let is_taken = self.delete_place(program, pool, place).await?;
                withdrawn.extend(shop.filter(|_| is_taken).map(|known| (code, known.shop.clone())));
            }
        }
        Ok(withdrawn)
    }

    /// The codes that wait to be drawn. Reads all of them.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn ready_shop_codes(&self, program: &ProgramId, pool: &PoolId) -> Result<Vec<ReadyCode>, StoreError> {
        let mut ready = Vec::new();
        for shard in 0..SHARDS {
            let range = Range::all(keys::pool(program, pool, shard), POOL_CODES);
            let places = self.range(READ, &self.tables.members, range).await?;
            let codes = places.iter().map(|place| Reader::new(READ, place).parsed(name::CODE));
            let codes: Vec<CouponCode> = codes.collect::<Result<_, _>>()?;
            let known = self.shop_codes(program, codes.iter().map(FoldedCode::from)).await?;
            for (place, code) in places.iter().zip(codes) {
                let Some(known) = known.iter().find(|known| known.code == FoldedCode::from(&code)) else { continue };
                ready.push(ReadyCode { code, shop: known.shop.clone(), place: key_of(place)? });
            }
        }
        Ok(ready)
    }

    /// Takes codes out of a pool that are dead in the shop although they were ready, and counts each once. One that is drawn at this
    /// moment stays its member's.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn take_dead_codes(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
        codes: &[ReadyCode],
    ) -> Result<(), StoreError> {
        for chunk in codes.chunks(DEAD_CHUNK) {
            if self.take_dead(program, connection, pool, chunk).await? {
                continue;
            }
            // One of them was drawn meanwhile.
            for code in chunk {
                self.take_dead(program, connection, pool, std::slice::from_ref(code)).await?;
            }
        }
        Ok(())
    }

    /// Takes dead codes, all or none; false when one of them is not ready any more.
    async fn take_dead(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
        codes: &[ReadyCode],
    ) -> Result<bool, StoreError> {
        let mut writes = Vec::with_capacity(2 * codes.len() + 1);
        for ReadyCode { code, place, .. } in codes {
            writes.extend(self.take_writes(program, &keys::pool_name(pool), &FoldedCode::from(code), place));
        }
        let counter = keys::shop_pool(program, connection.as_str(), pool);
        let count = Write::update(&self.tables.programs, &counter, "ADD nx :dead");
        writes.push(count.when("attribute_exists(pk)").value(":dead", number(codes.len())));
        Ok(self.transact_patiently(DEAD, writes).await? == Transacted::Done)
    }

    /// The two writes that take a ready code out of its pool, so that nobody has it: its place, and its guard.
    fn take_writes(&self, program: &ProgramId, pool: &str, code: &FoldedCode, place: &Key) -> [Write; 2] {
        let guard = Write::delete(&self.tables.members, &keys::coupon_guard(program, code));
        [
            Write::delete(&self.tables.members, place).when("attribute_exists(pk)"),
            guard.when("q = :pool").value(":pool", text(pool)),
        ]
    }

    /// Takes a ready code that an order has used out of its pool, and counts it there. Returns the pool; `None` when the code is not
    /// free, or is drawn at this moment. Reads every place of the pool: such orders are rare.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn take_spent_code(
        &self,
        program: &ProgramId,
        code: &CouponShopCode,
    ) -> Result<Option<PoolId>, StoreError> {
        let (CouponShopCode { code, shop, free_in: Some(free_in), .. }, members) = (code, &*self.tables.members) else {
            return Ok(None);
        };
        let pools = self.shop_pools(program, &shop.connection).await?;
        let pool = pools.into_iter().map(|stored| stored.pool.pool).find(|pool| keys::pool_name(pool) == *free_in);
        let Some(pool) = pool else { return Ok(None) };
        for shard in 0..SHARDS {
            let range = Range::all(keys::pool(program, &pool, shard), POOL_CODES);
            for place in self.range(READ, members, range).await? {
                let reader = Reader::new(READ, &place);
                if FoldedCode::from(&reader.parsed::<CouponCode>(name::CODE)?) != *code {
                    continue;
                }
                let record = keys::shop_pool(program, shop.connection.as_str(), &pool);
                let count = Write::update(&self.tables.programs, &record, "ADD ns :one").value(":one", number(1));
                let mut writes = vec![count.when("attribute_exists(pk)")];
                writes.extend(self.take_writes(program, free_in, code, &key_of(&place)?));
                let is_taken = self.transact_patiently(SPEND, writes).await? == Transacted::Done;
                return Ok(is_taken.then_some(pool));
            }
        }
        Ok(None)
    }

    /// Deletes a free code with its guard, or the count of a shard. False for a code that is drawn at this moment, which stays.
    async fn delete_place(&self, program: &ProgramId, pool: &PoolId, place: &Item) -> Result<bool, StoreError> {
        let (table, reader) = (&*self.tables.members, Reader::new(READ, place));
        let mut writes = vec![Write::delete(table, &key_of(place)?)];
        if reader.has(name::CODE) {
            let code: CouponCode = reader.parsed(name::CODE)?;
            let guard = Write::delete(table, &keys::coupon_guard(program, &FoldedCode::from(&code)));
            writes.push(guard.when("q = :pool").value(":pool", text(keys::pool_name(pool))));
        }
        Ok(self.transact_patiently(CLOSE, writes).await? == Transacted::Done)
    }

    /// Notes deleted codes, all or none; false when one of them was noted before.
    async fn note_deleted(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
        codes: &[FoldedCode],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut writes: Vec<Write> = codes
            .iter()
            .map(|code| {
                Write::update(&self.tables.members, &keys::coupon_guard(program, code), "SET vx = :now")
                    .when("attribute_exists(vc) AND attribute_not_exists(vx)")
                    .value(":now", moment(now))
            })
            .collect();
        let counter = keys::shop_pool(program, connection.as_str(), pool);
        let count = Write::update(&self.tables.programs, &counter, "ADD nx :deleted");
        writes.push(count.when("attribute_exists(pk)").value(":deleted", number(codes.len())));
        Ok(self.transact_patiently(DELETE, writes).await? == Transacted::Done)
    }
}

/// The key of an item.
fn key_of(item: &Item) -> Result<Key, StoreError> {
    let reader = Reader::new(READ, item);
    Ok(Key { pk: reader.text(name::PK)?.to_owned(), sk: reader.text(name::SK)?.to_owned() })
}
