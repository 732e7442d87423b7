//! Relays the streams of two tables: facts with a member to the queue of facts; entries, coupons and notices to the queue of
//! notifications; and coupons whose code a shop created to the queue of those codes.

mod facts;
mod members;

use std::collections::HashSet;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use tessera_lambda::sender::OutgoingMessage;
use tessera_lambda::{Queue, Services, Variable, batch};

/// A message and its queue.
struct RelayedMessage {
    queue: Queue,
    message: OutgoingMessage,
    /// True for an update of a profile, which any later message to the same target about the member does as well.
    is_update: bool,
}

/// A message, and the sequence number of its record, from which the stream resumes when it is not sent.
struct Relayed {
    sequence: String,
    content: RelayedMessage,
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
    let mut relayed = without_overtaken(relayed);
    // The records before the bad one are sent nevertheless.
    for queue in [Queue::Facts, Queue::Notifications, Queue::Codes] {
        let (own, others) = relayed.into_iter().partition(|relayed: &Relayed| relayed.content.queue == queue);
        relayed = others;
        failed.extend(send(services, queue, own).await.err());
    }
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failed.into_iter().map(failure).collect();
    response
}

/// Leaves out updates of profiles that a later message of the batch does as well. Their records are done when its record is.
fn without_overtaken(relayed: Vec<Relayed>) -> Vec<Relayed> {
    // A group is a member and a target.
    let mut later: HashSet<String> = HashSet::new();
    let is_needed = |relayed: &Relayed| {
        let RelayedMessage { queue, message, is_update } = &relayed.content;
        let group = message.fifo.as_ref().filter(|_| *queue == Queue::Notifications).map(|keys| &keys.group);
        group.is_none_or(|group| later.insert(group.clone()) || !is_update)
    };
    let mut needed: Vec<Relayed> = relayed.into_iter().rev().filter(is_needed).collect();
    needed.reverse();
    needed
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
    let messages: Vec<RelayedMessage> = if table == Some(services.config.tables.members.as_str()) {
        members::messages(services, record).await?
    } else {
        let of_fact = |message| RelayedMessage { queue: Queue::Facts, message, is_update: false };
        facts::messages(record)?.into_iter().map(of_fact).collect()
    };
    Ok(messages.into_iter().map(|content| Relayed { sequence: sequence.clone(), content }).collect())
}

/// Sends messages in their order. The error is the sequence number of the first that was not sent.
async fn send(services: &Services, queue: Queue, relayed: Vec<Relayed>) -> Result<(), String> {
    let (sequences, messages): (Vec<String>, Vec<OutgoingMessage>) =
        relayed.into_iter().map(|relayed| (relayed.sequence, relayed.content.message)).unzip();
    services.send(queue, &messages).await.map_err(|error| {
        let sequence = sequences.get(error.first_unsent).cloned().unwrap_or_default();
        tracing::error!(%error, sequence, ?queue, "messages were not relayed");
        sequence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relayed(sequence: &str, queue: Queue, group: &str, is_update: bool) -> Relayed {
        let message = OutgoingMessage::fifo(String::new(), group.to_owned(), sequence.to_owned());
        Relayed { sequence: sequence.to_owned(), content: RelayedMessage { queue, message, is_update } }
    }

    #[test]
    fn an_update_is_left_out_where_a_later_message_brings_the_profile_to_the_same_target() {
        let batch = [
            relayed("1", Queue::Notifications, "ada", true),
            relayed("2", Queue::Notifications, "bob", true),
            relayed("3", Queue::Notifications, "ada", false),
            relayed("4", Queue::Facts, "bob", false),
            relayed("5", Queue::Notifications, "ada", true),
            relayed("6", Queue::Notifications, "ada", true),
        ];
        let needed: Vec<String> = without_overtaken(batch.into()).into_iter().map(|relayed| relayed.sequence).collect();
        assert_eq!(needed, ["2", "3", "4", "6"]);
    }
}
