//! The description of the API.

use std::future::ready;

use lambda_http::Body;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Access, Content, Route};

/// Generated from the route tables and reviewed as a file; see `tests/openapi`.
const OPENAPI: &str = include_str!("../openapi.json");

/// The routes of the description.
pub(crate) const ROUTES: &[Route] =
    &[Route::get("/v1/openapi.json", Access::Public, |_, _| Box::pin(ready(Ok(description()))))
        .named("getDescription", "Access", "Returns this description")
        .responds(200, "An OpenAPI 3.1 document.", Content::Any)];

fn description() -> Response {
    let mut response = http::with_header(http::empty(200), "content-type", "application/json");
    *response.body_mut() = Body::from(OPENAPI);
    http::public(response)
}
