//! Documents: stored programs, split into chunks.
//!
//! Chunks are keyed by the hash of the whole document: a chunk once written never changes, and two writers of the same
//! version cannot mix theirs.

use std::sync::Arc;

use tessera_domain::ids::ProgramId;
use tessera_domain::program::{CompiledProgram, StoredProgram};

use crate::calls::Range;
use crate::items::{Reader, bytes, item, name};
use crate::writes::Write;
use crate::{Store, StoreError, hashes, keys};

const READ: &str = "reading a program";
const WRITE: &str = "writing a program";

/// The size of a chunk, in bytes: an item holds 400 KB.
const CHUNK: usize = 350 * 1024;

/// Where the chunks of a document are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChunkPlace {
    /// SHA-256 of the document, in hex.
    pub checksum: String,
    /// The number of chunks.
    pub chunks: u32,
}

#[allow(clippy::needless_pass_by_value, reason = "so that it fits map_err")]
fn unreadable(reason: impl ToString) -> StoreError {
    StoreError::Document { operation: READ, reason: reason.to_string() }
}

impl Store {
    /// Writes the chunks of a document; nothing refers to them yet.
    pub(super) async fn write_document(
        &self,
        program: &ProgramId,
        document: &StoredProgram,
    ) -> Result<ChunkPlace, StoreError> {
        let packed =
            document.pack().map_err(|error| StoreError::Document { operation: WRITE, reason: error.to_string() })?;
        let place = ChunkPlace {
            checksum: hashes::sha256_hex(&packed),
            chunks: u32::try_from(packed.len().div_ceil(CHUNK)).unwrap_or(u32::MAX),
        };
        for (number, part) in (0..).zip(packed.chunks(CHUNK)) {
            let key = keys::chunk(program, &place.checksum, number);
            let put = Write::put(&self.tables.programs, item(&key, [(name::BODY, bytes(part))]));
            self.write(WRITE, &put).await?;
        }
        Ok(place)
    }

    /// Reads and compiles a document; strongly consistent.
    pub(super) async fn compile_document(
        &self,
        program: &ProgramId,
        place: &ChunkPlace,
    ) -> Result<Arc<CompiledProgram>, StoreError> {
        Ok(Arc::new(self.read_document(program, place).await?.compile()))
    }

    /// Reads a document; strongly consistent.
    pub(super) async fn read_document(
        &self,
        program: &ProgramId,
        place: &ChunkPlace,
    ) -> Result<StoredProgram, StoreError> {
        let prefix = keys::chunks(&place.checksum);
        let range = Range::all(keys::head(program).pk, &prefix);
        let items = self.range(READ, &self.tables.programs, range).await?;
        let mut packed = Vec::with_capacity(items.len() * CHUNK);
        for item in &items {
            packed.extend_from_slice(Reader::new(READ, item).bytes(name::BODY)?);
        }
        if hashes::sha256_hex(&packed) != place.checksum {
            return Err(unreadable(format!("{} of {} chunks do not match the checksum", items.len(), place.chunks)));
        }
        StoredProgram::unpack(&packed).map_err(unreadable)
    }
}
