//! What an import's files contain: the uploaded parts, what the file looks like, the refused rows. It is personal data and expires.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use super::ImportStatus;
use crate::calls::Range;
use crate::items::{Reader, bytes, item, name, number, text};
use crate::writes::Write;
use crate::{Store, StoreError, keys};

const READ: &str = "reading a file of an import";
const PART: &str = "storing a part of an import";
const ERRORS: &str = "storing refused rows";

/// How long parts, previews and refused rows are stored.
const RETENTION_SECONDS: i64 = 30 * 24 * 60 * 60;
/// The most bytes of one item's body. DynamoDB allows 400 KB per item.
const MAX_CHUNK_BYTES: usize = 380 * 1024;

/// The names of the attributes of a part, on its first chunk.
mod attribute {
    /// The number of chunks.
    pub const CHUNKS: &str = "n";
    pub const ROWS: &str = "nr";
    pub const CHECKSUM: &str = "c";
}

/// What the first chunk of an uploaded part says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportPart {
    /// Its rows.
    pub rows: u64,
    /// Its checksum.
    pub checksum: String,
}

fn expiry(now: Timestamp) -> AttributeValue {
    number(now.as_second().saturating_add(RETENTION_SECONDS))
}

impl Store {
    /// Stores what an import's file looks like. A repetition replaces it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_import_preview(
        &self,
        program: &ProgramId,
        id: &str,
        preview: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let packed = lz4_flex::compress_prepend_size(preview.as_bytes());
        if packed.len() > MAX_CHUNK_BYTES {
            return Err(StoreError::TooLarge { operation: PART, what: format!("a preview of {} bytes", packed.len()) });
        }
        let new = item(&preview_key(program, id), [(name::BODY, bytes(packed)), (name::TTL, expiry(now))]);
        self.write(PART, &Write::put(&self.tables.programs, new)).await.map(drop)
    }

    /// What an import's file looks like; `None` before its first part, and once it has expired.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn import_preview(&self, program: &ProgramId, id: &str) -> Result<Option<String>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &preview_key(program, id), true).await?;
        let invalid = || StoreError::Item { operation: READ, attribute: name::BODY };
        let Some(found) = found else { return Ok(None) };
        let unpacked = lz4_flex::decompress_size_prepended(Reader::new(READ, &found).bytes(name::BODY)?);
        String::from_utf8(unpacked.map_err(|_| invalid())?).map(Some).map_err(|_| invalid())
    }

    /// Stores a part of a file. A repetition replaces it; the caller checks that the import has not started.
    ///
    /// The first chunk is written last: a part that was interrupted is not there.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_import_part(
        &self,
        program: &ProgramId,
        id: &str,
        part: u32,
        content: &[u8],
        about: &ImportPart,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let packed = lz4_flex::compress_prepend_size(content);
        let chunks: Vec<&[u8]> = packed.chunks(MAX_CHUNK_BYTES).collect();
        for (place, chunk) in chunks.iter().enumerate().rev() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let mut new = item(
                &keys::import_chunk(program, id, part, place),
                [(name::BODY, bytes(*chunk)), (name::TTL, expiry(now))],
            );
            if place == 0 {
                new.insert(attribute::CHUNKS.to_owned(), number(chunks.len()));
                new.insert(attribute::ROWS.to_owned(), number(about.rows));
                new.insert(attribute::CHECKSUM.to_owned(), text(&*about.checksum));
            }
            self.write(PART, &Write::put(&self.tables.programs, new)).await?;
        }
        Ok(())
    }

    /// What is known of an uploaded part; `None` when it is not there.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_import_part(
        &self,
        program: &ProgramId,
        id: &str,
        part: u32,
    ) -> Result<Option<ImportPart>, StoreError> {
        let key = keys::import_chunk(program, id, part, 0);
        let Some(found) = self.get(READ, &self.tables.programs, &key, true).await? else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        let checksum = reader.text(attribute::CHECKSUM)?.to_owned();
        Ok(Some(ImportPart { rows: reader.number(attribute::ROWS)?, checksum }))
    }

    /// The content of an uploaded part; `None` when it is not there, or has expired.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn read_import_part(
        &self,
        program: &ProgramId,
        id: &str,
        part: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let invalid = || StoreError::Item { operation: READ, attribute: attribute::CHUNKS };
        let range = Range::all(keys::import_part(program, id, part), "c#");
        let chunks = self.range(READ, &self.tables.programs, range).await?;
        let Some(first) = chunks.first().filter(|first| Reader::new(READ, first).has(attribute::CHUNKS)) else {
            return Ok(None);
        };
        let count: usize = Reader::new(READ, first).number(attribute::CHUNKS)?;
        let mut packed = Vec::new();
        // A longer part that this one replaced may have left chunks behind.
        for chunk in chunks.get(..count).ok_or_else(invalid)? {
            packed.extend_from_slice(Reader::new(READ, chunk).bytes(name::BODY)?);
        }
        lz4_flex::decompress_size_prepended(&packed).map(Some).map_err(|_| invalid())
    }

    /// Drops the content of an uploaded part; its rows and checksum stay known until they expire. Repeating it changes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn drop_import_part(&self, program: &ProgramId, id: &str, part: u32) -> Result<(), StoreError> {
        let range = Range::all(keys::import_part(program, id, part), "c#");
        for chunk in self.range(READ, &self.tables.programs, range).await? {
            let reader = Reader::new(READ, &chunk);
            let key = keys::Key { pk: reader.text(name::PK)?.to_owned(), sk: reader.text(name::SK)?.to_owned() };
            let drop = Write::update(&self.tables.programs, &key, "REMOVE b, n").when("attribute_exists(pk)");
            self.write(PART, &drop).await?;
        }
        Ok(())
    }

    /// Stores what is wrong with rows from `row` on, as lines of the error file. A repetition replaces them.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_import_errors(
        &self,
        program: &ProgramId,
        id: &str,
        pass: ImportStatus,
        (row, lines): (u64, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let letter = if pass == ImportStatus::Undoing { 'u' } else { 'i' };
        let packed = lz4_flex::compress_prepend_size(lines.as_bytes());
        let new = item(
            &keys::import_error(program, id, letter, row),
            [(name::BODY, bytes(packed)), (name::TTL, expiry(now))],
        );
        self.write(ERRORS, &Write::put(&self.tables.programs, new)).await.map(drop)
    }

    /// Lines of the error file after a place, and the place after which it goes on.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn import_errors(
        &self,
        program: &ProgramId,
        id: &str,
        after: Option<&str>,
    ) -> Result<(String, Option<String>), StoreError> {
        let range =
            Range { after, limit: Some(20), ..Range::all(keys::import_errors(program, id), keys::IMPORT_ERRORS) };
        let (items, next) = self.page(READ, &self.tables.programs, &range).await?;
        let invalid = || StoreError::Item { operation: READ, attribute: name::BODY };
        let mut lines = String::new();
        for item in &items {
            let packed = Reader::new(READ, item).bytes(name::BODY)?;
            let unpacked = lz4_flex::decompress_size_prepended(packed).map_err(|_| invalid())?;
            lines.push_str(std::str::from_utf8(&unpacked).map_err(|_| invalid())?);
        }
        Ok((lines, next))
    }
}

fn preview_key(program: &ProgramId, id: &str) -> keys::Key {
    keys::task_result(program, &keys::task_result_sort("import", id))
}
