//! Refunds, also those that come before their receipt.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::fact::Refund;
use tessera_domain::ids::{MemberId, ProgramId, ReceiptId, RefundId};

use super::receipt::{is_same, member_of};
use crate::items::{Item, Reader, bytes, item, moment, name, packed, text};
use crate::keys;
use crate::writes::{ABSENT, Obstacle, Transacted, Write, Written};
use crate::{Store, StoreError, retry};

const PUT: &str = "storing a refund";
const READ: &str = "reading a refund";

/// How storing a refund ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutRefund {
    /// It is stored now, and on its way.
    Stored,
    /// It is stored now, and waits for its receipt, or for someone to claim it.
    Waiting,
    /// It was there, with the same content.
    Same,
    /// It was there, with other content.
    Different,
}

/// A refund as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRefund {
    /// The refund.
    pub refund: Refund,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// True when it came before its receipt, or before that was claimed.
    pub waited: bool,
}

impl Store {
    /// Stores a refund unless it is there. `of` is whose the receipt is, where the caller has just read it and it has a
    /// member: then this is one conditional write; otherwise a transaction of two, which finds out.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_refund(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
        of: Option<&MemberId>,
        refund: &Refund,
        accepted_at: Timestamp,
    ) -> Result<PutRefund, StoreError> {
        let body = packed(PUT, refund)?;
        let key = keys::refund(program, receipt, &refund.id);
        let new = item(&key, [(name::BODY, bytes(&*body)), (name::SINCE, moment(accepted_at))]);
        let mut of = of.cloned();
        for attempt in 1..=retry::TRIES {
            let put = match of {
                Some(member) => Put::from(self.put_due(new.clone(), &member).await?),
                None => self.put_waiting(program, receipt, &refund.id, new.clone()).await?,
            };
            match put {
                Put::Done(put) => return Ok(put),
                Put::Exists(found) => {
                    let same = is_same::<Refund>(PUT, Reader::new(PUT, &found), &body)?;
                    return Ok(if same { PutRefund::Same } else { PutRefund::Different });
                }
                Put::Due(member) => of = Some(member),
                Put::Again => {
                    of = None;
                    retry::pause(attempt).await;
                }
            }
        }
        Err(StoreError::Contended { operation: PUT, tries: retry::TRIES })
    }

    /// One refund, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_refund(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
        refund: &RefundId,
    ) -> Result<Option<StoredRefund>, StoreError> {
        let item = self.get(READ, &self.tables.facts, &keys::refund(program, receipt, refund), true).await?;
        item.as_ref().map(StoredRefund::read).transpose()
    }

    /// Stores a refund of a receipt that has a member.
    async fn put_due(&self, mut new: Item, member: &MemberId) -> Result<Written, StoreError> {
        new.insert(name::MEMBER.to_owned(), text(member.as_str()));
        self.write(PUT, &Write::put(&self.tables.facts, new).when(ABSENT)).await
    }

    /// Stores a refund whose receipt has not come, or has no member yet, and leaves its identifier where the receipt
    /// will be or is. Whoever gives the receipt its member finds it there.
    async fn put_waiting(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
        refund: &RefundId,
        mut new: Item,
    ) -> Result<Put, StoreError> {
        new.insert(name::WAITS.to_owned(), AttributeValue::Bool(true));
        let key = keys::receipt(program, receipt);
        let leave = Write::update(&self.tables.facts, &key, "SET f = list_append(if_not_exists(f, :none), :refund)")
            .when("attribute_not_exists(m)")
            .value(":none", AttributeValue::L(Vec::new()))
            .value(":refund", AttributeValue::L(vec![text(refund.as_str())]));
        let writes = vec![Write::put(&self.tables.facts, new).when(ABSENT), leave];
        let Transacted::Cancelled(obstacles) = self.transact(PUT, writes).await? else {
            return Ok(Put::Done(PutRefund::Waiting));
        };
        match <[Obstacle; 2]>::try_from(obstacles) {
            Ok([Obstacle::Condition(Some(found)), _]) => Ok(Put::Exists(found)),
            Ok([_, Obstacle::Condition(Some(found))]) => {
                Ok(member_of(Reader::new(PUT, &found))?.map_or(Put::Again, Put::Due))
            }
            _ => Ok(Put::Again),
        }
    }
}

/// How one attempt ended.
enum Put {
    Done(PutRefund),
    /// It is there.
    Exists(Item),
    /// The receipt has this member.
    Due(MemberId),
    /// Someone was in the way.
    Again,
}

impl From<Written> for Put {
    fn from(written: Written) -> Self {
        match written {
            Written::Done => Self::Done(PutRefund::Stored),
            Written::Refused(Some(found)) => Self::Exists(found),
            Written::Refused(None) => Self::Again,
        }
    }
}

impl StoredRefund {
    /// Reads a refund's item.
    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        Ok(Self { refund: reader.body()?, accepted_at: reader.moment(name::SINCE)?, waited: reader.has(name::WAITS) })
    }
}
