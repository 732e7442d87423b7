//! HTTP: receipts, refunds, claims of anonymous receipts, and interactions.
//!
//! The response is sent when the fact is durable. The stream of the facts table carries it on, so there is no second
//! write to forget.

mod claim;
mod interaction;
mod receipt;
mod refund;
mod response;

use lambda_http::{Body, Request};
use tessera_domain::ids::ReceiptId;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, Variable};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes, with who may use them.
pub const ROUTES: &[Route] = &[
    Route::new("POST /v1/receipts", Access::Scope(Scope::ReceiptsWrite)),
    Route::new("POST /v1/receipts/{id}/refunds", Access::Scope(Scope::ReceiptsWrite)),
    Route::new("POST /v1/receipts/{id}/claim", Access::Scope(Scope::ReceiptsWrite)),
    Route::new("POST /v1/interactions", Access::Scope(Scope::InteractionsWrite)),
];

/// Responds to a request.
pub async fn handle(services: &Services, request: Request) -> lambda_http::Response<Body> {
    http::respond(services, request, ROUTES, |request| dispatch(services, request)).await
}

async fn dispatch(services: &Services, request: ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let body = request.json()?;
    match request.route() {
        "POST /v1/receipts" => receipt::accept(services, caller, &program, &body).await,
        "POST /v1/receipts/{id}/refunds" => refund::accept(services, &program, &named(&request)?, &body).await,
        "POST /v1/receipts/{id}/claim" => claim::accept(services, caller, &program, &named(&request)?, &body).await,
        "POST /v1/interactions" => interaction::accept(services, caller, &program, &body).await,
        _ => Err(http::unknown_route(&request)),
    }
}

/// The receipt that the path names.
fn named(request: &ApiRequest) -> Result<ReceiptId, Problem> {
    let wrong = |error| Problem::malformed_at("", format!("the receipt's id in the path {error}"));
    ReceiptId::new(request.path("id")?).map_err(wrong)
}
