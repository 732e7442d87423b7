//! `DynamoDB` stream event sources: records in order, in batches, with Lambda's rules for failures.
//!
//! # After a crash
//! The queues are in memory, so a killed stack loses its messages. The database and its stream records survive. A reader
//! therefore stores a position in the data folder, but only when it has no batch in flight and all queues, including
//! dead-letter queues, are empty: then all consequences of earlier records are complete. After a restart, the reader
//! continues there and sends lost messages again. Some of them were handled before the crash, which is harmless, because
//! every consumer tolerates duplicates. A dead letter holds the position back and is retried at the next start.
//!
//! Not implemented: the age limit of records, and the parallelization factor. One invocation at a time preserves every order
//! that any factor would preserve.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::DynamoDbEventResponse;
use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::checkpoint::Checkpoints;
use super::faults::{DELIVERY, InjectedFault};
use super::handler::{self, BoundHandler};
use super::names;
use super::settle::Settler;
use super::template::Stream;

/// The number of records per read.
const READ: usize = 100;
/// Size limit of the records of an invocation, in bytes. Lambda's limit is 6 MB.
const CALL_BYTES: usize = 5 * 1024 * 1024;
/// Reading pauses while more messages than this wait for functions: unread records are safe in the database, messages are in
/// memory.
const BACKLOG: u64 = 500;
/// After this many records, a reader waits for empty queues to store its position.
const NOTE_EVERY: usize = 1_000;
/// The maximum of [`NOTE_EVERY`], which doubles with each wait in vain: an import keeps its queue busy for minutes.
const NOTE_SELDOM: usize = 256 * NOTE_EVERY;
/// The maximum wait for empty queues: a message that keeps failing must not block the others.
const NOTE_PATIENCE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A reader's position: every record up to here was delivered.
pub(super) struct Position {
    database: Database,
    table: String,
    after: Mutex<Option<String>>,
}

/// A record with its sequence number.
struct Record {
    sequence: String,
    bytes: usize,
    value: Value,
}

impl Position {
    /// The position after a record, or before the first.
    pub fn new(database: Database, table: &str, after: Option<String>) -> Self {
        Self { database, table: table.to_owned(), after: Mutex::new(after) }
    }

    /// True when the stream has no record after this position.
    pub fn is_last(&self) -> Result<bool> {
        Ok(self.read(1)?.is_empty())
    }

    fn get(&self) -> Option<String> {
        self.after.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, sequence: String) {
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = Some(sequence);
    }

    fn read(&self, limit: usize) -> Result<Vec<Record>> {
        let after = self.get();
        let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let arn = dynoxide::streams::stream_arn(&self.table, "local");
        let iterator = self.database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: arn,
            shard_id: dynoxide::streams::shard_id(&self.table),
            shard_iterator_type: kind.to_owned(),
            sequence_number: after,
        })?;
        let records = self.database.get_records(GetRecordsRequest {
            shard_iterator: iterator.shard_iterator.unwrap_or_default(),
            limit: Some(limit),
        })?;
        let arn = names::stream_arn(&self.table);
        records
            .records
            .iter()
            .map(|record| {
                let mut value = serde_json::to_value(record)?;
                value["awsRegion"] = names::REGION.into();
                value["eventSourceARN"] = arn.as_str().into();
                Ok(Record {
                    sequence: record.dynamodb.sequence_number.clone(),
                    bytes: usize::try_from(record.dynamodb.size_bytes).unwrap_or(0),
                    value,
                })
            })
            .collect()
    }
}

/// An event source.
pub(super) struct StreamSource {
    pub stream: Stream,
    pub handler: BoundHandler<Event, DynamoDbEventResponse>,
    pub limit: Duration,
    pub position: Arc<Position>,
    pub settler: Arc<Settler>,
    pub checkpoints: Arc<Checkpoints>,
}

impl StreamSource {
    /// The name of the reader's checkpoint.
    pub fn name(stream: &Stream) -> String {
        format!("{}/{}", stream.table, stream.function)
    }

    /// Invokes the function until the stack stops.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let activity = &self.settler.exchange.activity;
        let Some(mut writes) = activity.writes(&self.stream.table) else { return };
        let mut stopping = stop.clone();
        let (mut since_note, mut note_every) = (0, NOTE_EVERY);
        while !*stop.borrow() {
            writes.borrow_and_update();
            let records = match self.position.read(READ) {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(table = %self.stream.table, %error, "the stream cannot be read");
                    tokio::time::sleep(LONGEST_PAUSE).await;
                    continue;
                }
            };
            if records.is_empty() {
                let pending = !self.note().await;
                let glance = if pending { NOTE_PATIENCE / 40 } else { LONGEST_PAUSE };
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => {}
                    _ = writes.changed() => {}
                    () = tokio::time::sleep(glance) => {}
                }
                continue;
            }
            since_note += records.len();
            let handed = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => false,
                () = self.hand_over(records) => true,
            };
            if !handed {
                break;
            }
            activity.step();
            let news = self.hold_back(since_note >= note_every);
            let noted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => None,
                noted = news => noted,
            };
            if let Some(noted) = noted {
                since_note = 0;
                note_every = if noted { NOTE_EVERY } else { (note_every * 2).min(NOTE_SELDOM) };
            }
        }
        self.note().await;
    }

    /// Waits while functions have more to do than they should. `note`: stores the position too, and returns whether it is
    /// stored.
    async fn hold_back(&self, note: bool) -> Option<bool> {
        let mut news = self.settler.exchange.activity.steps();
        while self.settler.backlog().await.is_ok_and(|waiting| waiting > BACKLOG) {
            let _ = tokio::time::timeout(FIRST_PAUSE, news.changed()).await;
        }
        if !note || !self.checkpoints.are_kept() {
            return note.then_some(true);
        }
        let waiting = async {
            while !self.note().await {
                let _ = tokio::time::timeout(FIRST_PAUSE, news.changed()).await;
            }
        };
        Some(tokio::time::timeout(NOTE_PATIENCE, waiting).await.is_ok())
    }

    /// Stores the position if everything before it is complete. Returns whether it is stored.
    async fn note(&self) -> bool {
        if !self.checkpoints.are_kept() {
            return true;
        }
        let name = Self::name(&self.stream);
        let Some(position) = self.position.get() else { return true };
        if self.checkpoints.get(&name).as_ref() == Some(&position) {
            return true;
        }
        if !self.settler.all_empty().await.unwrap_or(false) {
            return false;
        }
        match self.checkpoints.set(&name, &position) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the stream's position cannot be stored");
                false
            }
        }
    }

    /// Delivers records in batches and moves the position.
    async fn hand_over(&self, records: Vec<Record>) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for record in records {
            if batch.len() >= self.stream.batch || bytes + record.bytes > CALL_BYTES {
                self.finish(std::mem::take(&mut batch)).await;
                bytes = 0;
            }
            bytes += record.bytes;
            batch.push(record);
        }
        self.finish(batch).await;
    }

    /// Delivers a batch until each of its records succeeded or was given up.
    async fn finish(&self, batch: Vec<Record>) {
        let Some(last) = batch.last().map(|record| record.sequence.clone()) else { return };
        let filters = &self.stream.filters;
        let mut wanted: Vec<Record> = batch
            .into_iter()
            .filter(|record| filters.is_empty() || filters.iter().any(|filter| filter.matches(&record.value)))
            .collect();
        let faults = self.settler.exchange.faults.as_ref();
        match faults.and_then(|faults| faults.next(&self.stream.function, DELIVERY)) {
            // A parallelization factor preserves only the order of each item's records.
            Some(InjectedFault::Reorder) => {
                wanted.sort_by_key(|record| Reverse(record.value["dynamodb"]["Keys"].to_string()));
            }
            // As if the shard's iterator had been lost.
            Some(InjectedFault::Duplicate) => drop(self.call(&wanted).await),
            _ => {}
        }
        let (mut start, mut end, mut failures) = (0, wanted.len(), 0);
        while start < wanted.len() {
            let Some(reached) = self.call(&wanted[start..end]).await else {
                start = end;
                end = wanted.len();
                failures = 0;
                continue;
            };
            // Records before the first failure are complete; the next attempt starts there.
            failures = if reached > 0 { 1 } else { failures + 1 };
            start += reached;
            if self.stream.retries.is_some_and(|retries| failures > retries) {
                // The failing record is given up. Without partial responses it is unknown, and all records are.
                let given_up = if self.stream.partial { start + 1 } else { end };
                self.give_up(&wanted[start..given_up], failures).await;
                start = given_up;
                end = wanted.len();
                failures = 0;
                continue;
            }
            if self.stream.bisect && end - start > 1 {
                end = start + (end - start) / 2;
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
            tokio::time::sleep(pause).await;
        }
        self.position.set(last);
    }

    /// Invokes the function. Returns the index of the first failed record; `None` when all succeeded.
    async fn call(&self, records: &[Record]) -> Option<usize> {
        let parsed: Result<Vec<EventRecord>, _> =
            records.iter().map(|record| serde_json::from_value(record.value.clone())).collect();
        let mut event = Event::default();
        event.records = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                tracing::error!(%error, "a stream record cannot be converted to an event");
                return Some(0);
            }
        };
        let function = &self.stream.function;
        match handler::call(&self.handler, event, self.limit).await {
            Ok(response) if self.stream.partial => {
                // The lowest failed sequence number counts. An unknown one fails the whole batch.
                response
                    .batch_item_failures
                    .iter()
                    .map(|failure| {
                        let failed = failure.item_identifier.as_ref();
                        records.iter().position(|record| Some(&record.sequence) == failed).unwrap_or(0)
                    })
                    .min()
            }
            Ok(_) => None,
            Err(error) => {
                tracing::error!(%function, %error, "the batch failed");
                Some(0)
            }
        }
    }

    async fn give_up(&self, records: &[Record], attempts: u32) {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
        let (function, start) = (&self.stream.function, &first.sequence);
        tracing::error!(%function, %start, count = records.len(), "stream records given up");
        let Some(queue) = &self.stream.failures else { return };
        let body = json!({
            "requestContext": {
                "requestId": names::request_id(),
                "functionArn": names::function_arn(function),
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": attempts,
            },
            "version": "1.0",
            "DDBStreamBatchInfo": {
                "shardId": dynoxide::streams::shard_id(&self.stream.table),
                "startSequenceNumber": first.sequence,
                "endSequenceNumber": last.sequence,
                "batchSize": records.len(),
                "streamArn": names::stream_arn(&self.stream.table),
            },
        });
        if let Err(error) = self.settler.queues.send(queue, body.to_string()).await {
            tracing::error!(%queue, %error, "records that were given up cannot be reported");
        }
    }
}
