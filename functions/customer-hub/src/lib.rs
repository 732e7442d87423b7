//! What shops and shoppers look at: members, ledgers, receipts, coupons, the storefront view. Nothing here writes.

mod entries;
mod examine;
mod hub;
mod interaction;
mod list;
mod member;
mod preview;
mod receipt;

use lambda_http::{Body, Request};
use tessera_domain::member::{Locale, Profile};
use tessera_domain::view::choose_language;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, Variable};
use tessera_store::ActiveProgram;

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

const READ: Access = Access::Scope(Scope::MembersRead);
const READ_OWN: Access = Access::ScopeOrMember(Scope::MembersRead);

/// Its routes.
pub const ROUTES: &[Route] = &[
    Route::new("GET /v1/members/{member}", READ),
    Route::new("GET /v1/members/{member}/entries", READ_OWN),
    Route::new("GET /v1/members/{member}/receipts", READ),
    Route::new("GET /v1/members/{member}/coupons", READ_OWN),
    Route::new("GET /v1/members/{member}/hub", READ_OWN),
    Route::new("GET /v1/hub", Access::MemberOrAnonymous),
    Route::new("GET /v1/receipts/{id}", READ),
    Route::new("GET /v1/receipts/{id}/explanation", READ),
    Route::new("GET /v1/interactions/{id}", READ),
    Route::new("POST /v1/receipts/preview", Access::Scope(Scope::ReceiptsWrite)),
    Route::new("POST /v1/rules/examine", Access::Scope(Scope::Admin)),
];

/// Responds to a request.
pub async fn handle(services: &Services, request: Request) -> lambda_http::Response<Body> {
    http::respond(services, request, ROUTES, |request| dispatch(services, request)).await
}

async fn dispatch(services: &Services, request: ApiRequest) -> Result<Response, Problem> {
    match request.route() {
        "GET /v1/members/{member}" => member::get(services, &request).await,
        "GET /v1/members/{member}/entries" => entries::get(services, &request).await,
        "GET /v1/members/{member}/receipts" => list::receipts(services, &request).await,
        "GET /v1/members/{member}/coupons" => list::coupons(services, &request).await,
        "GET /v1/members/{member}/hub" => hub::of_member(services, &request).await,
        "GET /v1/hub" => hub::of_whoever_calls(services, &request).await,
        "GET /v1/receipts/{id}" => receipt::get(services, &request).await,
        "GET /v1/receipts/{id}/explanation" => receipt::explain(services, &request).await,
        "GET /v1/interactions/{id}" => interaction::get(services, &request).await,
        "POST /v1/receipts/preview" => preview::post(services, &request).await,
        "POST /v1/rules/examine" => examine::post(services, &request).await,
        _ => Err(http::unknown_route(&request)),
    }
}

/// The language tag of the response.
fn language<'p>(request: &ApiRequest, program: &'p ActiveProgram, profile: Option<&Profile>) -> &'p str {
    let own = profile.and_then(|profile| profile.locale.as_ref()).map(Locale::as_str);
    choose_language(request.query("locale"), own, request.header("accept-language"), &program.compiled)
}
