//! Job: asks `inbound` to fetch the orders of WooCommerce that were changed since the last poll.
//!
//! WooCommerce does not send a failed delivery again, drops a second one within ten minutes, and disables a webhook that
//! failed five times in a row.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_lambda::job::Invocation;
use tessera_lambda::{Queue, Services, Variable};
use tessera_orders::{InboundMessage, InboundWork, ShopConnection};
use tessera_shops::Vendor;
use tessera_store::TargetId;

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Inbound)];

/// Programs that are listed at once.
const PROGRAMS_PER_PAGE: u32 = 100;
/// How far a poll reaches back before the last one: the shop's clock may be behind ours.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// How far the first poll of a connection reaches back.
const FIRST: SignedDuration = SignedDuration::from_hours(1);
/// The marker of how far a shop was polled.
const MARKER: &str = "poll";

/// Asks for a poll of every program with an enabled connection. A program that fails does not keep the others from it.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed.
pub async fn handle(services: &Services, _invocation: Invocation) -> Result<Value, String> {
    let (mut asked, mut failed) = (0_u64, 0_u32);
    let mut cursor = None;
    loop {
        let page = services.store.programs(PROGRAMS_PER_PAGE, cursor.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        for program in &page.items {
            match ask(services, program).await {
                Ok(is_asked) => asked += u64::from(is_asked),
                Err(error) => {
                    tracing::error!(%program, error, "the shop of a program was not polled");
                    failed += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    tracing::info!(asked, failed, "polls were asked for");
    if failed > 0 {
        return Err(format!("the shops of {failed} programs were not polled"));
    }
    Ok(json!({ "asked": asked }))
}

async fn ask(services: &Services, program: &ProgramId) -> Result<bool, String> {
    let text = |error: tessera_store::StoreError| error.to_string();
    let Some(id) = TargetId::parse(Vendor::Woocommerce.name()) else { return Ok(false) };
    if ShopConnection::remembered(services, program, &id).await.map_err(text)?.is_none() {
        return Ok(false);
    }
    let until = services.clock.now();
    let marker = services.store.order_followed_until(program, &id, MARKER).await.map_err(text)?;
    let back = |at: Timestamp, by| at.checked_sub(by).unwrap_or(at);
    let since = marker.map_or_else(|| back(until, FIRST), |marker| back(marker, OVERLAP));
    let work = InboundWork::Poll { since, until, page: 1 };
    let message = InboundMessage::new(program.clone(), id, work).outgoing();
    services.send(Queue::Inbound, &[message]).await.map_err(|error| error.to_string())?;
    Ok(true)
}
