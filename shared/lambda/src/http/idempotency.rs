//! `Idempotency-Key`: a repeated request gets the first response again.
//!
//! A key belongs to the member whose token sends it, or else to the program and the scope that the route needs. So a
//! weak API key cannot use up the keys of a stronger one, shoppers never meet in each other's keys, and a shop that
//! replaced its API key can still repeat a request. Scopes are not part of the compared content: authorization has come
//! first, and everybody who passed it may see the response.

use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambda_http::Body;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tessera_store::{Begin, StoredResponse};

use super::request::{ApiRequest, NaturalKey};
use super::{Response, survived, with_header};
use crate::batch::caught;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::route::{Access, Route};
use crate::services::Services;

/// How long an attempt counts as running: longer than the time-out of any HTTP function.
const LOCK: Duration = Duration::from_secs(30);

/// Runs the handler of an authorized request once per key.
pub(super) async fn once<F, Fut>(
    services: &Services,
    mut request: ApiRequest,
    route: &Route,
    caller: &Caller,
    key: &str,
    dispatch: F,
) -> Result<Response, Problem>
where
    F: FnOnce(ApiRequest) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let stored_key = &stored_key(route, caller, key);
    let content = content(&request, caller);
    let begun = services.store.begin_request(&caller.program, stored_key, &content, services.clock.now(), LOCK).await?;
    let started_at = match begun {
        Begin::Fresh { started_at } | Begin::Resumed { started_at } => started_at,
        Begin::Replay(answer) => return Ok(replay(&answer)),
        Begin::Different => {
            return Err(Problem::unprocessable(
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request",
            ));
        }
        Begin::InFlight => {
            return Err(Problem::conflict("in_flight", "the first request with this key is still running"));
        }
    };
    request.set_natural_key(NaturalKey { key: natural_key(caller, key), started_at });
    let request_id = request.request_id().to_owned();
    let response = match survived(dispatch(request)).await {
        Ok(response) => response,
        Err(problem) if is_refusal(problem.status()) => {
            services.store.forget_request(&caller.program, stored_key).await?;
            return Err(problem);
        }
        Err(problem) if is_temporary(problem.status()) => {
            services.store.abandon_request(&caller.program, stored_key).await?;
            return Err(problem);
        }
        Err(problem) => problem.into_response(&request_id),
    };
    // The work is done, so the response goes out even when it cannot be stored. A repetition then runs again under the
    // same natural key.
    let stored = stored(&response, route.unrepeated);
    if let Err(error) = caught(services.store.finish_request(&caller.program, stored_key, &stored)).await {
        tracing::error!(error, "a response was not stored");
    }
    Ok(response)
}

/// Whether the handler refused the caller: the key stays free, as if the request had never come.
const fn is_refusal(status: u16) -> bool {
    matches!(status, 401 | 403)
}

/// Whether the next attempt may end differently.
const fn is_temporary(status: u16) -> bool {
    status == 429 || status >= 500
}

/// The key under which the request is stored: the owner of the `Idempotency-Key`, and the key.
fn stored_key(route: &Route, caller: &Caller, key: &str) -> String {
    match (&caller.member, route.access) {
        (Some(_), _) => natural_key(caller, key),
        (None, Access::Scope(scope) | Access::ScopeOrMember(scope)) => format!("{} {key}", scope.name()),
        (None, Access::AnyKey | Access::MemberOrAnonymous | Access::Public) => format!("any {key}"),
    }
}

/// The key as part of what the request writes. A member's keys are apart from the merchant's.
fn natural_key(caller: &Caller, key: &str) -> String {
    let Some(member) = &caller.member else { return key.to_owned() };
    URL_SAFE_NO_PAD.encode(hash(&["member", member.as_str(), key].map(str::as_bytes)))
}

/// The hash of what is requested: by whom, on which route with which parameters of path and query, with which body. The query
/// belongs to it, so that a dry run cannot swallow the command that follows.
///
/// The raw path and the raw query are not part of it: they have many percent-encoded spellings.
fn content(request: &ApiRequest, caller: &Caller) -> [u8; 32] {
    let member = caller.member.as_ref().map_or("", |member| member.as_str());
    let mut parts = vec![caller.program.as_str(), member, request.route()];
    parts.extend(request.path_parameters().into_iter().flat_map(|(name, value)| [name, value]));
    parts.extend(request.query_parameters().into_iter().flat_map(|(name, value)| [name, value]));
    let mut parts: Vec<&[u8]> = parts.into_iter().map(str::as_bytes).collect();
    parts.push(request.body());
    hash(&parts)
}

/// SHA-256 over parts that are kept apart by their lengths.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

static STORED_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// The response as it is stored and replayed, without some fields.
fn stored(response: &Response, unrepeated: &[&str]) -> StoredResponse {
    let headers = STORED_HEADERS.iter().filter_map(|name| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    let body = match (response.body(), unrepeated) {
        (Body::Text(text), []) => text.clone(),
        (Body::Text(text), fields) => without(text, fields),
        _ => String::new(),
    };
    StoredResponse { status: response.status().as_u16(), headers: headers.collect(), body }
}

/// A JSON object without some of its fields; empty when the text is no object.
fn without(text: &str, names: &[&str]) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return String::new() };
    fields.retain(|name, _| !names.contains(&name.as_str()));
    Value::Object(fields).to_string()
}

fn replay(answer: &StoredResponse) -> Response {
    let mut response = Response::new(Body::from(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    with_header(response, "idempotency-replayed", "true")
}
