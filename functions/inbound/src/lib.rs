//! Does what is left to do about deliveries of shops: fetches what their payloads lack, and follows orders that change.
//!
//! A message is handled once its facts are stored, or its failure is: then `redeliveries` sends it again when it falls due. A
//! shop that is down holds up nobody.

mod attempt;
mod fetch;
mod privacy;
mod shopify;
mod square;
mod woocommerce;
mod work;

use std::sync::OnceLock;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use tessera_lambda::{Queue, Services, Variable, batch};
use tessera_orders::InboundMessage;
use tessera_outbound::{Client, OutboundError, RequestLimits, Targets};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] =
    &[Variable::QueueUrl(Queue::Inbound), Variable::QueueUrl(Queue::Notifications), Variable::SecretsKeyParameter];

/// What a warm function keeps between batches.
#[derive(Debug, Default)]
pub struct Vendors {
    /// Created at the first request: it parses the root certificates.
    client: OnceLock<Client>,
}

/// Why a message is not handled. It comes again.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Message(#[from] tessera_orders::InboundError),
    #[error(transparent)]
    Store(#[from] tessera_store::StoreError),
    #[error("{0}")]
    Unavailable(String),
}

/// Handles a batch: orders at once, the messages about one of them in order.
pub async fn handle(services: &Services, vendors: &Vendors, event: SqsEvent) -> SqsBatchResponse {
    // Boxed here and where it calls further: intake's future is large.
    batch::queue_by_group(event, |message| {
        Box::pin(async move {
            let message = InboundMessage::parse(message.body.as_deref().unwrap_or_default())?;
            Box::pin(work::run(services, vendors, message)).await
        })
    })
    .await
}

impl Vendors {
    fn client(&self) -> Result<&Client, OutboundError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // A page of orders of WooCommerce may have some megabytes.
        let limits = RequestLimits { response_bytes: 8 * 1024 * 1024, ..RequestLimits::default() };
        let client = Client::new(Targets::default(), limits)?;
        Ok(self.client.get_or_init(|| client))
    }
}
