//! The index of usable coupons by the moment at which they expire, for warnings.
//!
//! Its keys follow from the coupon alone, so that every write of a coupon sets them or leaves them out.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::ids::ProgramId;

use super::StoredCoupon;
use crate::items::{Reader, name, text};
use crate::keys::Key;
use crate::{IndexCursor, Store, StoreError, keys};

const READ: &str = "reading coupons that expire";
/// The coupons of a page.
const PAGE: i32 = 100;

/// A page of coupons that expire at a moment.
#[derive(Debug, Clone)]
pub struct ExpiringCoupons {
    /// Those that can still be used.
    pub coupons: Vec<Coupon>,
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
        let usable = coupons.into_iter().filter(|coupon| {
            matches!(coupon.status, CouponStatus::Available | CouponStatus::Applied)
                && coupon.cancelling.is_none()
                && coupon.expires_at == Some(end)
        });
        Ok(ExpiringCoupons { coupons: usable.collect(), next })
    }

    /// A page of the coupons of a shard that expired between two moments, both included, with codes that a shop created; as
    /// [`Store::coupons_expiring`].
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn shop_coupons_expired(
        &self,
        program: &ProgramId,
        from: Timestamp,
        to: Timestamp,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<ExpiringCoupons, StoreError> {
        let (mut coupons, next) = self.coupons_ending(program, from, to, shard, cursor).await?;
        coupons.retain(|coupon| coupon.provider.is_some());
        Ok(ExpiringCoupons { coupons, next })
    }

    /// A page of the coupons of a shard that end between two moments and were usable when they were stored last.
    async fn coupons_ending(
        &self,
        program: &ProgramId,
        from: Timestamp,
        to: Timestamp,
        shard: u32,
        cursor: Option<IndexCursor>,
    ) -> Result<(Vec<Coupon>, Option<IndexCursor>), StoreError> {
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
        let coupons = found.iter().map(|item| StoredCoupon::read(item).map(|stored| stored.coupon));
        let next = output.last_evaluated_key.filter(|key| !key.is_empty()).map(IndexCursor);
        Ok((coupons.collect::<Result<_, _>>()?, next))
    }
}
