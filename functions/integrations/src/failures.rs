//! What connections delivered in vain: listed, and tried again.

use serde_json::{Value, json};
use tessera_domain::input::{self, Node, Object};
use tessera_lambda::connection::RedrivenDeliveries;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_shops::Vendor;

use crate::ADMIN;
use crate::connection::named;
use crate::schema::DeadLetterView;

const TAG: &str = "Shops";

const fn dead_letters_of(path: &'static str, id: &'static str, handler: tessera_lambda::RouteHandler) -> Route {
    Route::get(path, ADMIN, handler)
        .named(id, TAG, "Lists the deliveries that cannot be used")
        .paged()
        .lists::<DeadLetterView>("A page; it can be short, even empty, and still have a next one.")
}

const fn redrive_of(path: &'static str, id: &'static str, handler: tessera_lambda::RouteHandler) -> Route {
    Route::post(path, ADMIN, handler)
        .named(id, TAG, "Tries deliveries again that could not be used")
        .gives::<RedrivenDeliveries>(202, "They wait to be tried.")
}

/// The routes of failed deliveries.
pub(crate) const ROUTES: &[Route] = &[
    dead_letters_of(
        "/v1/integrations/shopify/dead-letters",
        "listShopifyDeadLetters",
        handler!(dead_letters, Vendor::Shopify),
    ),
    redrive_of("/v1/integrations/shopify/redrive", "redriveShopify", handler!(redrive, Vendor::Shopify)),
    dead_letters_of(
        "/v1/integrations/woocommerce/dead-letters",
        "listWoocommerceDeadLetters",
        handler!(dead_letters, Vendor::Woocommerce),
    ),
    redrive_of("/v1/integrations/woocommerce/redrive", "redriveWoocommerce", handler!(redrive, Vendor::Woocommerce)),
    dead_letters_of(
        "/v1/integrations/square/dead-letters",
        "listSquareDeadLetters",
        handler!(dead_letters, Vendor::Square),
    ),
    redrive_of("/v1/integrations/square/redrive", "redriveSquare", handler!(redrive, Vendor::Square)),
    dead_letters_of(
        "/v1/integrations/generic/{connection}/dead-letters",
        "listGenericDeadLetters",
        handler!(dead_letters, Vendor::Generic),
    ),
    redrive_of("/v1/integrations/generic/{connection}/redrive", "redriveGeneric", handler!(redrive, Vendor::Generic)),
];

/// `GET /v1/integrations/…/dead-letters`
async fn dead_letters(services: &Services, request: &ApiRequest, vendor: Vendor) -> Result<Response, Problem> {
    let id = named(request, vendor)?;
    let page = services.delivery_page(request, &id).await?;
    let next = page.next.clone();
    let items: Vec<DeadLetterView> = page
        .dead()
        .map(|delivery| DeadLetterView {
            id: delivery.id,
            at: delivery.tried_at,
            reason: delivery.response.unwrap_or_default(),
            kind: delivery.kind,
        })
        .collect();
    Ok(http::json(200, &json!({ "items": items, "next_cursor": next })))
}

/// A body, where there is one, has no fields.
pub(crate) fn no_fields(request: &ApiRequest) -> Result<(), Problem> {
    let body: Value = request.optional_json()?;
    let nothing = |node: &Node<'_>| node.object().map(Object::finish);
    input::read(&body, nothing).map_err(Problem::malformed)
}

/// `POST /v1/integrations/…/redrive`
async fn redrive(services: &Services, request: &ApiRequest, vendor: Vendor) -> Result<Response, Problem> {
    no_fields(request)?;
    let id = named(request, vendor)?;
    let redriven = services.redrive_deliveries(&request.caller()?.program, &id).await?;
    Ok(http::json(202, &redriven))
}
