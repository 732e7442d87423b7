//! The channel of Klaviyo: each event as a metric that carries the profile's new properties.
//!
//! Properties are read when an event is sent, so that a late attempt never brings an older balance. What Klaviyo's API asks
//! for stands here and in the modules below, and nowhere else.

mod backfill;
mod metrics;
mod newest;
mod profile;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use tessera_domain::event::Event;
use tessera_lambda::erasure::ERASED;
use tessera_outbound::{Client, OutboundResponse};
use tessera_store::{KlaviyoSettings, TargetSecrets};

use crate::events::{Addressed, Outgoing};
use crate::limits::RateLimit;
use crate::outcome::{AttemptOutcome, excerpt, failed};
use crate::{NotifyError, Run};

pub(crate) use profile::ProfileOnce;

const HOST: &str = "https://a.klaviyo.com";
/// The version of Klaviyo's API.
const REVISION: &str = "2026-07-15";
const MEDIA_TYPE: &str = "application/vnd.api+json";

/// 350 per second and 3,500 per minute.
const EVENTS: RateLimit = RateLimit { name: "events", per_minute: 3_500, burst: 175 };
/// 75 per second and 750 per minute.
const PROFILES: RateLimit = RateLimit { name: "profiles", per_minute: 750, burst: 37 };
/// 3 per second.
const DELETIONS: RateLimit = RateLimit { name: "deletions", per_minute: 120, burst: 1 };
/// Bulk jobs: 10 per second and 150 per minute.
const JOBS: RateLimit = RateLimit { name: "jobs", per_minute: 150, burst: 5 };
/// Reads of bulk jobs: 10 per second and 150 per minute.
const JOB_READS: RateLimit = RateLimit { name: "job-reads", per_minute: 150, burst: 5 };
/// The longest id of a profile that is sent, in bytes.
const LONGEST_PROFILE_ID: usize = 100;
/// The wait after a 429 without `Retry-After`.
const USUAL_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// Sends events to a program's account.
pub(crate) struct Sender<'a> {
    pub run: &'a Run<'a>,
    pub to: &'a Addressed<'a>,
    pub settings: &'a KlaviyoSettings,
    pub secrets: &'a TargetSecrets,
    pub client: &'a Client,
}

/// The credentials, as they are stored.
#[derive(Deserialize)]
struct Credentials {
    api_key: String,
}

/// Leaves out events that no metric shows, except one that brings the new properties when no other event does.
pub(crate) fn without_idle_updates(mut outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
    if outgoing.iter().any(|outgoing| metrics::has_metric(&outgoing.event)) {
        outgoing.retain(|outgoing| metrics::has_metric(&outgoing.event));
    } else {
        outgoing.truncate(1);
    }
    outgoing
}

impl Sender<'_> {
    /// Sends one event: a request for each metric, or an update of the profile.
    pub async fn send(
        &self,
        event: &Event,
        is_test: bool,
        profile: &mut ProfileOnce,
    ) -> Result<AttemptOutcome, NotifyError> {
        if event.kind == ERASED {
            // A test deletes nobody.
            return if is_test { Ok(AttemptOutcome::Skipped) } else { self.delete(event).await };
        }
        let Some(attributes) = profile.attributes(self).await? else { return Ok(AttemptOutcome::Skipped) };
        let metrics = metrics::of(event, &self.to.program.compiled);
        if metrics.is_empty() {
            return self.update(event, &attributes, profile).await;
        }
        let mut outcome = AttemptOutcome::Skipped;
        for metric in metrics {
            let name = self.settings.metrics.get(metric).map_or(metric, String::as_str);
            let mut properties = metrics::properties(event, metric, profile.coupons());
            if is_test {
                properties["Test"] = json!(true);
            }
            let body = |of: &Value| event_body(event, name, &properties, of, self.settings.backfill);
            outcome = self.post_about("/api/events", EVENTS, &attributes, profile, body).await?;
            if !matches!(outcome, AttemptOutcome::Accepted(_)) {
                // Klaviyo keeps the first event of a `unique_id`, so that all can be sent again.
                break;
            }
        }
        Ok(outcome)
    }

    /// Brings the profile up to date. One that Klaviyo knows by the member's former name becomes the member's.
    async fn update(
        &self,
        event: &Event,
        attributes: &Value,
        profile: &mut ProfileOnce,
    ) -> Result<AttemptOutcome, NotifyError> {
        let path = "/api/profile-import";
        if let Some(former) = event.data["former"].as_str() {
            // The import returns Klaviyo's id, also that of a profile which it creates.
            let named = json!({ "data": { "type": "profile", "attributes": { "external_id": former } } });
            let (outcome, response) = self.post(path, PROFILES, &named).await?;
            if !matches!(outcome, AttemptOutcome::Accepted(_)) {
                return Ok(outcome);
            }
            if let Some(id) = response.pointer("/data/id").and_then(Value::as_str) {
                let renamed = json!({ "data": { "type": "profile", "id": id, "attributes": attributes } });
                let (outcome, _) = self.post(path, PROFILES, &renamed).await?;
                // Where the new name has a profile already, that one is the member's.
                if !matches!(outcome, AttemptOutcome::Refused(_)) {
                    return Ok(outcome);
                }
            }
        }
        self.post_about(path, PROFILES, attributes, profile, |of| json!({ "data": of })).await
    }

    /// Deletes the profile of somebody who was erased. Klaviyo deletes by its own id alone, which an import of the profile by
    /// our id returns; the import creates a profile that is not there, and it is deleted.
    async fn delete(&self, event: &Event) -> Result<AttemptOutcome, NotifyError> {
        let attributes = json!({ "external_id": event.data["member"] });
        let body = json!({ "data": { "type": "profile", "attributes": attributes } });
        let (outcome, response) = self.post("/api/profile-import", PROFILES, &body).await?;
        if !matches!(outcome, AttemptOutcome::Accepted(_)) {
            return Ok(outcome);
        }
        let Some(id) = response.pointer("/data/id").and_then(Value::as_str) else {
            return Ok(AttemptOutcome::Failed {
                reason: "the import of the profile returned no id".to_owned(),
                asked: None,
            });
        };
        // Klaviyo's description requires the attributes, and none of them.
        let profile = json!({ "data": { "type": "profile", "id": id, "attributes": {} } });
        let body = json!({ "data": { "type": "data-privacy-deletion-job", "attributes": { "profile": profile } } });
        Ok(self.post("/api/data-privacy-deletion-jobs", DELETIONS, &body).await?.0)
    }

    /// Sends a document about a profile. Where Klaviyo knows one of its identifiers by another profile, the document is sent
    /// again under that profile's id.
    async fn post_about(
        &self,
        path: &str,
        limit: RateLimit,
        attributes: &Value,
        profile: &mut ProfileOnce,
        body: impl Fn(&Value) -> Value,
    ) -> Result<AttemptOutcome, NotifyError> {
        loop {
            let (outcome, response) = self.post(path, limit, &body(&profile.resource(attributes))).await?;
            let is_refused = matches!(outcome, AttemptOutcome::Refused(_));
            if !(is_refused && duplicate_of(&response).is_some_and(|id| profile.name_duplicate(id))) {
                return Ok(outcome);
            }
        }
    }

    /// Sends a document; returns how it ended, and the body of the response.
    async fn post(&self, path: &str, limit: RateLimit, body: &Value) -> Result<(AttemptOutcome, Value), NotifyError> {
        self.exchange(Method::POST, path, limit, Some(body)).await
    }

    /// Sends a request; returns how it ended, and the body of the response.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        limit: RateLimit,
        body: Option<&Value>,
    ) -> Result<(AttemptOutcome, Value), NotifyError> {
        let Ok(Credentials { api_key }) = serde_json::from_str(&self.secrets.current) else {
            let reason = "the credentials cannot be read".to_owned();
            return Ok((AttemptOutcome::Failed { reason, asked: None }, Value::Null));
        };
        if let Err(wait) = self.run.take_token(self.to, limit).await? {
            let until = self.run.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
            return Ok((AttemptOutcome::Deferred(until), Value::Null));
        }
        let host = self.settings.base_url.as_deref().unwrap_or(HOST).trim_end_matches('/');
        let request = Request::builder()
            .method(method)
            .uri(format!("{host}{path}"))
            .header("authorization", format!("Klaviyo-API-Key {api_key}"))
            .header("revision", REVISION)
            .header("accept", MEDIA_TYPE);
        let request = match body {
            Some(body) => request.header("content-type", MEDIA_TYPE).body(Bytes::from(body.to_string())),
            None => request.body(Bytes::new()),
        };
        let Ok(request) = request else {
            // The key is in the request: the error is not shown.
            return Ok((AttemptOutcome::Refused("the API key or the URL cannot be used".to_owned()), Value::Null));
        };
        let response = match self.client.send(request).await {
            Ok(response) => response,
            Err(error) => return Ok((failed(&error), Value::Null)),
        };
        if response.status == StatusCode::TOO_MANY_REQUESTS {
            let wait = response.retry_after(self.run.now()).unwrap_or(USUAL_WAIT);
            self.run.block(self.to, limit, wait).await?;
        }
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        Ok((classify(&response, self.run.now()), body))
    }
}

/// The profile that a refusal names: `duplicate_profile`, another profile has one of the identifiers.
fn duplicate_of(response: &Value) -> Option<&str> {
    let is_duplicate = |error: &&Value| error["code"] == "duplicate_profile";
    let error = response["errors"].as_array()?.iter().find(is_duplicate)?;
    let id = error.pointer("/meta/duplicate_profile_id").and_then(Value::as_str)?;
    (!id.is_empty() && id.len() <= LONGEST_PROFILE_ID).then_some(id)
}

/// The body of `POST /api/events`.
fn event_body(event: &Event, metric: &str, properties: &Value, profile: &Value, backfill: bool) -> Value {
    // Whole seconds.
    let time = Timestamp::from_second(event.at.as_second()).unwrap_or(event.at);
    let mut attributes = json!({
        "properties": properties,
        "time": time.to_string(),
        "unique_id": event.id,
        "metric": { "data": { "type": "metric", "attributes": { "name": metric } } },
        "profile": { "data": profile },
    });
    if backfill {
        attributes["backfill"] = json!(true);
    }
    json!({ "data": { "type": "event", "attributes": attributes } })
}

/// What a response means. Revoked credentials may be replaced, so that nothing is lost meanwhile.
fn classify(response: &OutboundResponse, now: Timestamp) -> AttemptOutcome {
    let status = response.status;
    let reason = || format!("{} {}", status.as_u16(), vendor_text(&response.body)).trim().to_owned();
    let may_pass = status.is_server_error()
        || status.is_redirection()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
        );
    if status.is_success() {
        AttemptOutcome::Accepted(status.as_u16().to_string())
    } else if may_pass {
        AttemptOutcome::Failed { reason: reason(), asked: response.retry_after(now) }
    } else {
        AttemptOutcome::Refused(reason())
    }
}

/// Klaviyo's own words: the details of its errors, or the beginning of the body.
fn vendor_text(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let errors = parsed.as_ref().and_then(|parsed| parsed["errors"].as_array());
    let details: Vec<String> = errors
        .into_iter()
        .flatten()
        .filter_map(|error| {
            let detail = error["detail"].as_str().or_else(|| error["title"].as_str())?;
            let pointer = error.pointer("/source/pointer").and_then(Value::as_str);
            Some(pointer.map_or_else(|| detail.to_owned(), |pointer| format!("{detail} ({pointer})")))
        })
        .collect();
    if details.is_empty() { excerpt(body) } else { excerpt(details.join("; ").as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> OutboundResponse {
        OutboundResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_wrong_is_a_dead_letter() {
        let of = |status| classify(&response(status, ""), Timestamp::UNIX_EPOCH);
        for status in [200, 201, 202] {
            assert!(matches!(of(status), AttemptOutcome::Accepted(_)), "{status}");
        }
        for status in [301, 401, 403, 408, 429, 500, 502, 503] {
            assert!(matches!(of(status), AttemptOutcome::Failed { .. }), "{status}");
        }
        for status in [400, 404, 409, 413, 422] {
            assert!(matches!(of(status), AttemptOutcome::Refused(_)), "{status}");
        }
    }

    #[test]
    fn only_a_duplicate_profile_names_another_one() {
        let of = |code: &str, meta: Value| json!({ "errors": [{ "code": "invalid" }, { "code": code, "meta": meta }] });
        let known = json!({ "duplicate_profile_id": "01GDDKASAP8TKDDA2GRZDSVP4H" });
        let named = of("duplicate_profile", known.clone());
        assert_eq!(duplicate_of(&named), Some("01GDDKASAP8TKDDA2GRZDSVP4H"));
        for other in [
            of("conflict", known),
            of("duplicate_profile", json!({})),
            of("duplicate_profile", json!({ "duplicate_profile_id": "" })),
            of("duplicate_profile", json!({ "duplicate_profile_id": "x".repeat(101) })),
            Value::Null,
        ] {
            assert_eq!(duplicate_of(&other), None, "{other}");
        }
    }

    #[test]
    fn the_reason_is_in_the_vendors_words() {
        let body = r#"{"errors":[{"id":"1","code":"invalid","title":"Invalid input.","detail":"Invalid email address",
            "source":{"pointer":"/data/attributes/email"}}]}"#;
        let refused = classify(&response(400, body), Timestamp::UNIX_EPOCH);
        assert_eq!(refused, AttemptOutcome::Refused("400 Invalid email address (/data/attributes/email)".to_owned()));
        let odd = classify(&response(400, "<html>no"), Timestamp::UNIX_EPOCH);
        assert_eq!(odd, AttemptOutcome::Refused("400 <html>no".to_owned()));
    }
}
