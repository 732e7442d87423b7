//! Job: sends deliveries whose time has come to the queue of notifications, those of shops to `inbound.fifo`, and codes that
//! shops are to delete or create to `codes.fifo`.
//!
//! Their due times stay until `notifications`, `inbound` or `shop-codes` stores the outcome of the attempt. A lost message is therefore sent again by a
//! later run; a repeated one finds that its delivery has another due time, and does nothing.

use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_lambda::job::Invocation;
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::shop_codes::{CodesMessage, CodesWork};
use tessera_lambda::{Queue, Services, Variable};
use tessera_orders::{InboundMessage, InboundWork};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] =
    &[Variable::QueueUrl(Queue::Notifications), Variable::QueueUrl(Queue::Inbound), Variable::QueueUrl(Queue::Codes)];

/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;
/// Deliveries that are read at once.
const DELIVERIES_PER_PAGE: u32 = 250;

/// Sends what is due of every program, until the deadline is near. A program that fails does not keep the others from being
/// served.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub async fn handle(services: &Services, invocation: Invocation) -> Result<Value, String> {
    let (mut sent, mut failed, mut unfinished) = (0_u64, 0_u32, 0_u32);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            match send_due(services, program, &invocation, &mut sent).await {
                Ok(true) => {}
                Ok(false) => unfinished += 1,
                Err(error) => {
                    tracing::error!(%program, error, "due deliveries were not sent");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || invocation.deadline.is_near() {
            break;
        }
    }
    unfinished += u32::from(cursor.is_some());
    tracing::info!(sent, failed, unfinished, "due deliveries were sent");
    if failed > 0 {
        return Err(format!("the due deliveries of {failed} programs were not sent"));
    }
    Ok(json!({ "sent": sent, "failed": failed, "unfinished": unfinished }))
}

/// Sends what is due of one program; false when the deadline came first.
async fn send_due(
    services: &Services,
    program: &ProgramId,
    invocation: &Invocation,
    sent: &mut u64,
) -> Result<bool, String> {
    let mut cursor: Option<String> = None;
    loop {
        if invocation.deadline.is_near() {
            return Ok(false);
        }
        let now = services.clock.now();
        let page = services.store.due_deliveries(program, now, DELIVERIES_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        let (of_shops, of_events): (Vec<_>, Vec<_>) = page.items.into_iter().partition(|due| due.target.is_shop());
        let (of_codes, of_shops): (Vec<_>, Vec<_>) =
            of_shops.into_iter().partition(|due| due.kind.as_deref() == Some(CodesWork::KIND));
        let of_codes: Vec<_> = of_codes
            .into_iter()
            .map(|due| {
                let cause = format!("{} {}", due.id, due.due.as_millisecond());
                let work = CodesWork::Delivery { connection: due.target, delivery: due.id, due: due.due };
                CodesMessage::new(program.clone(), work).outgoing(&cause)
            })
            .collect();
        services.send_codes(&of_codes).await?;
        let from_shops: Vec<_> = of_shops
            .into_iter()
            .map(|due| {
                let work = InboundWork::Delivery { delivery: due.id, due: due.due };
                InboundMessage::new(program.clone(), due.target, work).outgoing()
            })
            .collect();
        services.send(Queue::Inbound, &from_shops).await.map_err(|error| error.to_string())?;
        let messages: Vec<_> = of_events
            .into_iter()
            .map(|due| {
                // The same in every run until the delivery is tried, so that SQS drops a repeated message.
                let natural = format!("{} {}", due.id, due.due.as_millisecond());
                let content = NotificationContent::Delivery { delivery: due.id, due: due.due };
                Notification::new(program.clone(), due.target, due.member, content).outgoing(&natural)
            })
            .collect();
        services.send(Queue::Notifications, &messages).await.map_err(|error| error.to_string())?;
        *sent += (messages.len() + from_shops.len() + of_codes.len()) as u64;
        cursor = page.next;
        if cursor.is_none() {
            return Ok(true);
        }
    }
}
