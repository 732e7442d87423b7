//! Sends messages to the queue of notifications.

use tessera_lambda::notification::Notification;
use tessera_lambda::sender::send_all;
use tessera_lambda::{Problem, Services};

/// Sends one message. `natural`: the same in a repeated request.
///
/// # Errors
/// 503 when the queue does not take it.
pub(crate) async fn send(services: &Services, message: &Notification, natural: &str) -> Result<(), Problem> {
    let Some(queue) = services.config.notifications_queue_url.as_deref() else {
        return Err(Problem::internal(&"NOTIFICATIONS_QUEUE_URL is not set"));
    };
    send_all(&services.sqs, queue, &[message.outgoing(natural)]).await.map_err(|error| {
        tracing::error!(%error, "a notification was not sent");
        Problem::unavailable()
    })
}
