//! Frees the stock units of lapsed reservations.
//!
//! A reservation lapses by its time alone. Its unit is freed by the next redemption that finds the stock used up, or by a
//! job. One transaction marks the coupon as lapsed and lowers the counter, so each unit is freed once, and a reservation
//! that is committed or cancelled at that moment keeps its unit. What was issued beyond a lowered stock is freed first.

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

/// The attributes of a reservation that holds a unit of stock: its keys in the index `due`, and the counter of the unit.
/// Other coupons have none.
pub(super) fn held(program: &ProgramId, coupon: &Coupon, shard: u32) -> Vec<(String, AttributeValue)> {
    match coupon.until.filter(|_| coupon.status == CouponStatus::Reserved) {
        None => Vec::new(),
        Some(until) => [
            (name::DUE_IN, text(keys::held(program, &coupon.reward))),
            (name::DUE_ON, text(keys::time(until))),
            (name::SHARD, number(shard)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
    }
}

/// A lapsed reservation that still holds a unit.
struct Lapsed {
    stored: StoredCoupon,
    shard: u32,
}

impl Store {
    /// Frees the units of a reward's reservations that lapsed by `now`; returns how many. Costs half a read unit when there
    /// is none.
    ///
    /// # Errors
    /// When DynamoDB fails, or the counters stay contended.
    pub async fn free_lapsed(&self, program: &ProgramId, reward: &RewardId, now: Timestamp) -> Result<u32, StoreError> {
        let mut freed = 0;
        let mut attempt = 0;
        loop {
            let lapsed = self.lapsed(program, reward, now).await?;
            if lapsed.is_empty() {
                return Ok(freed);
            }
            let count = u32::try_from(lapsed.len()).unwrap_or(u32::MAX);
            if self.free(program, reward, lapsed).await? {
                freed += count;
                continue;
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
                lapsed.push(Lapsed { stored, shard: Reader::new(READ, &item).number(name::SHARD)? });
            }
        }
        Ok(lapsed)
    }

    /// Marks reservations as lapsed and lowers their counters, all or none. False when one of them has changed.
    async fn free(&self, program: &ProgramId, reward: &RewardId, lapsed: Vec<Lapsed>) -> Result<bool, StoreError> {
        let counters = self.stock_counters(program, reward).await?;
        let held: Vec<u32> = lapsed.iter().map(|lapsed| lapsed.shard).collect();
        let mut writes = vec![self.has_units_write(program, reward).await?];
        for Lapsed { stored, .. } in lapsed {
            let after = Coupon { status: CouponStatus::Lapsed, ..stored.coupon };
            writes.push(self.coupon_write(FREE, program, stored.packed, &after)?);
        }
        for (shard, units) in returns(&counters, &held) {
            let counter = Write::update(&self.tables.members, &keys::stock(program, reward, shard), "ADD issued :back")
                .value(":units", number(units))
                .value(":back", number(-i64::from(units)));
            writes.push(match counters.get(shard as usize).and_then(|counter| counter.stock) {
                None => counter.when("attribute_not_exists(st) AND issued >= :units"),
                Some(stock) => counter.when("st = :stock AND issued >= :units").value(":stock", number(stock)),
            });
        }
        Ok(self.transact(FREE, writes).await? == Transacted::Done)
    }
}
