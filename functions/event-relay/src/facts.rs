//! The stream of facts: each fact with a member becomes a message.

use aws_lambda_events::dynamodb::EventRecord;
use tessera_lambda::message::FactMessage;
use tessera_lambda::sender::OutgoingMessage;
use tessera_store::FactImage;

/// The messages of a record: none, one fact, or a receipt and the refunds that waited for it.
pub(super) fn messages(record: EventRecord) -> Result<Vec<OutgoingMessage>, String> {
    let event = record.event_id;
    let image = FactImage::read(record.change.new_image).map_err(|error| error.to_string())?;
    let facts = image.as_ref().map(FactMessage::all_of).unwrap_or_default();
    let messages = facts.into_iter().enumerate().map(|(place, fact)| {
        // The same whenever the stream repeats the record, so that SQS takes it once.
        let deduplication = format!("{event}-{place}");
        OutgoingMessage::fifo(fact.to_text(), fact.group(), deduplication)
    });
    Ok(messages.collect())
}
