//! Receipts with their refunds, and claims of anonymous receipts.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::fact::{Fact, FactId, Receipt, Refund};
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId, RefundId};

use super::{READ, ReceiptMove, StoredFact, member_of};
use crate::calls::Range;
use crate::items::{Reader, text};
use crate::writes::{Write, Written};
use crate::{Store, StoreError, keys};

const CLAIM: &str = "claiming a receipt";

/// How a claim of an anonymous receipt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The receipt belongs to the member now.
    Claimed,
    /// The receipt belonged to the member before.
    Already,
    /// The receipt belongs to another member.
    Other,
    /// There is no such receipt.
    Unknown,
}

/// A stored receipt with its refunds.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// Its member; `None` while it is anonymous.
    pub member: Option<MemberId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The refunds that came before it or before it was claimed, in the order of their arrival.
    pub early: Vec<RefundId>,
    /// Its last move to another member.
    pub moved: Option<ReceiptMove>,
    /// Its refunds, in the order of their identifiers.
    pub refunds: Vec<StoredRefund>,
}

/// A stored refund.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRefund {
    /// The refund.
    pub refund: Refund,
    /// The member that it was stored with; its receipt says whose it is.
    pub member: Option<MemberId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// True when it came before its receipt, or before that was claimed.
    pub waited: bool,
}

impl Store {
    /// A receipt with its refunds, strongly consistent, one Query. `None` when the receipt itself has not come: refunds
    /// of it may be waiting.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_receipt_with_refunds(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
    ) -> Result<Option<StoredReceipt>, StoreError> {
        let partition = keys::fact(program, &FactId::Receipt { receipt: receipt.clone() }).pk;
        let items = self.range(READ, &self.tables.facts, Range::all(partition, "")).await?;
        let mut found = None;
        let mut refunds = Vec::new();
        for item in &items {
            let Some(StoredFact { fact, member, accepted_at, waited, waiting, moved }) = StoredFact::read(item)? else {
                continue;
            };
            match fact {
                Fact::Receipt(receipt) => {
                    let early = waiting.into_iter().map(|fact| match fact {
                        FactId::Refund { refund, .. } => Ok(refund),
                        other => Err(not_of_receipt(&other)),
                    });
                    let early = early.collect::<Result<_, _>>()?;
                    found = Some(StoredReceipt { receipt, member, accepted_at, early, moved, refunds: Vec::new() });
                }
                Fact::Refund { refund, .. } => refunds.push(StoredRefund { refund, member, accepted_at, waited }),
                other => return Err(not_of_receipt(&other.id())),
            }
        }
        Ok(found.map(|found| {
            // The amounts of a refund that came first can be read only now.
            let currency = found.receipt.currency;
            let read = |stored: StoredRefund| StoredRefund { refund: stored.refund.in_currency(currency), ..stored };
            StoredReceipt { refunds: refunds.into_iter().map(read).collect(), ..found }
        }))
    }

    /// Gives an anonymous receipt to a member, for ever. Its stream record names the refunds that waited for it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn claim_receipt(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
        member: &MemberId,
    ) -> Result<Claim, StoreError> {
        let key = keys::fact(program, &FactId::Receipt { receipt: receipt.clone() });
        let claim = Write::update(&self.tables.facts, &key, "SET m = :member, o = :yes")
            .when("attribute_exists(b) AND attribute_not_exists(m)")
            .value(":member", text(member.as_str()))
            .value(":yes", AttributeValue::Bool(true));
        match self.write(CLAIM, &claim).await? {
            Written::Done => Ok(Claim::Claimed),
            Written::Refused(None) => Ok(Claim::Unknown),
            Written::Refused(Some(found)) => match member_of(Reader::new(CLAIM, &found))? {
                None => Ok(Claim::Unknown),
                Some(owner) if self.is_one_member(program, &owner, member).await? => Ok(Claim::Already),
                Some(_) => Ok(Claim::Other),
            },
        }
    }
}

/// The error of a fact in a receipt's partition that is neither the receipt nor a refund.
fn not_of_receipt(fact: &FactId) -> StoreError {
    StoreError::UnknownKind { operation: READ, key: format!("{fact} in the partition of a receipt") }
}
