//! Administration: the program as one document and its parts, backtests, adjustments by hand, and the API description.

mod adjustment;
mod backtest;
mod change;
mod diff;
mod part;
mod parts;
mod program;
mod template;
mod version;

use lambda_http::{Body, Request, Response};
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Access, Problem, Route, Scope, Services, Variable};

use part::Part;

/// The description of the API: generated from the types and reviewed as a file, see `tests/openapi`.
const OPENAPI: &str = include_str!("../openapi.json");

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter, Variable::BacktestsQueueUrl];

const ADMIN: Access = Access::Scope(Scope::Admin);

/// Its routes.
pub const ROUTES: &[Route] = &[
    Route::new("GET /v1/openapi.json", Access::Public),
    Route::new("GET /v1/program", ADMIN),
    Route::new("PUT /v1/program", ADMIN),
    Route::new("GET /v1/rules", ADMIN),
    Route::new("POST /v1/rules", ADMIN),
    Route::new("POST /v1/rules/backtest", ADMIN),
    Route::new("GET /v1/rules/backtest/{id}", ADMIN),
    Route::new("GET /v1/rules/{id}", ADMIN),
    Route::new("PUT /v1/rules/{id}", ADMIN),
    Route::new("DELETE /v1/rules/{id}", ADMIN),
    Route::new("GET /v1/rule-templates", ADMIN),
    Route::new("GET /v1/rewards", ADMIN),
    Route::new("POST /v1/rewards", ADMIN),
    Route::new("GET /v1/rewards/{id}", ADMIN),
    Route::new("PUT /v1/rewards/{id}", ADMIN),
    Route::new("DELETE /v1/rewards/{id}", ADMIN),
    Route::new("GET /v1/tiers", ADMIN),
    Route::new("POST /v1/tiers", ADMIN),
    Route::new("GET /v1/tiers/{id}", ADMIN),
    Route::new("PUT /v1/tiers/{id}", ADMIN),
    Route::new("DELETE /v1/tiers/{id}", ADMIN),
    Route::new("POST /v1/members/{member}/adjustments", Access::Scope(Scope::Support)),
];

/// Responds to a request.
pub async fn handle(services: &Services, request: Request) -> Response<Body> {
    http::respond(services, request, ROUTES, |request| dispatch(services, request)).await
}

async fn dispatch(services: &Services, request: ApiRequest) -> Result<Response<Body>, Problem> {
    match request.route() {
        "GET /v1/openapi.json" => Ok(description()),
        "GET /v1/program" => program::get(services, &request).await,
        "PUT /v1/program" => program::put(services, &request).await,
        "GET /v1/rules" => parts::list(services, &request, Part::Rules).await,
        "POST /v1/rules" => parts::post(services, &request, Part::Rules).await,
        "POST /v1/rules/backtest" => backtest::post(services, &request).await,
        "GET /v1/rules/backtest/{id}" => backtest::get(services, &request).await,
        "GET /v1/rules/{id}" => parts::get(services, &request, Part::Rules).await,
        "PUT /v1/rules/{id}" => parts::put(services, &request, Part::Rules).await,
        "DELETE /v1/rules/{id}" => parts::delete(services, &request, Part::Rules).await,
        "GET /v1/rule-templates" => template::list(services, &request).await,
        "GET /v1/rewards" => parts::list(services, &request, Part::Rewards).await,
        "POST /v1/rewards" => parts::post(services, &request, Part::Rewards).await,
        "GET /v1/rewards/{id}" => parts::get(services, &request, Part::Rewards).await,
        "PUT /v1/rewards/{id}" => parts::put(services, &request, Part::Rewards).await,
        "DELETE /v1/rewards/{id}" => parts::delete(services, &request, Part::Rewards).await,
        "GET /v1/tiers" => parts::list(services, &request, Part::Tiers).await,
        "POST /v1/tiers" => parts::post(services, &request, Part::Tiers).await,
        "GET /v1/tiers/{id}" => parts::get(services, &request, Part::Tiers).await,
        "PUT /v1/tiers/{id}" => parts::put(services, &request, Part::Tiers).await,
        "DELETE /v1/tiers/{id}" => parts::delete(services, &request, Part::Tiers).await,
        "POST /v1/members/{member}/adjustments" => adjustment::post(services, &request).await,
        _ => Err(http::unknown_route(&request)),
    }
}

fn description() -> Response<Body> {
    let mut response = http::with_header(http::empty(200), "content-type", "application/json");
    *response.body_mut() = Body::from(OPENAPI);
    http::public(response)
}
