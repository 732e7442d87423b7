//! Moves of receipts: a receipt that was booked on the wrong person gets another member.
//!
//! The move stands with the receipt before anything is booked: whoever decides on the receipt from then on completes it.

use serde::{Deserialize, Serialize};
use tessera_domain::audit::AuditChange;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};

use super::StoredReceipt;
use crate::items::{bytes, name, number, packed, text};
use crate::writes::{Transacted, Write};
use crate::{Audit, Store, StoreError, keys};

const MOVE: &str = "moving a receipt";

/// The last move of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptMove {
    /// Its number: how often the receipt was moved.
    #[serde(rename = "n")]
    pub number: u32,
    /// The member whom the receipt leaves.
    #[serde(rename = "f")]
    pub from: MemberId,
    /// The member that the receipt was reported with, or claimed for: senders go on naming that one.
    #[serde(rename = "o")]
    pub first: MemberId,
    /// The name of the API key.
    #[serde(rename = "a")]
    pub actor: String,
    /// The reason that the person gave.
    #[serde(rename = "r")]
    pub reason: String,
}

impl StoredReceipt {
    /// How often the receipt was moved.
    pub fn moves(&self) -> u32 {
        self.moved.as_ref().map_or(0, |moved| moved.number)
    }
}

impl Store {
    /// Gives a receipt to another member, unless it was moved since it was read. Its stream record leads to the decisions.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_receipt(
        &self,
        program: &ProgramId,
        stored: &StoredReceipt,
        target: &MemberId,
        by: (&str, &str),
        audit: &Audit,
    ) -> Result<Option<ReceiptMove>, StoreError> {
        let Some(from) = stored.member.clone() else { return Ok(None) };
        let first = stored.moved.as_ref().map_or(&from, |moved| &moved.first).clone();
        let (actor, reason) = (by.0.to_owned(), by.1.to_owned());
        let moved = ReceiptMove { number: stored.moves() + 1, from: from.clone(), first, actor, reason };
        let key = keys::fact(program, &FactId::Receipt { receipt: stored.receipt.id.clone() });
        let write = Write::update(&self.tables.facts, &key, "SET m = :member, mv = :moved, mn = :moves")
            .value(":member", text(target.as_str()))
            .value(":moved", bytes(packed(MOVE, &moved)?))
            .value(":moves", number(moved.number))
            .value(":from", text(from.as_str()));
        let write = match stored.moves() {
            0 => write.when("m = :from AND attribute_not_exists(mn)"),
            before => write.when("m = :from AND mn = :before").value(":before", number(before)),
        };
        let change = AuditChange::new("member", Some(from.as_str().into()), Some(target.as_str().into()));
        let writes = vec![write, self.audit_write(program, audit, [change])?];
        let is_done = self.transact_patiently(MOVE, writes).await? == Transacted::Done;
        Ok(is_done.then_some(moved))
    }
}

/// The last move that an item of a receipt says.
pub(super) fn read_move(reader: crate::items::Reader<'_>) -> Result<Option<ReceiptMove>, StoreError> {
    if !reader.has(name::MOVED) {
        return Ok(None);
    }
    let packed = reader.bytes(name::MOVED)?;
    tessera_domain::pack::unpack(packed).map(Some).map_err(StoreError::packed(super::READ))
}
