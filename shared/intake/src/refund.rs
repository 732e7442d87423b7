//! Intake of refunds, also of those that arrive before their receipt.

use tessera_domain::fact::{Fact, Receipt, Refund, RefundAmount, RefundFault, RefundLine, Remaining};
use tessera_domain::ids::ReceiptId;
use tessera_domain::money::Money;
use tessera_store::{PutFact, StoreError, StoredReceipt};

use crate::Intake;
use crate::canonical::canonical_refund;

/// Why a refund was not stored.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// The receipt does not allow it.
    #[error("{detail}")]
    Refused {
        /// The slug of the problem document.
        slug: &'static str,
        /// What is wrong, with the numbers that a person at a till needs.
        detail: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Intake<'_> {
    /// The receipt of a refund, with its earlier refunds; `None` when the refund arrives first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn refunded_receipt(&self, receipt: &ReceiptId) -> Result<Option<StoredReceipt>, StoreError> {
        self.store.get_receipt_with_refunds(&self.program.id, receipt).await
    }

    /// Stores a refund once. `stored`: the result of [`Intake::refunded_receipt`].
    ///
    /// # Errors
    /// [`RefundError::Refused`] when the refund exceeds what remains of the receipt; when DynamoDB fails.
    pub async fn refund(
        &self,
        receipt: &ReceiptId,
        stored: Option<&StoredReceipt>,
        refund: Refund,
    ) -> Result<PutFact, RefundError> {
        let refund = canonical_refund(refund);
        if let Some(stored) = stored {
            if let Some(before) = stored.refunds.iter().find(|other| other.refund.id == refund.id) {
                return Ok(if before.refund == refund { PutFact::Same } else { PutFact::Different });
            }
            check_remaining(stored, &refund).map_err(|fault| {
                let (slug, detail) = explain(stored, &refund, &fault);
                RefundError::Refused { slug, detail }
            })?;
        }
        self.programs.mark_in_use(self.program).await?;
        let buyer = stored.and_then(|stored| stored.member.as_ref());
        let fact = Fact::Refund { receipt: receipt.clone(), refund };
        Ok(self.store.put_fact(&self.program.id, buyer, &fact, self.now).await?)
    }
}

/// Refuses a refund early. Two refunds at the same moment may both pass; evaluation checks again.
fn check_remaining(stored: &StoredReceipt, refund: &Refund) -> Result<(), RefundFault> {
    remaining(stored).less(refund).map(|_| ())
}

/// What remains after the accepted refunds.
fn remaining(stored: &StoredReceipt) -> Remaining {
    Remaining::after(&stored.receipt, refunds_in_order(stored))
}

/// The accepted refunds of a receipt in the order of their decisions: those that waited come first.
pub fn refunds_in_order(stored: &StoredReceipt) -> impl Iterator<Item = &Refund> {
    let mut refunds: Vec<_> = stored.refunds.iter().collect();
    let waited = |id| stored.early.iter().position(|early| early == id).unwrap_or(usize::MAX);
    refunds.sort_by_key(|stored| (waited(&stored.refund.id), stored.accepted_at));
    refunds.into_iter().map(|stored| &stored.refund)
}

/// The slug and the detail of a fault.
fn explain(stored: &StoredReceipt, refund: &Refund, fault: &RefundFault) -> (&'static str, String) {
    let id = &stored.receipt.id;
    match fault {
        RefundFault::UnknownLine(line) => {
            ("unknown_line", format!("receipt {id} has no line {line}; its lines are: {}", line_ids(&stored.receipt)))
        }
        // A refund that was read in the receipt's currency never has too many decimals.
        RefundFault::Currency | RefundFault::MoreThanRemains => ("more_than_remains", explain_excess(stored, refund)),
        RefundFault::MoreItemsThanRemain(line) => {
            ("more_than_remains", format!("line {line} of receipt {id} has fewer items left than are given back"))
        }
    }
}

/// What remains of the line that is exceeded, or else of the receipt.
fn explain_excess(stored: &StoredReceipt, refund: &Refund) -> String {
    let (receipt, remaining) = (&stored.receipt, remaining(stored));
    let money = |minor| format!("{} {}", Money::new(minor, receipt.currency), receipt.currency);
    if let RefundAmount::Lines(lines) = &refund.amount {
        // The exceeded line is one that is exceeded even if it is refunded alone.
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

/// The ids of a receipt's lines, shortened to what a person reads.
fn line_ids(receipt: &Receipt) -> String {
    const SHOWN: usize = 10;
    let ids: Vec<&str> = receipt.lines.iter().map(|line| line.id.as_str()).collect();
    match ids.as_slice() {
        [] => "none".to_owned(),
        few if few.len() <= SHOWN => few.join(", "),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}

#[cfg(test)]
mod tests;
