//! What connections delivered in vain: listed, and tried again.

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::input::{self, Node, Object};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, cursor, handler};
use tessera_shops::Vendor;
use tessera_store::{Delivery, DeliveryStatus};

use crate::ADMIN;
use crate::connection::named;
use crate::schema::{DeadLetterView, RedrivenView};

const TAG: &str = "Shops";
/// Deliveries that a request looks at.
const LOOKED_AT: u32 = 250;

const fn dead_letters_of(path: &'static str, id: &'static str, handler: tessera_lambda::RouteHandler) -> Route {
    Route::get(path, ADMIN, handler)
        .named(id, TAG, "Lists the deliveries that cannot be used")
        .paged()
        .lists::<DeadLetterView>("A page; it can be short, even empty, and still have a next one.")
}

const fn redrive_of(path: &'static str, id: &'static str, handler: tessera_lambda::RouteHandler) -> Route {
    Route::post(path, ADMIN, handler)
        .named(id, TAG, "Tries deliveries again that could not be used")
        .gives::<RedrivenView>(202, "They wait to be tried.")
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
    let program = services.program(&request.caller()?.program).await?;
    let key = program.head.identity_key.open().await?;
    let list = format!("deliveries/{id}");
    let after = request.query("cursor").map(|sealed| cursor::open(key.as_bytes(), &list, sealed)).transpose()?;
    let page = services.store.deliveries(&program.id, &id, limit(request)?, after.as_deref()).await?;
    let next = page.next.map(|next| cursor::seal(key.as_bytes(), &list, &next));
    let dead = page.items.into_iter().filter(|delivery| delivery.status == DeliveryStatus::Failed);
    let items: Vec<DeadLetterView> = dead
        .map(|delivery| DeadLetterView {
            id: delivery.id,
            at: delivery.tried_at,
            reason: delivery.response.unwrap_or_default(),
            kind: delivery.kind,
        })
        .collect();
    Ok(http::json(200, &json!({ "items": items, "next_cursor": next })))
}

fn limit(request: &ApiRequest) -> Result<u32, Problem> {
    let Some(text) = request.query("limit") else { return Ok(50) };
    let limit = text.parse().ok().filter(|limit| (1..=250).contains(limit));
    limit.ok_or_else(|| Problem::malformed_at("/limit", "must be a whole number from 1 to 250"))
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
    let (program, id, now) = (&request.caller()?.program, named(request, vendor)?, services.clock.now());
    let due = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    let (mut redriven, mut cursor) = (0, None);
    loop {
        let page = services.store.deliveries(program, &id, LOOKED_AT, cursor.as_deref()).await?;
        for dead in page.items.iter().filter(|delivery| delivery.status == DeliveryStatus::Failed) {
            // `redeliveries` sends what is due.
            let again =
                Delivery { status: DeliveryStatus::Pending, due: Some(due), attempts: dead.attempts, ..dead.clone() };
            redriven += usize::from(services.store.put_delivery(program, &id, &again, Some(dead)).await?);
        }
        cursor = page.next;
        if cursor.is_none() || redriven >= LOOKED_AT as usize {
            break;
        }
    }
    Ok(http::json(202, &RedrivenView { redriven, more: cursor.is_some() }))
}
