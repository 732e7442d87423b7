//! Creates and deletes codes in shops, whose own checkouts accept them.
//!
//! - Codes are created ahead of need, into ready pools: a redemption never waits for a shop.
//! - What is sent to a shop is stored before. A request whose response is lost is repeated as it was, so that a crash between
//!   the shop's success and our record neither loses a code nor hands one out twice.
//! - Codes of coupons that expired, were cancelled, or were used elsewhere are deleted. A cancellation gives its points back only
//!   then.
//! - A ready code that an order has used leaves its pool.
//! - The codes of a reward that is withdrawn are made invalid; those that nobody has are deleted.
//!
//! A message is handled once its outcome is stored, also a failure: a shop that is down holds up nobody.

mod access;
mod cancel;
mod delete;
mod fill;
mod http;
mod program;
mod shop;
mod shopify;
mod spent;
mod withdraw;
mod woocommerce;
mod work;

use std::sync::{Arc, OnceLock};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use tessera_domain::ids::ProgramId;
use tessera_lambda::message::MessageError;
use tessera_lambda::shop_codes::CodesMessage;
use tessera_lambda::{Queue, Services, Variable, batch};
use tessera_outbound::{Client, OutboundError, RequestLimits, Targets};
use tessera_store::{ActiveProgram, StoreError};

use crate::shopify::AccessTokens;

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::QueueUrl(Queue::Codes), Variable::SecretsKeyParameter];

/// What a warm function keeps between batches.
#[derive(Debug, Default)]
pub struct ShopClients {
    /// Created at the first request: it parses the root certificates.
    client: OnceLock<Client>,
    /// The access tokens of Shopify.
    tokens: AccessTokens,
}

/// Why a message is not handled. It comes again.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Unavailable(String),
}

/// Handles a batch: rewards at once, the messages about one of them in order.
pub async fn handle(services: &Services, clients: &ShopClients, event: SqsEvent) -> SqsBatchResponse {
    batch::queue_by_group(event, |message| {
        Box::pin(async move {
            let message = CodesMessage::parse(message.body.as_deref().unwrap_or_default())?;
            Box::pin(work::run(services, clients, message)).await
        })
    })
    .await
}

/// The program in force now: a message may come of a version that was published a moment ago.
async fn active(services: &Services, program: &ProgramId) -> Result<Arc<ActiveProgram>, WorkError> {
    let found = services.programs.current(program).await?;
    found.ok_or_else(|| WorkError::Unavailable(format!("there is no program {program}")))
}

impl ShopClients {
    fn client(&self) -> Result<&Client, OutboundError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // A list of a hundred coupons of WooCommerce may have a megabyte.
        let limits = RequestLimits { response_bytes: 4 * 1024 * 1024, ..RequestLimits::default() };
        let client = Client::new(Targets::default(), limits)?;
        Ok(self.client.get_or_init(|| client))
    }
}
