//! Refunds, also those that come before their receipt.

use serde_json::Value;
use tessera_domain::fact::{
    Receipt, Refund, RefundAmount, RefundFault, RefundLine, Remaining, read_early_refund, read_refund,
};
use tessera_domain::ids::ReceiptId;
use tessera_domain::money::Money;
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, PutRefund, StoredReceipt};

use crate::answer::Accepted;
use crate::content::refund_as_kept;
use crate::time::check_time;

/// `POST /v1/receipts/{id}/refunds`.
pub(crate) async fn accept(
    services: &Services,
    program: &ActiveProgram,
    receipt: &ReceiptId,
    body: &Value,
) -> Result<Response, Problem> {
    let now = services.clock.now();
    let stored = services.store.get_receipt_with_refunds(&program.id, receipt).await?;
    let read = match &stored {
        Some(stored) => read_refund(body, stored.receipt.currency),
        None => read_early_refund(body),
    };
    let refund = check_time(read, body, now).map_err(Problem::malformed)?;
    let refund = refund_as_kept(refund);

    if let Some(stored) = &stored {
        if let Some(before) = stored.refunds.iter().find(|other| other.refund.id == refund.id) {
            return if before.refund == refund { Ok(accepted(200, &refund)) } else { Err(different(&refund)) };
        }
        fits(stored, &refund).map_err(|fault| refused(stored, &refund, &fault))?;
    }
    services.programs.mark_in_use(program).await?;
    let of = stored.as_ref().and_then(|stored| stored.member.as_ref());
    match services.store.put_refund(&program.id, receipt, of, &refund, now).await? {
        PutRefund::Stored | PutRefund::Waiting => Ok(accepted(202, &refund)),
        PutRefund::Same => Ok(accepted(200, &refund)),
        PutRefund::Different => Err(different(&refund)),
    }
}

fn accepted(status: u16, refund: &Refund) -> Response {
    http::json(status, &Accepted::new(refund.id.as_str()))
}

fn different(refund: &Refund) -> Problem {
    Problem::unprocessable("different_content", format!("refund {} was sent before with other content", refund.id))
}

/// What can be refused at once is; two refunds that come at the same moment are judged again when they are decided.
fn fits(stored: &StoredReceipt, refund: &Refund) -> Result<(), RefundFault> {
    remaining(stored).less(refund).map(|_| ())
}

/// What the refunds accepted so far leave, taken in the order in which they are decided: first those that waited.
fn remaining(stored: &StoredReceipt) -> Remaining {
    let mut refunds: Vec<_> = stored.refunds.iter().collect();
    let waited = |id| stored.early.iter().position(|early| early == id).unwrap_or(usize::MAX);
    refunds.sort_by_key(|stored| (waited(&stored.refund.id), stored.accepted_at));
    Remaining::after(&stored.receipt, refunds.into_iter().map(|stored| &stored.refund))
}

fn refused(stored: &StoredReceipt, refund: &Refund, fault: &RefundFault) -> Problem {
    let (slug, detail) = explain(stored, refund, fault);
    Problem::unprocessable(slug, detail)
}

/// The kind of problem, and the words for it with the numbers that a person at a till needs.
fn explain(stored: &StoredReceipt, refund: &Refund, fault: &RefundFault) -> (&'static str, String) {
    let id = &stored.receipt.id;
    match fault {
        RefundFault::UnknownLine(line) => {
            ("unknown_line", format!("receipt {id} has no line {line}; its lines are: {}", lines(&stored.receipt)))
        }
        // What is read in the receipt's currency cannot have too many decimals.
        RefundFault::Currency | RefundFault::MoreThanRemains => ("more_than_remains", too_much(stored, refund)),
        RefundFault::MoreItemsThanRemain(line) => {
            ("more_than_remains", format!("line {line} of receipt {id} has fewer items left than are given back"))
        }
    }
}

/// What remains, of the line that has too little, or of the receipt.
fn too_much(stored: &StoredReceipt, refund: &Refund) -> String {
    let (receipt, remaining) = (&stored.receipt, remaining(stored));
    let money = |minor| format!("{} {}", Money::new(minor, receipt.currency), receipt.currency);
    if let RefundAmount::Lines(lines) = &refund.amount {
        // A line has too little when it would have too little alone.
        let alone = |line: &RefundLine| {
            let amount = RefundAmount::Lines(vec![RefundLine { quantity: None, ..line.clone() }]);
            remaining.less(&Refund { amount, ..refund.clone() })
        };
        let short = lines.iter().find(|line| alone(line) == Err(RefundFault::MoreThanRemains));
        let place = short.and_then(|short| receipt.lines.iter().position(|line| line.id == short.line));
        if let (Some(short), Some(place)) = (short, place) {
            let (left, back) = (money(remaining.net(place)), money(short.amount));
            let line = &short.line;
            return format!(
                "line {line} of receipt {} has {left} left, net of discounts; {back} is too much",
                receipt.id
            );
        }
    }
    format!("receipt {} has {} left; that is less than is given back", receipt.id, money(remaining.net_total()))
}

/// The lines that there are, as far as a person wants to read.
fn lines(receipt: &Receipt) -> String {
    const MOST: usize = 10;
    let ids: Vec<&str> = receipt.lines.iter().map(|line| line.id.as_str()).collect();
    match ids.as_slice() {
        [] => "none".to_owned(),
        few if few.len() <= MOST => few.join(", "),
        many => format!("{} and {} more", many[..MOST].join(", "), many.len() - MOST),
    }
}

#[cfg(test)]
mod tests;
