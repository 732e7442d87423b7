//! Moves of receipts: a receipt that was booked on the wrong person gets another member.
//!
//! The move stands with the receipt before anything is booked: whoever decides on the receipt from then on completes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::audit::AuditChange;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};

use super::StoredReceipt;
use crate::items::{bytes, moment, name, number, packed, text};
use crate::writes::{Transacted, Write};
use crate::{Audit, Store, StoreError, keys};

const MOVE: &str = "moving a receipt";
/// The reason of a move that an unmerge made.
const UNMERGED: &str = "the merge was undone";

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
    /// The merge that an unmerge ended: what `from` decided on the receipt since is undone already.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<UndoneSince>,
}

/// The beginning of a merge, in the target's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoneSince {
    /// When the two were merged.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// The version of the target's account that the merge wrote.
    #[serde(rename = "v")]
    pub version: u64,
}

/// A fact that is decided anew for its own member when a merge is undone.
#[derive(Debug, Clone)]
pub enum AnewFact {
    /// A receipt with its refunds, and the member that it leaves.
    Receipt(Box<StoredReceipt>, MemberId),
    /// An interaction, and the version of the program that decided it.
    Interaction {
        /// The interaction.
        fact: FactId,
        /// Whom it named.
        member: MemberId,
        /// The version.
        decided_by: u32,
    },
}

/// A merge that is undone, for the facts that are decided anew.
#[derive(Debug, Clone, Copy)]
pub struct UndoneMerge<'a> {
    /// The member who had everything since, and when that began.
    pub target: &'a MemberId,
    /// When it began.
    pub since: UndoneSince,
    /// The name of the API key.
    pub actor: &'a str,
    /// When the merge is undone.
    pub now: Timestamp,
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
        let number = stored.moves() + 1;
        let moved = ReceiptMove { number, from: from.clone(), first, actor, reason, undone: None };
        let write = self.move_write(program, stored, (&from, target), &moved)?;
        let change = AuditChange::new("member", Some(from.as_str().into()), Some(target.as_str().into()));
        let writes = vec![write, self.audit_write(program, audit, [change])?];
        let is_done = self.transact_patiently(MOVE, writes).await? == Transacted::Done;
        Ok(is_done.then_some(moved))
    }

    /// The write that gives a receipt, which is with `from`, to a member.
    fn move_write(
        &self,
        program: &ProgramId,
        stored: &StoredReceipt,
        (from, target): (&MemberId, &MemberId),
        moved: &ReceiptMove,
    ) -> Result<Write, StoreError> {
        let key = keys::fact(program, &FactId::Receipt { receipt: stored.receipt.id.clone() });
        let write = Write::update(&self.tables.facts, &key, "SET m = :member, mv = :moved, mn = :moves")
            .value(":member", text(target.as_str()))
            .value(":moved", bytes(packed(MOVE, moved)?))
            .value(":moves", number(moved.number))
            .value(":from", text(from.as_str()));
        Ok(match stored.moves() {
            0 => write.when("m = :from AND attribute_not_exists(mn)"),
            before => write.when("m = :from AND mn = :before").value(":before", number(before)),
        })
    }

    /// The writes that let facts be decided anew when a merge is undone. Their stream records lead to the decisions.
    pub(crate) fn anew_writes(
        &self,
        program: &ProgramId,
        facts: &[AnewFact],
        undone: UndoneMerge<'_>,
    ) -> Result<Vec<Write>, StoreError> {
        let write = |fact: &AnewFact| match fact {
            AnewFact::Receipt(stored, from) => {
                let member = stored.member.as_ref().unwrap_or(from);
                let moved = ReceiptMove {
                    number: stored.moves() + 1,
                    from: from.clone(),
                    first: stored.moved.as_ref().map_or(member, |moved| &moved.first).clone(),
                    actor: undone.actor.to_owned(),
                    reason: UNMERGED.to_owned(),
                    undone: (from == undone.target).then_some(undone.since),
                };
                self.move_write(program, stored, (member, member), &moved)
            }
            AnewFact::Interaction { fact, member, decided_by } => {
                // With the time, the stream has a record even if the version is the same as before.
                let update =
                    Write::update(&self.tables.facts, &keys::fact(program, fact), "SET rv = :version, ra = :at");
                Ok(update
                    .when("m = :member")
                    .value(":version", number(decided_by))
                    .value(":at", moment(undone.now))
                    .value(":member", text(member.as_str())))
            }
        };
        facts.iter().map(write).collect()
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
