//! Webhook endpoints.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::audit::AuditChange;
use tessera_domain::event::{EVENT_TYPES, Event, EventType};
use tessera_domain::input::{self, Fault, Node, Object};
use tessera_domain::program::diff;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::paging::ListPage;
use tessera_lambda::{Content, Problem, Route, Services, handler};
use tessera_store::{SecretChange, Target, TargetId, TargetKind, WebhookEndpoint};

use crate::event::SentEvent;
use crate::send::send;
use crate::{ADMIN, address};

/// The routes of endpoints.
pub(crate) const ROUTES: &[Route] = &[
    Route::post("/v1/webhook-endpoints", ADMIN, handler!(post))
        .named("addWebhookEndpoint", "Events", "Adds a webhook endpoint")
        .audited("webhook_endpoint.create")
        .details(
            "Deliveries follow the Standard Webhooks specification. The secret is shown once. At most 20 endpoints; a URL \
             that requests may not reach is 422 `address_not_allowed`.",
        )
        .not_repeating(&["secret"])
        .takes::<EndpointBody>(EndpointBody::example)
        .gives::<NewEndpointView>(201, "The endpoint, with its secret."),
    Route::get("/v1/webhook-endpoints", ADMIN, handler!(list))
        .named("listWebhookEndpoints", "Events", "Lists the webhook endpoints")
        .paged()
        .lists::<EndpointView>("A page of endpoints."),
    Route::get("/v1/webhook-endpoints/{id}", ADMIN, handler!(get))
        .named("getWebhookEndpoint", "Events", "Reads a webhook endpoint")
        .gives::<EndpointView>(200, "The endpoint."),
    Route::patch("/v1/webhook-endpoints/{id}", ADMIN, handler!(patch))
        .named("changeWebhookEndpoint", "Events", "Changes a webhook endpoint")
        .audited("webhook_endpoint.change")
        .details(
            "Another host needs the endpoint's current `secret` in the same request, else 422 `credentials_required`. The \
             endpoint then gets a new one, which the response shows once.",
        )
        .takes::<EndpointPatchBody>(EndpointPatchBody::example)
        .gives::<NewEndpointView>(200, "The endpoint.")
        .fails(409)
        .fails(422),
    Route::delete("/v1/webhook-endpoints/{id}", ADMIN, handler!(delete))
        .named("deleteWebhookEndpoint", "Events", "Deletes a webhook endpoint")
        .audited("webhook_endpoint.delete")
        .responds(204, "It is deleted.", Content::Nothing),
    Route::post("/v1/webhook-endpoints/{id}/rotate", ADMIN, handler!(rotate))
        .named("rotateWebhookSecret", "Events", "Gives a webhook endpoint a new secret")
        .audited("webhook_endpoint.rotate")
        .details("For 24 hours, the old secret signs too.")
        .not_repeating(&["secret"])
        .gives::<RotatedView>(200, "The secret."),
    Route::post("/v1/webhook-endpoints/{id}/test", ADMIN, handler!(test))
        .named("testWebhookEndpoint", "Events", "Sends an example event, marked as a test")
        .gives::<SentEvent>(202, "It waits to be sent; see the deliveries."),
];

/// The most endpoints of a program: each costs a message for every event that it wants.
const MOST_ENDPOINTS: usize = 20;
const MOST_DESCRIPTION_BYTES: usize = 200;
const MOST_EVENTS: usize = 100;
const MOST_SECRET_BYTES: usize = 200;

/// Whether events are sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum EndpointStatus {
    /// They are.
    Enabled,
    /// They are not.
    Disabled,
}

/// The name of a type of event, or `*` for all of them.
#[cfg(feature = "openapi")]
struct WantedEvent;

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for WantedEvent {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let names = EVENT_TYPES.iter().map(|kind| kind.name).chain([WebhookEndpoint::EVERY_TYPE]);
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(names))
            .build()
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for WantedEvent {
    fn name() -> std::borrow::Cow<'static, str> {
        "WantedEvent".into()
    }
}

/// A webhook endpoint to add.
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = AddWebhookEndpoint),
    serde(deny_unknown_fields)
)]
#[allow(dead_code, reason = "the schema of what `read_endpoint` reads")]
struct EndpointBody {
    /// Where requests go: https to a public address.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    url: String,
    /// The types of events that it receives; absent: every type.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<WantedEvent>>, min_items = 1, max_items = 100))]
    events: Option<Vec<String>>,
    /// What it is for.
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    description: Option<String>,
}

impl EndpointBody {
    fn example() -> Value {
        json!({
            "url": "https://shop.example/hooks/tessera", "events": ["tessera.entry.earn", "tessera.tier.changed"],
            "description": "the shop's CRM",
        })
    }
}

/// What to change of a webhook endpoint.
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(as = ChangeWebhookEndpoint),
    serde(deny_unknown_fields)
)]
#[allow(dead_code, reason = "the schema of what `read_patch` reads")]
struct EndpointPatchBody {
    /// Where requests go.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    url: Option<String>,
    /// The types of events that it receives.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<WantedEvent>>, min_items = 1, max_items = 100))]
    events: Option<Vec<String>>,
    /// What it is for.
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    description: Option<String>,
    /// Whether events are sent to it.
    status: Option<EndpointStatus>,
    /// The current secret, for another host.
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    secret: Option<String>,
}

impl EndpointPatchBody {
    fn example() -> Value {
        json!({ "status": "disabled", "description": "paused while the CRM moves" })
    }
}

/// A webhook endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WebhookEndpoint))]
struct EndpointView {
    /// Its identifier.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    id: TargetId,
    /// Where requests go.
    url: String,
    /// The types of events that it receives.
    events: Vec<String>,
    /// What it is for.
    description: String,
    /// Whether events are sent to it.
    status: EndpointStatus,
    /// Why it was disabled, unless a person did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    disabled_because: Option<String>,
    /// When it was added.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
}

/// A webhook endpoint that was added now, or that has a new secret.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewWebhookEndpoint))]
struct NewEndpointView {
    /// What every response shows.
    #[serde(flatten)]
    view: EndpointView,
    /// The secret that signs its deliveries: once, and only when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = false, nullable = false))]
    secret: Option<String>,
}

/// A new secret.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WebhookSecret))]
struct RotatedView {
    /// The secret. A replay of the response omits it.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    secret: String,
}

impl EndpointView {
    /// The view of a target; `None` for a connection.
    fn of(target: Target) -> Option<Self> {
        let TargetKind::Webhook(endpoint) = target.kind else { return None };
        Some(Self {
            id: target.id,
            url: endpoint.url,
            events: endpoint.events,
            description: endpoint.description,
            status: if target.is_enabled { EndpointStatus::Enabled } else { EndpointStatus::Disabled },
            disabled_because: target.disabled_because,
            created_at: target.created_at,
        })
    }
}

fn read_events(node: &Node<'_>) -> Option<Vec<String>> {
    let names: Vec<(&str, &str)> = EVENT_TYPES
        .iter()
        .map(|kind| kind.name)
        .chain([WebhookEndpoint::EVERY_TYPE])
        .map(|name| (name, name))
        .collect();
    let mut events = node.list(MOST_EVENTS, |event| event.choice(&names))?;
    if events.is_empty() {
        return node.refuse("must name at least one type");
    }
    events.sort_unstable();
    events.dedup();
    Some(events.into_iter().map(str::to_owned).collect())
}

fn read_description(node: &Node<'_>) -> Option<String> {
    node.text(MOST_DESCRIPTION_BYTES)
}

/// Reads the body of `POST /v1/webhook-endpoints`.
fn read_endpoint(body: &Value) -> Result<WebhookEndpoint, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let url = object.required("url", address::read_url);
        let events = object.or("events", vec![WebhookEndpoint::EVERY_TYPE.to_owned()], read_events);
        let description = object.or("description", String::new(), read_description);
        object.finish();
        Some(WebhookEndpoint { url: url?, events: events?, description: description? })
    })
}

/// What a `PATCH` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct EndpointPatch {
    url: Option<String>,
    events: Option<Vec<String>>,
    description: Option<String>,
    status: Option<EndpointStatus>,
    secret: Option<String>,
}

/// Reads the body of `PATCH /v1/webhook-endpoints/{id}`.
fn read_patch(body: &Value) -> Result<EndpointPatch, Vec<Fault>> {
    let statuses = [("enabled", EndpointStatus::Enabled), ("disabled", EndpointStatus::Disabled)];
    input::read(body, |node| {
        let object = node.object()?;
        let url = object.optional("url", address::read_url);
        let events = object.optional("events", read_events);
        let description = object.optional("description", read_description);
        let status = object.optional("status", |node| node.choice(&statuses));
        let secret = object.optional("secret", |node| node.text(MOST_SECRET_BYTES));
        object.finish();
        Some(EndpointPatch { url: url?, events: events?, description: description?, status: status?, secret: secret? })
    })
}

/// The endpoint that the path names.
pub(crate) async fn named(services: &Services, request: &ApiRequest) -> Result<Target, Problem> {
    let unknown = || Problem::not_found("there is no such webhook endpoint");
    let id = TargetId::parse(request.path("id")?).ok_or_else(unknown)?;
    let found = services.store.target(&request.caller()?.program, &id).await?;
    found.filter(|target| matches!(target.kind, TargetKind::Webhook(_))).ok_or_else(unknown)
}

fn view(target: Target) -> Result<EndpointView, Problem> {
    EndpointView::of(target).ok_or_else(|| Problem::not_found("there is no such webhook endpoint"))
}

/// `POST /v1/webhook-endpoints`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let endpoint = read_endpoint(&request.json()?).map_err(Problem::malformed)?;
    address::check(&endpoint.url).await?;
    let known = services.store.targets(program).await?;
    let endpoints = known.iter().filter(|target| matches!(target.kind, TargetKind::Webhook(_))).count();
    if endpoints >= MOST_ENDPOINTS {
        return Err(Problem::not_allowed("limit_reached", format!("a program has at most {MOST_ENDPOINTS} endpoints")));
    }
    let (key, natural) = (services.secrets().await?, request.natural_key());
    let described = [("url", json!(endpoint.url)), ("events", json!(endpoint.events))];
    let changes = described.map(|(field, value)| AuditChange::added(field, value));
    let audit = request.audit("webhook-endpoints")?.changing(changes);
    let (target, secret) =
        services.store.create_webhook(program, endpoint, &natural.key, natural.started_at, &key, &audit).await?;
    services.targets.forget(program);
    Ok(http::json(201, &NewEndpointView { view: view(target)?, secret: Some(secret) }))
}

/// `GET /v1/webhook-endpoints`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let targets = services.store.targets(&request.caller()?.program).await?;
    let mut items: Vec<EndpointView> = targets.into_iter().filter_map(EndpointView::of).collect();
    items.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    Ok(http::json(
        200,
        &ListPage::of_all(services, request, "webhook endpoints", items, |endpoint| endpoint.id.as_str()).await?,
    ))
}

/// `GET /v1/webhook-endpoints/{id}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    Ok(http::json(200, &view(named(services, request).await?)?))
}

/// `PATCH /v1/webhook-endpoints/{id}`
async fn patch(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let patch = read_patch(&request.json()?).map_err(Problem::malformed)?;
    let before = named(services, request).await?;
    let after = changed(&before, &patch)?;
    let (TargetKind::Webhook(old), TargetKind::Webhook(new)) = (&before.kind, &after.kind) else {
        return Err(Problem::not_found("there is no such webhook endpoint"));
    };
    if old.url != new.url {
        address::check(&new.url).await?;
    }
    let audit = request.audit(before.object())?.changing(changes(&before, &after)?);
    let is_elsewhere = !address::is_same_host(&old.url, &new.url);
    let secret = if is_elsewhere {
        let key = services.secrets().await?;
        let known = services.store.target_secrets(program, &before.id, &key).await?;
        let is_given = known.is_some_and(|known| patch.secret.as_deref() == Some(known.current.as_str()));
        if !is_given {
            let detail = "another host needs the endpoint's current secret in the same request";
            return Err(Problem::not_allowed("credentials_required", detail));
        }
        services.store.move_webhook(program, &before, &after, &key, &audit).await?
    } else {
        services.store.replace_target(program, &before, &after, &audit).await?.then(String::new)
    };
    services.targets.forget(program);
    let Some(secret) = secret else {
        return Err(Problem::conflict("stale_version", "the endpoint was changed meanwhile; read it again"));
    };
    let secret = Some(secret).filter(|secret| !secret.is_empty());
    Ok(http::json(200, &NewEndpointView { view: view(after)?, secret }))
}

/// What a patch changes, for the audit.
fn changes(before: &Target, after: &Target) -> Result<Vec<AuditChange>, Problem> {
    let differences = diff(&json!(view(before.clone())?), &json!(view(after.clone())?));
    Ok(differences.into_iter().map(AuditChange::from).collect())
}

/// The endpoint after a patch.
fn changed(before: &Target, patch: &EndpointPatch) -> Result<Target, Problem> {
    let TargetKind::Webhook(endpoint) = &before.kind else {
        return Err(Problem::not_found("there is no such webhook endpoint"));
    };
    let is_enabled = patch.status.map_or(before.is_enabled, |status| status == EndpointStatus::Enabled);
    Ok(Target {
        is_enabled,
        disabled_because: before.disabled_because.clone().filter(|_| !is_enabled && patch.status.is_none()),
        kind: TargetKind::Webhook(WebhookEndpoint {
            url: patch.url.clone().unwrap_or_else(|| endpoint.url.clone()),
            events: patch.events.clone().unwrap_or_else(|| endpoint.events.clone()),
            description: patch.description.clone().unwrap_or_else(|| endpoint.description.clone()),
        }),
        ..before.clone()
    })
}

/// `DELETE /v1/webhook-endpoints/{id}`
async fn delete(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let target = named(services, request).await?;
    services.store.delete_target(program, &target.id, &request.audit(target.object())?).await?;
    services.targets.forget(program);
    Ok(http::empty(204))
}

/// `POST /v1/webhook-endpoints/{id}/rotate`
async fn rotate(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    no_fields(request)?;
    let target = named(services, request).await?;
    let (key, natural) = (services.secrets().await?, request.natural_key());
    let natural = format!("{} {}", natural.started_at.as_millisecond(), natural.key);
    let now = services.clock.now();
    let change = SecretChange { secret: None, request: &natural, revoke_previous: false, now };
    let audit = request.audit(target.object())?;
    let secret = services.store.change_target_secret(program, &target.id, &key, change, &audit).await?;
    Ok(http::json(200, &RotatedView { secret }))
}

/// `POST /v1/webhook-endpoints/{id}/test`
async fn test(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    no_fields(request)?;
    let target = named(services, request).await?;
    let TargetKind::Webhook(endpoint) = &target.kind else {
        return Err(Problem::not_found("there is no such webhook endpoint"));
    };
    if !target.is_enabled {
        return Err(Problem::not_allowed("endpoint_disabled", "enable the endpoint first"));
    }
    let wanted = endpoint.events.iter().find_map(|name| EventType::named(name)).or(EVENT_TYPES.first());
    let wanted = wanted.ok_or_else(|| Problem::internal(&"there are no types of events"))?;
    send_test(services, request, &target, wanted).await
}

/// Sends the example of a type as a test.
pub(crate) async fn send_test(
    services: &Services,
    request: &ApiRequest,
    target: &Target,
    kind: &EventType,
) -> Result<Response, Problem> {
    let (program, natural) = (&request.caller()?.program, request.natural_key());
    let at = natural.started_at;
    let part: String = natural.key.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let id = format!("test_{}_{part}", at.as_millisecond());
    let event = Event { id: id.clone(), kind: kind.name.to_owned(), at, data: kind.example()["data"].clone() };
    let content = NotificationContent::Event { event: Box::new(event), made_at: at, test: true };
    let message = Notification::new(program.clone(), target.id.clone(), None, content);
    send(services, &message, &format!("{} {}", at.as_millisecond(), natural.key)).await?;
    Ok(http::json(202, &SentEvent { event: id, target: target.id.clone() }))
}

/// A body, where there is one, has no fields.
pub(crate) fn no_fields(request: &ApiRequest) -> Result<(), Problem> {
    let read = |node: &Node<'_>| node.object().map(Object::finish);
    input::read(&request.optional_json()?, read).map_err(Problem::malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_url_known_types_and_a_description() {
        let endpoint = read_endpoint(&EndpointBody::example()).unwrap();
        assert_eq!(endpoint.events, ["tessera.entry.earn", "tessera.tier.changed"]);
        assert_eq!(read_endpoint(&json!({ "url": "https://a.example/x" })).unwrap().events, ["*"]);
        for (pointer, body) in [
            ("/url", json!({})),
            ("/url", json!({ "url": "shop" })),
            ("/url", json!({ "url": "/hooks" })),
            ("/url", json!({ "url": format!("https://a.example/{}", "x".repeat(2_000)) })),
            ("/events", json!({ "url": "https://a.example/", "events": [] })),
            ("/events/0", json!({ "url": "https://a.example/", "events": ["tessera.entry.earned"] })),
            ("/secret", json!({ "url": "https://a.example/", "secret": "mine" })),
        ] {
            assert_eq!(read_endpoint(&body).unwrap_err()[0].pointer, pointer, "{body}");
        }
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let endpoint = read_endpoint(&EndpointBody::example()).unwrap();
        let before = Target {
            id: TargetId::parse("whe_1").unwrap(),
            is_enabled: false,
            created_at: Timestamp::UNIX_EPOCH,
            disabled_because: Some("410".to_owned()),
            shop: None,
            kind: TargetKind::Webhook(endpoint),
        };
        let patched = |body: Value| changed(&before, &read_patch(&body).unwrap()).unwrap();
        assert_eq!(patched(json!({})), before);
        let enabled = patched(json!({ "status": "enabled" }));
        assert_eq!((enabled.is_enabled, enabled.disabled_because), (true, None));
        let by_hand = patched(json!({ "status": "disabled" }));
        assert_eq!((by_hand.is_enabled, by_hand.disabled_because), (false, None));
        assert!(patched(json!({ "events": ["*"] })).wants("tessera.coupon.used"));
        assert!(read_patch(&json!({ "status": "off" })).is_err());
        assert!(read_patch(&json!({ "id": "whe_2" })).is_err());
    }
}
