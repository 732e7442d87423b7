//! Sends messages to the queue of notifications.

use tessera_lambda::notification::Notification;
use tessera_lambda::{Problem, Queue, Services};

/// Sends one message. `natural`: the same in a repeated request.
///
/// # Errors
/// 503 when the queue does not take it.
pub(crate) async fn send(services: &Services, message: &Notification, natural: &str) -> Result<(), Problem> {
    Ok(services.send(Queue::Notifications, &[message.outgoing(natural)]).await?)
}
