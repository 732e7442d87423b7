//! Receipts.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tessera_domain::fact::Receipt;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId, RefundId};
use tessera_domain::pack::unpack;

use super::StoredRefund;
use crate::calls::Range;
use crate::items::{Item, Reader, bytes, item, moment, name, packed, text};
use crate::keys::{self, RECEIPT};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, retry};

const PUT: &str = "storing a receipt";
const READ: &str = "reading a receipt";
const CLAIM: &str = "claiming a receipt";

/// How storing a receipt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutReceipt {
    /// It is stored now.
    Stored,
    /// It was there, with the same content and member.
    Same,
    /// It was there, with other content or another member.
    Different,
}

/// How a claim of an anonymous receipt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the member's now.
    Claimed,
    /// It was the member's already.
    Already,
    /// It is someone else's.
    Other,
    /// There is no such receipt.
    Unknown,
}

/// A receipt as it is stored, with its refunds.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// Whose it is; `None` while it is anonymous.
    pub member: Option<MemberId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The refunds that came before it or before it was claimed, in the order of their arrival.
    pub early: Vec<RefundId>,
    /// Its refunds, in the order of their identifiers.
    pub refunds: Vec<StoredRefund>,
}

impl Store {
    /// Stores a receipt unless it is there. One write unit for each begun KB when it is new and no refund came before it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_receipt(
        &self,
        program: &ProgramId,
        member: Option<&MemberId>,
        receipt: &Receipt,
        accepted_at: Timestamp,
    ) -> Result<PutReceipt, StoreError> {
        let key = keys::receipt(program, &receipt.id);
        let body = packed(PUT, receipt)?;
        let mut new = item(&key, [(name::BODY, bytes(&*body)), (name::SINCE, moment(accepted_at))]);
        if let Some(member) = member {
            new.insert(name::MEMBER.to_owned(), text(member.as_str()));
        }
        let mut write = Write::put(&self.tables.facts, new.clone()).when(ABSENT);
        for attempt in 1..=retry::TRIES {
            let found = match self.write(PUT, &write).await? {
                Written::Done => return Ok(PutReceipt::Stored),
                Written::Refused(Some(found)) => found,
                Written::Refused(None) => {
                    retry::pause(attempt).await;
                    continue;
                }
            };
            let reader = Reader::new(PUT, &found);
            if reader.has(name::BODY) {
                let same = is_same::<Receipt>(PUT, reader, &body)? && first_member(reader)?.as_ref() == member;
                return Ok(if same { PutReceipt::Same } else { PutReceipt::Different });
            }
            // Refunds came first: the receipt takes the place of their marker and carries them on, unless another one
            // comes at this very moment.
            let Some(early) = found.get(name::EARLY) else {
                return Err(StoreError::Item { operation: PUT, attribute: name::EARLY });
            };
            let mut carrying = new.clone();
            carrying.insert(name::EARLY.to_owned(), early.clone());
            write = Write::put(&self.tables.facts, carrying)
                .when("attribute_not_exists(b) AND f = :early")
                .value(":early", early.clone());
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES })
    }

    /// A receipt with its refunds, strongly consistent, one Query; `None` when the receipt itself has not come (refunds
    /// of it may be waiting).
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_receipt_with_refunds(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
    ) -> Result<Option<StoredReceipt>, StoreError> {
        let partition = keys::receipt(program, receipt).pk;
        let items = self.range(READ, &self.tables.facts, Range::all(partition, "")).await?;
        let mut found = None;
        let mut refunds = Vec::new();
        for item in &items {
            let reader = Reader::new(READ, item);
            if reader.text(name::SK)? != RECEIPT {
                refunds.push(StoredRefund::read(item)?);
            } else if reader.has(name::BODY) {
                found = Some(StoredReceipt::read(item)?);
            }
        }
        Ok(found.map(|found| {
            // Refunds that came first could not be read before.
            let currency = found.receipt.currency;
            let read = |stored: StoredRefund| StoredRefund { refund: stored.refund.in_currency(currency), ..stored };
            StoredReceipt { refunds: refunds.into_iter().map(read).collect(), ..found }
        }))
    }

    /// Gives an anonymous receipt to a member, for ever. Its stream record carries the refunds that came meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn claim_receipt(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
        member: &MemberId,
    ) -> Result<Claim, StoreError> {
        let claim = Write::update(&self.tables.facts, &keys::receipt(program, receipt), "SET m = :member, o = :yes")
            .when("attribute_exists(b) AND attribute_not_exists(m)")
            .value(":member", text(member.as_str()))
            .value(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        match self.write(CLAIM, &claim).await? {
            Written::Done => Ok(Claim::Claimed),
            Written::Refused(None) => Ok(Claim::Unknown),
            Written::Refused(Some(found)) => match member_of(Reader::new(CLAIM, &found))? {
                None => Ok(Claim::Unknown),
                Some(owner) if owner == *member => Ok(Claim::Already),
                Some(_) => Ok(Claim::Other),
            },
        }
    }
}

impl StoredReceipt {
    /// Reads a receipt's item; its refunds stand in items of their own.
    fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        Ok(Self {
            receipt: reader.body()?,
            member: member_of(reader)?,
            accepted_at: reader.moment(name::SINCE)?,
            early: early(reader)?,
            refunds: Vec::new(),
        })
    }
}

/// True when a stored fact is the one that was packed. Their bytes may differ when different versions of this code packed
/// them; what they say is compared, to the precision in which it is stored.
pub(super) fn is_same<T: DeserializeOwned + PartialEq>(
    operation: &'static str,
    stored: Reader<'_>,
    packed: &[u8],
) -> Result<bool, StoreError> {
    Ok(stored.body::<T>()? == unpack(packed).map_err(StoreError::packed(operation))?)
}

/// Whose a fact is.
pub(super) fn member_of(reader: Reader<'_>) -> Result<Option<MemberId>, StoreError> {
    if reader.has(name::MEMBER) { reader.parsed(name::MEMBER).map(Some) } else { Ok(None) }
}

/// Whose a receipt was when it came: nobody's when it was claimed later.
fn first_member(reader: Reader<'_>) -> Result<Option<MemberId>, StoreError> {
    if reader.has(name::CLAIMED) { Ok(None) } else { member_of(reader) }
}

/// The refunds that a receipt or a marker carries.
pub(super) fn early(reader: Reader<'_>) -> Result<Vec<RefundId>, StoreError> {
    let ids = reader.texts(name::EARLY)?.into_iter().map(RefundId::new);
    ids.collect::<Result<_, _>>().map_err(|_| StoreError::Item { operation: READ, attribute: name::EARLY })
}
