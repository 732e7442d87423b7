//! `POST /v1/receipts/{id}/refunds`.

use serde_json::Value;
use tessera_domain::fact::{read_early_refund, read_refund_of};
use tessera_domain::ids::ReceiptId;
use tessera_intake::{IdentityNotes, RefundError, TimeLimit};
use tessera_lambda::http::Response;
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, PutFact};

use crate::response::{accepted, different_content, intake};

/// Stores a refund once, also before its receipt arrives.
pub(crate) async fn accept(
    services: &Services,
    program: &ActiveProgram,
    receipt: &ReceiptId,
    body: &Value,
) -> Result<Response, Problem> {
    let now = services.clock.now();
    let intake = intake(services, program, now);
    let stored = intake.refunded_receipt(receipt).await?;
    let read = match &stored {
        Some(stored) => read_refund_of(body, &stored.receipt),
        None => read_early_refund(body),
    };
    let refund = TimeLimit::live(now).check_body(read, body).map_err(Problem::malformed)?;

    let id = refund.id.clone();
    let put = intake.refund(receipt, stored.as_ref(), refund).await.map_err(|error| match error {
        RefundError::Refused { slug, detail } => Problem::unprocessable(slug, detail),
        RefundError::Store(error) => error.into(),
    })?;
    match put {
        PutFact::Stored | PutFact::Waiting => Ok(accepted(202, id.as_str(), IdentityNotes::default())),
        PutFact::Same => Ok(accepted(200, id.as_str(), IdentityNotes::default())),
        PutFact::Different => Err(different_content(format!("refund {id} was sent before with other content"))),
    }
}
