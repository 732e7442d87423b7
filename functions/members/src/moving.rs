//! `POST /v1/receipts/{id}/move`: a receipt that was booked on the wrong person.

use tessera_domain::account::Status;
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::view::ReceiptView;
use tessera_evaluation::{EvaluationError, complete_move};
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::moving::{MoveBody, read_move};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Audit, ReceiptHistory, StoredReceipt};

use crate::receipt::{named, respond, unknown};

/// How often a receipt can be moved.
const MOST_MOVES: u32 = 20;

/// The route of moves.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/receipts/{id}/move", Access::Scope(Scope::Support), handler!(post))
        .named("moveReceipt", "Facts", "Moves a receipt and what it earned to another member")
        .audited("receipt.move")
        .counts_misses()
        .localized()
        .details(
            "All that it gave is taken back from its member, as a debt if need be. Then it is decided anew for the other one, \
             by the version of the program that decided it first, with its refunds. Coupons that it used stay with their \
             owners.",
        )
        .takes::<MoveBody>(MoveBody::example)
        .gives::<ReceiptView>(200, "The receipt, as it is decided for its new member.")];

/// `POST /v1/receipts/{id}/move`. A receipt that the member has already is left as it is; a move that was interrupted is
/// completed.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let wanted = read_move(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let stored = named(services, &program, request).await?;
    let target = services.move_target(caller, &program, wanted.member).await?;
    let id = stored.receipt.id.clone();
    let Some(owner) = &stored.member else {
        return Err(Problem::not_allowed("not_claimed", "the receipt has no member yet: claim it instead"));
    };
    if services.store.is_one_member(&program.id, &target, owner).await? {
        complete(services, &program, &stored).await?;
        return respond(services, &program, request, &stored).await;
    }
    complete(services, &program, &stored).await?;
    check(services, &program, &stored, owner, &target).await?;
    let audit = Audit { reason: Some(wanted.reason.clone()), ..request.audit(format!("receipts/{id}"))? };
    let by = (&*caller.actor, &*wanted.reason);
    let moved = services.store.move_receipt(&program.id, &stored, &target, by, &audit).await?;
    let stored = load(services, &program, &id).await?;
    if moved.is_none() && stored.member.as_ref() != Some(&target) {
        return Err(Problem::conflict("moved_meanwhile", "the receipt was moved to somebody else meanwhile"));
    }
    complete(services, &program, &stored).await?;
    respond(services, &program, request, &stored).await
}

/// Checks that the receipt can leave its owner for the target.
async fn check(
    services: &Services,
    program: &ActiveProgram,
    stored: &StoredReceipt,
    owner: &MemberId,
    target: &MemberId,
) -> Result<(), Problem> {
    if stored.moves() >= MOST_MOVES {
        let detail = format!("the receipt was moved {MOST_MOVES} times already");
        return Err(Problem::not_allowed("limit_reached", detail));
    }
    let (_, account) = services.store.open_account(&program.id, target).await?;
    if account.erased_at.is_some() {
        return Err(Problem::unknown_member());
    }
    if account.status == Status::Excluded {
        return Err(Problem::not_allowed("member_excluded", "the member is excluded from the program"));
    }
    let (_, account) = services.store.open_account(&program.id, owner).await?;
    if account.erased_at.is_some() {
        return Err(Problem::not_allowed("erased", "the receipt's member was erased, and its points with them"));
    }
    let owners = services.store.owners(&program.id, owner).await?;
    let history = ReceiptHistory { at: stored.receipt.occurred_at, receipt: &stored.receipt.id, moves: stored.moves() };
    let entries = services.store.receipt_entries(&program.id, &owners, history).await?;
    if !entries.iter().any(|known| known.entry.is_decision_on(&stored.receipt.id)) {
        return Err(Problem::conflict("not_decided", "the receipt has not been decided yet: try again in a moment"));
    }
    Ok(())
}

async fn load(services: &Services, program: &ActiveProgram, id: &ReceiptId) -> Result<StoredReceipt, Problem> {
    services.store.get_receipt_with_refunds(&program.id, id).await?.ok_or_else(unknown)
}

async fn complete(services: &Services, program: &ActiveProgram, stored: &StoredReceipt) -> Result<(), Problem> {
    complete_move(services, program, stored).await.map_err(|error| match error {
        EvaluationError::Store(error) => error.into(),
        EvaluationError::UnsettledMove(_) | EvaluationError::Unsettled(..) | EvaluationError::Referral(_) => {
            tracing::warn!(%error, "a move was not completed");
            Problem::unavailable()
        }
        other => Problem::internal(&other),
    })
}
