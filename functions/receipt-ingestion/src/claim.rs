//! `POST /v1/receipts/{id}/claim`: an anonymous receipt gets its member.

use serde_json::{Value, json};
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

/// The member of a receipt that was stored without one.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Claim), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_claim` reads")]
pub(crate) struct ClaimBody {
    /// The member.
    member: MemberRef,
}

impl ClaimBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "member": { "id": "c-42" } })
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
