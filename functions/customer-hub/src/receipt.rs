//! One receipt, with what was decided on it and on its refunds.

use tessera_domain::ids::ReceiptId;
use tessera_domain::ledger::Entry;
use tessera_domain::view::ReceiptView;
use tessera_lambda::http::{self, Call, Response};
use tessera_lambda::{Problem, Scope, Services};

use crate::load;

/// `GET /v1/receipts/{id}`
pub(crate) async fn get(services: &Services, call: &Call) -> Result<Response, Problem> {
    let caller = call.caller(services)?.require(&[Scope::ReceiptsWrite, Scope::MembersRead])?;
    let id = ReceiptId::new(call.path("id")?).map_err(|_| unknown())?;
    let program = load(services, &caller.program).await?;
    let stored = services.store.get_receipt_with_refunds(&program.id, &id).await?.ok_or_else(unknown)?;
    let entries: Vec<Entry> = match &stored.member {
        Some(member) => {
            let at = stored.receipt.occurred_at;
            let entries = services.store.receipt_entries(&program.id, member, at, &id).await?;
            entries.into_iter().map(|stored| stored.entry).collect()
        }
        None => Vec::new(),
    };
    let refunds = stored.refunds.iter().map(|stored| &stored.refund.id);
    Ok(http::json(200, &ReceiptView::new(&stored.receipt, refunds, &entries)))
}

fn unknown() -> Problem {
    Problem::not_found("there is no such receipt")
}
