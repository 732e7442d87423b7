//! Stores lapsed reservations as lapsed, and frees their units of stock.
//!
//! A reservation lapses by its time alone. A job, or the next redemption that finds the stock used up, writes it. One
//! transaction marks the coupon as lapsed and lowers the counter of a stock, so each unit is freed once, and a reservation
//! that is committed or cancelled at that moment keeps its unit. The points come back with an entry of their own, when the
//! account is settled (`DueKind::Release`).

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::ids::{ProgramId, RewardId};

use super::stock::returns;
use crate::coupons::StoredCoupon;
use crate::items::{Reader, name, number, text};
use crate::keys::Key;
use crate::writes::{Transacted, Write};
use crate::{Store, StoreError, keys, retry};

const READ: &str = "reading reservations that lapsed";
const FREE: &str = "freeing the stock of lapsed reservations";
/// Limit for the reservations that one transaction frees.
const BATCH: i32 = 25;

/// The attributes of a reservation: its keys in the index `due`, and the counter of the unit of stock that it holds, if any.
/// Other coupons have none.
pub(super) fn held(program: &ProgramId, coupon: &Coupon, shard: Option<u32>) -> Vec<(String, AttributeValue)> {
    let Some(until) = coupon.until.filter(|_| coupon.status == CouponStatus::Reserved) else { return Vec::new() };
    let index = [(name::DUE_IN, text(keys::held(program, &coupon.reward))), (name::DUE_ON, text(keys::time(until)))];
    let unit = shard.map(|shard| (name::SHARD, number(shard)));
    index.into_iter().chain(unit).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A lapsed reservation that is still stored as reserved.
struct Lapsed {
    stored: StoredCoupon,
    /// The counter of the unit of stock that it holds.
    shard: Option<u32>,
}

impl Store {
    /// Ends a reward's reservations that lapsed by `now`, and frees their units; returns how many. Costs half a read unit when
    /// there is none.
    ///
    /// # Errors
    /// When DynamoDB fails, or the counters stay contended.
    pub async fn free_lapsed(&self, program: &ProgramId, reward: &RewardId, now: Timestamp) -> Result<u32, StoreError> {
        let mut freed = 0;
        loop {
            let batch = self.free_lapsed_batch(program, reward, now).await?;
            if batch == 0 {
                return Ok(freed);
            }
            freed += batch;
        }
    }

    /// As [`Store::free_lapsed`], for one batch. Zero when none is left.
    ///
    /// # Errors
    /// As [`Store::free_lapsed`].
    pub async fn free_lapsed_batch(
        &self,
        program: &ProgramId,
        reward: &RewardId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut attempt = 0;
        loop {
            let lapsed = self.lapsed(program, reward, now).await?;
            let count = u32::try_from(lapsed.len()).unwrap_or(u32::MAX);
            if count == 0 || self.free(program, reward, lapsed).await? {
                return Ok(count);
            }
            attempt += 1;
            if attempt > retry::TRIES {
                return Err(StoreError::Contended { operation: FREE, tries: attempt });
            }
            retry::pause(attempt).await;
        }
    }

    /// A batch of reservations that lapsed and are still stored as reserved. The index is eventually consistent, so the
    /// coupons themselves are read.
    async fn lapsed(&self, program: &ProgramId, reward: &RewardId, now: Timestamp) -> Result<Vec<Lapsed>, StoreError> {
        let request = self
            .dynamodb
            .query()
            .table_name(&self.tables.members)
            .index_name("due")
            .key_condition_expression("dp = :held AND dd <= :now")
            .expression_attribute_values(":held", text(keys::held(program, reward)))
            .expression_attribute_values(":now", text(keys::time(now)))
            .limit(BATCH)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| StoreError::call(READ, error))?;
        let places = output.items.iter().flatten().map(|item| {
            let reader = Reader::new(READ, item);
            Ok(Key { pk: reader.text(name::PK)?.to_owned(), sk: reader.text(name::SK)?.to_owned() })
        });
        let places = places.collect::<Result<Vec<_>, StoreError>>()?;
        let mut lapsed = Vec::new();
        for item in self.get_many(READ, &self.tables.members, &places, true).await? {
            let stored = StoredCoupon::read(&item)?;
            let holds = stored.coupon.status == CouponStatus::Reserved;
            if holds && stored.coupon.status_at(now) == CouponStatus::Lapsed {
                let reader = Reader::new(READ, &item);
                let shard = reader.has(name::SHARD).then(|| reader.number(name::SHARD)).transpose()?;
                lapsed.push(Lapsed { stored, shard });
            }
        }
        Ok(lapsed)
    }

    /// Marks reservations as lapsed and lowers their counters, all or none. False when one of them has changed.
    async fn free(&self, program: &ProgramId, reward: &RewardId, lapsed: Vec<Lapsed>) -> Result<bool, StoreError> {
        let held: Vec<u32> = lapsed.iter().filter_map(|lapsed| lapsed.shard).collect();
        let (mut counters, mut writes) = (Vec::new(), Vec::new());
        if !held.is_empty() {
            counters = self.stock_counters(program, reward).await?;
            writes.push(self.has_units_write(program, reward, &counters, held.len()).await?);
        }
        for Lapsed { stored, .. } in lapsed {
            let after = Coupon { status: CouponStatus::Lapsed, ..stored.coupon };
            writes.push(self.coupon_write(FREE, program, stored.packed, &after)?);
        }
        for (shard, units) in returns(&counters, &held) {
            let counter = Write::update(&self.tables.members, &keys::stock(program, reward, shard), "ADD issued :back")
                .value(":units", number(units))
                .value(":back", number(-i64::from(units)));
            writes.push(match counters.get(shard as usize).and_then(|counter| counter.total) {
                None => counter.when("attribute_not_exists(st) AND issued >= :units"),
                Some(stock) => counter.when("st = :stock AND issued >= :units").value(":stock", number(stock)),
            });
        }
        Ok(self.transact(FREE, writes).await? == Transacted::Done)
    }
}
