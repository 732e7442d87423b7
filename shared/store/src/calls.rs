//! The few DynamoDB calls that everything is made of. Each asks for the capacity that it consumed, so that a meter around
//! the client sees all of it.

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, Select};

use crate::items::{self, Item, name, text};
use crate::keys::Key;
use crate::{Store, StoreError, retry};

/// DynamoDB's bound of keys in one batch.
const MOST_KEYS: usize = 100;

/// A look at consecutive items of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Range<'a> {
    pub partition: String,
    /// What the sort keys begin with; empty for all.
    pub prefix: &'a str,
    /// From the last to the first.
    pub backwards: bool,
    pub consistent: bool,
    /// How many at most; as many as fit into 1 MB otherwise.
    pub limit: Option<u32>,
    /// The sort key after which it goes on.
    pub after: Option<&'a str>,
}

impl<'a> Range<'a> {
    /// All items of a partition whose sort keys begin with a prefix, strongly consistent.
    pub const fn all(partition: String, prefix: &'a str) -> Self {
        Self { partition, prefix, backwards: false, consistent: true, limit: None, after: None }
    }
}

pub(crate) fn construction(operation: &'static str) -> impl Fn(BuildError) -> StoreError {
    move |error| StoreError::call::<BuildFailure, ()>(operation, SdkError::construction_failure(error))
}

/// Stands where an operation's own error would: a request that could not be built never met one.
#[derive(Debug, thiserror::Error)]
#[error("the request could not be built")]
struct BuildFailure;

impl aws_sdk_dynamodb::error::ProvideErrorMetadata for BuildFailure {
    fn meta(&self) -> &aws_sdk_dynamodb::error::ErrorMetadata {
        static NONE: std::sync::LazyLock<aws_sdk_dynamodb::error::ErrorMetadata> =
            std::sync::LazyLock::new(|| aws_sdk_dynamodb::error::ErrorMetadata::builder().build());
        &NONE
    }
}

impl Store {
    /// One item.
    pub(crate) async fn get(
        &self,
        operation: &'static str,
        table: &str,
        key: &Key,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        let request = self.dynamodb.get_item().table_name(table).set_key(Some(items::key(key)));
        let request = request.consistent_read(consistent).return_consumed_capacity(ReturnConsumedCapacity::Total);
        request.send().await.map(|output| output.item).map_err(|error| StoreError::call(operation, error))
    }

    /// Those of some items that exist, in any order.
    pub(crate) async fn get_many(
        &self,
        operation: &'static str,
        table: &str,
        keys: &[Key],
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        for keys in keys.chunks(MOST_KEYS) {
            let mut left: Vec<Item> = keys.iter().map(items::key).collect();
            let mut attempt = 0;
            while !left.is_empty() {
                if attempt > 0 {
                    retry::pause(attempt).await;
                }
                attempt += 1;
                if attempt > retry::TRIES {
                    return Err(StoreError::Contended { operation, tries: attempt });
                }
                let asked = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(consistent);
                let asked = asked.build().map_err(construction(operation))?;
                let request = self.dynamodb.batch_get_item().request_items(table, asked);
                let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
                let output = request.send().await.map_err(|error| StoreError::call(operation, error))?;
                found.extend(output.responses.into_iter().flatten().flat_map(|(_, items)| items));
                let unprocessed = output.unprocessed_keys.into_iter().flatten();
                left = unprocessed.flat_map(|(_, asked)| asked.keys).collect();
            }
        }
        Ok(found)
    }

    /// A page of a range, and the sort key after which it goes on.
    pub(crate) async fn page(
        &self,
        operation: &'static str,
        table: &str,
        range: &Range<'_>,
    ) -> Result<(Vec<Item>, Option<String>), StoreError> {
        let mut request = self.dynamodb.query().table_name(table).key_condition_expression("pk = :pk");
        if !range.prefix.is_empty() {
            request = request
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(range.prefix));
        }
        if let Some(after) = range.after {
            let key = Key { pk: range.partition.clone(), sk: after.to_owned() };
            request = request.set_exclusive_start_key(Some(items::key(&key)));
        }
        let limit = range.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let output = request
            .expression_attribute_values(":pk", text(&*range.partition))
            .scan_index_forward(!range.backwards)
            .consistent_read(range.consistent)
            .set_limit(limit)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::call(operation, error))?;
        let next = output.last_evaluated_key.and_then(|mut key| match key.remove(name::SK) {
            Some(AttributeValue::S(sort)) => Some(sort),
            _ => None,
        });
        Ok((output.items.unwrap_or_default(), next))
    }

    /// The number of items of a partition whose sort keys begin with a prefix, strongly consistent. It costs as much as reading
    /// them.
    pub(crate) async fn count_items(
        &self,
        operation: &'static str,
        table: &str,
        partition: String,
        prefix: &str,
    ) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, None);
        loop {
            let request = self
                .dynamodb
                .query()
                .table_name(table)
                .select(Select::Count)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", text(&*partition))
                .expression_attribute_values(":prefix", text(prefix))
                .consistent_read(true)
                .set_exclusive_start_key(after)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output = request.send().await.map_err(|error| StoreError::call(operation, error))?;
            count += u64::try_from(output.count).unwrap_or(0);
            after = output.last_evaluated_key.filter(|key| !key.is_empty());
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// All of a range.
    pub(crate) async fn range(
        &self,
        operation: &'static str,
        table: &str,
        range: Range<'_>,
    ) -> Result<Vec<Item>, StoreError> {
        let (mut all, mut next) = self.page(operation, table, &range).await?;
        while let Some(after) = next {
            let further = Range { after: Some(&after), ..range.clone() };
            let (items, after) = self.page(operation, table, &further).await?;
            all.extend(items);
            next = after;
        }
        Ok(all)
    }
}
