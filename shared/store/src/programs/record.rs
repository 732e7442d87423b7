//! The records of versions: who put each, when, and what it changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tessera_domain::ids::ProgramId;
use tessera_domain::program::{Difference, Program, bounded_diff};

use super::ProgramDraft;
use crate::calls::Range;
use crate::items::{Item, Reader, bytes, name, packed};
use crate::keys::{self, VERSIONS};
use crate::{Audit, Page, Store, StoreError};

const READ: &str = "reading the versions of a program";

/// What a version changed, within the bounds of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionDiff {
    /// The differences from the version before.
    pub changes: Vec<Difference>,
    /// True if values, or further differences, were left out.
    pub is_truncated: bool,
    /// True if the version before is changed by drafts of two persons alone.
    pub(super) base_is_two_person: bool,
}

/// A version of a program, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramVersion {
    /// Its number; the first is 1.
    pub version: u32,
    /// When it came into force.
    pub at: Timestamp,
    /// Who put it: the name of an API key. `None` for the first, which the deployer made.
    pub actor: Option<String>,
    /// The id of that key.
    pub key: Option<String>,
    /// Who wrote it, where it was a draft.
    pub author: Option<String>,
    /// The draft that it was.
    pub draft: Option<String>,
    /// What it changed.
    pub diff: VersionDiff,
}

/// What the record of a version keeps besides where its document is.
#[derive(Serialize, Deserialize)]
pub(super) struct VersionRecord {
    #[serde(rename = "a")]
    actor: String,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Who wrote the draft that it was, and the draft's id.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    draft: Option<String>,
    /// As JSON: values are whatever the document holds.
    #[serde(rename = "c")]
    changes: String,
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    is_truncated: bool,
}

impl VersionDiff {
    /// What differs between two programs.
    pub fn between(before: &Program, after: &Program) -> Self {
        let (changes, is_truncated) = bounded_diff(&json!(before), &json!(after));
        Self { changes, is_truncated, base_is_two_person: before.publishing.two_person }
    }

    /// The changes as JSON.
    pub(super) fn to_json(&self) -> String {
        json!(self.changes).to_string()
    }

    /// Reads what [`VersionDiff::to_json`] wrote.
    pub(super) fn from_json(changes: &str, is_truncated: bool) -> Result<Self, StoreError> {
        let changes = serde_json::from_str(changes);
        let changes = changes.map_err(|_| StoreError::Item { operation: READ, attribute: name::BODY })?;
        Ok(Self { changes, is_truncated, base_is_two_person: false })
    }
}

impl VersionRecord {
    pub fn new(audit: &Audit, diff: &VersionDiff) -> Self {
        let (actor, key) = (audit.actor.clone(), audit.key.clone());
        let (changes, is_truncated) = (diff.to_json(), diff.is_truncated);
        Self { actor, key, author: None, draft: None, changes, is_truncated }
    }

    /// The same, of a version that was a draft.
    pub fn of_draft(self, draft: &ProgramDraft) -> Self {
        Self { author: Some(draft.author.name.clone()), draft: Some(draft.id.clone()), ..self }
    }

    pub fn attributes(&self, operation: &'static str) -> Result<Item, StoreError> {
        Ok(Item::from([(name::BODY.to_owned(), bytes(packed(operation, self)?))]))
    }
}

impl ProgramVersion {
    fn read(stored: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, stored);
        let (version, at) = (keys::parse_version(reader.text(name::SK)?), reader.moment(name::SINCE)?);
        let version = version.ok_or(StoreError::Item { operation: READ, attribute: name::SK })?;
        // Versions from before there was an audit say nothing more.
        if !reader.has(name::BODY) {
            let diff = VersionDiff::default();
            return Ok(Self { version, at, actor: None, key: None, author: None, draft: None, diff });
        }
        let VersionRecord { actor, key, author, draft, changes, is_truncated } = reader.body()?;
        let diff = VersionDiff::from_json(&changes, is_truncated)?;
        Ok(Self { version, at, actor: Some(actor), key, author, draft, diff })
    }
}

impl Store {
    /// The versions of a program, newest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn program_versions(
        &self,
        program: &ProgramId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<ProgramVersion>, StoreError> {
        let range = Range {
            backwards: true,
            limit: Some(limit),
            after: cursor,
            ..Range::all(keys::head(program).pk, VERSIONS)
        };
        let (items, next) = self.page(READ, &self.tables.programs, &range).await?;
        let items = items.iter().map(ProgramVersion::read).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// One version of a program, as it is listed; `None` when there is none.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn program_version(
        &self,
        program: &ProgramId,
        version: u32,
    ) -> Result<Option<ProgramVersion>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::version(program, version), true).await?;
        found.as_ref().map(ProgramVersion::read).transpose()
    }
}
