//! Parses a request to an engine into the operation and the resources that policies check.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::names;

/// The engine a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    DynamoDb,
    Sqs,
}

/// A parsed request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EngineRequest {
    /// The engine.
    pub engine: Engine,
    /// The operation, as in `PutItem`.
    pub operation: String,
    /// The actions and resources that the caller's policy must allow.
    pub needs: Vec<(String, String)>,
    /// The tables that it writes.
    pub writes: Vec<String>,
    /// The partition keys of its items.
    pub partitions: Vec<String>,
    /// The number of items of a transaction.
    pub items: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(clippy::zero_sized_map_values, reason = "of a batch only the tables' names matter; a set does not read them")]
struct Body<'a> {
    #[serde(borrow)]
    table_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    index_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<KeyAttributes<'a>>,
    #[serde(borrow)]
    item: Option<KeyAttributes<'a>>,
    #[serde(borrow)]
    expression_attribute_values: Option<QueryValues<'a>>,
    request_items: Option<HashMap<String, IgnoredAny>>,
    #[serde(borrow)]
    transact_items: Option<Vec<HashMap<&'a str, TransactItem<'a>>>>,
    #[serde(borrow)]
    queue_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    queue_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TransactItem<'a> {
    #[serde(borrow)]
    table_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<KeyAttributes<'a>>,
    #[serde(borrow)]
    item: Option<KeyAttributes<'a>>,
}

/// The partition that a query of a table asks for, as `shared/store` names it.
#[derive(Deserialize)]
struct QueryValues<'a> {
    #[serde(borrow, rename = ":pk")]
    pk: Option<Text<'a>>,
}

/// The partition key among the attributes of a key or an item.
#[derive(Deserialize)]
struct KeyAttributes<'a> {
    #[serde(borrow)]
    pk: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    #[serde(borrow)]
    s: Option<Cow<'a, str>>,
}

impl EngineRequest {
    /// Parses a request of the AWS JSON protocol from its target header and body.
    pub fn read(target: &str, body: &[u8]) -> Option<Self> {
        let (service, operation) = target.split_once('.')?;
        let engine = match service {
            "AmazonSQS" => Engine::Sqs,
            _ => Engine::DynamoDb,
        };
        let body: Body<'_> = serde_json::from_slice(body).ok()?;
        let mut call = Self {
            engine,
            operation: operation.to_owned(),
            needs: Vec::new(),
            writes: Vec::new(),
            partitions: Vec::new(),
            items: 0,
        };
        match engine {
            Engine::DynamoDb => call.tables(&body),
            Engine::Sqs => call.queue(&body),
        }
        Some(call)
    }

    fn tables(&mut self, body: &Body<'_>) {
        let operation = self.operation.clone();
        if let Some(items) = &body.transact_items {
            self.items = items.len();
            for (kind, part) in items.iter().flatten() {
                let action = match *kind {
                    "Get" => "GetItem",
                    "Put" => "PutItem",
                    "Update" => "UpdateItem",
                    "Delete" => "DeleteItem",
                    _ => "ConditionCheckItem",
                };
                self.touch(action, part.table_name.as_deref().unwrap_or_default(), None);
                self.partition(part.key.as_ref().or(part.item.as_ref()));
            }
        } else if let Some(tables) = &body.request_items {
            for table in tables.keys() {
                self.touch(&operation, table, None);
            }
        } else {
            let table = body.table_name.as_deref().unwrap_or("*");
            self.touch(&operation, table, body.index_name.as_deref());
            self.partition(body.key.as_ref().or(body.item.as_ref()));
            if operation == "Query" && body.index_name.is_none() {
                let values = body.expression_attribute_values.as_ref();
                let text = values.and_then(|values| values.pk.as_ref()?.s.as_deref());
                self.partitions.extend(text.map(str::to_owned));
            }
        }
    }

    fn partition(&mut self, attributes: Option<&KeyAttributes<'_>>) {
        let text = attributes.and_then(|attributes| attributes.pk.as_ref()?.s.as_deref());
        self.partitions.extend(text.map(str::to_owned));
    }

    fn touch(&mut self, action: &str, table: &str, index: Option<&str>) {
        // A table may be named by its ARN.
        let table = table.rsplit_once("table/").map_or(table, |(_, name)| name);
        let arn = names::table_arn(table);
        let resource = match index {
            Some(index) => format!("{arn}/index/{index}"),
            None => arn,
        };
        let need = (format!("dynamodb:{action}"), resource);
        if !self.needs.contains(&need) {
            self.needs.push(need);
        }
        let writes = matches!(action, "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem");
        if writes && !self.writes.iter().any(|known| known == table) {
            self.writes.push(table.to_owned());
        }
    }

    fn queue(&mut self, body: &Body<'_>) {
        let queue = match (&body.queue_url, &body.queue_name) {
            (Some(url), _) => url.rsplit('/').next().unwrap_or_default(),
            (None, Some(name)) => name,
            (None, None) => "*",
        };
        // A batch needs the permission of its single form.
        let action = self.operation.trim_end_matches("Batch");
        self.needs.push((format!("sqs:{action}"), names::queue_arn(queue)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn call(target: &str, body: &str) -> EngineRequest {
        EngineRequest::read(target, body.as_bytes()).unwrap()
    }

    fn need(action: &str, resource: String) -> (String, String) {
        (action.to_owned(), resource)
    }

    #[test]
    fn an_item_and_an_index() {
        let put = call("DynamoDB_20120810.PutItem", r#"{"TableName":"abc","Item":{"pk":{"S":"x"}}}"#);
        assert_eq!(put.needs, [need("dynamodb:PutItem", names::table_arn("abc"))]);
        assert_eq!(put.writes, ["abc"]);
        assert_eq!(put.partitions, ["x"]);
        let query = call("DynamoDB_20120810.Query", r#"{"TableName":"abc","IndexName":"due"}"#);
        let index = format!("{}/index/due", names::table_arn("abc"));
        assert_eq!(query.needs, [need("dynamodb:Query", index)]);
        assert!(query.writes.is_empty() && query.partitions.is_empty());
        let values = r#"{"TableName":"abc","ExpressionAttributeValues":{":pk":{"S":"x"},":n":{"N":"1"}}}"#;
        assert_eq!(call("DynamoDB_20120810.Query", values).partitions, ["x"]);
    }

    #[test]
    fn a_transaction_needs_what_its_items_need() {
        let call = call(
            "DynamoDB_20120810.TransactWriteItems",
            r#"{"TransactItems":[{"Put":{"TableName":"abc","Item":{"sk":{"S":"0"},"pk":{"S":"a"}}}},
                {"Update":{"TableName":"abc","Key":{"pk":{"S":"b"}}}},
                {"ConditionCheck":{"TableName":"xyz"}},{"Put":{"TableName":"abc"}}]}"#,
        );
        assert_eq!(
            call.needs,
            [
                need("dynamodb:PutItem", names::table_arn("abc")),
                need("dynamodb:UpdateItem", names::table_arn("abc")),
                need("dynamodb:ConditionCheckItem", names::table_arn("xyz")),
            ]
        );
        assert_eq!(call.partitions, ["a", "b"]);
        assert_eq!((call.writes, call.items), (vec!["abc".to_owned()], 4));
    }

    #[test]
    fn a_batch_of_messages_needs_the_right_to_send() {
        let call =
            call("AmazonSQS.SendMessageBatch", r#"{"QueueUrl":"http://127.0.0.1:1/000000000000/q.fifo","Entries":[]}"#);
        assert_eq!(call.engine, Engine::Sqs);
        assert_eq!(call.needs, [need("sqs:SendMessage", names::queue_arn("q.fifo"))]);
    }

    #[test]
    fn a_batch_read_touches_each_table() {
        let call = call("DynamoDB_20120810.BatchGetItem", r#"{"RequestItems":{"abc":{"Keys":[]}}}"#);
        assert_eq!(call.needs, [need("dynamodb:BatchGetItem", names::table_arn("abc"))]);
    }
}
