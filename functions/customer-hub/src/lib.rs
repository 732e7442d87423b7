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
use tessera_lambda::http::{self, Call, Response};
use tessera_lambda::{Problem, Services, Variable};
use tessera_store::ActiveProgram;

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Answers the routes of the customer hub.
pub async fn handle(services: &Services, request: Request) -> lambda_http::Response<Body> {
    http::answer(services, request, |call| route(services, call)).await
}

async fn route(services: &Services, call: Call) -> Result<Response, Problem> {
    match call.route() {
        "GET /v1/members/{member}" => member::get(services, &call).await,
        "GET /v1/members/{member}/entries" => entries::get(services, &call).await,
        "GET /v1/members/{member}/receipts" => list::receipts(services, &call).await,
        "GET /v1/members/{member}/coupons" => list::coupons(services, &call).await,
        "GET /v1/members/{member}/hub" => hub::of_member(services, &call).await,
        "GET /v1/hub" => hub::of_whoever_calls(services, &call).await,
        "GET /v1/receipts/{id}" => receipt::get(services, &call).await,
        "GET /v1/receipts/{id}/explanation" => receipt::explain(services, &call).await,
        "GET /v1/interactions/{id}" => interaction::get(services, &call).await,
        "POST /v1/receipts/preview" => preview::post(services, &call).await,
        "POST /v1/rules/examine" => examine::post(services, &call).await,
        _ => Err(http::unknown_route(&call)),
    }
}

/// In which language a call is answered.
fn language(call: &Call, program: &ActiveProgram, profile: Option<&Profile>) -> &'static str {
    let own = profile.and_then(|profile| profile.locale.as_ref()).map(Locale::as_str);
    choose_language(call.query("locale"), own, call.header("accept-language"), &program.compiled.program.locale)
}
