//! Resends facts without a decision, and dead letters. A second decision changes nothing, so it is safe to resend too much,
//! or everything after an interruption.

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use futures::future::try_join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tessera_domain::fact::Fact;
use tessera_domain::ids::MemberId;
use tessera_lambda::message::{AnonymousMessage, FactMessage};
use tessera_lambda::sender::{FifoKeys, OutgoingMessage, send_all};
use tessera_store::{EntryKey, FactImage, ScanCursor, Store};

/// The number of segments of the table that are read in parallel.
const SEGMENTS: u32 = 8;

/// The result of a redrive.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Redriven {
    /// Facts or dead letters that were read.
    pub seen: u64,
    /// How many of them were sent again.
    pub sent: u64,
}

/// A window of acceptance times: an outage loses what arrives during it, whenever it occurred.
#[derive(Debug, Clone, Copy)]
pub struct AcceptanceWindow {
    /// The start, inclusive.
    pub from: Timestamp,
    /// The end, exclusive.
    pub to: Timestamp,
}

impl AcceptanceWindow {
    /// True for a time within it.
    fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// A queue to send to.
#[derive(Debug, Clone, Copy)]
pub struct RedriveQueue<'a> {
    /// The client.
    pub sqs: &'a aws_sdk_sqs::Client,
    /// The queue's URL.
    pub url: &'a str,
}

/// Sends every fact of a window that has no decision to the queue of facts, and every anonymous receipt that may have used
/// coupons. `run` is part of the deduplication id, so that SQS accepts what another run sent within the last minutes.
///
/// # Errors
/// When DynamoDB or SQS fails. It is safe to run it again.
pub async fn facts(store: &Store, queue: RedriveQueue<'_>, window: AcceptanceWindow, run: &str) -> Result<Redriven> {
    let parts = try_join_all((0..SEGMENTS).map(|segment| facts_of(store, queue, window, run, segment))).await?;
    let add = |sum: Redriven, part: Redriven| Redriven { seen: sum.seen + part.seen, sent: sum.sent + part.sent };
    Ok(parts.into_iter().fold(Redriven::default(), add))
}

async fn facts_of(
    store: &Store,
    queue: RedriveQueue<'_>,
    window: AcceptanceWindow,
    run: &str,
    segment: u32,
) -> Result<Redriven> {
    let mut done = Redriven::default();
    let mut cursor = Some(ScanCursor::default());
    while let Some(from) = cursor {
        let page = store.scan_facts(segment, SEGMENTS, from).await?;
        let mut outgoing = Vec::new();
        for image in page.facts {
            if !window.has(image.accepted_at) {
                continue;
            }
            let Decisions { member, keys } = decisions_of(store, &image).await?;
            let owners = store.owners(&image.program, &member).await?;
            for (message, key) in FactMessage::all_of(&image).into_iter().zip(keys) {
                done.seen += 1;
                if store.find_entry(&message.program, &owners, &key).await?.is_some() {
                    continue;
                }
                let deduplication = format!("{run}-{segment}-{}", done.sent);
                outgoing.push(OutgoingMessage::fifo(message.to_text(), message.group(), deduplication));
                done.sent += 1;
            }
        }
        // No entry says whether the coupons of an anonymous receipt are settled.
        for found in page.anonymous.into_iter().filter(|found| window.has(found.accepted_at)) {
            let deduplication = format!("{run}-{segment}-{}", done.sent);
            outgoing.push(AnonymousMessage::new(found.program, found.receipt).outgoing(&deduplication));
            done.seen += 1;
            done.sent += 1;
        }
        send_all(queue.sqs, queue.url, &outgoing).await.context("facts could not be sent")?;
        cursor = page.next;
    }
    Ok(done)
}

/// Where the decisions on a fact, and on those that waited for it, stand.
struct Decisions {
    /// Whose they are.
    member: MemberId,
    /// Their keys.
    keys: Vec<EntryKey>,
}

async fn decisions_of(store: &Store, image: &FactImage) -> Result<Decisions> {
    let (root, member, moves) = match image.fact.parent() {
        None => (Fact::unpack(&image.fact, &image.packed)?, image.member.clone(), image.moves),
        Some(parent) => {
            let found = store.get_fact(&image.program, &parent).await?;
            let found = found.with_context(|| format!("{} is stored without {parent}", image.fact))?;
            // A refund follows its receipt to another member.
            let moves = found.moved.as_ref().map_or(0, |moved| moved.number);
            (found.fact, found.member.unwrap_or_else(|| image.member.clone()), moves)
        }
    };
    // Only days depend on the time zone, and they are not stored.
    let at = root.occurred_at(&TimeZone::UTC);
    Ok(Decisions { member, keys: image.facts().map(|fact| EntryKey::moved(at, fact, moves)).collect() })
}

/// Moves all messages of a dead-letter queue back. A message is sent before it is deleted: none is lost, and one that an
/// interruption leaves in both queues is decided once.
///
/// # Errors
/// When SQS fails. It is safe to run it again.
pub async fn dead_letters(dead: RedriveQueue<'_>, queue: RedriveQueue<'_>, run: &str) -> Result<Redriven> {
    let mut done = Redriven::default();
    loop {
        let request = dead.sqs.receive_message().queue_url(dead.url).max_number_of_messages(10).wait_time_seconds(1);
        let request = request
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader);
        let letters = request.send().await.context("the dead letters could not be read")?.messages.unwrap_or_default();
        if letters.is_empty() {
            return Ok(done);
        }
        let mut outgoing = Vec::new();
        for letter in &letters {
            done.seen += 1;
            let attribute =
                |name: MessageSystemAttributeName| letter.attributes.as_ref().and_then(|all| all.get(&name)).cloned();
            let fifo = attribute(MessageSystemAttributeName::MessageGroupId)
                .map(|group| FifoKeys { group, deduplication: format!("{run}-{}", done.seen) });
            let trace = attribute(MessageSystemAttributeName::AwsTraceHeader);
            outgoing.push(OutgoingMessage { body: letter.body.clone().unwrap_or_default(), fifo, trace });
        }
        send_all(queue.sqs, queue.url, &outgoing).await.context("letters could not be sent")?;
        for letter in letters {
            let handle = letter.receipt_handle.unwrap_or_default();
            ensure!(!handle.is_empty(), "a dead letter has no receipt handle");
            let delete = dead.sqs.delete_message().queue_url(dead.url).receipt_handle(handle);
            delete.send().await.context("a dead letter was sent but could not be deleted")?;
            done.sent += 1;
        }
    }
}
