//! The backfill: brings the profile of every member to Klaviyo, for a migration.

use jiff::Timestamp;
use serde::Serialize;
use tessera_lambda::connection::{BACKFILL, Backfill};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{Delivery, DeliveryStatus, TargetId};

use super::enabled;
use crate::send::send;
use crate::{ADMIN, endpoint};

/// The routes of the backfill.
pub(crate) const ROUTES: &[Route] = &[
    Route::post("/v1/integrations/klaviyo/backfill", ADMIN, handler!(start))
        .named("startKlaviyoBackfill", "Events", "Starts to bring the profile of every member to Klaviyo")
        .details(
            "In bulk jobs, which start no flow. One runs at a time: while it does, the request returns it. Profiles that Klaviyo \
             refuses are dead letters.",
        )
        .gives::<BackfillView>(202, "It runs.")
        .fails(422),
    Route::get("/v1/integrations/klaviyo/backfill", ADMIN, handler!(get))
        .named("getKlaviyoBackfill", "Events", "Reads how far the last backfill has come")
        .gives::<BackfillView>(200, "The backfill.")
        .fails(404),
];

/// How a backfill stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BackfillState))]
#[serde(rename_all = "snake_case")]
enum State {
    /// Profiles are sent, or jobs of Klaviyo have not ended.
    Running,
    /// Every job has ended.
    Done,
    /// It was given up; a redrive goes on where it stopped.
    Failed,
}

/// A backfill.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = KlaviyoBackfill))]
struct BackfillView {
    /// How it stands.
    state: State,
    /// When it was started.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    started_at: Timestamp,
    /// The profiles that were sent.
    profiles: u64,
    /// The profiles that Klaviyo refused; the dead letters say why.
    refused: u64,
    /// The jobs of Klaviyo that have not ended.
    jobs: usize,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    reason: Option<String>,
}

fn view(delivery: &Delivery) -> Result<BackfillView, Problem> {
    let backfill = Backfill::of(delivery).ok_or_else(|| Problem::internal(&"a backfill that cannot be read"))?;
    Ok(BackfillView {
        state: match delivery.status {
            DeliveryStatus::Pending => State::Running,
            DeliveryStatus::Delivered => State::Done,
            DeliveryStatus::Failed => State::Failed,
        },
        started_at: backfill.started_at,
        profiles: backfill.profiles,
        refused: backfill.refused,
        jobs: backfill.jobs.len(),
        reason: delivery.response.clone(),
    })
}

/// `POST /v1/integrations/klaviyo/backfill`
async fn start(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    endpoint::no_fields(request)?;
    let (program, target) = (&request.caller()?.program, enabled(services, request).await?);
    let started = services.start_backfill(program, &target.id).await?;
    if let Some(due) = started.due {
        // The job would find it too; the message makes it quick.
        let content = NotificationContent::Delivery { delivery: started.id.clone(), due };
        let message = Notification::new(program.clone(), target.id, None, content);
        send(services, &message, &format!("{BACKFILL} {}", due.as_millisecond())).await?;
    }
    Ok(http::json(202, &view(&started)?))
}

/// `GET /v1/integrations/klaviyo/backfill`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let found = services.store.delivery(&request.caller()?.program, &TargetId::klaviyo(), BACKFILL).await?;
    let found = found.ok_or_else(|| Problem::not_found("there was no backfill"))?;
    Ok(http::json(200, &view(&found)?))
}
