//! Claims: an anonymous receipt gets its member, once and for ever.

use serde_json::Value;
use tessera_domain::ids::ReceiptId;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::MemberRef;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, Claim};

use crate::answer::Accepted;
use crate::identity;

/// `POST /v1/receipts/{id}/claim`.
pub(crate) async fn accept(
    services: &Services,
    program: &ActiveProgram,
    receipt: &ReceiptId,
    body: &Value,
) -> Result<Response, Problem> {
    let reference = read_claim(body).map_err(Problem::malformed)?;
    let stored = services.store.get_receipt_with_refunds(&program.id, receipt).await?;
    let stored = stored.ok_or_else(|| unknown(receipt))?;

    if let Some(owner) = stored.member {
        // It is someone's already: nobody is made, and no identifier attached, only to hear that.
        let who = identity::look_up(services, program, &reference, true).await?;
        let is_owner = who.member == Some(owner);
        return if is_owner { Ok(accepted(200, receipt, who.conflict)) } else { Err(already_claimed(receipt)) };
    }
    let who = identity::settle(services, program, &reference, services.clock.now()).await?;
    match services.store.claim_receipt(&program.id, receipt, &who.member).await? {
        Claim::Claimed => Ok(accepted(202, receipt, who.conflict)),
        Claim::Already => Ok(accepted(200, receipt, who.conflict)),
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

fn accepted(status: u16, receipt: &ReceiptId, conflict: bool) -> Response {
    http::json(status, &Accepted::of(receipt.as_str(), conflict))
}

fn unknown(receipt: &ReceiptId) -> Problem {
    Problem::not_found(format!("there is no receipt {receipt}"))
}

fn already_claimed(receipt: &ReceiptId) -> Problem {
    Problem::conflict("already_claimed", format!("receipt {receipt} belongs to another member"))
}
