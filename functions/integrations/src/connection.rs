//! The connections: their settings, credentials and health.

use http::Uri;
use serde_json::json;
use tessera_lambda::connection::ConnectionChange;
use tessera_lambda::http::{self as responses, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_orders::ShopConnection;
use tessera_outbound::Targets;
use tessera_shops::{ShopSettings, Vendor};
use tessera_store::{Target, TargetId, TargetKind};

use crate::ADMIN;
use crate::codes::codes_health;
use crate::mapping::verified_kinds;
use crate::read::{Wanted, read_wanted, show_settings};
use crate::schema::{ConnectionView, GenericBody, HealthView, ShopifyBody, SquareBody, WoocommerceBody};

const TAG: &str = "Shops";
const DETAILS: &str = "Credentials that are left out stay; a replaced secret still verifies for 24 hours. Another host \
                       needs them in the same request, else 422 `credentials_required`.";
/// The most generic connections of a program.
const MOST_GENERIC: usize = 20;

/// The routes of the connections.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/integrations/shopify", ADMIN, handler!(get, Vendor::Shopify))
        .named("getShopify", TAG, "Reads the connection to Shopify")
        .gives::<ConnectionView>(200, "Settings and health. Credentials are never shown."),
    Route::put("/v1/integrations/shopify", ADMIN, handler!(put, Vendor::Shopify))
        .named("putShopify", TAG, "Replaces the settings of the connection to Shopify")
        .audited("integration.replace")
        .details(DETAILS)
        .takes::<ShopifyBody>(ShopifyBody::example)
        .gives::<ConnectionView>(200, "Settings and health.")
        .fails(409)
        .fails(422),
    Route::get("/v1/integrations/woocommerce", ADMIN, handler!(get, Vendor::Woocommerce))
        .named("getWoocommerce", TAG, "Reads the connection to WooCommerce")
        .gives::<ConnectionView>(200, "Settings and health. Credentials are never shown."),
    Route::put("/v1/integrations/woocommerce", ADMIN, handler!(put, Vendor::Woocommerce))
        .named("putWoocommerce", TAG, "Replaces the settings of the connection to WooCommerce")
        .audited("integration.replace")
        .details(DETAILS)
        .takes::<WoocommerceBody>(WoocommerceBody::example)
        .gives::<ConnectionView>(200, "Settings and health.")
        .fails(409)
        .fails(422),
    Route::get("/v1/integrations/square", ADMIN, handler!(get, Vendor::Square))
        .named("getSquare", TAG, "Reads the connection to Square")
        .gives::<ConnectionView>(200, "Settings and health. Credentials are never shown."),
    Route::put("/v1/integrations/square", ADMIN, handler!(put, Vendor::Square))
        .named("putSquare", TAG, "Replaces the settings of the connection to Square")
        .audited("integration.replace")
        .details(DETAILS)
        .takes::<SquareBody>(SquareBody::example)
        .gives::<ConnectionView>(200, "Settings and health.")
        .fails(409)
        .fails(422),
    Route::get("/v1/integrations/generic/{connection}", ADMIN, handler!(get, Vendor::Generic))
        .named("getGeneric", TAG, "Reads the connection to any other sender")
        .gives::<ConnectionView>(200, "Settings and health. Credentials are never shown.")
        .fails(404),
    Route::put("/v1/integrations/generic/{connection}", ADMIN, handler!(put, Vendor::Generic))
        .named("putGeneric", TAG, "Replaces the settings of the connection to any other sender")
        .audited("integration.replace")
        .details("Credentials that are left out stay; a replaced secret still verifies for 24 hours.")
        .takes::<GenericBody>(GenericBody::example)
        .gives::<ConnectionView>(200, "Settings and health.")
        .fails(404)
        .fails(409)
        .fails(422),
];

/// The connection that a path names.
///
/// # Errors
/// 404 for a name that no connection can have.
pub(crate) fn named(request: &ApiRequest, vendor: Vendor) -> Result<TargetId, Problem> {
    let id = match vendor {
        Vendor::Generic => TargetId::generic(request.path("connection")?),
        Vendor::Shopify | Vendor::Woocommerce | Vendor::Square => TargetId::parse(vendor.name()),
    };
    let detail = "a connection has a name of 1 to 40 small letters, digits, - and _, other than a vendor's";
    id.ok_or_else(|| Problem::not_found(detail))
}

async fn view(
    services: &Services,
    request: &ApiRequest,
    id: &TargetId,
    vendor: Vendor,
    target: Option<&Target>,
) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let connection = services.connection_health(program, id).await?;
    let mut health = HealthView { connection, codes: codes_health(services, program, id).await? };
    if let Some(reason) = target.and_then(|target| target.disabled_because.clone()) {
        health.connection.last_error = Some(reason);
    }
    let connection = target.and_then(ShopConnection::of);
    let settings = connection.map_or_else(|| ShopSettings::new(vendor), |connection| connection.settings);
    let enabled = target.is_some_and(|target| target.is_enabled);
    Ok(responses::json(200, &ConnectionView { enabled, settings: show_settings(&settings), health }))
}

/// `GET /v1/integrations/…`
async fn get(services: &Services, request: &ApiRequest, vendor: Vendor) -> Result<Response, Problem> {
    let id = named(request, vendor)?;
    let target = services.store.target(&request.caller()?.program, &id).await?;
    if vendor == Vendor::Generic && target.is_none() {
        return Err(Problem::not_found("there is no such connection"));
    }
    view(services, request, &id, vendor, target.as_ref()).await
}

/// `PUT /v1/integrations/…`
async fn put(services: &Services, request: &ApiRequest, vendor: Vendor) -> Result<Response, Problem> {
    let (program, id) = (&request.caller()?.program, named(request, vendor)?);
    let wanted = read_wanted(&request.json()?, vendor).map_err(Problem::malformed)?;
    if let Some(generic) = &wanted.settings.generic {
        request.caller()?.check_verifies(&verified_kinds(generic))?;
    }
    if let Some(url) = &wanted.settings.base_url {
        check_address(url).await?;
    }
    let before = services.store.target(program, &id).await?;
    if vendor == Vendor::Generic && before.is_none() {
        check_room(services, request).await?;
    }
    let has_credentials = services.has_credentials(request, &id).await?;
    let old = before.as_ref().and_then(ShopConnection::of).map(|connection| connection.settings);
    let settings = settings_after(&wanted, old.as_ref(), has_credentials)?;
    let shown = |enabled: bool, settings: &ShopSettings| json!({ "enabled": enabled, "settings": settings });
    let shown_before = before.as_ref().zip(old.as_ref()).map(|(before, old)| shown(before.is_enabled, old));
    let change = ConnectionChange {
        id: id.clone(),
        is_enabled: wanted.enabled,
        shop: Some(settings.shop_identity()),
        kind: TargetKind::Shop(json!(settings).to_string()),
        credentials: wanted.credentials.as_ref().map(|credentials| json!(credentials).to_string()),
        shown: (shown_before.unwrap_or_else(|| json!({})), shown(wanted.enabled, &settings)),
    };
    let target = services.replace_connection(request, before, change).await?;
    // What a shop has refused may work with these settings.
    let cause = format!("{id} {}", request.natural_key().key);
    if let Err(error) = services.ask_codes_of_connection(&target, program, &cause).await {
        tracing::error!(%program, error, "the codes of a shop were not asked for");
    }
    view(services, request, &id, vendor, Some(&target)).await
}

/// The settings that are stored. Another host or shop needs the credentials in the same request.
fn settings_after(wanted: &Wanted, old: Option<&ShopSettings>, has_credentials: bool) -> Result<ShopSettings, Problem> {
    let mut settings = wanted.settings.clone();
    if wanted.credentials.is_some() {
        return Ok(settings);
    }
    settings.shop = old.and_then(|old| old.shop.clone());
    let is_elsewhere = old.is_some_and(|old| old.base_url != settings.base_url);
    if (has_credentials && is_elsewhere) || (wanted.enabled && !has_credentials) {
        return Err(Problem::credentials_required());
    }
    Ok(settings)
}

async fn check_address(url: &str) -> Result<(), Problem> {
    let parsed: Uri = url.parse().map_err(|_| Problem::malformed_at("/settings/base_url", "must be a URL"))?;
    let checked = Targets::default().check_host(&parsed).await;
    checked.map_err(|error| {
        Problem::not_allowed("address_not_allowed", format!("requests to this URL would not be sent: {error}"))
    })
}

async fn check_room(services: &Services, request: &ApiRequest) -> Result<(), Problem> {
    let known = services.store.targets(&request.caller()?.program).await?;
    let generic = known.iter().filter_map(ShopConnection::of).filter(|one| one.settings.vendor == Vendor::Generic);
    if generic.count() < MOST_GENERIC {
        return Ok(());
    }
    let detail = format!("a program has at most {MOST_GENERIC} generic connections");
    Err(Problem::not_allowed("limit_reached", detail))
}
