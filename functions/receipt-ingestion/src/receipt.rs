//! Receipts: stored once, conditionally, with the member's inner id.

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::fact::{Receipt, ReceiptInput, read_receipt};
use tessera_domain::ids::MemberId;
use tessera_domain::member::MemberRef;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, PutReceipt, StoreError};

use crate::answer::Accepted;
use crate::content::as_kept;
use crate::identity::{self, Who};
use crate::time::check_time;

/// `POST /v1/receipts`.
pub(crate) async fn accept(services: &Services, program: &ActiveProgram, body: &Value) -> Result<Response, Problem> {
    let now = services.clock.now();
    let read = check_time(read_receipt(body, program.compiled.program.currency), body, now);
    let ReceiptInput { receipt, member } = read.map_err(Problem::malformed)?;
    let receipt = as_kept(receipt);

    services.programs.mark_in_use(program).await?;
    let (put, conflict) = match member {
        Some(reference) => store_of(services, program, &reference, &receipt, now).await?,
        None => (put(services, program, None, &receipt, now).await?, false),
    };
    let answer = Accepted::of(receipt.id.as_str(), conflict);
    match put {
        PutReceipt::Stored => Ok(http::json(202, &answer)),
        PutReceipt::Same => Ok(http::json(200, &answer)),
        PutReceipt::Different => Err(Problem::unprocessable(
            "different_content",
            format!("receipt {} was sent before with other content, or of another member", receipt.id),
        )),
    }
}

/// Stores the receipt of someone. One read of guards and one write when every identifier is known.
async fn store_of(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<(PutReceipt, bool), StoreError> {
    let known = identity::look_up(services, program, reference, false).await?;
    if let Some(member) = known.member.filter(|_| known.settled) {
        return Ok((put(services, program, Some(&member), receipt, now).await?, known.conflict));
    }
    // Someone will be made, or identifiers attached: never for a receipt that is then refused.
    if let Some(repeated) = compare(services, program, reference, receipt).await? {
        return Ok(repeated);
    }
    let found = identity::settle(services, program, reference, now).await?;
    Ok((put(services, program, Some(&found.member), receipt, now).await?, found.conflict))
}

/// How a receipt compares with the one that is stored under its id; `None` when there is none.
async fn compare(
    services: &Services,
    program: &ActiveProgram,
    reference: &MemberRef,
    receipt: &Receipt,
) -> Result<Option<(PutReceipt, bool)>, StoreError> {
    let Some(stored) = services.store.get_receipt_with_refunds(&program.id, &receipt.id).await? else {
        return Ok(None);
    };
    let Who { member, conflict, .. } = identity::look_up(services, program, reference, true).await?;
    let is_same = member.is_some() && member == stored.member && stored.receipt == *receipt;
    Ok(Some((if is_same { PutReceipt::Same } else { PutReceipt::Different }, conflict)))
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
