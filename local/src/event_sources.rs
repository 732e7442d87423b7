//! What the functions of a deployed stack read: event source mappings of Lambda.
//!
//! A restored table has a new stream. The mappings of the template go on naming the former one, which nothing is written to.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use aws_smithy_types::error::display::DisplayErrorContext;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::aws_call::{Call, LAMBDA, refusal, send};
use crate::aws_fault::AwsFault;
use crate::deployment::Deployment;
use crate::web::WebResponse;

const PATH: &str = "/2015-03-31/event-source-mappings";
/// The settings that a new mapping takes over.
const SETTINGS: [&str; 10] = [
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
    "FunctionResponseTypes",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "DestinationConfig",
    "FilterCriteria",
];

/// A queue or a stream that a function reads.
#[derive(Debug, Clone)]
pub(crate) struct EventSource {
    /// The ARN of the function.
    pub function: String,
    /// The ARN of the queue or the stream.
    pub from: String,
    /// `Enabled`, when it is read.
    pub state: String,
    mapping: Value,
}

/// The stream of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableStream {
    pub table: String,
    arn: String,
}

/// The streams that tables have now, by the name of the table.
pub(crate) type Streams = BTreeMap<String, TableStream>;

impl EventSource {
    fn read(mapping: Value) -> Self {
        let text = |field: &str| mapping[field].as_str().unwrap_or_default().to_owned();
        Self { function: text("FunctionArn"), from: text("EventSourceArn"), state: text("State"), mapping }
    }

    /// The table whose stream it is; `None` for a queue.
    fn table(&self) -> Option<&str> {
        let (table, _) = self.from.split_once(":table/")?.1.split_once("/stream/")?;
        Some(table)
    }

    /// Whether its queue or stream is the one that is written to.
    pub fn is_current(&self, streams: &Streams) -> bool {
        let stream = self.table().and_then(|table| streams.get(table));
        stream.is_none_or(|stream| stream.arn == self.from)
    }
}

/// The last part of an ARN of a function or a queue; other ARNs as they are.
pub(crate) fn short_name(arn: &str) -> &str {
    if arn.contains("/stream/") { arn } else { arn.rsplit(':').next().unwrap_or(arn) }
}

/// Sends a GET request to Lambda.
pub(crate) async fn get(deployment: &Deployment, path: &str) -> Result<WebResponse, String> {
    let call = Call { service: LAMBDA, method: Method::GET, path, headers: &[], body: String::new() };
    send(&deployment.web, &deployment.sdk, call).await
}

/// What the functions of a stack read.
///
/// # Errors
/// Lambda's refusal.
pub(crate) async fn list(deployment: &Deployment) -> Result<Vec<EventSource>, String> {
    let own = format!(":function:{}-", deployment.name);
    let (mut sources, mut marker) = (Vec::new(), String::new());
    loop {
        let response = get(deployment, &format!("{PATH}/?MaxItems=100{marker}")).await?;
        if !response.status.is_success() {
            return Err(refusal(&response));
        }
        let page = response.json();
        sources.extend(page["EventSourceMappings"].as_array().into_iter().flatten().cloned().map(EventSource::read));
        match page["NextMarker"].as_str() {
            Some(next) if !next.is_empty() => {
                marker = format!("&Marker={}", utf8_percent_encode(next, NON_ALPHANUMERIC));
            }
            Some(_) | None => break,
        }
    }
    sources.retain(|source| source.function.contains(&own));
    Ok(sources)
}

/// The streams that the tables of these sources have now. Tables that are missing, or have none, are left out.
///
/// # Errors
/// DynamoDB's refusal.
pub(crate) async fn current_streams(deployment: &Deployment, sources: &[EventSource]) -> Result<Streams, String> {
    let mut streams = Streams::new();
    for table in sources.iter().filter_map(EventSource::table) {
        if streams.contains_key(table) {
            continue;
        }
        let described = match deployment.dynamodb.describe_table().table_name(table).send().await {
            Ok(described) => described,
            Err(error) => {
                let text = DisplayErrorContext(&error).to_string();
                if AwsFault::read(&text) == Some(AwsFault::Missing) {
                    continue;
                }
                return Err(text);
            }
        };
        if let Some(arn) = described.table.and_then(|found| found.latest_stream_arn) {
            streams.insert(table.to_owned(), TableStream { table: table.to_owned(), arn });
        }
    }
    Ok(streams)
}

/// The sources whose table has another stream now, which the same function does not read.
pub(crate) fn former<'a>(sources: &'a [EventSource], streams: &'a Streams) -> Vec<(&'a EventSource, &'a TableStream)> {
    let mut found: BTreeMap<(&str, &str), (&EventSource, &TableStream)> = BTreeMap::new();
    for source in sources {
        let Some(stream) = source.table().and_then(|table| streams.get(table)) else { continue };
        let is_read = sources.iter().any(|other| other.function == source.function && other.from == stream.arn);
        if !is_read {
            found.insert((&source.function, &stream.table), (source, stream));
        }
    }
    found.into_values().collect()
}

/// A function that reads the new stream of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reconnected {
    pub function: String,
    pub table: String,
}

/// Lets functions read the streams that their tables have now, from the beginning and with the settings of before. The former
/// mappings stay: `sam deploy` knows them.
///
/// # Errors
/// When AWS refuses; a repetition goes on where it stopped.
pub(crate) async fn reconnect(deployment: &Deployment) -> anyhow::Result<Vec<Reconnected>> {
    let sources = list(deployment).await.map_err(|why| anyhow!(why)).context("the event source mappings")?;
    let streams = current_streams(deployment, &sources).await.map_err(|why| anyhow!(why)).context("the streams")?;
    let mut done = Vec::new();
    for (source, stream) in former(&sources, &streams) {
        let body = new_mapping(source, stream).to_string();
        let headers = [("content-type", "application/json")];
        let call = Call { service: LAMBDA, method: Method::POST, path: PATH, headers: &headers, body };
        let response = send(&deployment.web, &deployment.sdk, call).await.map_err(|why| anyhow!(why))?;
        let function = short_name(&source.function).to_owned();
        anyhow::ensure!(
            response.status.is_success(),
            "{function} cannot read the stream of {}: {}",
            stream.table,
            refusal(&response)
        );
        done.push(Reconnected { function, table: stream.table.clone() });
    }
    Ok(done)
}

/// The mapping of a source, to another stream.
fn new_mapping(source: &EventSource, stream: &TableStream) -> Value {
    let mut mapping = Map::new();
    for setting in SETTINGS {
        let value = &source.mapping[setting];
        if !value.is_null() {
            mapping.insert(setting.to_owned(), value.clone());
        }
    }
    mapping.insert("FunctionName".to_owned(), json!(source.function));
    mapping.insert("EventSourceArn".to_owned(), json!(stream.arn));
    mapping.insert("StartingPosition".to_owned(), json!("TRIM_HORIZON"));
    Value::Object(mapping)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(function: &str, from: &str) -> EventSource {
        let function = format!("arn:aws:lambda:eu-south-1:1:function:tessera-{function}");
        EventSource::read(json!({ "FunctionArn": function, "EventSourceArn": from, "State": "Enabled", "BatchSize": 7,
                                  "FilterCriteria": null, "UUID": "u" }))
    }

    #[test]
    fn a_stream_that_its_table_had_before_is_replaced() {
        let (old, new) = ("arn:aws:dynamodb:r:1:table/t-facts/stream/1", "arn:aws:dynamodb:r:1:table/t-facts/stream/2");
        let queue = "arn:aws:sqs:r:1:t-facts.fifo";
        let streams =
            Streams::from([("t-facts".to_owned(), TableStream { table: "t-facts".to_owned(), arn: new.to_owned() })]);
        // kpi reads both already.
        let sources =
            [source("kpi", old), source("kpi", new), source("event-relay", old), source("event-relay", queue)];
        assert_eq!(
            sources.iter().map(|each| each.is_current(&streams)).collect::<Vec<_>>(),
            [false, true, false, true]
        );
        let found = former(&sources, &streams);
        assert_eq!(
            found.iter().map(|(source, _)| short_name(&source.function)).collect::<Vec<_>>(),
            ["tessera-event-relay"]
        );
        assert_eq!(
            new_mapping(found[0].0, found[0].1),
            json!({ "FunctionName": sources[2].function, "EventSourceArn": new, "StartingPosition": "TRIM_HORIZON",
                    "BatchSize": 7 })
        );
        assert!(former(&sources, &Streams::new()).is_empty());
    }
}
