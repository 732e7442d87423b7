//! Facts as the stream and the scan of the facts table show them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};

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

impl FactImage {
    /// Reads an item, or the new image of an INSERT or MODIFY record (`record.change.new_image`). `None`: nothing to
    /// decide (an anonymous receipt, a waiting refund, a marker).
    ///
    /// # Errors
    /// When the item is not of a kind that this version knows.
    pub fn read(image: impl Into<HashMap<String, AttributeValue>>) -> Result<Option<Self>, StoreError> {
        let image = image.into();
        let reader = Reader::new(READ, &image);
        let (program, fact) = fact_of(READ, reader)?;
        let Some(member) = member_of(reader)? else { return Ok(None) };
        if !reader.has(name::BODY) {
            return Ok(None);
        }
        Ok(Some(Self {
            program,
            member,
            fact,
            accepted_at: reader.moment(name::SINCE)?,
            packed: reader.bytes(name::BODY)?.to_vec(),
            waiting: waiting(READ, reader)?,
            moves: if reader.has(name::MOVES) { reader.number(name::MOVES)? } else { 0 },
            decided_by: if reader.has(name::DECIDED_BY) { Some(reader.number(name::DECIDED_BY)?) } else { None },
        }))
    }

    /// The fact and those that waited for it, in the order in which they are decided.
    pub fn facts(&self) -> impl Iterator<Item = &FactId> {
        std::iter::once(&self.fact).chain(&self.waiting)
    }
}
