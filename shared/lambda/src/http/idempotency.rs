//! `Idempotency-Key`: the same call again gets the first answer again.

use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambda_http::Body;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use sha2::{Digest, Sha256};
use tessera_store::{Begin, StoredAnswer};

use super::call::{Call, Natural};
use super::{Response, survived, with_header};
use crate::auth::Caller;
use crate::batch::caught;
use crate::problem::Problem;
use crate::services::Services;

/// A running attempt is given up when it could not be running any more: longer than any function's time-out.
const LOCK: Duration = Duration::from_secs(30);

/// Carries a call out once. The key belongs to the program, or to the member whose token it is: shoppers do not meet in
/// each other's keys, nor in the merchant's.
pub(super) async fn once<F, Fut>(services: &Services, mut call: Call, key: &str, routes: F) -> Result<Response, Problem>
where
    F: FnOnce(Call) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let caller = call.caller(services)?;
    let key = &owned(&caller, key);
    let hash = content(&call, &caller);
    let begun = services.store.begin_call(&caller.program, key, &hash, services.clock.now(), LOCK).await?;
    let started_at = match begun {
        Begin::Fresh { started_at } | Begin::Resumed { started_at } => started_at,
        Begin::Replay(answer) => return Ok(replay(&answer)),
        Begin::Different => {
            return Err(Problem::unprocessable(
                "idempotency_key_reused",
                "this Idempotency-Key was used for another call",
            ));
        }
        Begin::InFlight => return Err(Problem::conflict("in_flight", "the first call with this key is still running")),
    };
    call.set_natural(Natural { key: key.to_owned(), started_at });
    let request_id = call.request_id().to_owned();
    let response = match survived(routes(call)).await {
        Ok(response) => response,
        Err(problem) if is_passing(problem.status()) => {
            services.store.abandon_call(&caller.program, key).await?;
            return Err(problem);
        }
        Err(problem) => problem.into_response(&request_id),
    };
    // The call is carried out: its answer is given even when it cannot be kept. A repetition then runs again under the
    // same natural key.
    if let Err(error) = caught(services.store.finish_call(&caller.program, key, &kept(&response))).await {
        tracing::error!(error, "an answer was not kept");
    }
    Ok(response)
}

/// An answer that says nothing of the call itself: the next attempt may get another.
const fn is_passing(status: u16) -> bool {
    matches!(status, 401 | 403 | 429) || status >= 500
}

/// The key as it is stored: a member's own ones are apart.
fn owned(caller: &Caller, key: &str) -> String {
    let Some(member) = &caller.member else { return key.to_owned() };
    URL_SAFE_NO_PAD.encode(hash(["member", member.as_str(), key].map(str::as_bytes)))
}

/// What is called with what, and by whom: an answer is not given again to someone who may not do as much.
fn content(call: &Call, caller: &Caller) -> [u8; 32] {
    let mut scopes: Vec<&str> = caller.scopes.iter().map(|scope| scope.name()).collect();
    scopes.sort_unstable();
    let scopes = scopes.join(" ");
    hash([call.method().as_str().as_bytes(), call.path_text().as_bytes(), call.body(), scopes.as_bytes()])
}

fn hash<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

static KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// What is kept of an answer. One that shows a secret keeps its status alone.
fn kept(response: &Response) -> StoredAnswer {
    let is_secret = response.headers().get(CACHE_CONTROL).is_some_and(|value| value == "no-store");
    let headers = KEPT_HEADERS.iter().filter_map(|name| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    let body = match response.body() {
        Body::Text(text) if !is_secret => text.clone(),
        _ if is_secret => r#"{"shown":"once"}"#.to_owned(),
        _ => String::new(),
    };
    StoredAnswer { status: response.status().as_u16(), headers: headers.collect(), body }
}

fn replay(answer: &StoredAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    with_header(response, "idempotency-replayed", "true")
}
