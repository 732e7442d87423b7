//! Storing a fact, on the condition that it is new.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::fact::{Fact, FactId};
use tessera_domain::ids::{MemberId, ProgramId};

use super::moving::read_move;
use super::{member_of, unreadable, waiting_as};
use crate::items::{Item, Reader, bytes, item, moment, name, text};
use crate::writes::{ABSENT, Obstacle, Transacted, Write, Written};
use crate::{Store, StoreError, keys, retry};

const PUT: &str = "storing a fact";

/// How storing a fact ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutFact {
    /// It is new and on its way to its decision.
    Stored,
    /// It is new and waits for its parent, or for a claim of its parent.
    Waiting,
    /// It was stored before with the same content and member.
    Same,
    /// It was stored before with other content or another member.
    Different,
}

/// A fact to store.
struct NewFact<'a> {
    program: &'a ProgramId,
    id: FactId,
    packed: Vec<u8>,
    item: Item,
    /// True for a receipt with coupons.
    names_coupons: bool,
}

/// How one attempt to store a fact with a parent ended.
enum PutAttempt {
    Done(PutFact),
    /// The fact is stored already.
    Exists(Item),
    /// The parent has this member.
    Due(MemberId),
    /// Another writer interfered.
    Again,
}

impl Store {
    /// Stores a fact unless it is stored already. One write unit for each started KB.
    ///
    /// `member` is the fact's member; `None` makes a receipt anonymous. For a fact with a parent it is the parent's member,
    /// as the caller has just read it: with it this is one conditional write, without it a transaction of two, which finds
    /// out.
    ///
    /// # Errors
    /// When DynamoDB fails, or for a kind that is not stored.
    pub async fn put_fact(
        &self,
        program: &ProgramId,
        member: Option<&MemberId>,
        fact: &Fact,
        accepted_at: Timestamp,
    ) -> Result<PutFact, StoreError> {
        let id = fact.id();
        let packed = fact.pack().map_err(unreadable(PUT))?;
        let item = item(&keys::fact(program, &id), [(name::BODY, bytes(&*packed)), (name::SINCE, moment(accepted_at))]);
        let names_coupons = matches!(fact, Fact::Receipt(receipt) if !receipt.coupons.is_empty());
        let new = NewFact { program, id, packed, item, names_coupons };
        match new.id.parent() {
            None => self.put_alone(new, member).await,
            Some(parent) => self.put_with_parent(new, &parent, member).await,
        }
    }

    async fn put_alone(&self, mut new: NewFact<'_>, member: Option<&MemberId>) -> Result<PutFact, StoreError> {
        if let Some(member) = member {
            new.item.insert(name::MEMBER.to_owned(), text(member.as_str()));
        } else if new.names_coupons {
            new.item.insert(name::NAMES_COUPONS.to_owned(), AttributeValue::Bool(true));
        }
        let mut write = Write::put(&self.tables.facts, new.item.clone()).when(ABSENT);
        for attempt in 1..=retry::TRIES {
            let found = match self.write(PUT, &write).await? {
                Written::Done => return Ok(PutFact::Stored),
                Written::Refused(Some(found)) => found,
                Written::Refused(None) => {
                    retry::pause(attempt).await;
                    continue;
                }
            };
            let reader = Reader::new(PUT, &found);
            if reader.has(name::BODY) {
                let is_owner = match (first_member(reader)?, member) {
                    (None, None) => true,
                    (Some(owner), Some(member)) => {
                        self.is_one_member(new.program, &owner, member).await?
                            || self.is_current_owner(new.program, reader, member).await?
                    }
                    (Some(_), None) | (None, Some(_)) => false,
                };
                let is_same = is_owner && new.is_stored_as(reader)?;
                return Ok(if is_same { PutFact::Same } else { PutFact::Different });
            }
            // Other facts wait at this key. The new item replaces their marker and keeps the list, unless the list grows at
            // this very moment.
            let Some(early) = found.get(name::EARLY) else {
                return Err(StoreError::Item { operation: PUT, attribute: name::EARLY });
            };
            let mut item = new.item.clone();
            item.insert(name::EARLY.to_owned(), early.clone());
            write = Write::put(&self.tables.facts, item)
                .when("attribute_not_exists(b) AND f = :early")
                .value(":early", early.clone());
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES })
    }

    /// True when a receipt was moved to this member.
    async fn is_current_owner(
        &self,
        program: &ProgramId,
        reader: Reader<'_>,
        member: &MemberId,
    ) -> Result<bool, StoreError> {
        match member_of(reader)?.filter(|_| reader.has(name::MOVED)) {
            Some(owner) => self.is_one_member(program, &owner, member).await,
            None => Ok(false),
        }
    }

    async fn put_with_parent(
        &self,
        new: NewFact<'_>,
        parent: &FactId,
        member: Option<&MemberId>,
    ) -> Result<PutFact, StoreError> {
        let mut member = member.cloned();
        for attempt in 1..=retry::TRIES {
            let put = match member {
                Some(member) => PutAttempt::from(self.put_due(new.item.clone(), &member).await?),
                None => self.put_waiting(&new, parent).await?,
            };
            match put {
                PutAttempt::Done(put) => return Ok(put),
                PutAttempt::Exists(found) => {
                    let is_same = new.is_stored_as(Reader::new(PUT, &found))?;
                    return Ok(if is_same { PutFact::Same } else { PutFact::Different });
                }
                PutAttempt::Due(of_parent) => member = Some(of_parent),
                PutAttempt::Again => {
                    member = None;
                    retry::pause(attempt).await;
                }
            }
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES })
    }

    /// Stores a fact whose parent has a member.
    async fn put_due(&self, mut new: Item, member: &MemberId) -> Result<Written, StoreError> {
        new.insert(name::MEMBER.to_owned(), text(member.as_str()));
        self.write(PUT, &Write::put(&self.tables.facts, new).when(ABSENT)).await
    }

    /// Stores a fact whose parent is missing or has no member, and names it at the parent's key. Whoever gives the parent
    /// its member finds it there.
    async fn put_waiting(&self, new: &NewFact<'_>, parent: &FactId) -> Result<PutAttempt, StoreError> {
        let mut item = new.item.clone();
        item.insert(name::WAITS.to_owned(), AttributeValue::Bool(true));
        let key = keys::fact(new.program, parent);
        let announce = Write::update(&self.tables.facts, &key, "SET f = list_append(if_not_exists(f, :none), :fact)")
            .when("attribute_not_exists(m)")
            .value(":none", AttributeValue::L(Vec::new()))
            .value(":fact", AttributeValue::L(vec![waiting_as(new.program, &new.id)]));
        let writes = vec![Write::put(&self.tables.facts, item).when(ABSENT), announce];
        let Transacted::Cancelled(obstacles) = self.transact(PUT, writes).await? else {
            return Ok(PutAttempt::Done(PutFact::Waiting));
        };
        match <[Obstacle; 2]>::try_from(obstacles) {
            Ok([Obstacle::Condition(Some(found)), _]) => Ok(PutAttempt::Exists(found)),
            Ok([_, Obstacle::Condition(Some(found))]) => {
                Ok(member_of(Reader::new(PUT, &found))?.map_or(PutAttempt::Again, PutAttempt::Due))
            }
            _ => Ok(PutAttempt::Again),
        }
    }
}

impl NewFact<'_> {
    /// True when this content is stored. Two versions of this code may pack it differently, so that contents are compared,
    /// to the precision in which they are stored.
    fn is_stored_as(&self, stored: Reader<'_>) -> Result<bool, StoreError> {
        let read = |bytes: &[u8]| Fact::unpack(&self.id, bytes).map_err(unreadable(PUT));
        Ok(read(stored.bytes(name::BODY)?)? == read(&self.packed)?)
    }
}

impl From<Written> for PutAttempt {
    fn from(written: Written) -> Self {
        match written {
            Written::Done => Self::Done(PutFact::Stored),
            Written::Refused(Some(found)) => Self::Exists(found),
            Written::Refused(None) => Self::Again,
        }
    }
}

/// The member that a fact arrived with: none if it was claimed later.
fn first_member(reader: Reader<'_>) -> Result<Option<MemberId>, StoreError> {
    if reader.has(name::CLAIMED) {
        return Ok(None);
    }
    Ok(read_move(reader)?.map(|moved| moved.first).or(member_of(reader)?))
}
