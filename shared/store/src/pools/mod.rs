//! Pools: codes that were loaded ahead of need.
//!
//! A loaded code has two items. The guard of the code makes it unique in its program, and says that it belongs to a pool.
//! The code's place in the pool makes it findable: places are numbered within a shard, in the order of loading. Drawing a
//! code deletes its place, on condition that it is there, in the transaction that issues the coupon; the guard leads to the
//! coupon from then on. So the places of a shard are its free codes, and finding one is a Query of the shard's first places,
//! whatever the pool's size.
//!
//! A code that a shop created also knows its place in the shop ([`ShopCode`]), on its guard: it is deleted there by that. Its place
//! in the pool knows the shop: when the connection leads to another one, it is not drawn any more.
//!
//! Draws begin at a random shard and take a random one of its first places, so that no item is hot.

mod draw;
mod load;
mod shop;

pub use load::CodesAdded;
pub use shop::{CouponShopCode, ReadyCode, ShopCode};

pub(crate) use draw::{PoolCode, PoolCodes};

use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{CouponCode, ProgramId};

use crate::calls::Range;
use crate::items::{Reader, name};
use crate::keys::{self, Key, POOL_CODES};
use crate::{Store, StoreError};

const READ: &str = "reading a pool of codes";

/// Over how many partitions a pool is spread.
pub(crate) const SHARDS: u32 = 16;
/// The first places of a shard that a draw reads.
pub(crate) const WINDOW: u32 = 25;

/// The beginning of one shard of a pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shard {
    /// Its first codes.
    codes: Vec<PoolCode>,
    /// The codes that it was ever loaded with.
    loaded: u64,
    /// True when there may be more codes than these.
    has_more: bool,
}

impl Shard {
    /// The codes left. A long shard counts from its first place on; the few places that were drawn out of turn count too.
    pub(crate) fn left(&self) -> u64 {
        match self.codes.first() {
            Some(first) if self.has_more => self.loaded.saturating_sub(first.number),
            _ => self.codes.len() as u64,
        }
    }
}

impl Store {
    /// The first codes of a shard, strongly consistent. One Query: a read unit for the usual window.
    async fn read_shard(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        number: u32,
        limit: u32,
    ) -> Result<Shard, StoreError> {
        let partition = keys::pool(program, pool, number);
        // The count of loaded codes stands before the codes.
        let range = Range { limit: Some(limit.saturating_add(1)), ..Range::all(partition, "") };
        let (items, next) = self.page(READ, &self.tables.members, &range).await?;
        let mut shard = Shard { has_more: next.is_some(), ..Shard::default() };
        for item in &items {
            let reader = Reader::new(READ, item);
            let sort = reader.text(name::SK)?;
            if let Some(place) = sort.strip_prefix(POOL_CODES) {
                let number = place.parse().map_err(|_| StoreError::Item { operation: READ, attribute: name::SK })?;
                let code: CouponCode = reader.parsed(name::CODE)?;
                let place = Key { pk: reader.text(name::PK)?.to_owned(), sk: sort.to_owned() };
                let shop = reader.has(name::OF_SHOP).then(|| reader.text(name::OF_SHOP)).transpose()?;
                shard.codes.push(PoolCode { code, number, place, shop: shop.map(str::to_owned) });
            } else {
                shard.loaded = reader.number(name::VERSION)?;
            }
        }
        Ok(shard)
    }

    /// The beginnings of all shards but one, read at once.
    pub(crate) async fn read_shards(
        &self,
        program: &ProgramId,
        pool: &PoolId,
        but: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Shard>, StoreError> {
        let numbers = (0..SHARDS).filter(|number| Some(*number) != but);
        let reads = numbers.map(|number| self.read_shard(program, pool, number, limit));
        futures::future::try_join_all(reads).await
    }

    /// True when a pool has no code left.
    pub(crate) async fn is_pool_empty(&self, program: &ProgramId, pool: &PoolId) -> Result<bool, StoreError> {
        let shards = self.read_shards(program, pool, None, 1).await?;
        Ok(shards.iter().all(|shard| shard.codes.is_empty()))
    }

    /// The number of codes left in a pool, exactly. Reads every place: half a read unit for about fifty codes.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn codes_left(&self, program: &ProgramId, pool: &PoolId) -> Result<u64, StoreError> {
        let counts = (0..SHARDS).map(|number| {
            let partition = keys::pool(program, pool, number);
            self.count_items(READ, &self.tables.members, partition, POOL_CODES)
        });
        Ok(futures::future::try_join_all(counts).await?.into_iter().sum())
    }
}
