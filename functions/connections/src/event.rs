//! The types of events, and replays.

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::event::EVENT_TYPES;
use tessera_domain::input::{self, Fault};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::notification::{Notification, NotificationContent, Replay};
use tessera_lambda::paging::ListPage;
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{TargetId, parse_entry_id};

use crate::ADMIN;
use crate::send::send;

/// The routes of events.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/event-types", ADMIN, handler!(types))
        .named("listEventTypes", "Events", "Lists the types of events")
        .details("With the JSON Schema of the whole event, CloudEvents envelope included, and an example.")
        .paged()
        .lists::<EventTypeView>("A page of types."),
    Route::post("/v1/events/{entry}/replay", ADMIN, handler!(replay))
        .named("replayEvent", "Events", "Sends an event again to one target, marked as a test")
        .takes::<ReplayBody>(ReplayBody::example)
        .gives::<SentEvent>(202, "It waits to be sent.")
        .fails(404),
];

/// A type of event.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = EventType))]
struct EventTypeView {
    /// Its name.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it is sent.
    description: &'static str,
    /// The JSON Schema of the whole event.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    schema: Value,
    /// An example.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    example: Value,
}

/// Where to send an event again.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Replay), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_target` reads")]
struct ReplayBody {
    /// The target: a webhook endpoint's id, or `klaviyo`.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9_]+$"))]
    target: String,
}

impl ReplayBody {
    fn example() -> Value {
        json!({ "target": "klaviyo" })
    }
}

/// An event that waits to be sent.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct SentEvent {
    /// The event's id.
    pub event: String,
    /// Where it goes.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target: TargetId,
}

/// `GET /v1/event-types`
async fn types(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let items: Vec<EventTypeView> = EVENT_TYPES
        .iter()
        .map(|kind| EventTypeView {
            kind: kind.name,
            description: kind.description,
            schema: kind.schema(),
            example: kind.example(),
        })
        .collect();
    Ok(http::json(200, &ListPage::of_all(services, request, "event types", items, |listed| listed.kind).await?))
}

fn read_target(body: &Value) -> Result<TargetId, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let target = object
            .required("target", |node| node.parsed(|text| TargetId::parse(text).ok_or("must be the id of a target")));
        object.finish();
        target
    })
}

/// `POST /v1/events/{entry}/replay`
async fn replay(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let target = read_target(&request.json()?).map_err(Problem::malformed)?;
    let unknown = || Problem::not_found("there is no such event");
    let event = request.path("entry")?.to_owned();
    // `{entry}~{line}`, or `{entry}~0:{n}`.
    let entry = event.split('~').next().unwrap_or_default();
    let (member, key) = parse_entry_id(entry).ok_or_else(unknown)?;
    if services.store.target(program, &target).await?.is_none() {
        return Err(Problem::not_found("there is no such target"));
    }
    let stored = services.store.get_entry(program, &member, &key).await?.ok_or_else(unknown)?;
    let (lines, others) = (stored.movements.len(), tessera_domain::event::event_types_of_entry(&stored).len());
    if !is_event(&event, entry, lines, others - lines) {
        return Err(unknown());
    }
    let natural = request.natural_key();
    let replay = Some(Replay { event: event.clone(), at: natural.started_at });
    let content = NotificationContent::Entry { key: key.as_str().to_owned(), body: None, replay };
    let message = Notification::new(program.clone(), target.clone(), Some(member), content);
    send(services, &message, &format!("{} {}", natural.started_at.as_millisecond(), natural.key)).await?;
    Ok(http::json(202, &SentEvent { event, target }))
}

/// Whether an entry with so many lines and other events has this event.
fn is_event(event: &str, entry: &str, lines: usize, others: usize) -> bool {
    let is_line = (0..lines).any(|line| event == format!("{entry}~{line}"));
    is_line || (1..=others).any(|place| event == format!("{entry}~0:{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_the_entry_are_replayed() {
        let of = |event: &str| is_event(event, "E", 2, 1);
        assert!(of("E~0") && of("E~1") && of("E~0:1"));
        assert!(!of("E~2") && !of("E~0:2") && !of("E") && !of("F~0"));
    }

    #[test]
    fn a_target_has_an_id() {
        assert_eq!(read_target(&json!({ "target": "klaviyo" })).unwrap(), TargetId::klaviyo());
        for body in [json!({}), json!({ "target": "no id" }), json!({ "target": "" }), json!({ "target": "a", "b": 1 })]
        {
            assert!(read_target(&body).is_err(), "{body}");
        }
    }
}
