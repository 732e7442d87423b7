//! The connection to Klaviyo: settings, credentials, health, dead letters, backfill.

mod backfill;
mod dead_letters;
mod settings;

use serde::Serialize;
use serde_json::json;
use tessera_domain::event::EventType;
use tessera_lambda::connection::{ConnectionChange, ConnectionHealth};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{KlaviyoSettings, Target, TargetId, TargetKind};

use crate::event::SentEvent;
use crate::{ADMIN, address, endpoint};
use settings::{ConnectionBody, SettingsView, read_connection, settings_of};

/// The routes of what Klaviyo did not take, and of the backfill.
pub(crate) use backfill::ROUTES as BACKFILL_ROUTES;
pub(crate) use dead_letters::ROUTES as DEAD_LETTER_ROUTES;

/// The routes of the connection.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/integrations/klaviyo", ADMIN, handler!(get))
        .named("getKlaviyo", "Events", "Reads the connection to Klaviyo")
        .gives::<ConnectionView>(200, "Settings and health. Credentials are never shown."),
    Route::put("/v1/integrations/klaviyo", ADMIN, handler!(put))
        .named("putKlaviyo", "Events", "Replaces the settings of the connection to Klaviyo")
        .audited("integration.replace")
        .details(
            "Credentials that are left out stay. Another `base_url` needs them in the same request, else 422 \
             `credentials_required`.",
        )
        .takes::<ConnectionBody>(ConnectionBody::example)
        .gives::<ConnectionView>(200, "Settings and health.")
        .fails(409)
        .fails(422),
    Route::post("/v1/integrations/klaviyo/test", ADMIN, handler!(test))
        .named("testKlaviyo", "Events", "Sends an example event, for the profile `tessera-test`")
        .gives::<SentEvent>(202, "It waits to be sent; see the health."),
];

/// The connection to Klaviyo.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Klaviyo))]
struct ConnectionView {
    /// Whether events are sent.
    enabled: bool,
    /// How events become Klaviyo's.
    settings: SettingsView,
    /// How the connection does.
    health: ConnectionHealth,
}

async fn respond(services: &Services, request: &ApiRequest, target: Option<Target>) -> Result<Response, Problem> {
    let health = services.connection_health(&request.caller()?.program, &TargetId::klaviyo()).await?;
    let enabled = target.as_ref().is_some_and(|target| target.is_enabled);
    let settings = target.as_ref().and_then(settings_of).cloned().unwrap_or_default();
    Ok(http::json(200, &ConnectionView { enabled, settings: settings.into(), health }))
}

/// The connection, if it was ever set up.
async fn connection(services: &Services, request: &ApiRequest) -> Result<Option<Target>, Problem> {
    Ok(services.store.target(&request.caller()?.program, &TargetId::klaviyo()).await?)
}

/// The connection, which must be enabled.
async fn enabled(services: &Services, request: &ApiRequest) -> Result<Target, Problem> {
    let target = connection(services, request).await?.filter(|target| target.is_enabled);
    target.ok_or_else(|| Problem::not_allowed("not_connected", "enable the connection first"))
}

/// `GET /v1/integrations/klaviyo`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let target = connection(services, request).await?;
    respond(services, request, target).await
}

/// `PUT /v1/integrations/klaviyo`
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let wanted = read_connection(&request.json()?).map_err(Problem::malformed)?;
    if let Some(url) = &wanted.settings.base_url {
        address::check(url).await?;
    }
    let before = connection(services, request).await?;
    let has_credentials = services.has_credentials(request, &TargetId::klaviyo()).await?;
    let old_url = before.as_ref().and_then(settings_of).and_then(|settings| settings.base_url.clone());
    let needs = (has_credentials && old_url != wanted.settings.base_url) || (wanted.enabled && !has_credentials);
    if needs && wanted.credentials.is_none() {
        return Err(Problem::credentials_required());
    }
    let shown = |is_enabled: bool, settings: &KlaviyoSettings| json!({ "enabled": is_enabled, "settings": SettingsView::from(settings.clone()) });
    let old = before.as_ref().and_then(|before| Some(shown(before.is_enabled, settings_of(before)?)));
    // Klaviyo's profiles carry the referral link, and a worker knows no host.
    let settings = KlaviyoSettings { origin: Some(request.origin()), ..wanted.settings };
    let change = ConnectionChange {
        id: TargetId::klaviyo(),
        is_enabled: wanted.enabled,
        shown: (old.unwrap_or_else(|| json!({})), shown(wanted.enabled, &settings)),
        shop: None,
        kind: TargetKind::Klaviyo(settings),
        credentials: wanted.credentials.map(|credentials| json!(credentials).to_string()),
    };
    let target = services.replace_connection(request, before, change).await?;
    respond(services, request, Some(target)).await
}

/// `POST /v1/integrations/klaviyo/test`
async fn test(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    endpoint::no_fields(request)?;
    let target = enabled(services, request).await?;
    let kind = EventType::named("tessera.entry.earn");
    let kind = kind.ok_or_else(|| Problem::internal(&"there is no type tessera.entry.earn"))?;
    endpoint::send_test(services, request, &target, kind).await
}
