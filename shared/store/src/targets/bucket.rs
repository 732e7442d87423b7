//! A target's token bucket: one number that all workers share.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use super::TargetId;
use crate::items::{Reader, item, moment, number};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a token bucket";
const MOVE: &str = "taking tokens";

/// When the bucket is full again.
const FULL_AT: &str = "t";
/// Raised with every write.
const VERSION: &str = "v";

impl Store {
    /// When a bucket is full again, and its version; `None` for a bucket that was never used.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn bucket(
        &self,
        program: &ProgramId,
        target: &TargetId,
        bucket: &str,
    ) -> Result<Option<(Timestamp, u64)>, StoreError> {
        let place = keys::bucket(program, target.as_str(), bucket);
        let found = self.get(READ, &self.tables.programs, &place, true).await?;
        let read = |item| {
            let reader = Reader::new(READ, item);
            Ok((reader.moment(FULL_AT)?, reader.number(VERSION)?))
        };
        found.as_ref().map(read).transpose()
    }

    /// Moves a bucket on, if it still has the version that was read; false when another worker moved it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_bucket(
        &self,
        program: &ProgramId,
        target: &TargetId,
        bucket: &str,
        full_at: Timestamp,
        version: Option<u64>,
    ) -> Result<bool, StoreError> {
        let place = keys::bucket(program, target.as_str(), bucket);
        let next = version.map_or(1, |version| version + 1);
        let put =
            Write::put(&self.tables.programs, item(&place, [(FULL_AT, moment(full_at)), (VERSION, number(next))]));
        let put = match version {
            None => put.when(ABSENT),
            Some(version) => put.when("v = :before").value(":before", number(version)),
        };
        Ok(self.write(MOVE, &put).await? == Written::Done)
    }
}
