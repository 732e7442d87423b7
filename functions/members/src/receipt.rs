//! One receipt, with what was decided on it and on its refunds.

use tessera_domain::decide::{Buyer, explain_receipt};
use tessera_domain::ids::ReceiptId;
use tessera_domain::ledger::Entry;
use tessera_domain::view::{Explainer, ReceiptExplanation, ReceiptView, RuleView};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{ActiveProgram, OpenedMember, ReceiptHistory, StoredReceipt};

use crate::READ;

/// The routes of receipts.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/receipts/{id}", READ, handler!(get))
        .named("getReceipt", "Facts", "Reads a receipt's outcome")
        .localized()
        .gives::<ReceiptView>(200, "The receipt, its decision, its refunds."),
    Route::get("/v1/receipts/{id}/explanation", READ, handler!(explain))
        .named("explainReceipt", "Facts", "Explains a receipt's decision, rule by rule")
        .details("Every rule of the version of the program that decided, also those that the receipt did not concern.")
        .localized()
        .gives::<ReceiptExplanation>(200, "What each rule did, and why."),
];

/// `GET /v1/receipts/{id}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let stored = named(services, &program, request).await?;
    respond(services, &program, request, &stored).await
}

/// The receipt with what was decided on it.
pub(crate) async fn respond(
    services: &Services,
    program: &ActiveProgram,
    request: &ApiRequest,
    stored: &StoredReceipt,
) -> Result<Response, Problem> {
    let entries = entries(services, program, stored).await?;
    let refunds = stored.refunds.iter().map(|stored| &stored.refund.id);
    let explainer = Explainer::new(&program.compiled, request.language(program, None));
    Ok(http::json(200, &ReceiptView::new(&stored.receipt, refunds, &entries, &explainer)))
}

/// `GET /v1/receipts/{id}/explanation`: every rule of the version of the program that decided.
async fn explain(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let stored = named(services, &program, request).await?;
    let entries = entries(services, &program, &stored).await?;
    let decided = entries.iter().find(|entry| entry.is_decision_on(&stored.receipt.id));
    let entry = decided.ok_or_else(|| Problem::not_found("the receipt has not been decided yet"))?;
    let version = entry.program_version;
    let decided_by = services.programs.at_version(&program.id, version).await?.ok_or_else(Problem::unavailable)?;
    let explainer = Explainer::new(&decided_by, request.language(&program, None));
    // Conditions of rules that a long entry does not list may have to be tried again.
    let opened = match &stored.member {
        Some(member) if entry.truncated => services.store.open_member(&program.id, member).await?,
        _ => None,
    };
    let buyer = opened.as_ref().map(|OpenedMember { member, profile, account }| Buyer { member, profile, account });
    let all = explain_receipt(&decided_by, &stored.receipt, entry, buyer);
    let rules = all.iter().map(|rule| RuleView::of(rule, &explainer)).collect();
    Ok(http::json(200, &ReceiptExplanation { id: stored.receipt.id, program_version: version, rules }))
}

pub(crate) async fn named(
    services: &Services,
    program: &ActiveProgram,
    request: &ApiRequest,
) -> Result<StoredReceipt, Problem> {
    let id = ReceiptId::new(request.path("id")?).map_err(|_| unknown())?;
    services.store.get_receipt_with_refunds(&program.id, &id).await?.ok_or_else(unknown)
}

/// The entries of a receipt and its refunds, as far as they were decided.
async fn entries(services: &Services, program: &ActiveProgram, stored: &StoredReceipt) -> Result<Vec<Entry>, Problem> {
    let Some(member) = &stored.member else { return Ok(Vec::new()) };
    let history = ReceiptHistory { at: stored.receipt.occurred_at, receipt: &stored.receipt.id, moves: stored.moves() };
    let owners = services.store.owners(&program.id, member).await?;
    let entries = services.store.receipt_entries(&program.id, &owners, history).await?;
    Ok(entries.into_iter().map(|stored| stored.entry).collect())
}

pub(crate) fn unknown() -> Problem {
    Problem::not_found("there is no such receipt")
}
