//! Deliveries: what was sent to a target, what is to be sent again, and what was given up.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tessera_domain::ids::{MemberId, ProgramId};

use super::TargetId;
use crate::calls::Range;
use crate::items::{Reader, bytes, item, name, number, packed, text};
use crate::keys::{self, DELIVERIES, DUE_DELIVERIES};
use crate::page::Page;
use crate::writes::{Transacted, Write, Written};
use crate::{Store, StoreError, hashes};

const READ: &str = "reading deliveries";
const WRITE: &str = "writing a delivery";

/// How long deliveries are listed, and dead letters can be sent again.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryStatus {
    /// The target accepted it.
    #[serde(rename = "d")]
    Delivered,
    /// It is sent again when it is due.
    #[serde(rename = "p")]
    Pending,
    /// It was given up: a dead letter.
    #[serde(rename = "f")]
    Failed,
}

/// What a delivery carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryContent {
    /// An event of an entry, which is read again for every attempt.
    #[serde(rename = "e")]
    Entry {
        /// In whose partition the entry is.
        #[serde(rename = "m")]
        member: MemberId,
        /// The entry's key.
        #[serde(rename = "k")]
        key: String,
    },
    /// The event itself, as JSON.
    #[serde(rename = "i")]
    Inline(String),
}

/// The delivery of one event to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Its id, which sorts by `made_at`.
    #[serde(rename = "i")]
    pub id: String,
    /// The event's id.
    #[serde(rename = "e")]
    pub event: String,
    /// The event's type.
    #[serde(rename = "k")]
    pub kind: String,
    /// The member whose deliveries to this target are sent one after another.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// How it stands.
    #[serde(rename = "s")]
    pub status: DeliveryStatus,
    /// When the event was made.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub made_at: Timestamp,
    /// When it was last tried.
    #[serde(rename = "l", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub tried_at: Timestamp,
    /// How often it was tried.
    #[serde(rename = "n")]
    pub attempts: u32,
    /// The response to the last attempt, or why there was none.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// When a pending one is tried again.
    #[serde(
        rename = "d",
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::millisecond::optional"
    )]
    pub due: Option<Timestamp>,
    /// True for tests and replays.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// What it carries.
    #[serde(rename = "c")]
    pub content: DeliveryContent,
}

/// A pending delivery whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// Its target.
    pub target: TargetId,
    /// Its id.
    pub id: String,
    /// The member whose deliveries keep their order.
    pub member: Option<MemberId>,
    /// When it fell due.
    pub due: Timestamp,
    /// What a delivery of a shop is about.
    pub kind: Option<String>,
}

impl Delivery {
    /// The id of the delivery of an event that was made at a moment. It derives from both alone, so that a repeated message
    /// finds the delivery of the first.
    pub fn id_of(event: &str, made_at: Timestamp) -> String {
        let hash = hashes::sha256_hex(event.as_bytes());
        format!("dlv_{:013}{}", made_at.as_millisecond(), hash.get(..16).unwrap_or(&hash))
    }
}

impl Store {
    /// One delivery, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delivery(
        &self,
        program: &ProgramId,
        target: &TargetId,
        id: &str,
    ) -> Result<Option<Delivery>, StoreError> {
        let place = keys::delivery(program, target.as_str(), id);
        let found = self.get(READ, &self.tables.programs, &place, true).await?;
        found.map(|item| Reader::new(READ, &item).body()).transpose()
    }

    /// The deliveries to a target, the latest first. `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn deliveries(
        &self,
        program: &ProgramId,
        target: &TargetId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Delivery>, StoreError> {
        let range = Range {
            backwards: true,
            limit: Some(limit),
            after: cursor,
            ..Range::all(keys::of_target(program, target.as_str()), DELIVERIES)
        };
        let (items, next) = self.page(READ, &self.tables.programs, &range).await?;
        let items = items.iter().map(|item| Reader::new(READ, item).body()).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// Stores a delivery. `before`: the delivery as it was read, `None` for a new one. False when another worker has stored it
    /// meanwhile; nothing is written then.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_delivery(
        &self,
        program: &ProgramId,
        target: &TargetId,
        delivery: &Delivery,
        before: Option<&Delivery>,
    ) -> Result<bool, StoreError> {
        let table = &*self.tables.programs;
        let expires = delivery.tried_at.saturating_add(RETENTION).unwrap_or(Timestamp::MAX).as_second();
        let place = keys::delivery(program, target.as_str(), &delivery.id);
        let attributes = [
            (name::BODY, bytes(packed(WRITE, delivery)?)),
            (name::VERSION, number(delivery.attempts)),
            (name::TTL, number(expires)),
        ];
        let put = Write::put(table, item(&place, attributes));
        let put = match before {
            None => put.when("attribute_not_exists(pk)"),
            Some(before) => put.when("v = :before").value(":before", number(before.attempts)),
        };
        let due_key = |at| keys::due_delivery(program, at, target.as_str(), &delivery.id);
        let (old, new) = (before.and_then(|before| before.due), delivery.due);
        let mut writes = vec![put];
        if old != new {
            writes.extend(old.map(|old| Write::delete(table, &due_key(old))));
            writes.extend(new.map(|new| {
                let mut due = item(&due_key(new), [(name::TTL, number(expires))]);
                due.extend(delivery.member.iter().map(|member| (name::MEMBER.to_owned(), text(member.as_str()))));
                due.extend(target.is_shop().then(|| (name::KIND.to_owned(), text(&*delivery.kind))));
                Write::put(table, due)
            }));
        }
        if let [only] = writes.as_slice() {
            return Ok(self.write(WRITE, only).await? == Written::Done);
        }
        Ok(self.transact_patiently(WRITE, writes).await? == Transacted::Done)
    }

    /// Deletes a delivery that is not to be listed, with its due time; only if nobody tried it meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn forget_delivery(
        &self,
        program: &ProgramId,
        target: &TargetId,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let table = &*self.tables.programs;
        let place = keys::delivery(program, target.as_str(), &delivery.id);
        let delete = Write::delete(table, &place).when("v = :before").value(":before", number(delivery.attempts));
        let mut writes = vec![delete];
        let due = delivery.due.map(|due| keys::due_delivery(program, due, target.as_str(), &delivery.id));
        writes.extend(due.map(|due| Write::delete(table, &due)));
        self.transact_patiently(WRITE, writes).await.map(drop)
    }

    /// A page of the deliveries of a program that are due at a moment, the earliest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn due_deliveries(
        &self,
        program: &ProgramId,
        now: Timestamp,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<DueDelivery>, StoreError> {
        let range = Range { limit: Some(limit), after: cursor, ..Range::all(keys::targets(program), DUE_DELIVERIES) };
        let (items, next) = self.page(READ, &self.tables.programs, &range).await?;
        let mut due = Vec::new();
        for item in &items {
            let reader = Reader::new(READ, item);
            let member = reader.has(name::MEMBER).then(|| reader.parsed(name::MEMBER)).transpose()?;
            let kind = reader.has(name::KIND).then(|| reader.text(name::KIND).map(str::to_owned)).transpose()?;
            let parsed = keys::parse_due_delivery(reader.text(name::SK)?).and_then(|(due, target, id)| {
                Some(DueDelivery { due, target: TargetId::parse(&target)?, id, member, kind })
            });
            let parsed = parsed.ok_or(StoreError::Item { operation: READ, attribute: name::SK })?;
            if parsed.due > now {
                return Ok(Page { items: due, next: None });
            }
            due.push(parsed);
        }
        Ok(Page { items: due, next })
    }
}
