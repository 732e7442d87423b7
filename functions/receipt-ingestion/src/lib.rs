//! HTTP: receipts, refunds, claims of anonymous receipts, and interactions.
//!
//! The response is sent when the fact is durable. The stream of the facts table carries it on, so there is no second
//! write to forget.

mod claim;
mod interaction;
mod receipt;
mod refund;
mod response;

use serde_json::Value;
use tessera_domain::fact::{InteractionBody, ReceiptBody, RefundBody};
use tessera_domain::ids::ReceiptId;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Routes, Scope, Services, Variable, handler};

use claim::ClaimBody;
use response::Accepted;

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

const WRITE: Access = Access::Scope(Scope::ReceiptsWrite);

/// Its routes.
pub const ROUTES: Routes = &[&[
    Route::post("/v1/receipts", WRITE, handler!(post_receipt))
        .named("sendReceipt", "Facts", "Reports a receipt")
        .details(
            "Stored when the response is sent. The same receipt may be sent any number of times; other content under its \
             id is refused.",
        )
        .takes::<ReceiptBody>(ReceiptBody::example)
        .gives::<Accepted<'_>>(202, "Stored now.")
        .gives::<Accepted<'_>>(200, "Stored before, with the same content."),
    Route::post("/v1/receipts/{id}/refunds", WRITE, handler!(post_refund))
        .named("sendRefund", "Facts", "Reports a refund")
        .details("May arrive before its receipt.")
        .takes::<RefundBody>(RefundBody::example)
        .gives::<Accepted<'_>>(202, "Stored now.")
        .gives::<Accepted<'_>>(200, "Stored before, with the same content."),
    Route::post("/v1/receipts/{id}/claim", WRITE, handler!(post_claim))
        .named("claimReceipt", "Facts", "Names the member of an anonymous receipt")
        .takes::<ClaimBody>(ClaimBody::example)
        .gives::<Accepted<'_>>(202, "It belongs to the member now.")
        .gives::<Accepted<'_>>(200, "It belonged to the member already."),
    Route::post("/v1/interactions", Access::Scope(Scope::InteractionsWrite), handler!(post_interaction))
        .named("sendInteraction", "Facts", "Reports what a member did")
        .details(
            "Stored when the response is sent. The same interaction may be sent any number of times; other content under \
             its id is refused.",
        )
        .takes::<InteractionBody>(InteractionBody::example)
        .gives::<Accepted<'_>>(202, "Stored now.")
        .gives::<Accepted<'_>>(200, "Stored before, with the same content."),
]];

async fn post_receipt(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    receipt::accept(services, caller, &program, &request.json()?).await
}

async fn post_refund(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let body: Value = request.json()?;
    refund::accept(services, &program, &named(request)?, &body).await
}

async fn post_claim(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let body: Value = request.json()?;
    claim::accept(services, caller, &program, &named(request)?, &body).await
}

async fn post_interaction(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    interaction::accept(services, caller, &program, &request.json()?).await
}

/// The receipt that the path names.
fn named(request: &ApiRequest) -> Result<ReceiptId, Problem> {
    let wrong = |error| Problem::malformed_at("", format!("the receipt's id in the path {error}"));
    ReceiptId::new(request.path("id")?).map_err(wrong)
}
