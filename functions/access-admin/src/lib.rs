//! Credentials: API keys and the storefront secret.
//!
//! A function of its own, so that no other HTTP function needs the right to write credentials.

mod key;
mod secret;

use lambda_http::{Body, Request, Response};
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Access, Problem, Route, Scope, Services, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: &[Route] = &[
    Route::new("GET /v1/api-keys", Access::Scope(Scope::Admin)),
    Route::new("POST /v1/api-keys", Access::Scope(Scope::Admin)).returning_secret("key"),
    Route::new("GET /v1/api-keys/self", Access::AnyKey),
    Route::new("DELETE /v1/api-keys/{id}", Access::Scope(Scope::Admin)),
    Route::new("POST /v1/storefront-secret/rotate", Access::Scope(Scope::Admin)).returning_secret("secret"),
];

/// Responds to a request.
pub async fn handle(services: &Services, request: Request) -> Response<Body> {
    http::respond(services, request, ROUTES, |request| dispatch(services, request)).await
}

async fn dispatch(services: &Services, request: ApiRequest) -> Result<Response<Body>, Problem> {
    match request.route() {
        "GET /v1/api-keys" => key::list(services, &request).await,
        "POST /v1/api-keys" => key::post(services, &request).await,
        "GET /v1/api-keys/self" => key::own(&request),
        "DELETE /v1/api-keys/{id}" => key::delete(services, &request).await,
        "POST /v1/storefront-secret/rotate" => secret::rotate(services, &request).await,
        _ => Err(http::unknown_route(&request)),
    }
}
