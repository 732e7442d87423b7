//! Facts as the stream and the scan of the facts table show them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};

use super::{fact_of, member_of, waiting};
use crate::StoreError;
use crate::items::{Reader, name};

const READ: &str = "reading a record of the facts";

/// A fact of a member, with its packed content.
///
/// The stream shows a fact with a member once: when it is stored, or when its receipt is claimed. It shows a receipt again
/// when it is moved to another member, and an interaction when it is decided anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactImage {
    /// The tenant.
    pub program: ProgramId,
    /// The member.
    pub member: MemberId,
    /// Names the fact.
    pub fact: FactId,
    /// When the sender's request was accepted; a claim does not change it.
    pub accepted_at: Timestamp,
    /// The content, as [`tessera_domain::fact::Fact::unpack`] reads it.
    pub packed: Vec<u8>,
    /// The facts that waited for this one and are due now, in the order of their arrival.
    pub waiting: Vec<FactId>,
    /// How often a receipt was moved to another member.
    pub moves: u32,
    /// The version of the program that decides an interaction anew, after an unmerge.
    pub decided_by: Option<u32>,
}

/// What a record of the facts asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactChange {
    /// The fact of a member is to be decided.
    Fact(Box<FactImage>),
    /// The coupons that an anonymous receipt used are to be settled: it names some, or was returned. The stream shows it when it is
    /// stored, and again with each of its refunds.
    Anonymous(AnonymousReceipt),
}

/// An anonymous receipt that may have used coupons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousReceipt {
    /// The tenant.
    pub program: ProgramId,
    /// The receipt.
    pub receipt: ReceiptId,
    /// When the sender's request was accepted.
    pub accepted_at: Timestamp,
}

impl FactChange {
    /// Reads the new image of an INSERT or MODIFY record (`record.change.new_image`). `None`: there is nothing to do.
    ///
    /// # Errors
    /// When the item is not of a kind that this version knows.
    pub fn read(image: impl Into<HashMap<String, AttributeValue>>) -> Result<Option<Self>, StoreError> {
        let image = image.into();
        let reader = Reader::new(READ, &image);
        let (program, fact) = fact_of(READ, reader)?;
        if !reader.has(name::BODY) {
            return Ok(None);
        }
        if let Some(member) = member_of(reader)? {
            return FactImage::of(program, member, fact, reader).map(|image| Some(Self::Fact(Box::new(image))));
        }
        let has_coupons = reader.has(name::NAMES_COUPONS) || reader.has(name::EARLY);
        Ok(match fact {
            FactId::Receipt { receipt } if has_coupons => {
                let accepted_at = reader.moment(name::SINCE)?;
                Some(Self::Anonymous(AnonymousReceipt { program, receipt, accepted_at }))
            }
            _ => None,
        })
    }
}

impl FactImage {
    /// Reads an item, or the new image of an INSERT or MODIFY record (`record.change.new_image`). `None`: nothing to
    /// decide (an anonymous receipt, a waiting refund, a marker).
    ///
    /// # Errors
    /// When the item is not of a kind that this version knows.
    pub fn read(image: impl Into<HashMap<String, AttributeValue>>) -> Result<Option<Self>, StoreError> {
        Ok(match FactChange::read(image)? {
            Some(FactChange::Fact(image)) => Some(*image),
            Some(FactChange::Anonymous(..)) | None => None,
        })
    }

    /// Reads the item of a member's fact.
    fn of(program: ProgramId, member: MemberId, fact: FactId, reader: Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            program,
            member,
            fact,
            accepted_at: reader.moment(name::SINCE)?,
            packed: reader.bytes(name::BODY)?.to_vec(),
            waiting: waiting(READ, reader)?,
            moves: if reader.has(name::MOVES) { reader.number(name::MOVES)? } else { 0 },
            decided_by: if reader.has(name::DECIDED_BY) { Some(reader.number(name::DECIDED_BY)?) } else { None },
        })
    }

    /// The fact and those that waited for it, in the order in which they are decided.
    pub fn facts(&self) -> impl Iterator<Item = &FactId> {
        std::iter::once(&self.fact).chain(&self.waiting)
    }
}
