//! What a message asks for, and how a stored attempt is repeated.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;
use tessera_lambda::Services;
use tessera_lambda::message::MessageError;
use tessera_lambda::shop_codes::{CodesMessage, CodesWork};
use tessera_store::{DeliveryContent, TargetId};

use crate::delete::delete;
use crate::program::{ask_again, bring_in_line, look};
use crate::spent::take_spent;
use crate::{ShopClients, WorkError};

/// Does what a message asks for.
pub(crate) async fn run(services: &Services, clients: &ShopClients, message: CodesMessage) -> Result<(), WorkError> {
    let program = message.program;
    match message.work {
        CodesWork::Program { again } => look(services, &program, again).await,
        CodesWork::Reward { connection, reward, again } => {
            bring_in_line(services, clients, &program, &connection, &reward, again).await
        }
        CodesWork::Delete { codes, at } => delete(services, clients, &program, &codes, at, None).await.map(drop),
        CodesWork::Spent { codes } => take_spent(services, &program, &codes).await,
        CodesWork::Delivery { connection, delivery, due } => {
            repeat(services, clients, &program, &connection, &delivery, due).await
        }
    }
}

/// Tries again what is stored as a delivery.
async fn repeat(
    services: &Services,
    clients: &ShopClients,
    program: &ProgramId,
    connection: &TargetId,
    id: &str,
    due: Timestamp,
) -> Result<(), WorkError> {
    let found = services.store.delivery(program, connection, id).await?;
    // Another worker has tried it, or a person has.
    let Some(before) = found.filter(|found| found.due == Some(due)) else { return Ok(()) };
    let DeliveryContent::Inline(text) = &before.content else { return Ok(()) };
    let is_done = match serde_json::from_str(text).map_err(MessageError::from)? {
        CodesWork::Delete { codes, at } => delete(services, clients, program, &codes, at, Some(&before)).await?,
        CodesWork::Reward { connection, reward, .. } => {
            // In its turn: nothing else is done about the reward meanwhile. What fails again is recorded with its pool, and listed
            // anew.
            ask_again(services, program, &connection, &reward, true).await?;
            true
        }
        CodesWork::Program { .. } | CodesWork::Spent { .. } | CodesWork::Delivery { .. } => true,
    };
    if is_done {
        services.store.forget_delivery(program, connection, &before).await?;
    }
    Ok(())
}
