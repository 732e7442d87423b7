//! `POST /v1/receipts/{id}/claim`: an anonymous receipt gets its member.

use serde_json::Value;
use tessera_domain::ids::ReceiptId;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::MemberRef;
use tessera_lambda::http::Response;
use tessera_lambda::{Caller, Problem, Services};
use tessera_store::{ActiveProgram, Claim};

use crate::response::{accepted, intake};

/// Gives an anonymous receipt to a member, once and forever.
pub(crate) async fn accept(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    receipt: &ReceiptId,
    body: &Value,
) -> Result<Response, Problem> {
    let reference = caller.verified(program, read_claim(body).map_err(Problem::malformed)?)?;
    let outcome = intake(services, program, services.clock.now()).claim(receipt, &reference).await?;
    match outcome.put {
        Claim::Claimed => Ok(accepted(202, receipt.as_str(), outcome.notes)),
        Claim::Already => Ok(accepted(200, receipt.as_str(), outcome.notes)),
        Claim::Other => {
            Err(Problem::conflict("already_claimed", format!("receipt {receipt} belongs to another member")))
        }
        Claim::Unknown => Err(Problem::not_found(format!("there is no receipt {receipt}"))),
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
