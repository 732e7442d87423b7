//! SQS event sources: receive a batch, invoke the function, delete what succeeded, return what failed.
//!
//! The engine delivers one message of a group at a time, where SQS may batch several; the order within a group is the same.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::faults::{DELIVERY, InjectedFault};
use super::handler::{self, BoundHandler};
use super::names;
use super::queues::{Queues, ReceivedMessage};
use super::template::Poller;
use super::wire::Exchange;

/// Concurrent invocations of a function, limited by a laptop's cores.
const CONCURRENCY: usize = 4;
/// The delay before a failed message is visible again, doubled with each receipt.
///
/// On AWS the delay is the queue's visibility timeout, usually minutes, which is too long for a developer to wait.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An event source.
#[derive(Clone)]
pub(super) struct QueueSource {
    pub poller: Poller,
    pub handler: BoundHandler<SqsEvent, SqsBatchResponse>,
    pub limit: Duration,
    pub queues: Arc<Queues>,
    pub exchange: Arc<Exchange>,
}

impl QueueSource {
    /// The number of concurrent loops.
    pub fn concurrency(&self) -> usize {
        self.poller.concurrency.unwrap_or(CONCURRENCY).clamp(1, CONCURRENCY)
    }

    /// Invokes the function until the stack stops, and completes the last invocation.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut pauses = JoinSet::new();
        loop {
            let received = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                received = self.queues.receive(&self.poller.queue, self.poller.batch) => received,
            };
            match received {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => {
                    self.exchange.meter.sqs(&self.poller.function, "ReceiveMessage");
                    self.feed(batch, &mut pauses).await;
                    self.exchange.activity.step();
                }
                Err(error) => {
                    tracing::error!(queue = %self.poller.queue, %error, "messages cannot be received");
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
            }
            while pauses.try_join_next().is_some() {}
        }
    }

    async fn feed(&self, mut batch: Vec<ReceivedMessage>, pauses: &mut JoinSet<()>) {
        let fault = self.exchange.faults.as_ref().and_then(|faults| faults.next(&self.poller.function, DELIVERY));
        if fault == Some(InjectedFault::Reorder) {
            // The messages belong to different groups, which have no order among them.
            batch.reverse();
        }
        let arn = names::queue_arn(&self.poller.queue);
        let mut event = SqsEvent::default();
        event.records = batch.iter().map(|received| record(received, &arn)).collect();
        if fault == Some(InjectedFault::Duplicate) {
            // As if the messages had not been deleted in time.
            let _ = handler::call(&self.handler, event.clone(), self.limit).await;
        }
        let outcome = handler::call(&self.handler, event, self.limit).await;
        let failed = match outcome {
            Ok(response) if self.poller.partial => failures(&response, &batch),
            Ok(_) => Vec::new(),
            Err(error) => {
                tracing::error!(function = %self.poller.function, %error, "the batch failed");
                batch.iter().map(ReceivedMessage::id).collect()
            }
        };
        let mut deleted = false;
        for received in &batch {
            if failed.contains(&received.id()) {
                self.hand_back(received.clone(), pauses);
            } else {
                deleted = true;
                if let Err(error) = self.queues.delete(&self.poller.queue, received).await {
                    tracing::error!(queue = %self.poller.queue, %error, "a message cannot be deleted");
                }
            }
        }
        if deleted {
            self.exchange.meter.sqs(&self.poller.function, "DeleteMessageBatch");
        }
    }

    /// Makes a failed message visible again after a delay, during which its group waits.
    fn hand_back(&self, received: ReceivedMessage, pauses: &mut JoinSet<()>) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << received.times().saturating_sub(1).min(8));
        let (queues, queue) = (Arc::clone(&self.queues), self.poller.queue.clone());
        pauses.spawn(async move {
            tokio::time::sleep(doubled.min(LONGEST_PAUSE)).await;
            // A message whose visibility timeout has passed is visible already.
            let _ = queues.release(&queue, &received).await;
        });
    }
}

/// The ids of the failed messages; all when the response names an id that is not in the batch, as in Lambda.
fn failures<'b>(response: &SqsBatchResponse, batch: &'b [ReceivedMessage]) -> Vec<&'b str> {
    let mut failed = Vec::new();
    for failure in &response.batch_item_failures {
        match batch.iter().find(|received| received.id() == failure.item_identifier) {
            Some(received) => failed.push(received.id()),
            None => return batch.iter().map(ReceivedMessage::id).collect(),
        }
    }
    failed
}

fn record(received: &ReceivedMessage, arn: &str) -> SqsMessage {
    let message = received.message.clone();
    let mut record = SqsMessage::default();
    record.message_id = message.message_id;
    record.receipt_handle = message.receipt_handle;
    record.body = message.body;
    record.md5_of_body = message.md5_of_body;
    record.md5_of_message_attributes = message.md5_of_message_attributes;
    record.attributes = message.attributes;
    record.message_attributes = message
        .message_attributes
        .into_iter()
        .map(|(name, value)| {
            let mut attribute = SqsMessageAttribute::default();
            attribute.string_value = value.string_value;
            attribute.binary_value = value.binary_value.map(|bytes| {
                let mut data = Base64Data::default();
                data.0 = bytes;
                data
            });
            attribute.data_type = Some(value.data_type);
            (name, attribute)
        })
        .collect();
    record.event_source_arn = Some(arn.to_owned());
    record.event_source = Some("aws:sqs".to_owned());
    record.aws_region = Some(names::REGION.to_owned());
    record
}
