//! Relays the streams of two tables: facts with a member to the queue of facts; entries, coupons and notices to the queue of
//! notifications; and coupons whose code a shop created to the queue of those codes.

mod facts;
mod members;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use tessera_lambda::sender::OutgoingMessage;
use tessera_lambda::{Queue, Services, Variable, batch};

/// A message, its queue, and the sequence number of its record, from which the stream resumes when it is not sent.
struct Relayed {
    sequence: String,
    queue: Queue,
    message: OutgoingMessage,
}

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] =
    &[Variable::QueueUrl(Queue::Facts), Variable::QueueUrl(Queue::Notifications), Variable::QueueUrl(Queue::Codes)];

/// Relays a batch of records in order. The response names the first of a queue that failed; the stream resumes there.
pub async fn handle(services: &Services, event: Event) -> DynamoDbEventResponse {
    let mut relayed = Vec::new();
    let mut failed = Vec::new();
    for record in event.records {
        let sequence = record.change.sequence_number.clone().unwrap_or_default();
        match batch::caught(messages(services, record)).await {
            Ok(messages) => relayed.extend(messages),
            Err(error) => {
                tracing::error!(sequence, error, "a record cannot be relayed");
                failed.push(sequence);
                break;
            }
        }
    }
    // The records before the bad one are sent nevertheless.
    for queue in [Queue::Facts, Queue::Notifications, Queue::Codes] {
        let (own, others) = relayed.into_iter().partition(|relayed: &Relayed| relayed.queue == queue);
        relayed = others;
        failed.extend(send(services, queue, own).await.err());
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

/// The messages of a record, of whichever table.
async fn messages(services: &Services, record: EventRecord) -> Result<Vec<Relayed>, String> {
    if record.event_name == "REMOVE" {
        return Ok(Vec::new());
    }
    let sequence = record.change.sequence_number.clone().unwrap_or_default();
    // `arn:…:table/NAME/stream/…`
    let table = record.event_source_arn.as_deref().and_then(|arn| arn.split('/').nth(1));
    let messages: Vec<(Queue, OutgoingMessage)> = if table == Some(services.config.tables.members.as_str()) {
        members::messages(services, record).await?
    } else {
        facts::messages(record)?.into_iter().map(|message| (Queue::Facts, message)).collect()
    };
    let relayed = messages.into_iter().map(|(queue, message)| Relayed { sequence: sequence.clone(), queue, message });
    Ok(relayed.collect())
}

/// Sends messages in their order. The error is the sequence number of the first that was not sent.
async fn send(services: &Services, queue: Queue, relayed: Vec<Relayed>) -> Result<(), String> {
    let (sequences, messages): (Vec<String>, Vec<OutgoingMessage>) =
        relayed.into_iter().map(|relayed| (relayed.sequence, relayed.message)).unzip();
    services.send(queue, &messages).await.map_err(|error| {
        let sequence = sequences.get(error.first_unsent).cloned().unwrap_or_default();
        tracing::error!(%error, sequence, ?queue, "messages were not relayed");
        sequence
    })
}
