//! The head of a program: which version is in force, and what is known besides.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;
use tessera_domain::program::CompiledProgram;

use super::IdentityKey;
use super::document::ChunkPlace;
use crate::items::{Item, Reader, name};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a program's head";

/// Attributes of heads and of the records of versions.
pub(crate) mod attribute {
    /// How many parts the document has.
    pub const CHUNKS: &str = "n";
    /// SHA-256 of the document.
    pub const CHECKSUM: &str = "c";
    /// The encrypted identity key.
    pub const IDENTITY: &str = "i";
    /// True once there are members or facts.
    pub const IN_USE: &str = "u";
}

/// The head of a program.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The version in force.
    pub version: u32,
    /// Into how many items its document is split.
    pub chunks: u32,
    /// SHA-256 of the document, in hex.
    pub checksum: String,
    /// The key of the hashes of e-mail addresses and phone numbers, and of cursors.
    pub identity_key: IdentityKey,
    /// True once the program has members or facts.
    pub in_use: bool,
    /// When the version came into force.
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head").field("version", &self.version).field("in_use", &self.in_use).finish_non_exhaustive()
    }
}

impl Head {
    fn read(store: &Store, program: &ProgramId, item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        let ChunkPlace { checksum, chunks } = place(reader)?;
        Ok(Self {
            version: reader.number(name::VERSION)?,
            chunks,
            checksum,
            identity_key: IdentityKey::new(program, reader.bytes(attribute::IDENTITY)?, store.secrets.clone()),
            in_use: reader.has(attribute::IN_USE),
            updated_at: reader.moment(name::SINCE)?,
        })
    }

    pub(super) fn place(&self) -> ChunkPlace {
        ChunkPlace { checksum: self.checksum.clone(), chunks: self.chunks }
    }
}

/// Where the document is that a head or the record of a version leads to.
fn place(reader: Reader<'_>) -> Result<ChunkPlace, StoreError> {
    Ok(ChunkPlace { checksum: reader.text(attribute::CHECKSUM)?.to_owned(), chunks: reader.number(attribute::CHUNKS)? })
}

impl Store {
    /// The head of a program, strongly consistent; `None` when there is no such program.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn load_head(&self, program: &ProgramId) -> Result<Option<Head>, StoreError> {
        let item = self.head_item(program, true).await?;
        item.map(|item| Head::read(self, program, &item)).transpose()
    }

    /// A version of a program, compiled; `None` when there is none.
    ///
    /// # Errors
    /// When DynamoDB fails, or the document cannot be read.
    pub async fn load_program(&self, program: &ProgramId, version: u32) -> Result<Option<CompiledProgram>, StoreError> {
        let key = keys::version(program, version);
        let Some(record) = self.get(READ, &self.tables.programs, &key, true).await? else { return Ok(None) };
        let document = self.read_document(program, &place(Reader::new(READ, &record))?).await?;
        Ok(Some(document.compile()))
    }

    /// [`Store::load_head`] with an eventually consistent read: half the read units, perhaps a moment old.
    pub(super) async fn read_head_eventual(&self, program: &ProgramId) -> Result<Option<Head>, StoreError> {
        let item = self.head_item(program, false).await?;
        item.map(|item| Head::read(self, program, &item)).transpose()
    }

    async fn head_item(&self, program: &ProgramId, consistent: bool) -> Result<Option<Item>, StoreError> {
        self.get(READ, &self.tables.programs, &keys::head(program), consistent).await
    }
}
