//! The stream of facts: each fact with a member becomes a message, and an anonymous receipt one about its coupons.

use aws_lambda_events::dynamodb::EventRecord;
use tessera_lambda::message::{AnonymousMessage, FactMessage};
use tessera_lambda::sender::OutgoingMessage;
use tessera_store::FactChange;

/// The messages of a record: none, one fact, or a receipt and the refunds that waited for it.
pub(super) fn messages(record: EventRecord) -> Result<Vec<OutgoingMessage>, String> {
    let event = record.event_id;
    let image = match FactChange::read(record.change.new_image).map_err(|error| error.to_string())? {
        None => return Ok(Vec::new()),
        Some(FactChange::Anonymous(found)) => {
            return Ok(vec![AnonymousMessage::new(found.program, found.receipt).outgoing(&event)]);
        }
        Some(FactChange::Fact(image)) => image,
    };
    let messages = FactMessage::all_of(&image).into_iter().enumerate().map(|(place, fact)| {
        // The same whenever the stream repeats the record, so that SQS takes it once.
        let deduplication = format!("{event}-{place}");
        OutgoingMessage::fifo(fact.to_text(), fact.group(), deduplication)
    });
    Ok(messages.collect())
}
