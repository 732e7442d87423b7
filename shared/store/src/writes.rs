//! Conditional writes, alone or several in one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use crate::calls::construction;
use crate::items::{self, Item};
use crate::keys::Key;
use crate::{Store, StoreError, retry};

/// The condition that there is no such item yet.
pub(crate) const ABSENT: &str = "attribute_not_exists(pk)";

/// DynamoDB's bound of writes in one transaction.
pub(crate) const MAX_WRITES: usize = 100;

/// A write of one item, on a condition.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    table: String,
    action: Action,
    condition: Option<&'static str>,
    values: Option<Item>,
    names: Option<HashMap<String, String>>,
}

#[derive(Debug, Clone)]
enum Action {
    Put(Item),
    Update(Item, &'static str),
    Delete(Item),
}

/// How a write of one item ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    /// It is written.
    Done,
    /// The condition did not hold for the item that is there (`None`: there is none).
    Refused(Option<Item>),
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Transacted {
    /// All of it is written.
    Done,
    /// Nothing is written: what stood in the way, at the place of each write.
    Cancelled(Vec<Obstacle>),
}

/// What stood in the way of one write of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Obstacle {
    /// Nothing.
    None,
    /// Its condition did not hold for the item that is there (`None`: there is none).
    Condition(Option<Item>),
    /// Someone else is writing the item, or the table is throttled.
    Passing,
}

impl Write {
    const fn new(table: String, action: Action) -> Self {
        Self { table, action, condition: None, values: None, names: None }
    }

    /// Puts an item.
    pub fn put(table: &str, item: Item) -> Self {
        Self::new(table.to_owned(), Action::Put(item))
    }

    /// Changes attributes of an item.
    pub fn update(table: &str, key: &Key, expression: &'static str) -> Self {
        Self::new(table.to_owned(), Action::Update(items::key(key), expression))
    }

    /// Deletes an item.
    pub fn delete(table: &str, key: &Key) -> Self {
        Self::new(table.to_owned(), Action::Delete(items::key(key)))
    }

    /// Only when this holds.
    pub const fn when(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    /// A value that the expressions name.
    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// When DynamoDB may delete the item, in seconds: `:ttl`, for the attribute `#ttl`, whose name is a reserved word.
    pub fn expires(self, second: i64) -> Self {
        self.named("#ttl", items::name::TTL).value(":ttl", items::number(second))
    }

    /// An attribute that the expressions name.
    pub fn named(mut self, name: &str, attribute: &str) -> Self {
        self.names.get_or_insert_default().insert(name.to_owned(), attribute.to_owned());
        self
    }

    fn in_transaction(self, operation: &'static str) -> Result<TransactWriteItem, StoreError> {
        let old = Some(ReturnValuesOnConditionCheckFailure::AllOld);
        let condition = self.condition.map(str::to_owned);
        let write = TransactWriteItem::builder();
        let write = match self.action {
            Action::Put(item) => write.put(
                Put::builder()
                    .table_name(self.table)
                    .set_item(Some(item))
                    .set_condition_expression(condition)
                    .set_expression_attribute_values(self.values)
                    .set_expression_attribute_names(self.names)
                    .set_return_values_on_condition_check_failure(old)
                    .build()
                    .map_err(construction(operation))?,
            ),
            Action::Update(key, expression) => write.update(
                Update::builder()
                    .table_name(self.table)
                    .set_key(Some(key))
                    .update_expression(expression)
                    .set_condition_expression(condition)
                    .set_expression_attribute_values(self.values)
                    .set_expression_attribute_names(self.names)
                    .set_return_values_on_condition_check_failure(old)
                    .build()
                    .map_err(construction(operation))?,
            ),
            Action::Delete(key) => write.delete(
                Delete::builder()
                    .table_name(self.table)
                    .set_key(Some(key))
                    .set_condition_expression(condition)
                    .set_expression_attribute_values(self.values)
                    .set_expression_attribute_names(self.names)
                    .set_return_values_on_condition_check_failure(old)
                    .build()
                    .map_err(construction(operation))?,
            ),
        };
        Ok(write.build())
    }
}

/// How one attempt at a write ended.
enum Attempt {
    Ended(Written),
    /// A transaction is writing the item just now; the SDK does not try such again.
    InTheWay,
}

/// Sends a request for one item and tells a condition that did not hold from a failure.
macro_rules! attempt {
    ($operation:expr, $error:ident, $request:expr, $write:expr) => {{
        let request = $request
            .set_condition_expression($write.condition.map(str::to_owned))
            .set_expression_attribute_values($write.values.clone())
            .set_expression_attribute_names($write.names.clone())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(_) => Ok(Attempt::Ended(Written::Done)),
            Err(error) => match error.as_service_error() {
                Some($error::ConditionalCheckFailedException(failed)) => {
                    Ok(Attempt::Ended(Written::Refused(failed.item.clone())))
                }
                Some($error::TransactionConflictException(_)) => Ok(Attempt::InTheWay),
                _ => Err(StoreError::call($operation, error)),
            },
        }
    }};
}

impl Store {
    /// Writes one item; again when a transaction is in the way.
    pub(crate) async fn write(&self, operation: &'static str, write: &Write) -> Result<Written, StoreError> {
        for tries in 1..=retry::TRIES {
            match self.attempt(operation, write).await? {
                Attempt::Ended(written) => return Ok(written),
                Attempt::InTheWay => retry::pause(tries).await,
            }
        }
        Err(StoreError::Contended { operation, tries: retry::TRIES })
    }

    async fn attempt(&self, operation: &'static str, write: &Write) -> Result<Attempt, StoreError> {
        let table = &*write.table;
        match &write.action {
            Action::Put(item) => {
                let request = self.dynamodb.put_item().table_name(table).set_item(Some(item.clone()));
                attempt!(operation, PutItemError, request, write)
            }
            Action::Update(key, expression) => {
                let request = self.dynamodb.update_item().table_name(table).set_key(Some(key.clone()));
                attempt!(operation, UpdateItemError, request.update_expression(*expression), write)
            }
            Action::Delete(key) => {
                let request = self.dynamodb.delete_item().table_name(table).set_key(Some(key.clone()));
                attempt!(operation, DeleteItemError, request, write)
            }
        }
    }

    /// Writes several items, all or none. Once: what stands in the way is for the caller to judge.
    pub(crate) async fn transact(&self, operation: &'static str, writes: Vec<Write>) -> Result<Transacted, StoreError> {
        let count = writes.len();
        if count > MAX_WRITES {
            return Err(StoreError::TooLarge { operation, what: format!("a transaction of {count} writes") });
        }
        let items = writes.into_iter().map(|write| write.in_transaction(operation));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let request = self.dynamodb.transact_write_items().set_transact_items(Some(items));
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(_) => Ok(Transacted::Done),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    obstacles(cancelled.cancellation_reasons(), count)
                        .map(Transacted::Cancelled)
                        .ok_or_else(|| StoreError::call(operation, error))
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                    Ok(Transacted::Cancelled(vec![Obstacle::Passing; count]))
                }
                _ => Err(StoreError::call(operation, error)),
            },
        }
    }

    /// Writes several items, all or none; again when someone else is writing one of them. `Done`, or only conditions that
    /// did not hold.
    pub(crate) async fn transact_patiently(
        &self,
        operation: &'static str,
        writes: Vec<Write>,
    ) -> Result<Transacted, StoreError> {
        for tries in 1..=retry::TRIES {
            let transacted = self.transact(operation, writes.clone()).await?;
            match &transacted {
                // Beside a condition that does not hold, what passes does not matter.
                Transacted::Cancelled(obstacles)
                    if !obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Condition(_))) => {}
                _ => return Ok(transacted),
            }
            retry::pause(tries).await;
        }
        Err(StoreError::Contended { operation, tries: retry::TRIES })
    }
}

/// Reads the reasons, one for each write and in their order; `None` when one of them will not pass by itself.
fn obstacles(reasons: &[CancellationReason], count: usize) -> Option<Vec<Obstacle>> {
    if reasons.len() != count {
        return None;
    }
    let obstacle = |reason: &CancellationReason| match reason.code.as_deref() {
        None | Some("None") => Some(Obstacle::None),
        Some("ConditionalCheckFailed") => {
            Some(Obstacle::Condition(reason.item.clone().filter(|item| !item.is_empty())))
        }
        Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => Some(Obstacle::Passing),
        Some(_) => None,
    };
    reasons.iter().map(obstacle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    #[test]
    fn each_reason_is_read_at_its_place() {
        let item = Item::from([("b".to_owned(), AttributeValue::Bool(true))]);
        let held = CancellationReason::builder().code("ConditionalCheckFailed").set_item(Some(item.clone())).build();
        let reasons = [reason("None"), held, reason("TransactionConflict"), reason("ThrottlingError")];
        let expected = [Obstacle::None, Obstacle::Condition(Some(item)), Obstacle::Passing, Obstacle::Passing];
        assert_eq!(obstacles(&reasons, 4).unwrap(), expected);
    }

    #[test]
    fn a_reason_that_will_not_pass_is_a_failure() {
        assert_eq!(obstacles(&[reason("None"), reason("ValidationError")], 2), None);
        assert_eq!(obstacles(&[reason("ItemCollectionSizeLimitExceeded")], 1), None);
        assert_eq!(obstacles(&[reason("None")], 2), None);
    }
}
