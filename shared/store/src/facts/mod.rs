//! Facts as their senders reported them, each written once.
//!
//! All kinds take one path. A fact with a parent (a refund) is stored in its parent's partition; if it arrives before the
//! parent, it waits there and is named in a marker at the parent's key.

mod image;
mod moving;
mod put;
mod receipt;

pub use image::{AnonymousReceipt, FactChange, FactImage};
pub use moving::{AnewFact, ReceiptMove, UndoneMerge, UndoneSince};
pub use put::PutFact;
pub use receipt::{Claim, StoredReceipt, StoredRefund};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::fact::{Fact, FactError, FactId};
use tessera_domain::ids::{MemberId, ProgramId};

use crate::items::{Item, Reader, name};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a fact";

/// A stored fact.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFact {
    /// Its content.
    pub fact: Fact,
    /// The member; `None` for an anonymous receipt, its refunds, and a refund that arrived before its receipt.
    pub member: Option<MemberId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// True for a fact that arrived before its parent, or before its parent was claimed.
    pub waited: bool,
    /// The facts that waited for this one, in the order of their arrival.
    pub waiting: Vec<FactId>,
    /// The last move of a receipt to another member.
    pub moved: Option<ReceiptMove>,
}

impl Store {
    /// Reads one fact, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_fact(&self, program: &ProgramId, fact: &FactId) -> Result<Option<StoredFact>, StoreError> {
        let item = self.get(READ, &self.tables.facts, &keys::fact(program, fact), true).await?;
        item.map_or(Ok(None), |item| StoredFact::read(&item))
    }
}

impl StoredFact {
    /// Reads an item of the facts table; `None` for a marker.
    fn read(item: &Item) -> Result<Option<Self>, StoreError> {
        let reader = Reader::new(READ, item);
        let (_, named) = fact_of(READ, reader)?;
        if !reader.has(name::BODY) {
            return Ok(None);
        }
        let fact = Fact::unpack(&named, reader.bytes(name::BODY)?).map_err(unreadable(READ))?;
        Ok(Some(Self {
            fact,
            member: member_of(reader)?,
            accepted_at: reader.moment(name::SINCE)?,
            waited: reader.has(name::WAITS),
            waiting: waiting(READ, reader)?,
            moved: moving::read_move(reader)?,
        }))
    }
}

/// The program and the fact that an item of the facts table is stored under.
///
/// # Errors
/// [`StoreError::UnknownKind`] for a key that this version does not know.
fn fact_of(operation: &'static str, reader: Reader<'_>) -> Result<(ProgramId, FactId), StoreError> {
    let (pk, sk) = (reader.text(name::PK)?, reader.text(name::SK)?);
    keys::parse_fact(pk, sk).ok_or_else(|| StoreError::UnknownKind { operation, key: format!("{pk} {sk}") })
}

/// The member of a fact.
fn member_of(reader: Reader<'_>) -> Result<Option<MemberId>, StoreError> {
    if reader.has(name::MEMBER) { reader.parsed(name::MEMBER).map(Some) } else { Ok(None) }
}

/// The facts that waited for the one at this key, in the order of their arrival.
fn waiting(operation: &'static str, reader: Reader<'_>) -> Result<Vec<FactId>, StoreError> {
    let partition = reader.text(name::PK)?;
    let read = |sort: String| {
        let fact = keys::parse_fact(partition, &sort);
        fact.map(|(_, fact)| fact).ok_or(StoreError::UnknownKind { operation, key: sort })
    };
    reader.texts(name::EARLY)?.into_iter().map(read).collect()
}

/// How a fact is named among those that wait for its parent: by its sort key.
fn waiting_as(program: &ProgramId, fact: &FactId) -> AttributeValue {
    crate::items::text(keys::fact(program, fact).sk)
}

fn unreadable(operation: &'static str) -> impl Fn(FactError) -> StoreError {
    move |source| StoreError::Fact { operation, source }
}
