//! Notes about members: what people who work for the shop wrote down.
//!
//! The notes about a member are one item: their bound is exact, and one write changes them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::ids::{MemberId, ProgramId};

use crate::items::{Reader, bytes, item, name, number, packed};
use crate::keys;
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, Store, StoreError, retry};

const READ: &str = "reading notes";
const WRITE: &str = "writing notes";

/// A note about a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Its id among the member's notes.
    #[serde(rename = "i")]
    pub id: String,
    /// When it was written.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Who wrote it: the name of the API key.
    #[serde(rename = "a")]
    pub actor: String,
    /// The text.
    #[serde(rename = "x")]
    pub text: String,
}

impl Store {
    /// The notes about a member, oldest first. `owners`: as [`Store::owners`] says.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn notes(&self, program: &ProgramId, owners: &[MemberId]) -> Result<Vec<Note>, StoreError> {
        let places: Vec<_> = owners.iter().map(|owner| keys::notes(program, owner)).collect();
        let mut all: Vec<Note> = Vec::new();
        for found in self.get_many(READ, &self.tables.members, &places, true).await? {
            all.extend(Reader::new(READ, &found).body::<Vec<Note>>()?);
        }
        all.sort_by_key(|note| note.at);
        Ok(all)
    }

    /// Changes the notes in a member's own item, and records it in the audit, in one transaction; when somebody else changes
    /// them meanwhile, again.
    ///
    /// # Errors
    /// The error of `change`, and nothing is written then; or DynamoDB's.
    pub async fn change_notes<E>(
        &self,
        program: &ProgramId,
        member: &MemberId,
        audit: &Audit,
        change: impl Fn(&mut Vec<Note>) -> Result<(), E>,
    ) -> Result<Result<(), E>, StoreError> {
        let key = keys::notes(program, member);
        for attempt in 1..=retry::TRIES {
            let found = self.get(READ, &self.tables.members, &key, true).await?;
            let (before, version): (Vec<Note>, u64) = match &found {
                Some(found) => {
                    let reader = Reader::new(READ, found);
                    (reader.body()?, reader.number(name::VERSION)?)
                }
                None => (Vec::new(), 0),
            };
            let mut after = before.clone();
            if let Err(refused) = change(&mut after) {
                return Ok(Err(refused));
            }
            if after == before {
                return Ok(Ok(()));
            }
            let body = bytes(packed(WRITE, &after)?);
            let new = item(&key, [(name::VERSION, number(version + 1)), (name::BODY, body)]);
            let write = Write::put(&self.tables.members, new);
            let write = match version {
                0 => write.when(ABSENT),
                before => write.when("v = :before").value(":before", number(before)),
            };
            let writes = vec![write, self.audit_write(program, audit, [])?];
            if self.transact_patiently(WRITE, writes).await? == Transacted::Done {
                return Ok(Ok(()));
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: WRITE, tries: retry::TRIES })
    }
}
