//! Counters of one minute: requests taken from a budget, and misses of look-ups.
//!
//! Every counter has an item for each minute. DynamoDB deletes it some time after that minute; nothing depends on when.

use std::fmt;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure};
use tessera_domain::ids::ProgramId;

use crate::items::{self, Item, Reader, name, number};
use crate::keys::{self, Key};
use crate::{Store, StoreError, hashes};

const TAKE: &str = "taking requests from a budget";
const MISS: &str = "counting a miss";

/// The number of requests taken, or of misses.
const COUNT: &str = "n";
/// How long after its minute an item may go, in seconds. Clocks of instances differ by less.
const KEPT_SECONDS: i64 = 10 * 60;
/// How often a take is tried again with what another instance left.
const TRIES: u32 = 4;

/// A minute, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(i64);

impl Minute {
    /// The minute in which a moment lies.
    pub fn of(at: jiff::Timestamp) -> Self {
        Self(at.as_second().div_euclid(60))
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Seconds from a moment of this minute to its end, at least 1.
    pub fn seconds_left(self, at: jiff::Timestamp) -> u32 {
        let left = self.end_second().saturating_sub(at.as_second());
        u32::try_from(left.clamp(1, 60)).unwrap_or(60)
    }

    const fn end_second(self) -> i64 {
        self.0.saturating_add(1).saturating_mul(60)
    }
}

/// Identifies a counter. It holds a hash of what is counted: no address or name is stored.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RateCounter {
    program: Option<ProgramId>,
    hash: String,
}

impl RateCounter {
    /// The counter of these parts; `program` is `None` where the program is not known yet.
    pub fn new(program: Option<&ProgramId>, parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self { program: program.cloned(), hash: hashes::sha256_hex(&bytes) }
    }

    fn key(&self, minute: Minute) -> Key {
        keys::limit(self.program.as_ref(), &self.hash, minute.0)
    }
}

impl fmt::Debug for RateCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateCounter").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Store {
    /// Takes up to `wanted` requests from a budget of `budget` per minute and returns how many it got; 0 = spent.
    ///
    /// All instances together never get more than the budget. One write; a second one takes a remainder.
    ///
    /// # Errors
    /// When DynamoDB fails. Some requests may then be taken and lost.
    pub async fn take_requests(
        &self,
        counter: &RateCounter,
        minute: Minute,
        budget: u32,
        wanted: u32,
    ) -> Result<u32, StoreError> {
        let mut wanted = wanted.min(budget);
        for _ in 0..TRIES {
            if wanted == 0 {
                return Ok(0);
            }
            let request = self
                .count(counter, minute, wanted)
                .condition_expression("attribute_not_exists(n) OR n <= :most")
                .expression_attribute_values(":most", number(budget.saturating_sub(wanted)))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let taken = match request.send().await {
                Ok(_) => return Ok(wanted),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(failed)) => read(TAKE, failed.item.as_ref())?,
                    _ => return Err(StoreError::call(TAKE, error)),
                },
            };
            wanted = wanted.min(budget.saturating_sub(taken));
        }
        Ok(0)
    }

    /// Counts a miss and returns how many there are now in this minute.
    ///
    /// # Errors
    /// When DynamoDB fails. The miss may be counted all the same.
    pub async fn count_miss(&self, counter: &RateCounter, minute: Minute) -> Result<u32, StoreError> {
        let request = self.count(counter, minute, 1).return_values(ReturnValue::UpdatedNew);
        let output = request.send().await.map_err(|error| StoreError::call(MISS, error))?;
        read(MISS, output.attributes.as_ref())
    }

    fn count(&self, counter: &RateCounter, minute: Minute, by: u32) -> UpdateItemFluentBuilder {
        let expires = minute.end_second().saturating_add(KEPT_SECONDS);
        self.dynamodb
            .update_item()
            .table_name(&self.tables.programs)
            .set_key(Some(items::key(&counter.key(minute))))
            .update_expression("ADD n :by SET #ttl = :expires")
            // A reserved word.
            .expression_attribute_names("#ttl", name::TTL)
            .expression_attribute_values(":by", number(by))
            .expression_attribute_values(":expires", number(expires))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

fn read(operation: &'static str, item: Option<&Item>) -> Result<u32, StoreError> {
    let absent = StoreError::Item { operation, attribute: COUNT };
    Reader::new(operation, item.ok_or(absent)?).number(COUNT)
}
