//! The one sender of SQS messages: batches within SQS's limits, with trace headers and retries.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{BuildError, DisplayErrorContext};
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};

use crate::config::Queue;
use crate::problem::Problem;
use crate::services::Services;
use crate::trace;

/// SQS: messages per batch.
const MAX_MESSAGES: usize = 10;
/// SQS: bytes per batch, the sum of its messages (1 MiB since 2025). The trace header does not count.
const MAX_BYTES: usize = 1_048_576;
/// Attempts for the messages of a batch that SQS did not take. Beside these, the SDK retries whole requests.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The text.
    pub body: String,
    /// Group and deduplication, for a FIFO queue.
    pub fifo: Option<FifoKeys>,
    /// The trace header of the message's origin; `None` sends the header of this invocation.
    pub trace: Option<String>,
}

/// What a FIFO queue needs to know of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoKeys {
    /// Messages of one group are received one after another.
    pub group: String,
    /// A message with the same text here is taken once within five minutes.
    pub deduplication: String,
}

/// Why messages were not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message {first_unsent} and possibly later ones were not sent: {cause}")]
pub struct SendError {
    /// The index of the first message that was not sent. All before it were sent; later ones may have been.
    pub first_unsent: usize,
    /// What SQS or the SDK reported.
    pub cause: String,
}

/// Logs the cause. The response is 503.
impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        tracing::error!(%error, "a queue did not take a message");
        Self::unavailable()
    }
}

impl OutgoingMessage {
    /// A message for a standard queue.
    pub const fn standard(body: String) -> Self {
        Self { body, fifo: None, trace: None }
    }

    /// A message for a FIFO queue.
    pub const fn fifo(body: String, group: String, deduplication: String) -> Self {
        Self { body, fifo: Some(FifoKeys { group, deduplication }), trace: None }
    }
}

/// Sends messages in their order, in as few batches as possible.
///
/// A message that SQS does not take is sent again, at most twice. Later messages of its group may be in the queue by
/// then: FIFO queues serialize a group here, they do not order it.
///
/// # Errors
/// [`SendError`], with nothing sent beyond the batch that failed.
pub async fn send_all(sqs: &Client, queue_url: &str, messages: &[OutgoingMessage]) -> Result<(), SendError> {
    let mut sent = 0;
    while sent < messages.len() {
        let rest = &messages[sent..];
        let batch = &rest[..batch_length(rest)];
        send_batch(sqs, queue_url, batch).await.map_err(|error| error.after(sent))?;
        sent += batch.len();
    }
    Ok(())
}

impl Services {
    /// Sends messages to a queue, as [`send_all`] does.
    ///
    /// # Errors
    /// [`SendError`], also when the function has no URL of the queue.
    pub async fn send(&self, queue: Queue, messages: &[OutgoingMessage]) -> Result<(), SendError> {
        let Some(url) = self.config.queues.get(&queue) else {
            return Err(SendError::new(0, format!("{} is not set", queue.variable())));
        };
        send_all(&self.sqs, url, messages).await
    }
}

impl SendError {
    fn new(first_unsent: usize, cause: impl Into<String>) -> Self {
        Self { first_unsent, cause: cause.into() }
    }

    fn after(self, sent: usize) -> Self {
        Self { first_unsent: sent + self.first_unsent, ..self }
    }
}

/// Sends the messages of one batch, again those that SQS did not take.
async fn send_batch(sqs: &Client, queue_url: &str, batch: &[OutgoingMessage]) -> Result<(), SendError> {
    let trace = trace::header();
    let mut unsent: Vec<usize> = (0..batch.len()).collect();
    let (mut attempt, mut pause) = (0, FIRST_PAUSE);
    loop {
        attempt += 1;
        let first = unsent.first().copied().unwrap_or_default();
        let entries = unsent.iter().map(|place| entry(*place, &batch[*place], trace.as_deref()));
        let entries =
            entries.collect::<Result<Vec<_>, _>>().map_err(|error| SendError::new(first, error.to_string()))?;
        let request = sqs.send_message_batch().queue_url(queue_url).set_entries(Some(entries));
        let response = request.send().await;
        let response = response.map_err(|error| SendError::new(first, DisplayErrorContext(&error).to_string()))?;
        let failed = response.failed();
        unsent = failed.iter().filter_map(|failure| failure.id().parse().ok()).collect();
        unsent.sort_unstable();
        let Some(first) = unsent.first() else { return Ok(()) };
        let worst = failed.iter().find(|failure| failure.sender_fault());
        if worst.is_some() || attempt >= TRIES {
            let reported = worst.or(failed.first());
            return Err(SendError::new(*first, reported.map_or("unknown", |failure| failure.code())));
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// An entry of a batch; its id is its index.
fn entry(
    place: usize,
    message: &OutgoingMessage,
    trace: Option<&str>,
) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(&message.body);
    if let Some(fifo) = &message.fifo {
        entry = entry.message_group_id(&fifo.group).message_deduplication_id(&fifo.deduplication);
    }
    if let Some(trace) = message.trace.as_deref().or(trace) {
        let header = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build()?;
        entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, header);
    }
    entry.build()
}

/// How many of the first messages fit into a batch; at least one, which SQS refuses if it is too large.
fn batch_length(messages: &[OutgoingMessage]) -> usize {
    let mut bytes = 0;
    let fits = |message: &&OutgoingMessage| {
        bytes += message.body.len();
        bytes <= MAX_BYTES
    };
    messages.iter().take(MAX_MESSAGES).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> OutgoingMessage {
        OutgoingMessage::standard("x".repeat(bytes))
    }

    #[test]
    fn a_batch_has_at_most_ten_messages_and_one_mebibyte() {
        assert_eq!(batch_length(&(0..25).map(|_| message(10)).collect::<Vec<_>>()), 10);
        assert_eq!(batch_length(&(0..5).map(|_| message(400 * 1024)).collect::<Vec<_>>()), 2);
        assert_eq!(batch_length(&[message(1_048_576), message(1)]), 1);
        assert_eq!(batch_length(&[message(2 * 1024 * 1024)]), 1);
    }
}
