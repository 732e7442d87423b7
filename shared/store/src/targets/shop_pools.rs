//! Pools of codes that a shop creates: what the shop was asked for, and what came of it.
//!
//! What is sent to a shop is written here before: a request whose response is lost is repeated as it was.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::coupon::{Discount, PoolId};
use tessera_domain::ids::{CouponCode, ProgramId};

use super::TargetId;
use crate::calls::Range;
use crate::items::{Item, Reader, bytes, item, name, number, packed};
use crate::keys::{self, SHOP_POOLS};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError};

const READ: &str = "reading a shop's pools of codes";
const WRITE: &str = "writing a shop's pool of codes";
/// The counter of codes that are dead in the shop, beside the body: others raise it.
const DELETED: &str = "nx";
/// The counter of ready codes that orders have used, beside the body as well.
const SPENT: &str = "ns";

/// The codes that a shop creates for one discount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopPool {
    /// The pool.
    #[serde(rename = "p")]
    pub pool: PoolId,
    /// The discount.
    #[serde(rename = "d")]
    pub discount: Discount,
    /// Which shop creates them: a connection may lead to another one by now. Absent in pools of earlier releases.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<String>,
    /// What the shop shows as its title.
    #[serde(rename = "n")]
    pub title: String,
    /// When it was first needed.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// The code that the shop's discount is created with; it is never handed out.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub first_code: Option<CouponCode>,
    /// The shop's id of the discount, once it is created.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub discount_id: Option<String>,
    /// True once no code of the discount works any more, because the reward was withdrawn.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_withdrawn: bool,
    /// Set while the shop makes the codes of the discount work, or not: some of them may, and others not.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<CodeSwitch>,
    /// The codes that the shop is asked to create now.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<CodeBatch>,
    /// True from the low-water mark until the pool is full.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_filling: bool,
    /// The codes that the shop did not create.
    #[serde(rename = "x", default, skip_serializing_if = "count_zero")]
    pub failed: u64,
    /// What the shop said last, when something failed.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often the present request has failed in a row.
    #[serde(rename = "a", default, skip_serializing_if = "attempts_zero")]
    pub attempts: u32,
    /// When it is tried again.
    #[serde(
        rename = "r",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub due: Option<Timestamp>,
    /// When the ready codes were last compared with what the shop has.
    #[serde(
        rename = "k",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub checked_at: Option<Timestamp>,
    /// True when the shop refused what it was asked for: a person has to act.
    #[serde(rename = "s", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_stopped: bool,
}

impl ShopPool {
    /// True when another shop than this one created its codes.
    pub fn is_of_another(&self, shop: &str) -> bool {
        self.shop.as_deref().is_some_and(|own| own != shop)
    }

    /// True while a code of the discount may work in the shop.
    pub const fn may_work(&self) -> bool {
        (self.discount_id.is_some() || self.first_code.is_some()) && (!self.is_withdrawn || self.switch.is_some())
    }
}

/// How far a shop has made the codes of a discount work, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSwitch {
    /// Whether the codes are to work.
    #[serde(rename = "o")]
    pub is_active: bool,
    /// The last batch that is done, where each code is a discount of its own.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Codes that a shop is asked to create in one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeBatch {
    /// The codes.
    #[serde(rename = "c")]
    pub codes: Vec<CouponCode>,
    /// How often they were sent: what is sent again may be there already.
    #[serde(rename = "n")]
    pub sent: u32,
    /// The shop's id of the job that creates them.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn count_zero(count: &u64) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn attempts_zero(count: &u32) -> bool {
    *count == 0
}

/// A pool as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredShopPool {
    /// The pool.
    pub pool: ShopPool,
    /// Raised with every write; 0 for a pool that is not stored yet.
    pub version: u64,
    /// The codes that are dead in the shop: their coupons expired or were cancelled, or somebody deleted them there while they were
    /// ready.
    pub deleted: u64,
    /// The ready codes that orders have used before anybody had them.
    pub spent: u64,
}

impl StoredShopPool {
    fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        let count = |name| if reader.has(name) { reader.number(name) } else { Ok(0) };
        let (deleted, spent) = (count(DELETED)?, count(SPENT)?);
        Ok(Self { pool: reader.body()?, version: reader.number(name::VERSION)?, deleted, spent })
    }
}

impl Store {
    /// A pool of codes that a shop creates, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn shop_pool(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
    ) -> Result<Option<StoredShopPool>, StoreError> {
        let place = keys::shop_pool(program, connection.as_str(), pool);
        let found = self.get(READ, &self.tables.programs, &place, true).await?;
        found.as_ref().map(StoredShopPool::read).transpose()
    }

    /// All pools of codes that a shop creates.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn shop_pools(
        &self,
        program: &ProgramId,
        connection: &TargetId,
    ) -> Result<Vec<StoredShopPool>, StoreError> {
        let range = Range::all(keys::of_target(program, connection.as_str()), SHOP_POOLS);
        let found = self.range(READ, &self.tables.programs, range).await?;
        found.iter().map(StoredShopPool::read).collect()
    }

    /// Stores a pool, if it is still the one that was read; false, and `stored` as it was, when it is not. Raises its version.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_shop_pool(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        stored: &mut StoredShopPool,
    ) -> Result<bool, StoreError> {
        let place = keys::shop_pool(program, connection.as_str(), &stored.pool.pool);
        let (table, next) = (&*self.tables.programs, stored.version + 1);
        let body = bytes(packed(WRITE, &stored.pool)?);
        let write = match stored.version {
            0 => Write::put(table, item(&place, [(name::BODY, body), (name::VERSION, number(next))])).when(ABSENT),
            // An update leaves the counter as it is.
            before => Write::update(table, &place, "SET b = :b, v = :v")
                .when("v = :before")
                .value(":b", body)
                .value(":v", number(next))
                .value(":before", number(before)),
        };
        let is_written = self.write(WRITE, &write).await? == Written::Done;
        stored.version += u64::from(is_written);
        Ok(is_written)
    }
}
