//! Tries the credentials of connections with a request to the vendor. A connection to any other sender has no API to ask.

use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Queue, Route, RouteHandler, Services, handler};
use tessera_orders::{InboundMessage, InboundWork, ShopConnection};
use tessera_shops::Vendor;

use crate::ADMIN;
use crate::connection::named;
use crate::failures::no_fields;
use crate::schema::TestedView;

const fn test_of(path: &'static str, id: &'static str, handler: RouteHandler) -> Route {
    Route::post(path, ADMIN, handler)
        .named(id, "Shops", "Tries the credentials")
        .gives::<TestedView>(202, "A request waits to be sent; see the health.")
        .fails(422)
}

/// The routes of tests.
pub(crate) const ROUTES: &[Route] = &[
    test_of("/v1/integrations/shopify/test", "testShopify", handler!(test, Vendor::Shopify)),
    test_of("/v1/integrations/woocommerce/test", "testWoocommerce", handler!(test, Vendor::Woocommerce)),
    test_of("/v1/integrations/square/test", "testSquare", handler!(test, Vendor::Square)),
];

/// `POST /v1/integrations/…/test`
async fn test(services: &Services, request: &ApiRequest, vendor: Vendor) -> Result<Response, Problem> {
    no_fields(request)?;
    let (program, id) = (&request.caller()?.program, named(request, vendor)?);
    let target = services.store.target(program, &id).await?;
    let connection = target.as_ref().and_then(ShopConnection::of).filter(|connection| connection.is_enabled);
    if connection.is_none() {
        return Err(Problem::not_allowed("not_connected", "enable the connection first"));
    }
    let work = InboundWork::Test { at: request.natural_key().started_at };
    let message = InboundMessage::new(program.clone(), id, work).outgoing();
    services.send(Queue::Inbound, &[message]).await?;
    Ok(http::json(202, &TestedView { connection: vendor.name() }))
}
