//! Receives deliveries.

use tessera_domain::ids::ProgramId;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Queue, Services};
use tessera_orders::{Follower, Handled, InboundMessage, InboundWork, Received, ShopConnection, count, record};
use tessera_shops::{Delivered, Vendor, shopify, woocommerce};
use tessera_store::{HealthChange, TargetId};

use crate::verify::{unknown_connection, verified};

/// The most characters of a version that are stored, such as `2026-10`.
const LONGEST_VERSION: usize = 16;

/// `POST /v1/webhooks/{vendor}/{program}`
pub(crate) async fn vendor(services: &Services, request: &ApiRequest, vendor: Vendor) -> Result<Response, Problem> {
    let kind = request.header("content-type").unwrap_or_default();
    // WooCommerce tests a new webhook without signing.
    if vendor == Vendor::Woocommerce && woocommerce::is_ping(kind, request.body()) {
        return Ok(http::empty(200));
    }
    receive(services, request, TargetId::parse(vendor.name())).await
}

/// `POST /v1/hooks/{program}/{connection}`
pub(crate) async fn generic(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    receive(services, request, TargetId::generic(request.path("connection")?)).await
}

async fn receive(services: &Services, request: &ApiRequest, id: Option<TargetId>) -> Result<Response, Problem> {
    let program = ProgramId::new(request.path("program")?).map_err(|_| unknown_connection())?;
    let connection = verified(services, request, &program, id).await?;
    let program = services.program(&program).await?;
    let vendor = connection.settings.vendor;
    let topic = topic(request, vendor);
    let version = request.header(shopify::VERSION).filter(|_| vendor == Vendor::Shopify);
    let change = HealthChange {
        unknown_versions: u64::from(version.is_some_and(shopify::is_newer)),
        version: version.map(|version| version.chars().take(LONGEST_VERSION).collect()),
        ..HealthChange::default()
    };
    let currency = program.compiled.program.currency;
    let orders_since = Some(connection.orders_since);
    let follower = Follower { services, program: &program, connection: &connection.id, orders_since };
    let handled = match read(request, &connection, topic, currency) {
        Ok(delivered) => follower.handle(delivered, vendor).await?,
        Err(error) => Handled::Unusable(error.to_string()),
    };
    let unusable = |reason: String| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        Received::Unusable { reason, work: Box::new(InboundWork::Read { topic: topic.to_owned(), body }) }
    };
    let received = match handled {
        Handled::Stored => {
            let stored = HealthChange { delivered: 1, ..change };
            count(services, &program.id, &connection.id, &stored).await;
            return Ok(http::empty(200));
        }
        Handled::Later(work) => {
            match InboundMessage::new(program.id.clone(), connection.id.clone(), work).fitting() {
                Some(message) => {
                    services.send(Queue::Inbound, &[message]).await?;
                    // The worker counts how it ends.
                    None
                }
                None => Some(unusable("the order is too large".to_owned())),
            }
        }
        Handled::Skipped(reason) => Some(Received::Skipped(reason)),
        Handled::Unusable(reason) => Some(unusable(reason)),
    };
    if change.unknown_versions > 0 {
        count(services, &program.id, &connection.id, &change).await;
    }
    if let Some(received) = received {
        record(services, &program.id, &connection.id, &received, None).await?;
    }
    Ok(http::empty(200))
}

/// The topic of a delivery; empty for a vendor without topics.
fn topic(request: &ApiRequest, vendor: Vendor) -> &str {
    let header = match vendor {
        Vendor::Shopify => shopify::TOPIC,
        Vendor::Woocommerce => woocommerce::TOPIC,
        Vendor::Square | Vendor::Generic => return "",
    };
    request.header(header).unwrap_or_default()
}

fn read(
    request: &ApiRequest,
    connection: &ShopConnection,
    topic: &str,
    currency: tessera_domain::money::Currency,
) -> Result<Delivered, tessera_shops::PayloadError> {
    if connection.settings.vendor == Vendor::Shopify {
        // The signature is the app's, and an app may be installed in several shops.
        let shop = request.header(shopify::SHOP).unwrap_or_default();
        if connection.settings.shop.as_deref().is_none_or(|own| !own.eq_ignore_ascii_case(shop)) {
            return Ok(Delivered::Nothing("a delivery of another shop"));
        }
    }
    connection.read(topic, request.body(), currency)
}
