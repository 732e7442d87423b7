//! Imports: the request and its progress.
//!
//! An import is a task without an end: its rows stay its rows for ever, so the item that says when it began stays too.

mod files;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use crate::items::{Item, Reader, bytes, item, moment, name, number, text};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, keys};

pub use self::files::ImportPart;

const CREATE: &str = "storing an import";
const READ: &str = "reading an import";
const CHANGE: &str = "changing an import";

/// The names of an import's own attributes.
mod attribute {
    pub const STATUS: &str = "st";
    /// How the file is read, packed by the caller.
    pub const PLAN: &str = "pl";
    pub const PARTS: &str = "np";
    pub const ROWS: &str = "nr";
    pub const PART: &str = "cp";
    pub const ROW: &str = "cr";
    pub const BEFORE: &str = "cb";
    pub const DONE: &str = "cd";
    pub const FAILED: &str = "cf";
    pub const REASON: &str = "rs";
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStatus {
    /// Parts are being uploaded.
    Uploading,
    /// Rows are being imported.
    Running,
    /// All rows were imported or refused.
    Done,
    /// It cannot go on; the reason is stored.
    Failed,
    /// Rows are being undone.
    Undoing,
    /// All rows were undone, as far as they can be.
    Undone,
}

impl ImportStatus {
    const ALL: [Self; 6] = [Self::Uploading, Self::Running, Self::Done, Self::Failed, Self::Undoing, Self::Undone];

    const fn name(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }
}

/// The next row of a pass over an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportPosition {
    /// The part, from 1.
    pub part: u32,
    /// The row within the part, from 0.
    pub row: u64,
    /// The rows of all parts before.
    pub before: u64,
}

impl ImportPosition {
    /// The first row.
    pub const FIRST: Self = Self { part: 1, row: 0, before: 0 };
}

/// Rows of a pass that were handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Rows that were handled, the refused ones included.
    pub done: u64,
    /// Rows that were refused.
    pub failed: u64,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImport {
    /// The request, packed by the caller.
    pub request: Vec<u8>,
    /// How the file is read, packed by the caller; `None` before the first part.
    pub plan: Option<Vec<u8>>,
    /// Where it stands.
    pub status: ImportStatus,
    /// When it was created: part of the keys of its entries.
    pub created_at: Timestamp,
    /// The number of parts; 0 before the start.
    pub parts: u32,
    /// The number of rows; 0 before the start.
    pub rows: u64,
    /// Where the current pass goes on.
    pub position: ImportPosition,
    /// What the current pass has handled.
    pub counts: ImportCounts,
    /// Why it failed.
    pub reason: Option<String>,
}

/// A new import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportCreation {
    /// It is new.
    Created,
    /// There is one with this id.
    Exists(Box<StoredImport>),
}

fn read(item: &Item) -> Result<StoredImport, StoreError> {
    let reader = Reader::new(READ, item);
    let status = reader.text(attribute::STATUS)?;
    let status = ImportStatus::ALL.into_iter().find(|known| known.name() == status);
    let status = status.ok_or(StoreError::Item { operation: READ, attribute: attribute::STATUS })?;
    let plan = reader.has(attribute::PLAN).then(|| reader.bytes(attribute::PLAN).map(<[u8]>::to_vec)).transpose()?;
    let reason =
        reader.has(attribute::REASON).then(|| reader.text(attribute::REASON).map(str::to_owned)).transpose()?;
    Ok(StoredImport {
        request: reader.bytes(name::BODY)?.to_vec(),
        plan,
        status,
        created_at: reader.moment(name::SINCE)?,
        parts: reader.number(attribute::PARTS)?,
        rows: reader.number(attribute::ROWS)?,
        position: ImportPosition {
            part: reader.number(attribute::PART)?,
            row: reader.number(attribute::ROW)?,
            before: reader.number(attribute::BEFORE)?,
        },
        counts: ImportCounts { done: reader.number(attribute::DONE)?, failed: reader.number(attribute::FAILED)? },
        reason,
    })
}

impl Store {
    /// Stores a new import, unless there is one with this id.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn create_import(
        &self,
        program: &ProgramId,
        id: &str,
        request: &[u8],
        now: Timestamp,
    ) -> Result<ImportCreation, StoreError> {
        let key = keys::import(program, id);
        let mut new = item(
            &key,
            [
                (name::BODY, bytes(request)),
                (attribute::STATUS, text(ImportStatus::Uploading.name())),
                (name::SINCE, moment(now)),
                (attribute::PARTS, number(0)),
                (attribute::ROWS, number(0)),
                (attribute::DONE, number(0)),
                (attribute::FAILED, number(0)),
            ],
        );
        new.extend(position(ImportPosition::FIRST));
        match self.write(CREATE, &Write::put(&self.tables.programs, new).when(ABSENT)).await? {
            Written::Done => Ok(ImportCreation::Created),
            Written::Refused(_) => {
                let found = self.get_import(program, id).await?;
                let found = found.ok_or(StoreError::Item { operation: CREATE, attribute: attribute::STATUS })?;
                Ok(ImportCreation::Exists(Box::new(found)))
            }
        }
    }

    /// An import, strongly consistent; `None` when there is none with this id.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_import(&self, program: &ProgramId, id: &str) -> Result<Option<StoredImport>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::import(program, id), true).await?;
        found.map(|item| read(&item)).transpose()
    }

    /// Replaces the request of an import that has not started, and forgets its plan. False when it has started.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn replace_import_request(
        &self,
        program: &ProgramId,
        id: &str,
        request: &[u8],
    ) -> Result<bool, StoreError> {
        let set = Write::update(&self.tables.programs, &keys::import(program, id), "SET b = :request REMOVE pl")
            .when("st = :uploading")
            .value(":request", bytes(request))
            .value(":uploading", text(ImportStatus::Uploading.name()));
        Ok(self.write(CHANGE, &set).await? == Written::Done)
    }

    /// Stores how an import's file is read. False when the import has started.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn plan_import(&self, program: &ProgramId, id: &str, plan: &[u8]) -> Result<bool, StoreError> {
        let set = Write::update(&self.tables.programs, &keys::import(program, id), "SET pl = :plan")
            .when("st = :uploading")
            .value(":plan", bytes(plan))
            .value(":uploading", text(ImportStatus::Uploading.name()));
        Ok(self.write(CHANGE, &set).await? == Written::Done)
    }

    /// Begins the pass over an uploaded import. False when its status is another.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn start_import(&self, program: &ProgramId, id: &str, parts: u32, rows: u64) -> Result<bool, StoreError> {
        let set = Write::update(
            &self.tables.programs,
            &keys::import(program, id),
            "SET st = :running, np = :parts, nr = :rows",
        )
        .when("st = :uploading AND attribute_exists(pl)")
        .value(":running", text(ImportStatus::Running.name()))
        .value(":uploading", text(ImportStatus::Uploading.name()))
        .value(":parts", number(parts))
        .value(":rows", number(rows));
        Ok(self.write(CHANGE, &set).await? == Written::Done)
    }

    /// Begins the pass that undoes a finished import. False when its status is another.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn start_import_undo(&self, program: &ProgramId, id: &str) -> Result<bool, StoreError> {
        let set = Write::update(
            &self.tables.programs,
            &keys::import(program, id),
            "SET st = :undoing, cp = :one, cr = :zero, cb = :zero, cd = :zero, cf = :zero REMOVE rs",
        )
        .when("st = :done OR st = :failed")
        .value(":undoing", text(ImportStatus::Undoing.name()))
        .value(":done", text(ImportStatus::Done.name()))
        .value(":failed", text(ImportStatus::Failed.name()))
        .value(":one", number(1))
        .value(":zero", number(0));
        Ok(self.write(CHANGE, &set).await? == Written::Done)
    }

    /// Notes how far a pass has come. False when another worker has moved it, or it is over.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_import(
        &self,
        program: &ProgramId,
        id: &str,
        pass: ImportStatus,
        (from, to): (ImportPosition, ImportPosition),
        counts: ImportCounts,
    ) -> Result<bool, StoreError> {
        let set = Write::update(
            &self.tables.programs,
            &keys::import(program, id),
            "SET cp = :part, cr = :row, cb = :before, cd = :done, cf = :failed",
        )
        .when("st = :pass AND cp = :from_part AND cr = :from_row")
        .value(":pass", text(pass.name()))
        .value(":from_part", number(from.part))
        .value(":from_row", number(from.row))
        .value(":part", number(to.part))
        .value(":row", number(to.row))
        .value(":before", number(to.before))
        .value(":done", number(counts.done))
        .value(":failed", number(counts.failed));
        match self.write(CHANGE, &set).await? {
            Written::Done => Ok(true),
            // When the response to our own write was lost, the position is there already.
            Written::Refused(Some(found)) => Ok(read(&found)?.position == to),
            Written::Refused(None) => Ok(false),
        }
    }

    /// Ends a pass: `Ok` with the status that follows it, `Err` with the reason why it cannot go on.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn finish_import(
        &self,
        program: &ProgramId,
        id: &str,
        pass: ImportStatus,
        outcome: Result<ImportStatus, &str>,
    ) -> Result<(), StoreError> {
        let (status, reason) = match outcome {
            Ok(status) => (status, ""),
            Err(reason) => (ImportStatus::Failed, reason),
        };
        let key = keys::import(program, id);
        let set = if reason.is_empty() {
            Write::update(&self.tables.programs, &key, "SET st = :status")
        } else {
            Write::update(&self.tables.programs, &key, "SET st = :status, rs = :reason").value(":reason", text(reason))
        };
        let set = set.when("st = :pass").value(":pass", text(pass.name())).value(":status", text(status.name()));
        self.write(CHANGE, &set).await.map(drop)
    }
}

fn position(at: ImportPosition) -> [(String, AttributeValue); 3] {
    [(attribute::PART, number(at.part)), (attribute::ROW, number(at.row)), (attribute::BEFORE, number(at.before))]
        .map(|(name, value)| (name.to_owned(), value))
}
