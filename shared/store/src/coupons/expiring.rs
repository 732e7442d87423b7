//! The index of usable coupons by the moment at which they expire, for warnings, and to store them as expired.
//!
//! Its keys follow from the coupon alone, so that every write of a coupon sets them or leaves them out.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::ids::ProgramId;

use super::StoredCoupon;
use crate::items::{Reader, name, text};
use crate::keys::Key;
use crate::writes::Written;
use crate::{IndexCursor, Store, StoreError, keys};

const READ: &str = "reading coupons that expire";
const EXPIRE: &str = "storing a coupon as expired";
/// The coupons of a page.
const PAGE: i32 = 100;

/// A page of coupons by the moment at which they expire.
#[derive(Debug, Clone)]
pub struct ExpiringCoupons {
    /// Those that are stored as usable.
    pub coupons: Vec<StoredCoupon>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<IndexCursor>,
}

/// The attributes of a usable coupon for the index `due`; none for others, and for those without an end.
pub(crate) fn expiring(program: &ProgramId, coupon: &Coupon) -> Vec<(String, AttributeValue)> {
    let is_usable = matches!(coupon.status, CouponStatus::Available | CouponStatus::Applied);
    let Some(end) = coupon.expires_at.filter(|_| is_usable) else { return Vec::new() };
    let shard = keys::due_shard(&coupon.member);
    [(name::DUE_IN, text(keys::expiring(program, shard))), (name::DUE_ON, text(keys::time(end)))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// True for a coupon that is stored as usable, and is not being cancelled.
const fn is_usable(coupon: &Coupon) -> bool {
    matches!(coupon.status, CouponStatus::Available | CouponStatus::Applied) && coupon.cancelling.is_none()
}

impl Store {
    /// A page of the coupons of a shard that expire at a moment and can still be used. `shard` is below
    /// [`crate::DUE_SHARDS`], `cursor` the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn coupons_expiring(
        &self,
        program: &ProgramId,
        end: Timestamp,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<ExpiringCoupons, StoreError> {
        let (coupons, next) = self.coupons_ending(program, end, end, shard, cursor).await?;
        let usable =
            coupons.into_iter().filter(|stored| is_usable(&stored.coupon) && stored.coupon.expires_at == Some(end));
        Ok(ExpiringCoupons { coupons: usable.collect(), next })
    }

    /// A page of the coupons of a shard that expired by a moment and are still stored as usable; as
    /// [`Store::coupons_expiring`]. One whose cancellation waits for the shop is left to it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn coupons_ended(
        &self,
        program: &ProgramId,
        until: Timestamp,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<ExpiringCoupons, StoreError> {
        let (coupons, next) = self.coupons_ending(program, Timestamp::UNIX_EPOCH, until, shard, cursor).await?;
        let ended = coupons.into_iter().filter(|StoredCoupon { coupon, .. }| {
            is_usable(coupon) && coupon.expires_at.is_some_and(|end| end <= until)
        });
        Ok(ExpiringCoupons { coupons: ended.collect(), next })
    }

    /// Stores a coupon as expired, which takes it out of the index: one conditional write. False when it has changed since it
    /// was read.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn expire_coupon(&self, program: &ProgramId, ended: &StoredCoupon) -> Result<bool, StoreError> {
        let after = Coupon { status: CouponStatus::Expired, until: None, ..ended.coupon.clone() };
        let write = self.coupon_write(EXPIRE, program, ended.packed.clone(), &after)?;
        Ok(self.write(EXPIRE, &write).await? == Written::Done)
    }

    /// A page of the coupons of a shard that end between two moments and were usable when they were stored last.
    async fn coupons_ending(
        &self,
        program: &ProgramId,
        from: Timestamp,
        to: Timestamp,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<(Vec<StoredCoupon>, Option<IndexCursor>), StoreError> {
        let request = self
            .dynamodb
            .query()
            .table_name(&self.tables.members)
            .index_name("due")
            .key_condition_expression("dp = :shard AND dd BETWEEN :from AND :to")
            .expression_attribute_values(":shard", text(keys::expiring(program, shard)))
            .expression_attribute_values(":from", text(keys::time(from)))
            .expression_attribute_values(":to", text(keys::time(to)))
            .limit(PAGE)
            .set_exclusive_start_key(cursor.map(|cursor| cursor.0))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| StoreError::call(READ, error))?;
        let places = output.items.iter().flatten().map(|item| {
            let reader = Reader::new(READ, item);
            Ok(Key { pk: reader.text(name::PK)?.to_owned(), sk: reader.text(name::SK)?.to_owned() })
        });
        let places = places.collect::<Result<Vec<_>, StoreError>>()?;
        // The index lags behind, so the coupons themselves are read.
        let found = self.get_many(READ, &self.tables.members, &places, true).await?;
        let coupons = found.iter().map(StoredCoupon::read);
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(IndexCursor);
        Ok((coupons.collect::<Result<_, _>>()?, next))
    }
}
