//! Requests in, answers out: one wrapper that every HTTP function puts around its routes.

mod call;
mod idempotency;

pub use call::{Call, Natural};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt as _;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request};
use serde::Serialize;

use crate::batch::panic_text;
use crate::problem::Problem;
use crate::services::Services;

/// An answer.
pub type Response = lambda_http::Response<Body>;

/// The largest body that a route takes, unless it says otherwise, in bytes.
pub const MOST_BODY: usize = 256 * 1024;
/// The largest program document: what the gateway and a function's payload leave.
pub const MOST_DOCUMENT: usize = 4 * 1024 * 1024;

/// The longest `Idempotency-Key`, in characters.
const MOST_KEY: usize = 255;

/// An answer with a JSON body.
pub fn json(status: u16, body: &impl Serialize) -> Response {
    // What is answered are our own types: maps have text keys, numbers are finite.
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer without a body.
pub fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT);
    response
}

/// An answer with one more header.
pub fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

/// Marks an answer as one that shows a secret: no cache keeps it, and a repeated call does not show it again.
pub fn secret(response: Response) -> Response {
    with_header(response, CACHE_CONTROL.as_str(), "no-store")
}

/// Answers a request: runs the routes, gives an `Idempotency-Key` its meaning, turns problems into documents, logs one
/// line.
pub async fn answer<F, Fut>(services: &Services, request: Request, routes: F) -> Response
where
    F: FnOnce(Call) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let started = Instant::now();
    let call = Call::new(request, services.clock.now());
    let (route, request_id, program) = (call.route().to_owned(), call.request_id().to_owned(), call.program_name());
    // Whatever panics, also around the routes: the caller hears something, as of every other problem. Boxed: the
    // routes of a function make a large future, and each layer around it would hold it anew.
    let outcome = survived(Box::pin(run(services, call, routes))).await;
    let (response, slug) = match outcome {
        Ok(response) => (response, None),
        Err(problem) => {
            let slug = problem.slug().to_owned();
            (problem.into_response(&request_id), Some(slug))
        }
    };
    tracing::info!(
        function = services.config.function,
        route,
        request_id,
        program,
        status = response.status().as_u16(),
        problem = slug,
        millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

async fn run<F, Fut>(services: &Services, call: Call, routes: F) -> Result<Response, Problem>
where
    F: FnOnce(Call) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let key = if *call.method() == Method::POST { call.idempotency_key()?.map(ToOwned::to_owned) } else { None };
    match key {
        Some(key) => idempotency::once(services, call, &key, routes).await,
        None => survived(routes(call)).await,
    }
}

/// What a handler answers; 503 when it panics, so that the caller hears something and an `Idempotency-Key` is let go.
async fn survived(work: impl Future<Output = Result<Response, Problem>>) -> Result<Response, Problem> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        tracing::error!(panic = panic_text(panic.as_ref()), "a handler panicked");
        Err(Problem::unavailable())
    })
}

/// The answer to a route that the function does not have.
pub fn unknown_route(call: &Call) -> Problem {
    Problem::not_found(format!("there is no {}", call.route()))
}
