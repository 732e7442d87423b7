//! Documents: a program as JSON, kept in parts under the hash of its content, so that a part once written never changes
//! and two writers of the same version cannot mix theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_domain::ids::{ProgramId, RuleId};
use tessera_domain::program::{CompiledProgram, Program, read_program};

use crate::calls::Range;
use crate::items::{Reader, bytes, item, name};
use crate::writes::Write;
use crate::{Store, StoreError, hashes, keys};

const READ: &str = "reading a program";
const WRITE: &str = "writing a program";

/// The bytes of a part: an item holds 400 KB.
const CHUNK: usize = 350 * 1024;

/// What is kept of a version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Document {
    /// Which version it is.
    pub version: u32,
    /// The program's JSON.
    pub program: Value,
    /// In which version each rule last changed.
    pub rules: BTreeMap<RuleId, u32>,
}

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// SHA-256 of its bytes, in hex.
    pub checksum: String,
    /// In how many parts it is.
    pub chunks: u32,
}

#[allow(clippy::needless_pass_by_value, reason = "so that it fits map_err")]
fn unreadable(reason: impl ToString) -> StoreError {
    StoreError::Document { operation: READ, reason: reason.to_string() }
}

/// A program as JSON, written the one way that this code writes it.
pub(super) fn to_json(program: &Program) -> Result<Value, StoreError> {
    serde_json::to_value(program).map_err(|error| StoreError::Document { operation: WRITE, reason: error.to_string() })
}

impl Document {
    /// The first version of a program.
    pub fn first(program: &Program) -> Result<Self, StoreError> {
        Ok(Self {
            version: 1,
            program: to_json(program)?,
            rules: program.rules.iter().map(|r| (r.id.clone(), 1)).collect(),
        })
    }

    /// The version after this one; `None` when the program is the same.
    pub fn next(&self, program: &Program) -> Result<Option<Self>, StoreError> {
        let before = self.read()?;
        let (old, new) = (to_json(&before)?, to_json(program)?);
        if old == new {
            return Ok(None);
        }
        let version = self.version.saturating_add(1);
        let kept: BTreeMap<&RuleId, &tessera_domain::rule::Rule> =
            before.rules.iter().map(|rule| (&rule.id, rule)).collect();
        let rules = program.rules.iter().map(|rule| {
            let unchanged = kept.get(&rule.id).is_some_and(|before| *before == rule);
            let since = self.rules.get(&rule.id).copied().filter(|_| unchanged);
            (rule.id.clone(), since.unwrap_or(version))
        });
        Ok(Some(Self { version, program: new, rules: rules.collect() }))
    }

    /// The program in it.
    pub fn read(&self) -> Result<Program, StoreError> {
        read_program(&self.program).map_err(|faults| {
            let first = faults.first().map_or_else(String::new, |fault| format!("{}: {}", fault.pointer, fault.detail));
            unreadable(format!("{} faults, the first is {first}", faults.len()))
        })
    }

    /// The program in it, ready to decide.
    pub fn compile(&self) -> Result<CompiledProgram, StoreError> {
        Ok(CompiledProgram::new(self.read()?, self.version, &self.rules))
    }
}

impl Store {
    /// Writes a document's parts; nothing leads to them yet.
    pub(super) async fn write_document(&self, program: &ProgramId, document: &Document) -> Result<Place, StoreError> {
        let json = serde_json::to_vec(document)
            .map_err(|error| StoreError::Document { operation: WRITE, reason: error.to_string() })?;
        let place = Place {
            checksum: hashes::sha256_hex(&json),
            chunks: u32::try_from(json.len().div_ceil(CHUNK)).unwrap_or(u32::MAX),
        };
        for (number, part) in (0..).zip(json.chunks(CHUNK)) {
            let key = keys::chunk(program, &place.checksum, number);
            let put = Write::put(&self.tables.programs, item(&key, [(name::BODY, bytes(part))]));
            self.write(WRITE, &put).await?;
        }
        Ok(place)
    }

    /// Reads a document; strongly consistent.
    pub(super) async fn read_document(&self, program: &ProgramId, place: &Place) -> Result<Document, StoreError> {
        let prefix = keys::chunks(&place.checksum);
        let range = Range::all(keys::head(program).pk, &prefix);
        let items = self.range(READ, &self.tables.programs, range).await?;
        let mut json = Vec::with_capacity(items.len() * CHUNK);
        for item in &items {
            json.extend_from_slice(Reader::new(READ, item).bytes(name::BODY)?);
        }
        if hashes::sha256_hex(&json) != place.checksum {
            return Err(unreadable(format!("{} of {} parts do not match the checksum", items.len(), place.chunks)));
        }
        serde_json::from_slice(&json).map_err(unreadable)
    }
}
