//! From the stream of the facts table to the queue of facts: each fact that has a member becomes a message.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};
use tessera_lambda::message::FactMessage;
use tessera_lambda::{Services, Variable, batch, trace};
use tessera_store::FactImage;

/// SQS takes so many messages at once, and so many bytes of them.
const MOST_MESSAGES: usize = 10;
const MOST_BYTES: usize = 900 * 1024;

/// A message, with the stream's own names for where it came from.
struct Outgoing {
    /// The record's place in the stream: from here the stream goes on when this fails.
    sequence: String,
    /// The same whenever the record comes again, so that SQS takes it once.
    deduplication: String,
    group: String,
    body: String,
}

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::FactsQueueUrl];

/// Relays a batch of records, in order. The first that fails is named, and the stream goes on from there.
pub async fn handle(services: &Services, event: Event) -> DynamoDbEventResponse {
    let mut outgoing = Vec::new();
    let mut failed = None;
    for record in event.records {
        let sequence = record.change.sequence_number.clone().unwrap_or_default();
        match batch::caught(async { messages(record) }).await {
            Ok(messages) => outgoing.extend(messages),
            Err(error) => {
                tracing::error!(sequence, error, "a record cannot be relayed");
                failed = Some(sequence);
                break;
            }
        }
    }
    // What came before the bad record is sent all the same.
    if let Err(sequence) = send(services, outgoing).await {
        failed = Some(sequence);
    }
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failed.into_iter().map(failure).collect();
    response
}

fn failure(sequence: String) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(sequence);
    failure
}

/// The messages of a record: none, a fact, or a receipt and the refunds that had waited for it.
fn messages(record: EventRecord) -> Result<Vec<Outgoing>, String> {
    if record.event_name == "REMOVE" {
        return Ok(Vec::new());
    }
    let (event, sequence) = (record.event_id, record.change.sequence_number.unwrap_or_default());
    let image = FactImage::read(record.change.new_image).map_err(|error| error.to_string())?;
    let facts = image.as_ref().map(FactMessage::all_of).unwrap_or_default();
    let outgoing = facts.into_iter().enumerate().map(|(place, fact)| Outgoing {
        sequence: sequence.clone(),
        deduplication: format!("{event}-{place}"),
        group: fact.group(),
        body: fact.to_text(),
    });
    Ok(outgoing.collect())
}

/// Sends messages in their order; the sequence number of the first that was not taken is the error.
async fn send(services: &Services, outgoing: Vec<Outgoing>) -> Result<(), String> {
    let mut rest = outgoing.as_slice();
    while let Some(first) = rest.first() {
        let queue = services.config.facts_queue_url.as_deref().ok_or_else(|| {
            tracing::error!("FACTS_QUEUE_URL is not set");
            first.sequence.clone()
        })?;
        let (batch, later) = rest.split_at(fitting(rest));
        let trace = trace::header();
        let entries = batch.iter().enumerate().map(|(place, message)| entry(place, message, trace.as_deref()));
        let entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(|error| {
            tracing::error!(%error, "messages could not be built");
            first.sequence.clone()
        })?;
        let answer = services.sqs.send_message_batch().queue_url(queue).set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| {
            tracing::error!(error = %aws_sdk_sqs::error::DisplayErrorContext(&error), "messages were not sent");
            first.sequence.clone()
        })?;
        let earliest = answer.failed().iter().filter_map(|failed| failed.id().parse::<usize>().ok()).min();
        if let Some(message) = earliest.and_then(|place| batch.get(place)) {
            tracing::error!(sequence = message.sequence, "a message was not taken");
            return Err(message.sequence.clone());
        }
        rest = later;
    }
    Ok(())
}

/// A message of a batch, which is named by its place in it. The trace of the relay goes with it.
fn entry(
    place: usize,
    message: &Outgoing,
    trace: Option<&str>,
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_group_id(&message.group)
        .message_deduplication_id(&message.deduplication)
        .message_body(&message.body);
    if let Some(trace) = trace {
        let header = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build()?;
        entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, header);
    }
    entry.build()
}

/// How many of the first messages go at once. After one of a group fails the rest of the batch may have been taken: the
/// repetition sends them again, SQS and the ledger drop what they know.
fn fitting(messages: &[Outgoing]) -> usize {
    let mut bytes = 0;
    let fits = |message: &&Outgoing| {
        bytes += message.body.len();
        bytes <= MOST_BYTES
    };
    messages.iter().take(MOST_MESSAGES).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Outgoing {
        let text = String::new;
        Outgoing { sequence: text(), deduplication: text(), group: text(), body: "x".repeat(bytes) }
    }

    #[test]
    fn as_many_as_fit_go_at_once() {
        assert_eq!(fitting(&(0..25).map(|_| message(10)).collect::<Vec<_>>()), MOST_MESSAGES);
        assert_eq!(fitting(&(0..5).map(|_| message(400 * 1024)).collect::<Vec<_>>()), 2);
        assert_eq!(fitting(&[message(2 * 1024 * 1024)]), 1);
    }
}
