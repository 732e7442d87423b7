//! Claims: an anonymous receipt gets its member, once and for ever.

use serde_json::Value;
use tessera_domain::ids::ReceiptId;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::MemberRef;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Caller, Problem, Services};
use tessera_store::{ActiveProgram, Claim};

use crate::answer::Accepted;
use crate::identity::{self, Notes};

/// `POST /v1/receipts/{id}/claim`.
pub(crate) async fn accept(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    receipt: &ReceiptId,
    body: &Value,
) -> Result<Response, Problem> {
    let reference = caller.verified(program, read_claim(body).map_err(Problem::malformed)?)?;
    let stored = services.store.get_receipt_with_refunds(&program.id, receipt).await?;
    let stored = stored.ok_or_else(|| unknown(receipt))?;
    let now = services.clock.now();

    if let Some(owner) = stored.member {
        // It is someone's already: a member who does not own it is neither created nor changed.
        let known = identity::look_up(services, program, &reference, true).await?;
        if known.member != Some(owner) {
            return Err(already_claimed(receipt));
        }
        let notes = identity::settle_again(services, program, &reference, &known, now).await?;
        return Ok(accepted(200, receipt, notes));
    }
    let who = identity::settle(services, program, &reference, now).await?;
    match services.store.claim_receipt(&program.id, receipt, &who.member).await? {
        Claim::Claimed => Ok(accepted(202, receipt, Notes::from(&who))),
        Claim::Already => Ok(accepted(200, receipt, Notes::from(&who))),
        Claim::Other => Err(already_claimed(receipt)),
        Claim::Unknown => Err(unknown(receipt)),
    }
}

/// Reads `{ "member": … }`.
fn read_claim(body: &Value) -> Result<MemberRef, Vec<Fault>> {
    input::read(body, |node: &Node<'_>| {
        let object = node.object()?;
        let member = object.required("member", MemberRef::read);
        object.finish();
        member
    })
}

fn accepted(status: u16, receipt: &ReceiptId, notes: Notes) -> Response {
    http::json(status, &Accepted::of(receipt.as_str(), notes))
}

fn unknown(receipt: &ReceiptId) -> Problem {
    Problem::not_found(format!("there is no receipt {receipt}"))
}

fn already_claimed(receipt: &ReceiptId) -> Problem {
    Problem::conflict("already_claimed", format!("receipt {receipt} belongs to another member"))
}
