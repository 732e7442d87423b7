//! Drafts: versions that wait for somebody to publish them, now or at a time.
//!
//! A draft holds the version that it would become. Publishing flips the head on condition that the version which the draft was
//! made from is still in force, so nothing has to be merged.

mod publish;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ProgramId;
use tessera_domain::program::{CompiledProgram, SubmittedProgram};

use super::PutProgramError;
use super::document::ChunkPlace;
use super::record::VersionDiff;
use crate::calls::Range;
use crate::hashes::sha256_hex;
use crate::items::{Item, Reader, bytes, item, name, packed};
use crate::keys::{self, DRAFTS};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Audit, Page, Store, StoreError, retry};

const READ: &str = "reading drafts";
const CREATE: &str = "creating a draft";
const CHANGE: &str = "changing a draft";
/// The most drafts of a program that are not published.
const MOST_OPEN: u32 = 100;
/// The digits of a draft's identifier.
const ID_DIGITS: usize = 20;

/// The status of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DraftStatus {
    /// It waits for somebody to approve it.
    #[serde(rename = "d")]
    Draft,
    /// It is approved, and waits for its time.
    #[serde(rename = "s")]
    Scheduled,
    /// It is in force, or was.
    #[serde(rename = "p")]
    Published,
}

/// Who made a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftAuthor {
    /// The name of the API key.
    #[serde(rename = "n")]
    pub name: String,
    /// The id of the API key.
    #[serde(rename = "k")]
    pub key: String,
    /// The id of the key that created that key; `None` for a key of the deployer's.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
}

/// Who approved a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftApproval {
    /// The name of the API key.
    #[serde(rename = "n")]
    pub name: String,
    /// The id of the API key.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramDraft {
    /// Its identifier (`drf_…`).
    pub id: String,
    /// Its status.
    pub status: DraftStatus,
    /// Who made it.
    pub author: DraftAuthor,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the author says about it.
    pub note: Option<String>,
    /// When it is to come into force; `None`: as soon as it is published.
    pub publish_at: Option<Timestamp>,
    /// The version that it was made from.
    pub base_version: u32,
    /// Who approved it.
    pub approval: Option<DraftApproval>,
    /// The version that it became.
    pub published_version: Option<u32>,
    /// Why its scheduled publication was refused.
    pub refusal: Option<String>,
    /// What it changes.
    pub diff: VersionDiff,
    place: ChunkPlace,
    packed: Vec<u8>,
}

/// A draft to create.
#[derive(Debug, Clone)]
pub struct NewDraft<'a> {
    /// The program as it would be.
    pub document: &'a SubmittedProgram,
    /// The version that it is made from; `None`: the current one.
    pub expected: Option<u32>,
    /// Who makes it.
    pub author: DraftAuthor,
    /// What the author says about it.
    pub note: Option<String>,
    /// When it is to come into force.
    pub publish_at: Option<Timestamp>,
}

/// Why a draft was not created, published or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// There is no such draft.
    #[error("there is no such draft")]
    Unknown,
    /// The program has too many drafts.
    #[error("a program has at most {MOST_OPEN} drafts that are not published")]
    TooMany,
    /// It is published.
    #[error("the draft is published")]
    Published,
    /// The program would refuse it.
    #[error(transparent)]
    Program(#[from] PutProgramError),
}

impl From<StoreError> for DraftError {
    fn from(error: StoreError) -> Self {
        Self::Program(error.into())
    }
}

/// The body of a draft's item.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "s")]
    status: DraftStatus,
    #[serde(rename = "a")]
    author: DraftAuthor,
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    created_at: Timestamp,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// In milliseconds.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    publish_at: Option<i64>,
    #[serde(rename = "v")]
    base_version: u32,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    approval: Option<DraftApproval>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    published_version: Option<u32>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// As JSON: values are whatever the document holds.
    #[serde(rename = "c")]
    changes: String,
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    is_truncated: bool,
    #[serde(rename = "h")]
    checksum: String,
    #[serde(rename = "n")]
    chunks: u32,
}

impl ProgramDraft {
    fn read(stored: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, stored);
        let fault = |attribute| StoreError::Item { operation: READ, attribute };
        let id = keys::parse_draft(reader.text(name::SK)?).ok_or_else(|| fault(name::SK))?;
        let body: Stored = reader.body()?;
        let publish_at = body.publish_at.map(Timestamp::from_millisecond).transpose();
        Ok(Self {
            id,
            status: body.status,
            author: body.author,
            created_at: body.created_at,
            note: body.note,
            publish_at: publish_at.map_err(|_| fault(name::BODY))?,
            base_version: body.base_version,
            approval: body.approval,
            published_version: body.published_version,
            refusal: body.refusal,
            diff: VersionDiff::from_json(&body.changes, body.is_truncated)?,
            place: ChunkPlace { checksum: body.checksum, chunks: body.chunks },
            packed: reader.bytes(name::BODY)?.to_vec(),
        })
    }

    fn item(&self, program: &ProgramId) -> Result<Item, StoreError> {
        let body = Stored {
            status: self.status,
            author: self.author.clone(),
            created_at: self.created_at,
            note: self.note.clone(),
            publish_at: self.publish_at.map(Timestamp::as_millisecond),
            base_version: self.base_version,
            approval: self.approval.clone(),
            published_version: self.published_version,
            refusal: self.refusal.clone(),
            changes: self.diff.to_json(),
            is_truncated: self.diff.is_truncated,
            checksum: self.place.checksum.clone(),
            chunks: self.place.chunks,
        };
        Ok(item(&keys::draft(program, &self.id), [(name::BODY, bytes(packed(CHANGE, &body)?))]))
    }

    /// What the audit calls it.
    fn object(&self) -> String {
        format!("drafts/{}", self.id)
    }
}

impl Store {
    /// Creates a draft, once for each request: its id derives from the natural key of `audit`.
    ///
    /// # Errors
    /// See [`DraftError`]: what [`Store::put_program`] would refuse too, except for two-person publishing.
    pub async fn create_draft(
        &self,
        program: &ProgramId,
        new: NewDraft<'_>,
        audit: &Audit,
    ) -> Result<ProgramDraft, DraftError> {
        let natural = format!("{program}#{}#{}", audit.at.as_millisecond(), audit.request);
        let hash = sha256_hex(natural.as_bytes());
        // The time comes first: drafts sort by it.
        let id = format!("drf_{:012x}{}", audit.at.as_millisecond(), hash.get(..ID_DIGITS).unwrap_or(&hash));
        if let Some(known) = self.draft(program, &id).await? {
            return Ok(known);
        }
        if self.open_drafts(program).await? >= MOST_OPEN {
            return Err(DraftError::TooMany);
        }
        let (head, next) = self.next_version(program, new.document, new.expected, None).await?;
        let (place, diff) = match next {
            Some(next) => (self.write_document(program, &next.version).await?, next.diff),
            // It changes nothing, and stands for the document in force.
            None => (head.place(), VersionDiff::default()),
        };
        let draft = ProgramDraft {
            id,
            status: DraftStatus::Draft,
            author: new.author,
            created_at: audit.at,
            note: new.note,
            publish_at: new.publish_at,
            base_version: head.version,
            approval: None,
            published_version: None,
            refusal: None,
            diff,
            place,
            packed: Vec::new(),
        };
        let audit = Audit { object: draft.object(), ..audit.clone() };
        let changes = draft.diff.changes.iter().cloned().map(AuditChange::from);
        let writes = vec![
            Write::put(&self.tables.programs, draft.item(program)?).when(ABSENT),
            self.audit_write(program, &audit, changes)?,
        ];
        match self.transact_patiently(CREATE, writes).await? {
            Transacted::Done => Ok(draft),
            // An earlier attempt of this request was faster.
            Transacted::Cancelled(_) => self.draft(program, &draft.id).await?.ok_or(DraftError::Unknown),
        }
    }

    /// The drafts of a program, newest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn drafts(
        &self,
        program: &ProgramId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<ProgramDraft>, StoreError> {
        let range =
            Range { backwards: true, limit: Some(limit), after: cursor, ..Range::all(keys::head(program).pk, DRAFTS) };
        let (items, next) = self.page(READ, &self.tables.programs, &range).await?;
        Ok(Page { items: items.iter().map(ProgramDraft::read).collect::<Result<_, _>>()?, next })
    }

    /// A draft; `None` when there is none.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn draft(&self, program: &ProgramId, id: &str) -> Result<Option<ProgramDraft>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::draft(program, id), true).await?;
        found.as_ref().map(ProgramDraft::read).transpose()
    }

    /// The program of a draft, as it would be in force.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn draft_program(
        &self,
        program: &ProgramId,
        draft: &ProgramDraft,
    ) -> Result<CompiledProgram, StoreError> {
        Ok(self.read_document(program, &draft.place).await?.compile())
    }

    /// Deletes a draft that is not published.
    ///
    /// # Errors
    /// See [`DraftError`].
    pub async fn delete_draft(&self, program: &ProgramId, id: &str, audit: &Audit) -> Result<(), DraftError> {
        for attempt in 1..=retry::TRIES {
            let draft = self.draft(program, id).await?.ok_or(DraftError::Unknown)?;
            if draft.status == DraftStatus::Published {
                return Err(DraftError::Published);
            }
            let delete = Write::delete(&self.tables.programs, &keys::draft(program, id));
            let mut writes = vec![
                delete.when("b = :before").value(":before", bytes(draft.packed.clone())),
                self.audit_write(program, audit, [AuditChange::removed("author", draft.author.name.clone().into())])?,
            ];
            if let (DraftStatus::Scheduled, Some(at)) = (draft.status, draft.publish_at) {
                writes.push(Write::delete(&self.tables.programs, &keys::scheduled(program, at, id)));
            }
            if self.transact_patiently(CHANGE, writes).await? == Transacted::Done {
                return Ok(());
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: CHANGE, tries: retry::TRIES }.into())
    }

    /// Replaces a draft that is still as it was read.
    fn replace_write(
        &self,
        program: &ProgramId,
        before: &ProgramDraft,
        after: &ProgramDraft,
    ) -> Result<Write, StoreError> {
        let put = Write::put(&self.tables.programs, after.item(program)?);
        Ok(put.when("b = :before").value(":before", bytes(before.packed.clone())))
    }

    /// The number of drafts that are not published. Published ones stay, so they are read too: newest first, to the bound.
    async fn open_drafts(&self, program: &ProgramId) -> Result<u32, StoreError> {
        let page = self.drafts(program, MOST_OPEN, None).await?;
        let open = page.items.iter().filter(|draft| draft.status != DraftStatus::Published).count();
        Ok(u32::try_from(open).unwrap_or(u32::MAX))
    }
}
