//! Sending again what was given up: facts without a decision, and dead letters. Deciding twice does nothing, so that too
//! much may be sent again, and after a fault in the middle everything.

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use futures::future::try_join_all;
use jiff::Timestamp;
use tessera_domain::fact::{Interaction, Receipt};
use tessera_domain::pack::unpack;
use tessera_lambda::message::FactMessage;
use tessera_store::{EntryKey, FactImage, ScanCursor, Store};

/// The table is read in so many parts at once.
const SEGMENTS: u32 = 8;

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Redriven {
    /// Facts or letters that were looked at.
    pub seen: u64,
    /// Those of them that were sent again.
    pub sent: u64,
}

/// Facts that were accepted from one time to before another: what an outage lost came during it, whenever it happened.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment no longer.
    pub to: Timestamp,
}

/// A queue to send to.
#[derive(Debug, Clone, Copy)]
pub struct Queue<'a> {
    /// The client.
    pub sqs: &'a aws_sdk_sqs::Client,
    /// Which queue.
    pub url: &'a str,
}

/// Sends every fact of a window that has no decision to the queue of facts. `run`: names this run, so that SQS takes what an
/// earlier one sent a few minutes ago once more.
///
/// # Errors
/// When DynamoDB or SQS fails; then it can be run again.
pub async fn facts(store: &Store, queue: Queue<'_>, window: Window, run: &str) -> Result<Redriven> {
    let parts = try_join_all((0..SEGMENTS).map(|segment| facts_of(store, queue, window, run, segment))).await?;
    let add = |sum: Redriven, part: Redriven| Redriven { seen: sum.seen + part.seen, sent: sum.sent + part.sent };
    Ok(parts.into_iter().fold(Redriven::default(), add))
}

async fn facts_of(store: &Store, queue: Queue<'_>, window: Window, run: &str, segment: u32) -> Result<Redriven> {
    let mut done = Redriven::default();
    let mut cursor = Some(ScanCursor::default());
    while let Some(from) = cursor {
        let page = store.scan_facts(segment, SEGMENTS, from).await?;
        for image in page.facts {
            if image.accepted_at() < window.from || image.accepted_at() >= window.to {
                continue;
            }
            let keys = keys(store, &image).await?;
            for (message, key) in FactMessage::all_of(image).into_iter().zip(keys) {
                done.seen += 1;
                if store.get_entry(&message.program, &message.member, &key).await?.is_some() {
                    continue;
                }
                let request = queue.sqs.send_message().queue_url(queue.url).message_group_id(message.group());
                let deduplication = format!("{run}-{segment}-{}", done.sent);
                let request = request.message_deduplication_id(deduplication).message_body(message.to_text());
                request.send().await.context("a fact could not be sent")?;
                done.sent += 1;
            }
        }
        cursor = page.next;
    }
    Ok(done)
}

/// For each message of a fact the key under which its decision stands.
async fn keys(store: &Store, image: &FactImage) -> Result<Vec<EntryKey>> {
    Ok(match image {
        FactImage::Receipt { receipt, packed, early, .. } => {
            let at = unpack::<Receipt>(packed)?.occurred_at;
            let waited = early.iter().map(|refund| EntryKey::refund(at, receipt, refund));
            std::iter::once(EntryKey::receipt(at, receipt)).chain(waited).collect()
        }
        FactImage::Refund { program, receipt, refund, .. } => {
            let of = store.get_receipt_with_refunds(program, receipt).await?;
            let at = of.with_context(|| format!("{refund} is of {receipt}, which is not there"))?.receipt.occurred_at;
            vec![EntryKey::refund(at, receipt, refund)]
        }
        FactImage::Interaction { interaction, packed, .. } => {
            vec![EntryKey::interaction(unpack::<Interaction>(packed)?.occurred_at, interaction)]
        }
    })
}

/// Moves what lies in a dead-letter queue back. A letter is sent before it is deleted: none is lost, and one that a fault
/// leaves in both is taken once.
///
/// # Errors
/// When SQS fails; then it can be run again.
pub async fn dead_letters(dead: Queue<'_>, queue: Queue<'_>, run: &str) -> Result<Redriven> {
    let mut done = Redriven::default();
    loop {
        let request = dead.sqs.receive_message().queue_url(dead.url).max_number_of_messages(10).wait_time_seconds(1);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
        let letters = request.send().await.context("the dead letters could not be read")?.messages.unwrap_or_default();
        if letters.is_empty() {
            return Ok(done);
        }
        for letter in letters {
            done.seen += 1;
            let group = letter.attributes.as_ref().and_then(|all| all.get(&MessageSystemAttributeName::MessageGroupId));
            let mut request = queue.sqs.send_message().queue_url(queue.url).set_message_body(letter.body);
            if let Some(group) = group {
                let deduplication = format!("{run}-{}", done.seen);
                request = request.message_group_id(group).message_deduplication_id(deduplication);
            }
            request.send().await.context("a letter could not be sent")?;
            let handle = letter.receipt_handle.unwrap_or_default();
            ensure!(!handle.is_empty(), "a letter came without its handle");
            let delete = dead.sqs.delete_message().queue_url(dead.url).receipt_handle(handle);
            delete.send().await.context("a letter that was sent could not be deleted")?;
            done.sent += 1;
        }
    }
}
