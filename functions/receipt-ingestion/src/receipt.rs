//! `POST /v1/receipts`.

use serde_json::Value;
use tessera_domain::fact::{ReceiptInput, read_receipt};
use tessera_intake::TimeLimit;
use tessera_lambda::http::Response;
use tessera_lambda::{Caller, Problem, Services};
use tessera_store::{ActiveProgram, PutFact};

use crate::response::{accepted, different_content, intake};

/// Stores a receipt once, with its buyer's internal id.
pub(crate) async fn accept(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    body: &Value,
) -> Result<Response, Problem> {
    let now = services.clock.now();
    let read = read_receipt(body, program.compiled.program.currency);
    let ReceiptInput { receipt, member } = TimeLimit::live(now).check_body(read, body).map_err(Problem::malformed)?;
    let reference = member.map(|member| caller.verified(program, member)).transpose()?;

    let id = receipt.id.clone();
    let outcome = intake(services, program, now).receipt(receipt, reference.as_ref()).await?;
    match outcome.put {
        PutFact::Stored | PutFact::Waiting => Ok(accepted(202, id.as_str(), outcome.notes)),
        PutFact::Same => Ok(accepted(200, id.as_str(), outcome.notes)),
        PutFact::Different => {
            Err(different_content(format!("receipt {id} was sent before with other content, or of another member")))
        }
    }
}
