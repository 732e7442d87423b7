//! `Idempotency-Key`: the same call again gets the first answer again.

use std::future::Future;
use std::time::Duration;

use lambda_http::Body;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use sha2::{Digest, Sha256};
use tessera_store::{Begin, StoredAnswer};

use super::call::{Call, Natural};
use super::{Response, with_header};
use crate::problem::Problem;
use crate::services::Services;

/// The longest key.
const MOST_KEY: usize = 255;
/// A running attempt is given up when it could not be running any more: longer than any function's time-out.
const LOCK: Duration = Duration::from_secs(30);

/// Carries a call out once. The key belongs to the caller's program and to the route's path.
pub(super) async fn once<F, Fut>(services: &Services, mut call: Call, key: &str, routes: F) -> Result<Response, Problem>
where
    F: FnOnce(Call) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    if key.len() > MOST_KEY {
        return Err(Problem::malformed_at("", format!("Idempotency-Key is longer than {MOST_KEY} characters")));
    }
    let caller = call.caller(services)?;
    let hash = content(&call);
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
    let response = match routes(call).await {
        Ok(response) => response,
        Err(problem) if is_passing(problem.status()) => {
            services.store.abandon_call(&caller.program, key).await?;
            return Err(problem);
        }
        Err(problem) => problem.into_response(&request_id),
    };
    services.store.finish_call(&caller.program, key, &kept(&response)).await?;
    Ok(response)
}

/// An answer that says nothing of the call itself: the next attempt may get another.
const fn is_passing(status: u16) -> bool {
    matches!(status, 401 | 403 | 409 | 429) || status >= 500
}

fn content(call: &Call) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [call.method().as_str().as_bytes(), call.path_text().as_bytes(), call.body()] {
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
