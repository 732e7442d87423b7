//! HTTP: redemptions of rewards, and their coupons.

mod body;
mod coupon;
mod redemption;

use lambda_http::{Body, Request, Response};
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Access, Problem, Route, Scope, Services, Variable};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

const REDEEM: Access = Access::Scope(Scope::RewardsRedeem);
const REDEEM_OWN: Access = Access::ScopeOrMember(Scope::RewardsRedeem);

/// Its routes, with who may use them.
pub const ROUTES: &[Route] = &[
    Route::new("POST /v1/members/{member}/redemptions", REDEEM_OWN),
    Route::new("GET /v1/coupons/{code}", Access::ScopeOrMember(Scope::MembersRead)),
    Route::new("POST /v1/coupons/{code}/check", REDEEM),
    Route::new("POST /v1/coupons/{code}/commit", REDEEM_OWN),
    Route::new("POST /v1/coupons/{code}/apply", REDEEM_OWN),
    Route::new("POST /v1/coupons/{code}/release", REDEEM_OWN),
    Route::new("POST /v1/coupons/{code}/use", REDEEM),
    Route::new("POST /v1/coupons/{code}/cancel", REDEEM_OWN),
];

/// Responds to a request.
pub async fn handle(services: &Services, request: Request) -> Response<Body> {
    http::respond(services, request, ROUTES, |request| dispatch(services, request)).await
}

async fn dispatch(services: &Services, request: ApiRequest) -> Result<Response<Body>, Problem> {
    match request.route() {
        "POST /v1/members/{member}/redemptions" => redemption::post(services, &request).await,
        "GET /v1/coupons/{code}" => coupon::get(services, &request).await,
        "POST /v1/coupons/{code}/check" => coupon::post(services, &request, "check").await,
        "POST /v1/coupons/{code}/commit" => coupon::post(services, &request, "commit").await,
        "POST /v1/coupons/{code}/apply" => coupon::post(services, &request, "apply").await,
        "POST /v1/coupons/{code}/release" => coupon::post(services, &request, "release").await,
        "POST /v1/coupons/{code}/use" => coupon::post(services, &request, "use").await,
        "POST /v1/coupons/{code}/cancel" => coupon::post(services, &request, "cancel").await,
        _ => Err(http::unknown_route(&request)),
    }
}
