//! Batches of messages and of stream records: a failed one does not fail the others.

use std::any::Any;
use std::collections::HashSet;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt as _;

use crate::trace;

/// Handles the messages of a queue in order, each under its own trace header.
///
/// After a failure the rest of its FIFO group is returned too, to keep its order; other groups go on. A panic fails one
/// message.
pub async fn queue<F, Fut, E>(event: SqsEvent, take: F) -> SqsBatchResponse
where
    F: Fn(SqsMessage) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut failed_groups: HashSet<String> = HashSet::new();
    let mut failures = Vec::new();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        let trace = message.attributes.get(trace::ATTRIBUTE).cloned();
        let group = message.attributes.get("MessageGroupId").cloned().unwrap_or_else(|| id.clone());
        if !failed_groups.contains(&group) {
            match caught(trace::within(trace.clone(), take(message))).await {
                Ok(()) => continue,
                Err(error) => tracing::error!(message = id, trace, error, "a message failed"),
            }
            failed_groups.insert(group);
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failures.push(failure);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

/// Handles the messages of a queue, the FIFO groups of a batch at once and the messages of each group in order.
///
/// For messages that wait for others' servers: a slow one holds up its own group alone. Failures are those of [`queue`].
pub async fn queue_by_group<F, Fut, E>(event: SqsEvent, take: F) -> SqsBatchResponse
where
    F: Fn(SqsMessage) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut groups: Vec<(Option<String>, SqsEvent)> = Vec::new();
    for message in event.records {
        let group = message.attributes.get("MessageGroupId").cloned();
        if let Some((_, event)) = groups.iter_mut().find(|(known, _)| group.is_some() && *known == group) {
            event.records.push(message);
        } else {
            let mut event = SqsEvent::default();
            event.records.push(message);
            groups.push((group, event));
        }
    }
    let handled = groups.into_iter().map(|(_, event)| queue(event, &take));
    let mut response = SqsBatchResponse::default();
    for group in futures::future::join_all(handled).await {
        response.batch_item_failures.extend(group.batch_item_failures);
    }
    response
}

/// Runs work that may fail or panic.
///
/// # Errors
/// The text of the error or the panic.
pub async fn caught<T, E: Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("panic: {}", panic_text(panic.as_ref()))),
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, group: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.attributes.insert("MessageGroupId".to_owned(), group.to_owned());
        message
    }

    #[tokio::test]
    async fn groups_run_at_once_and_each_in_order() {
        let mut event = SqsEvent::default();
        event.records = vec![message("1", "a"), message("2", "a"), message("3", "b"), message("4", "b")];
        let order = std::sync::Mutex::new(Vec::new());
        let (open, opened) = tokio::sync::watch::channel(false);
        let response = queue_by_group(event, async |message: SqsMessage| {
            let id = message.message_id.unwrap();
            if id == "1" {
                // Waits for the other group.
                opened.clone().wait_for(|open| *open).await.unwrap();
            }
            if id == "4" {
                open.send(true).unwrap();
                return Err("no");
            }
            order.lock().unwrap().push(id);
            Ok(())
        })
        .await;
        assert_eq!(*order.lock().unwrap(), ["3", "1", "2"]);
        assert_eq!(response.batch_item_failures.len(), 1);
    }

    #[tokio::test]
    async fn a_failure_returns_the_rest_of_its_group_only() {
        let mut event = SqsEvent::default();
        event.records =
            vec![message("1", "a"), message("2", "b"), message("3", "a"), message("4", "b"), message("5", "c")];
        let response = queue(event, |message| async move {
            match message.message_id.as_deref() {
                Some("1") => Err("no"),
                Some("4") => panic!("poison"),
                _ => Ok(()),
            }
        })
        .await;
        let failed: Vec<String> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        assert_eq!(failed, ["1", "3", "4"]);
    }
}
