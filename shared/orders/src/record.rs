//! What became of deliveries: the health of a connection, and what could not be used.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_store::{Delivery, DeliveryContent, DeliveryStatus, HealthChange, StoreError, TargetId};

use crate::message::InboundWork;

/// The largest work that is stored to be tried again, in bytes.
const MOST_BYTES: usize = 300_000;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// It was stored, or was stored before.
    Stored,
    /// It is of no use, for this reason.
    Skipped(&'static str),
    /// Its parts are counted by themselves.
    Counted,
    /// It cannot be used as it is. It can be tried again once the settings are right.
    Unusable {
        /// Why.
        reason: String,
        /// What is to be tried.
        work: Box<InboundWork>,
    },
    /// It is tried again at a moment.
    Failed {
        /// Why.
        reason: String,
        /// When.
        due: Timestamp,
        /// What is to be tried.
        work: Box<InboundWork>,
        /// How often it was tried.
        attempts: u32,
    },
}

/// Counts what became of a delivery. A count that fails is lost: nothing depends on it.
pub async fn count(services: &Services, program: &ProgramId, connection: &TargetId, change: &HealthChange) {
    let now = services.clock.now();
    if let Err(error) = services.store.count_deliveries(program, connection, change, now).await {
        tracing::error!(%program, %connection, %error, "a delivery of a shop was not counted");
    }
}

/// Stores and counts what became of a delivery. `before`: the stored delivery that was tried again.
///
/// # Errors
/// When DynamoDB fails.
pub async fn record(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    received: &Received,
    before: Option<&Delivery>,
) -> Result<(), StoreError> {
    let store = &services.store;
    let mut change = HealthChange::default();
    match received {
        Received::Stored => change.delivered = 1,
        Received::Skipped(_) => change.skipped = 1,
        Received::Counted => {}
        Received::Unusable { reason, work } => {
            tracing::warn!(%program, %connection, work = work.name(), reason, "a delivery of a shop cannot be used");
            (change.dead, change.error) = (1, Some(reason.clone()));
            let delivery = delivery(services, work, before, reason);
            if let Some(delivery) = delivery {
                let failed = Delivery { status: DeliveryStatus::Failed, due: None, ..delivery };
                store.put_delivery(program, connection, &failed, before).await?;
            }
        }
        Received::Failed { reason, due, work, attempts } => {
            tracing::warn!(%program, %connection, work = work.name(), reason, attempts, "a delivery of a shop waits");
            change.error = Some(reason.clone());
            let delivery = delivery(services, work, before, reason);
            if let Some(delivery) = delivery {
                // Times are stored in milliseconds.
                let due = Timestamp::from_millisecond(due.as_millisecond()).unwrap_or(*due);
                let waiting = Delivery { status: DeliveryStatus::Pending, due: Some(due), ..delivery };
                store.put_delivery(program, connection, &waiting, before).await?;
            }
        }
    }
    if let (Received::Stored | Received::Skipped(_) | Received::Counted, Some(before)) = (received, before) {
        store.forget_delivery(program, connection, before).await?;
    }
    if *received != Received::Counted {
        count(services, program, connection, &change).await;
    }
    Ok(())
}

/// Lists something that a person should look at, once: a report with the same reason and moment is known. `work`: what a redrive
/// does.
///
/// # Errors
/// When DynamoDB fails.
pub async fn report(
    services: &Services,
    program: &ProgramId,
    connection: &TargetId,
    reason: &str,
    at: Option<Timestamp>,
    work: &InboundWork,
) -> Result<(), StoreError> {
    let (now, store) = (services.clock.now(), &services.store);
    let at = Timestamp::from_millisecond(at.unwrap_or(now).as_millisecond()).unwrap_or(now);
    let Some(listed) = delivery(services, work, None, reason) else { return Ok(()) };
    let listed = Delivery { id: Delivery::id_of(reason, at), made_at: at, status: DeliveryStatus::Failed, ..listed };
    if store.put_delivery(program, connection, &listed, None).await? {
        tracing::warn!(%program, %connection, reason, "a shop did what cannot be followed");
        let change = HealthChange { error: Some(reason.to_owned()), dead: 1, ..HealthChange::default() };
        count(services, program, connection, &change).await;
    }
    Ok(())
}

/// The delivery that is stored. Of work that is too large, the reason alone is.
fn delivery(services: &Services, work: &InboundWork, before: Option<&Delivery>, reason: &str) -> Option<Delivery> {
    let now = Timestamp::from_millisecond(services.clock.now().as_millisecond()).ok()?;
    let reason = reason.chars().take(300).collect();
    if let Some(before) = before {
        let attempts = before.attempts.saturating_add(1);
        return Some(Delivery { tried_at: now, attempts, response: Some(reason), ..before.clone() });
    }
    let mut body = work.text();
    if body.len() > MOST_BYTES {
        // It is listed, and the shop must send it again.
        let without = InboundWork::Read { topic: work.name().to_owned(), body: String::new() };
        body = serde_json::to_string(&without).ok()?;
    }
    Some(Delivery {
        // The same work is stored once, however often the shop delivers it.
        id: Delivery::id_of(&body, now),
        event: work.subject(),
        kind: work.name().to_owned(),
        member: None,
        status: DeliveryStatus::Pending,
        made_at: now,
        tried_at: now,
        attempts: 1,
        response: Some(reason),
        due: None,
        is_test: false,
        content: DeliveryContent::Inline(body),
    })
}
