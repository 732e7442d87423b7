//! The codes that a shop created, by batch, where each is a discount of its own: what is asked for a discount as a whole is asked
//! for each of them.

use tessera_domain::coupon::PoolId;
use tessera_domain::ids::{CouponCode, ProgramId};

use super::TargetId;
use crate::calls::Range;
use crate::items::{Reader, bytes, item, name, packed};
use crate::keys::{self, Key};
use crate::writes::Write;
use crate::{Store, StoreError};

const READ: &str = "reading batches of codes of a shop";
const WRITE: &str = "writing a batch of codes of a shop";
const DELETE: &str = "deleting batches of codes of a shop";

/// A batch of codes that a shop created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopBatch {
    /// Its place in the list of its pool.
    pub place: String,
    /// The shop's ids of the codes.
    pub ids: Vec<String>,
}

impl Store {
    /// Stores what a shop created of a batch. `first`: the first code that was asked for; `attempt`: how often the batch was sent.
    /// Repeating it changes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_shop_batch(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
        (first, attempt): (&CouponCode, u32),
        ids: &[&str],
    ) -> Result<(), StoreError> {
        let place = keys::shop_batch(program, connection.as_str(), pool, first.as_str(), attempt);
        let body = bytes(packed(WRITE, &ids)?);
        self.write(WRITE, &Write::put(&self.tables.programs, item(&place, [(name::BODY, body)]))).await.map(drop)
    }

    /// The batches of a pool after one of them, at most `limit`; none at the end.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn shop_batches(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ShopBatch>, StoreError> {
        let prefix = keys::shop_batches(pool);
        let partition = keys::of_target(program, connection.as_str());
        let range = Range { after, limit: Some(limit), ..Range::all(partition, &prefix) };
        let (found, _) = self.page(READ, &self.tables.programs, &range).await?;
        let batches = found.iter().map(|stored| {
            let reader = Reader::new(READ, stored);
            Ok(ShopBatch { place: reader.text(name::SK)?.to_owned(), ids: reader.body()? })
        });
        batches.collect()
    }

    /// Deletes the batches of a pool.
    pub(crate) async fn delete_shop_batches(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        pool: &PoolId,
    ) -> Result<(), StoreError> {
        let prefix = keys::shop_batches(pool);
        let range = Range::all(keys::of_target(program, connection.as_str()), &prefix);
        for stored in self.range(READ, &self.tables.programs, range).await? {
            let reader = Reader::new(READ, &stored);
            let place = Key { pk: reader.text(name::PK)?.to_owned(), sk: reader.text(name::SK)?.to_owned() };
            self.write(DELETE, &Write::delete(&self.tables.programs, &place)).await?;
        }
        Ok(())
    }
}
