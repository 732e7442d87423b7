//! The connection to Klaviyo: settings, credentials, health, dead letters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tessera_domain::audit::AuditChange;
use tessera_domain::event::EventType;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::program::diff;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{
    Delivery, DeliveryStatus, KlaviyoSettings, SecretChange, Target, TargetHealth, TargetId, TargetKind,
};

use crate::event::SentEvent;
use crate::{ADMIN, address, delivery, endpoint};

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
    Route::get("/v1/integrations/klaviyo/dead-letters", ADMIN, handler!(dead_letters))
        .named("listKlaviyoDeadLetters", "Events", "Lists the events that Klaviyo did not take")
        .paged()
        .lists::<DeadLetterView>("A page; it can be short, even empty, and still have a next one."),
    Route::post("/v1/integrations/klaviyo/redrive", ADMIN, handler!(redrive))
        .named("redriveKlaviyo", "Events", "Sends dead letters again")
        .gives::<RedrivenView>(202, "They wait to be sent."),
    Route::post("/v1/integrations/klaviyo/test", ADMIN, handler!(test))
        .named("testKlaviyo", "Events", "Sends an example event, for the profile `tessera-test`")
        .gives::<SentEvent>(202, "It waits to be sent; see the health."),
];

/// What the audit calls the connection.
const OBJECT: &str = "integrations/klaviyo";
/// The names of the profile properties.
const PROPERTIES: [&str; 13] = [
    "State",
    "Points Balance",
    "Points Expire At",
    "Tier Name",
    "Tier ID",
    "Points To Next Tier",
    "Next Reward",
    "Points To Next Reward",
    "Coupons Available",
    "Referral URL",
    "Referral Code",
    "Referrals Completed",
    "Referral Clicks",
];
/// The names of the metrics.
const METRICS: [&str; 15] = [
    "Points Earned",
    "Points Redeemed",
    "Points Expiring",
    "Reward Issued",
    "Reward Expiring",
    "Birthday Reward Issued",
    "Tier Achieved",
    "Tier Lost",
    "Referral Shared",
    "Referral Started",
    "Referral Progress",
    "Referral Reminder",
    "Referral Completed",
    "Coupon Used",
    "Coupon Assigned",
];
const MOST_NAME_BYTES: usize = 100;
const MOST_NAMES: usize = 10;
const MOST_SECRET_BYTES: usize = 500;
/// Deliveries that are looked at for the health and by a redrive.
const LOOKED_AT: u32 = 250;
/// Errors that the health shows.
const SHOWN_ERRORS: usize = 10;

/// One name, or several.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "the schema of what `read_names` reads")]
enum Names {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// How events become Klaviyo's.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = KlaviyoSettings),
    serde(deny_unknown_fields)
)]
struct SettingsView {
    /// What the names of profile properties begin with; absent: `Loyalty `.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 100))]
    prefix: Option<String>,
    /// Other names of profile properties, in full, by their usual name without prefix: a name or a list of names. The
    /// referral code keeps its usual name beside them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false, value_type = BTreeMap<String, Names>))]
    properties: BTreeMap<String, Vec<String>>,
    /// Other names of metrics, by their usual name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    metrics: BTreeMap<String, String>,
    /// The header that carries the shared secret of a flow webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 100))]
    flow_header: Option<String>,
    /// Records events without starting flows: for a migration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    backfill: bool,
    /// Replaces Klaviyo's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    base_url: Option<String>,
}

/// What the connection signs in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = KlaviyoCredentials),
    serde(deny_unknown_fields)
)]
struct Credentials {
    /// The private API key.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    api_key: String,
    /// The secret of Klaviyo's own webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    webhook_secret: Option<String>,
}

/// The settings of the connection.
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = PutKlaviyo),
    serde(deny_unknown_fields)
)]
#[allow(dead_code, reason = "the schema of what `read_connection` reads")]
struct ConnectionBody {
    /// Whether events are sent.
    enabled: bool,
    /// How events become Klaviyo's.
    settings: Option<SettingsView>,
    /// Absent: those that are stored.
    credentials: Option<Credentials>,
}

impl ConnectionBody {
    fn example() -> Value {
        json!({
            "enabled": false, "credentials": { "api_key": "pk_EXAMPLE" },
            "settings": { "prefix": "Smile ", "properties": { "Referral Code": "referral_klaviyo" },
                          "metrics": { "Points Earned": "Smile Points Earned" } },
        })
    }
}

/// The connection to Klaviyo.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Klaviyo))]
struct ConnectionView {
    /// Whether events are sent.
    enabled: bool,
    /// How events become Klaviyo's.
    settings: SettingsView,
    /// How the connection does.
    health: HealthView,
}

/// How a connection does.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConnectionHealth))]
struct HealthView {
    /// The last accepted event.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    last_success_at: Option<Timestamp>,
    /// What went wrong last, in the vendor's words; null once an event is accepted again.
    last_error: Option<String>,
    /// The age of the oldest event that waits to be sent again; 0 without any.
    queue_age_seconds: u64,
    /// Events that were accepted.
    delivered: u64,
    /// Events about members whose data was erased.
    skipped: u64,
    /// Events that were given up and not sent again, 250 at most.
    dead: u64,
    /// Always 0: Klaviyo's events carry no version.
    unknown_versions: u64,
    /// The vendor's words about the latest events that were not accepted.
    errors: Vec<String>,
}

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
    /// The event's type.
    #[serde(rename = "type")]
    kind: String,
}

/// How many dead letters are sent again.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Redriven))]
struct RedrivenView {
    /// So many wait to be sent.
    redriven: usize,
    /// Whether more may be left: the request can be repeated.
    more: bool,
}

/// What a `PUT` asks for.
#[derive(Debug, PartialEq, Eq)]
struct Connection {
    enabled: bool,
    settings: KlaviyoSettings,
    credentials: Option<Credentials>,
}

fn name(node: &Node<'_>) -> Option<String> {
    let name = node.text(MOST_NAME_BYTES)?;
    if name.trim().is_empty() { node.refuse("must not be empty") } else { Some(name) }
}

fn read_names(node: &Node<'_>) -> Option<Vec<String>> {
    if node.value.is_array() { node.list(MOST_NAMES, name) } else { name(node).map(|name| vec![name]) }
}

/// Reads an object whose member names are among `known`.
fn by_name<T>(node: &Node<'_>, known: &[&str], reader: impl Fn(&Node<'_>) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let read = |node: &Node<'_>| match node.name() {
        Some(name) if known.contains(&name) => reader(node),
        _ => node.refuse("is not a known name"),
    };
    node.entries(known.len(), read).map(|entries| entries.into_iter().collect())
}

fn read_settings(node: &Node<'_>) -> Option<KlaviyoSettings> {
    let object = node.object()?;
    let prefix = object.optional("prefix", |node| node.text(MOST_NAME_BYTES));
    let properties = object.or("properties", BTreeMap::new(), |node| by_name(node, &PROPERTIES, read_names));
    let metrics = object.or("metrics", BTreeMap::new(), |node| by_name(node, &METRICS, name));
    let flow_header = object.optional("flow_header", |node| {
        node.parsed(|text| match text.parse::<::http::HeaderName>() {
            Ok(header) if text.len() <= MOST_NAME_BYTES => Ok(header.as_str().to_owned()),
            _ => Err("must be the name of a header"),
        })
    });
    let backfill = object.or("backfill", false, Node::boolean);
    let base_url = object.optional("base_url", address::read_url);
    object.finish();
    Some(KlaviyoSettings {
        base_url: base_url?,
        prefix: prefix?,
        properties: properties?,
        metrics: metrics?,
        flow_header: flow_header?,
        backfill: backfill?,
    })
}

fn read_credentials(node: &Node<'_>) -> Option<Credentials> {
    let secret = |node: &Node<'_>| {
        let text = node.text(MOST_SECRET_BYTES)?;
        // It is sent in a header.
        let is_printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_printable { Some(text) } else { node.refuse("must be printable ASCII without spaces") }
    };
    let object = node.object()?;
    let api_key = object.required("api_key", secret);
    let webhook_secret = object.optional("webhook_secret", secret);
    object.finish();
    Some(Credentials { api_key: api_key?, webhook_secret: webhook_secret? })
}

/// Reads the body of `PUT /v1/integrations/klaviyo`.
fn read_connection(body: &Value) -> Result<Connection, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let enabled = object.required("enabled", Node::boolean);
        let settings = object.or("settings", KlaviyoSettings::default(), read_settings);
        let credentials = object.optional("credentials", read_credentials);
        object.read_only(&["health"]);
        object.finish();
        Some(Connection { enabled: enabled?, settings: settings?, credentials: credentials? })
    })
}

impl From<KlaviyoSettings> for SettingsView {
    fn from(settings: KlaviyoSettings) -> Self {
        let KlaviyoSettings { base_url, prefix, properties, metrics, flow_header, backfill } = settings;
        Self { prefix, properties, metrics, flow_header, backfill, base_url }
    }
}

/// The settings of a target, if it is the connection to Klaviyo.
fn settings_of(target: &Target) -> Option<&KlaviyoSettings> {
    match &target.kind {
        TargetKind::Klaviyo(settings) => Some(settings),
        TargetKind::Webhook(_) | TargetKind::Shop(_) => None,
    }
}

async fn respond(services: &Services, request: &ApiRequest, target: Option<Target>) -> Result<Response, Problem> {
    let (program, id) = (&request.caller()?.program, TargetId::klaviyo());
    let (health, page) = tokio::join!(
        services.store.target_health(program, &id),
        services.store.deliveries(program, &id, LOOKED_AT, None),
    );
    let health = health_view(health?, &page?.items, services.clock.now());
    let enabled = target.as_ref().is_some_and(|target| target.is_enabled);
    let settings = target.as_ref().and_then(settings_of).cloned().unwrap_or_default();
    Ok(http::json(200, &ConnectionView { enabled, settings: settings.into(), health }))
}

fn health_view(health: TargetHealth, deliveries: &[Delivery], now: Timestamp) -> HealthView {
    let pending = deliveries.iter().filter(|delivery| delivery.status == DeliveryStatus::Pending);
    let oldest = pending.map(|delivery| delivery.made_at).min();
    let age = oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs().max(0).unsigned_abs());
    let dead = deliveries.iter().filter(|delivery| delivery.status == DeliveryStatus::Failed).count();
    let errors = deliveries.iter().filter(|delivery| delivery.status != DeliveryStatus::Delivered);
    HealthView {
        last_success_at: health.last_success_at,
        last_error: health.last_error.filter(|_| health.failing_since.is_some()),
        queue_age_seconds: age,
        delivered: health.delivered,
        skipped: health.skipped,
        dead: dead as u64,
        unknown_versions: 0,
        errors: errors.filter_map(|delivery| delivery.response.clone()).take(SHOWN_ERRORS).collect(),
    }
}

async fn connection(services: &Services, request: &ApiRequest) -> Result<Option<Target>, Problem> {
    Ok(services.store.target(&request.caller()?.program, &TargetId::klaviyo()).await?)
}

/// `GET /v1/integrations/klaviyo`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let target = connection(services, request).await?;
    respond(services, request, target).await
}

/// `PUT /v1/integrations/klaviyo`
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let wanted = read_connection(&request.json()?).map_err(Problem::malformed)?;
    if let Some(url) = &wanted.settings.base_url {
        address::check(url).await?;
    }
    let before = connection(services, request).await?;
    let key = services.secrets().await?;
    let id = TargetId::klaviyo();
    let has_credentials = services.store.target_secrets(program, &id, &key).await?.is_some();
    let old_url = before.as_ref().and_then(settings_of).and_then(|settings| settings.base_url.clone());
    let needs = (has_credentials && old_url != wanted.settings.base_url) || (wanted.enabled && !has_credentials);
    if needs && wanted.credentials.is_none() {
        let detail = "send the credentials in the same request: they are missing, or would go to another host";
        return Err(Problem::not_allowed("credentials_required", detail));
    }
    let now = services.clock.now();
    if let Some(credentials) = &wanted.credentials {
        let secret = json!(credentials).to_string();
        let natural = format!("{} {}", now.as_millisecond(), request.natural_key().key);
        // A replaced webhook secret still verifies for a day.
        let change = SecretChange { secret: Some(&secret), request: &natural, revoke_previous: false, now };
        let audit = request.audit(OBJECT)?.doing("integration.replace_credentials");
        services.store.change_target_secret(program, &id, &key, change, &audit).await?;
    }
    let after = Target {
        id: id.clone(),
        is_enabled: wanted.enabled,
        created_at: before.as_ref().map_or(now, |before| before.created_at),
        disabled_because: None,
        kind: TargetKind::Klaviyo(wanted.settings),
    };
    let shown = |target: &Target| {
        let settings = settings_of(target).cloned().map(SettingsView::from);
        json!({ "enabled": target.is_enabled, "settings": settings })
    };
    let differences = diff(&before.as_ref().map_or_else(|| json!({}), shown), &shown(&after));
    let audit = request.audit(OBJECT)?.changing(differences.into_iter().map(AuditChange::from));
    // Times are stored in milliseconds.
    let is_after = |stored: &Target| stored.kind == after.kind && stored.is_enabled == after.is_enabled;
    let changed = services.store.change_target(program, &id, Some(&audit), |stored| {
        // The check of the credentials was made for what was read. Or this request wrote it, and its response was lost.
        if stored == before {
            Ok(after.clone())
        } else if let Some(stored) = stored.filter(is_after) {
            Ok(stored)
        } else {
            Err(Problem::conflict("stale_version", "the connection was changed meanwhile; read it again"))
        }
    });
    let target = changed.await??;
    services.targets.forget(program);
    respond(services, request, Some(target)).await
}

/// `GET /v1/integrations/klaviyo/dead-letters`
async fn dead_letters(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let Some(target) = connection(services, request).await? else {
        return Ok(http::json(200, &json!({ "items": [], "next_cursor": null })));
    };
    let (deliveries, next) = delivery::page(services, request, &target).await?;
    let dead = deliveries.into_iter().filter(|delivery| delivery.status == DeliveryStatus::Failed);
    let items: Vec<DeadLetterView> = dead
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
    let program = &request.caller()?.program;
    let Some(target) = connection(services, request).await? else {
        return Ok(http::json(202, &RedrivenView { redriven: 0, more: false }));
    };
    let (mut redriven, mut cursor, now) = (0, None, services.clock.now());
    loop {
        let page = services.store.deliveries(program, &target.id, LOOKED_AT, cursor.as_deref()).await?;
        for dead in page.items.iter().filter(|delivery| delivery.status == DeliveryStatus::Failed) {
            // All ten attempts again. `redeliveries` sends what is due.
            redriven += usize::from(delivery::due_now(services, request, &target, dead, now).await?.is_some());
        }
        cursor = page.next;
        if cursor.is_none() || redriven >= LOOKED_AT as usize {
            break;
        }
    }
    Ok(http::json(202, &RedrivenView { redriven, more: cursor.is_some() }))
}

/// `POST /v1/integrations/klaviyo/test`
async fn test(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    endpoint::no_fields(request)?;
    let target = connection(services, request).await?.filter(|target| target.is_enabled);
    let Some(target) = target else {
        return Err(Problem::not_allowed("not_connected", "enable the connection first"));
    };
    let kind = EventType::named("tessera.entry.earn");
    let kind = kind.ok_or_else(|| Problem::internal(&"there is no type tessera.entry.earn"))?;
    endpoint::send_test(services, request, &target, kind).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_read_and_shown_alike() {
        let read = read_connection(&ConnectionBody::example()).unwrap();
        assert_eq!(read.settings.properties["Referral Code"], ["referral_klaviyo"]);
        assert_eq!(read.credentials.unwrap().api_key, "pk_EXAMPLE");
        let shown = json!(SettingsView::from(read.settings.clone()));
        let again = read_connection(&json!({ "enabled": false, "settings": shown, "health": {} })).unwrap();
        assert_eq!((again.settings, again.credentials), (read.settings, None));
        for (pointer, body) in [
            ("/enabled", json!({})),
            ("/settings/propertys", json!({ "enabled": true, "settings": { "propertys": {} } })),
            (
                "/settings/properties/Points",
                json!({ "enabled": true, "settings": { "properties": { "Points": "P" } } }),
            ),
            (
                "/settings/metrics/Points Earned",
                json!({ "enabled": true, "settings": { "metrics": { "Points Earned": "" } } }),
            ),
            ("/settings/flow_header", json!({ "enabled": true, "settings": { "flow_header": "no header" } })),
            ("/credentials/api_key", json!({ "enabled": true, "credentials": {} })),
            ("/credentials/api_key", json!({ "enabled": true, "credentials": { "api_key": "two\nlines" } })),
        ] {
            assert_eq!(read_connection(&body).unwrap_err()[0].pointer, pointer, "{body}");
        }
    }
}
