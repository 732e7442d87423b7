//! Requests in, responses out: one wrapper that every HTTP function puts around its routes.

mod basket;
mod cors;
mod idempotency;
mod json;
mod request;

pub use basket::with_basket_defaults;
pub use cors::{BROWSER_PATHS, preflight};
pub use request::{ApiRequest, NaturalKey};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt as _;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use lambda_http::{Body, Request};
use serde::Serialize;

use crate::batch::panic_text;
use crate::limits::LookUp;
use crate::problem::Problem;
use crate::route::{Handling, Route, Routes};
use crate::services::Services;

/// The response type of every handler.
pub type Response = lambda_http::Response<Body>;

/// Size limit of an ordinary body, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Size limit of a program document, in bytes; the gateway's and Lambda's own limits are above it.
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// Length limit of an `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// A response with a JSON body.
pub fn json(status: u16, body: &impl Serialize) -> Response {
    // Our own types cannot fail: their maps have text keys and their numbers are finite.
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response with a page.
pub fn html(page: String) -> Response {
    let mut response = Response::new(Body::from(page));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// A response with a picture. Opened by itself it is a document, which may load and run nothing.
pub fn svg(picture: String) -> Response {
    let mut response = Response::new(Body::from(picture));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    with_header(response, "content-security-policy", "default-src 'none'")
}

/// A response with text of a media type.
pub fn text(media: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// A response without a body.
pub fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT);
    response
}

/// The response with one more header.
pub fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

/// Lets anyone keep a response for a minute: nothing personal is in it.
///
/// The same address also has personal responses, so a cache must not serve this one to a request with credentials.
pub fn public(response: Response) -> Response {
    let response = with_header(response, CACHE_CONTROL.as_str(), "public, max-age=60");
    with_header(response, VARY.as_str(), "authorization, accept-language, origin")
}

/// Keeps a response out of every cache, unless its route says otherwise, and fixes its media type.
fn private_by_default(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Responds to a request: authorizes it, honours its `Idempotency-Key`, runs its route's handler and logs one line.
///
/// Authorization comes first, so a refused request stores nothing and reveals nothing. Every failure becomes a problem
/// document.
pub async fn respond(services: &Services, request: Request, routes: Routes) -> Response {
    let run_handler = move |route: Route, request: ApiRequest| -> Handling<'_> {
        Box::pin(async move { (route.handler)(services, &request).await })
    };
    respond_with(services, request, routes, run_handler).await
}

/// As [`respond`], with a function that runs in place of the routes' handlers.
pub async fn respond_with<F, Fut>(services: &Services, request: Request, routes: Routes, dispatch: F) -> Response
where
    F: FnOnce(Route, ApiRequest) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let started = Instant::now();
    let request = ApiRequest::new(request, services.clock.now());
    let (route, request_id) = (request.route().to_owned(), request.request_id().to_owned());
    let (program, key) = request.program_and_key();
    let cross_origin = cors::CrossOrigin::of(&request, find(routes, &route).as_ref());
    // A panic outside the handler becomes a response too. Boxed, because each layer around the future would hold another
    // copy of it.
    let outcome = survived(Box::pin(run(services, request, routes, dispatch))).await;
    let (response, slug) = match outcome {
        Ok(response) => (response, None),
        Err(problem) => {
            let slug = problem.slug().to_owned();
            (problem.into_response(&request_id), Some(slug))
        }
    };
    let response = private_by_default(response);
    let response = match cross_origin {
        Some(cross_origin) => cross_origin.allow(services, response).await,
        None => response,
    };
    tracing::info!(
        function = services.config.function,
        route,
        request_id,
        program,
        key,
        status = response.status().as_u16(),
        problem = slug,
        millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "responded"
    );
    response
}

async fn run<F, Fut>(
    services: &Services,
    mut request: ApiRequest,
    routes: Routes,
    dispatch: F,
) -> Result<Response, Problem>
where
    F: FnOnce(Route, ApiRequest) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let route = find(routes, request.route()).ok_or_else(|| unknown_route(&request))?;
    request.authorize(services, &route).await?;
    let look_up = request.begin_look_up(services, &route)?;
    let dispatch = |request| counted(look_up, dispatch(route, request));
    let key = if route.takes_idempotency_key { request.idempotency_key()?.map(ToOwned::to_owned) } else { None };
    match (key, request.caller().ok().cloned()) {
        (Some(key), Some(caller)) => idempotency::once(services, request, &route, &caller, &key, dispatch).await,
        _ => survived(dispatch(request)).await,
    }
}

/// The route with a route key.
fn find(routes: Routes, key: &str) -> Option<Route> {
    routes.iter().flat_map(|routes| routes.iter()).find(|route| route.has_key(key)).copied()
}

/// On a response: the look-up found nobody, and that is no problem.
#[derive(Debug, Clone, Copy)]
struct MissedSearch;

/// A response to a search that found nobody. It counts as a miss.
pub fn as_miss(mut response: Response) -> Response {
    response.extensions_mut().insert(MissedSearch);
    response
}

/// The handler's outcome, with its miss counted.
async fn counted(
    look_up: Option<LookUp<'_>>,
    work: impl Future<Output = Result<Response, Problem>>,
) -> Result<Response, Problem> {
    match (work.await, look_up) {
        (Err(problem), Some(look_up)) if problem.is_miss() => Err(look_up.missed(problem).await),
        (Ok(response), Some(look_up)) if response.extensions().get::<MissedSearch>().is_some() => {
            look_up.count().await.map(|()| response)
        }
        (outcome, _) => outcome,
    }
}

/// The handler's outcome; 503 when it panics, so that its `Idempotency-Key` is released.
async fn survived(work: impl Future<Output = Result<Response, Problem>>) -> Result<Response, Problem> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        tracing::error!(panic = panic_text(panic.as_ref()), "a handler panicked");
        Err(Problem::unavailable())
    })
}

/// 404 for a route that the function does not have.
fn unknown_route(request: &ApiRequest) -> Problem {
    Problem::not_found(format!("there is no {}", request.route()))
}
