//! Facts come in: receipts, their refunds, claims of anonymous receipts, and interactions. A fact is answered when it is durable; the
//! stream of the facts table carries it on, there is no second write to forget.

mod answer;
mod claim;
mod content;
mod identity;
mod interaction;
mod receipt;
mod refund;
mod time;

use lambda_http::{Body, Request};
use tessera_domain::ids::ReceiptId;
use tessera_lambda::http::{self, Call, Response};
use tessera_lambda::{Problem, Scope, Services, Variable};

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[];

/// Answers `POST /v1/receipts`, `POST /v1/receipts/{id}/refunds`, `POST /v1/receipts/{id}/claim` and
/// `POST /v1/interactions`.
pub async fn handle(services: &Services, request: Request) -> lambda_http::Response<Body> {
    http::answer(services, request, |call| route(services, call)).await
}

async fn route(services: &Services, call: Call) -> Result<Response, Problem> {
    let scope = match call.route() {
        "POST /v1/interactions" => Scope::InteractionsWrite,
        _ => Scope::ReceiptsWrite,
    };
    let caller = call.caller(services)?.require(&[scope])?;
    let program = services.program(&caller.program).await?;
    let body = call.json()?;
    match call.route() {
        "POST /v1/receipts" => receipt::accept(services, &program, &body).await,
        "POST /v1/receipts/{id}/refunds" => refund::accept(services, &program, &named(&call)?, &body).await,
        "POST /v1/receipts/{id}/claim" => claim::accept(services, &program, &named(&call)?, &body).await,
        "POST /v1/interactions" => interaction::accept(services, &program, &body).await,
        _ => Err(http::unknown_route(&call)),
    }
}

/// The receipt that the path names.
fn named(call: &Call) -> Result<ReceiptId, Problem> {
    let wrong = |error| Problem::malformed_at("", format!("the receipt's id in the path {error}"));
    ReceiptId::new(call.path("id")?).map_err(wrong)
}
