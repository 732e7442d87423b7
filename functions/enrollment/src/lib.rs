//! Members: they become known, enrol, and change what is personal about them.

mod account;
mod activate;
mod body;
mod enroll;
mod patch;

use lambda_http::{Body, Request};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: &[Route] = &[
    Route::new("POST /v1/members", Access::ScopeOrMember(Scope::MembersWrite)),
    Route::new("PATCH /v1/members/{member}", Access::Scope(Scope::MembersWrite)),
    Route::new("POST /v1/members/{member}/activate", Access::Scope(Scope::MembersWrite)),
];

/// Responds to a request.
pub async fn handle(services: &Services, request: Request) -> lambda_http::Response<Body> {
    http::respond(services, request, ROUTES, |request| dispatch(services, request)).await
}

async fn dispatch(services: &Services, request: ApiRequest) -> Result<Response, Problem> {
    match request.route() {
        "POST /v1/members" => enroll::post(services, &request).await,
        "PATCH /v1/members/{member}" => patch::patch(services, &request).await,
        "POST /v1/members/{member}/activate" => activate::post(services, &request).await,
        _ => Err(http::unknown_route(&request)),
    }
}
