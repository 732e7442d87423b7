//! Batches of stream records that know their shard.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use serde::Deserialize;
use serde_json::{Value, json};

/// A batch of records of one shard.
///
/// Lambda names the shard only where the event source has a window. The type of `aws_lambda_events` for such batches does
/// not read it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct StreamBatch {
    /// The records, in the order of the shard. The last batch of a window has none.
    #[serde(rename = "Records", default)]
    pub records: Vec<EventRecord>,
    /// The shard.
    #[serde(rename = "shardId", default)]
    shard: Option<String>,
}

impl From<Event> for StreamBatch {
    fn from(event: Event) -> Self {
        Self { records: event.records, shard: None }
    }
}

impl StreamBatch {
    /// The shard; the whole stream where nobody names one, as in engines whose streams have one shard.
    pub fn shard(&self) -> &str {
        let stream = || self.records.first().and_then(|record| record.event_source_arn.as_deref());
        self.shard.as_deref().or_else(stream).unwrap_or_default()
    }

    /// The response after which the whole batch is delivered again.
    pub fn failed(&self) -> DynamoDbEventResponse {
        let first = self.records.first().and_then(|record| record.change.sequence_number.clone());
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = first;
        let mut response = DynamoDbEventResponse::default();
        response.batch_item_failures = vec![failure];
        response
    }
}

/// The response to a batch of a window. The window's state is not used.
pub(crate) fn window_response(response: &DynamoDbEventResponse) -> Value {
    json!({ "batchItemFailures": response.batch_item_failures, "state": {} })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_is_read_where_a_window_names_it() {
        let batch: StreamBatch =
            serde_json::from_value(json!({ "Records": [], "shardId": "shardId-1", "window": {}, "state": {} }))
                .unwrap();
        assert_eq!(batch.shard(), "shardId-1");
        assert_eq!(StreamBatch::from(Event::default()).shard(), "");
        assert_eq!(window_response(&DynamoDbEventResponse::default()), json!({ "batchItemFailures": [], "state": {} }));
    }
}
