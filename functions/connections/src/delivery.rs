//! Deliveries to webhook endpoints.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{Delivery, DeliveryStatus};

use crate::send::send;
use crate::{ADMIN, endpoint};

/// The routes of deliveries.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/webhook-endpoints/{id}/deliveries", ADMIN, handler!(list))
        .named("listDeliveries", "Events", "Lists the deliveries of a webhook endpoint, newest first")
        .details("Deliveries are listed for 30 days.")
        .paged()
        .lists::<DeliveryView>("A page of deliveries."),
    Route::post("/v1/webhook-endpoints/{id}/deliveries/{delivery}/resend", ADMIN, handler!(resend))
        .named("resendDelivery", "Events", "Sends a delivery again, with the same `webhook-id`")
        .gives::<DeliveryView>(202, "It waits to be sent."),
];

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DeliveryStatus))]
#[serde(rename_all = "snake_case")]
enum StatusView {
    /// The endpoint accepted it.
    Delivered,
    /// It is tried again.
    Pending,
    /// It was given up.
    Failed,
}

/// The delivery of one event to one endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Delivery))]
struct DeliveryView {
    /// Its identifier.
    id: String,
    /// The event's id, which is the `webhook-id`.
    event: String,
    /// The event's type.
    #[serde(rename = "type")]
    kind: String,
    /// How it stands.
    status: StatusView,
    /// When it was last tried; before the first attempt, when it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    at: Timestamp,
    /// How often it was tried.
    attempts: u32,
    /// The status of the last response and the beginning of its body, or why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    response: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    due: Option<Timestamp>,
    /// True for tests and replays.
    test: bool,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            event: delivery.event,
            kind: delivery.kind,
            status: match delivery.status {
                DeliveryStatus::Delivered => StatusView::Delivered,
                DeliveryStatus::Pending => StatusView::Pending,
                DeliveryStatus::Failed => StatusView::Failed,
            },
            at: delivery.tried_at,
            attempts: delivery.attempts,
            response: delivery.response,
            due: delivery.due,
            test: delivery.is_test,
        }
    }
}

/// `GET /v1/webhook-endpoints/{id}/deliveries`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let target = endpoint::named(services, request).await?;
    let page = services.delivery_page(request, &target.id).await?;
    let items: Vec<DeliveryView> = page.items.into_iter().map(DeliveryView::from).collect();
    Ok(http::json(200, &json!({ "items": items, "next_cursor": page.next })))
}

/// `POST /v1/webhook-endpoints/{id}/deliveries/{delivery}/resend`
async fn resend(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    endpoint::no_fields(request)?;
    let target = endpoint::named(services, request).await?;
    let program = &request.caller()?.program;
    let found = services.store.delivery(program, &target.id, request.path("delivery")?).await?;
    let before = found.ok_or_else(|| Problem::not_found("there is no such delivery"))?;
    let (now, natural) = (services.clock.now(), request.natural_key());
    let again = services.due_now(program, &target.id, &before, now).await?;
    let again = again.ok_or_else(|| Problem::conflict("in_flight", "the delivery is being sent"))?;
    let due = again.due.unwrap_or(now);
    // The job would find it too; the message makes it quick.
    let content = NotificationContent::Delivery { delivery: again.id.clone(), due };
    let message = Notification::new(program.clone(), target.id.clone(), again.member.clone(), content);
    send(services, &message, &format!("{} {}", natural.started_at.as_millisecond(), natural.key)).await?;
    Ok(http::json(202, &DeliveryView::from(again)))
}
