//! Redemptions of rewards, and the coupons that come of them.

mod basket;
mod body;
mod code;
mod coupon;
mod redemption;
mod state;

use lambda_http::{Body, Request, Response};
use tessera_lambda::http::{self, Call};
use tessera_lambda::{Problem, Services, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[];

/// Answers a request.
pub async fn handle(services: &Services, request: Request) -> Response<Body> {
    http::answer(services, request, |call| route(services, call)).await
}

async fn route(services: &Services, call: Call) -> Result<Response<Body>, Problem> {
    match call.route() {
        "POST /v1/members/{member}/redemptions" => redemption::post(services, &call).await,
        "GET /v1/coupons/{code}" => coupon::get(services, &call).await,
        "POST /v1/coupons/{code}/{action}" => coupon::post(services, &call, call.path("action")?).await,
        _ => Err(http::unknown_route(&call)),
    }
}
