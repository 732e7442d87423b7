//! Relays the stream of the facts table to the queue of facts: each fact with a member becomes a message.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use tessera_lambda::message::FactMessage;
use tessera_lambda::sender::{OutgoingMessage, send_all};
use tessera_lambda::{Services, Variable, batch};
use tessera_store::FactImage;

/// A message and the sequence number of its record, from which the stream resumes when the message is not sent.
struct Relayed {
    sequence: String,
    message: OutgoingMessage,
}

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::FactsQueueUrl];

/// Relays a batch of records in order. The response names the first that failed; the stream resumes there.
pub async fn handle(services: &Services, event: Event) -> DynamoDbEventResponse {
    let mut relayed = Vec::new();
    let mut failed = None;
    for record in event.records {
        let sequence = record.change.sequence_number.clone().unwrap_or_default();
        match batch::caught(async { messages(record) }).await {
            Ok(messages) => relayed.extend(messages),
            Err(error) => {
                tracing::error!(sequence, error, "a record cannot be relayed");
                failed = Some(sequence);
                break;
            }
        }
    }
    // The records before the bad one are sent nevertheless.
    if let Err(sequence) = send(services, relayed).await {
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

/// The messages of a record: none, one fact, or a receipt and the refunds that waited for it.
fn messages(record: EventRecord) -> Result<Vec<Relayed>, String> {
    if record.event_name == "REMOVE" {
        return Ok(Vec::new());
    }
    let (event, sequence) = (record.event_id, record.change.sequence_number.unwrap_or_default());
    let image = FactImage::read(record.change.new_image).map_err(|error| error.to_string())?;
    let facts = image.as_ref().map(FactMessage::all_of).unwrap_or_default();
    let relayed = facts.into_iter().enumerate().map(|(place, fact)| {
        // The same whenever the stream repeats the record, so that SQS takes it once.
        let deduplication = format!("{event}-{place}");
        Relayed {
            sequence: sequence.clone(),
            message: OutgoingMessage::fifo(fact.to_text(), fact.group(), deduplication),
        }
    });
    Ok(relayed.collect())
}

/// Sends messages in their order. The error is the sequence number of the first that was not sent.
async fn send(services: &Services, relayed: Vec<Relayed>) -> Result<(), String> {
    let Some(first) = relayed.first() else { return Ok(()) };
    let queue = services.config.facts_queue_url.as_deref().ok_or_else(|| {
        tracing::error!("FACTS_QUEUE_URL is not set");
        first.sequence.clone()
    })?;
    let (sequences, messages): (Vec<String>, Vec<OutgoingMessage>) =
        relayed.into_iter().map(|relayed| (relayed.sequence, relayed.message)).unzip();
    send_all(&services.sqs, queue, &messages).await.map_err(|error| {
        let sequence = sequences.get(error.first_unsent).cloned().unwrap_or_default();
        tracing::error!(%error, sequence, "facts were not relayed");
        sequence
    })
}
