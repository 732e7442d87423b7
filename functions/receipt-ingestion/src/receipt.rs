//! Receipts: stored once, conditionally, with the member's inner id.

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::fact::{Receipt, ReceiptInput, read_receipt};
use tessera_domain::ids::MemberId;
use tessera_domain::member::MemberRef;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Caller, Problem, Services};
use tessera_store::{ActiveProgram, PutReceipt, StoreError};

use crate::answer::Accepted;
use crate::content::as_kept;
use crate::identity::{self, Notes};
use crate::time::check_time;

/// `POST /v1/receipts`.
pub(crate) async fn accept(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    body: &Value,
) -> Result<Response, Problem> {
    let now = services.clock.now();
    let read = check_time(read_receipt(body, program.compiled.program.currency), body, now);
    let ReceiptInput { receipt, member } = read.map_err(Problem::malformed)?;
    let receipt = as_kept(receipt);
    let reference = member.map(|member| caller.verified(program, member)).transpose()?;

    services.programs.mark_in_use(program).await?;
    let (put, notes) = match reference {
        Some(reference) => store_of(services, program, &reference, &receipt, now).await?,
        None => (put(services, program, None, &receipt, now).await?, Notes::default()),
    };
    let answer = Accepted::of(receipt.id.as_str(), notes);
    match put {
        PutReceipt::Stored => Ok(http::json(202, &answer)),
        PutReceipt::Same => Ok(http::json(200, &answer)),
        PutReceipt::Different => Err(Problem::unprocessable(
            "different_content",
            format!("receipt {} was sent before with other content, or of another member", receipt.id),
        )),
    }
}

/// Stores a receipt that names its member. One read of guards and one write when nothing is left to settle.
async fn store_of(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<(PutReceipt, Notes), Problem> {
    let known = identity::look_up(services, program, reference, false).await?;
    if let Some(member) = known.member.as_ref().filter(|_| known.settled) {
        return Ok((put(services, program, Some(member), receipt, now).await?, Notes::from(&known)));
    }
    // A member will be created or changed: never for a receipt that is then refused.
    if let Some(stored) = services.store.get_receipt_with_refunds(&program.id, &receipt.id).await? {
        let known = identity::look_up(services, program, reference, true).await?;
        let is_same = known.member.is_some() && known.member == stored.member && stored.receipt == *receipt;
        if !is_same {
            return Ok((PutReceipt::Different, Notes::default()));
        }
        let notes = identity::settle_again(services, program, reference, &known, now).await?;
        return Ok((PutReceipt::Same, notes));
    }
    let found = identity::settle(services, program, reference, now).await?;
    Ok((put(services, program, Some(&found.member), receipt, now).await?, Notes::from(&found)))
}

async fn put(
    services: &Services,
    program: &ActiveProgram,
    member: Option<&MemberId>,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<PutReceipt, StoreError> {
    services.store.put_receipt(&program.id, member, receipt, now).await
}
