//! What Klaviyo did not take: listed, and sent again.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tessera_lambda::connection::RedrivenDeliveries;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::TargetId;

use crate::{ADMIN, endpoint};

/// The routes of dead letters.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/integrations/klaviyo/dead-letters", ADMIN, handler!(list))
        .named("listKlaviyoDeadLetters", "Events", "Lists the events that Klaviyo did not take")
        .paged()
        .lists::<DeadLetterView>("A page; it can be short, even empty, and still have a next one."),
    Route::post("/v1/integrations/klaviyo/redrive", ADMIN, handler!(redrive))
        .named("redriveKlaviyo", "Events", "Sends dead letters again")
        .gives::<RedrivenDeliveries>(202, "They wait to be sent."),
];

/// An event that was given up.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DeadLetter))]
struct DeadLetterView {
    /// Its identifier.
    id: String,
    /// When it was given up.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    at: Timestamp,
    /// The vendor's words.
    reason: String,
    /// The event's id.
    event: String,
    /// The event's type; `profile` for an update of a profile, `backfill` for one after a backfill.
    #[serde(rename = "type")]
    kind: String,
}

/// `GET /v1/integrations/klaviyo/dead-letters`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let page = services.delivery_page(request, &TargetId::klaviyo()).await?;
    let next = page.next.clone();
    let items: Vec<DeadLetterView> = page
        .dead()
        .map(|delivery| DeadLetterView {
            id: delivery.id,
            at: delivery.tried_at,
            reason: delivery.response.unwrap_or_default(),
            event: delivery.event,
            kind: delivery.kind,
        })
        .collect();
    Ok(http::json(200, &json!({ "items": items, "next_cursor": next })))
}

/// `POST /v1/integrations/klaviyo/redrive`
async fn redrive(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    endpoint::no_fields(request)?;
    let redriven = services.redrive_deliveries(&request.caller()?.program, &TargetId::klaviyo()).await?;
    Ok(http::json(202, &redriven))
}
