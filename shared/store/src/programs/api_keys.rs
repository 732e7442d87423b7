//! API keys: only their hashes are kept.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use crate::calls::Range;
use crate::items::{Item, Reader, item, moment, name, text};
use crate::keys::{self, API_KEYS, Key};
use crate::writes::{ABSENT, Transacted, Write};
use crate::{Store, StoreError, hashes, random};

/// An API key, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier (`key_…`).
    pub id: String,
    /// Its name: the actor in the audit.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An API key that was made now.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// As it is listed.
    pub key: ApiKey,
    /// The key itself, `tsk_…`: it is not kept, and cannot be shown again.
    pub secret: String,
}

/// Whose an API key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// The tenant.
    pub program: ProgramId,
    /// The key.
    pub key: ApiKey,
}

const ID: &str = "i";
const NAME: &str = "a";
const SCOPES: &str = "s";
const HASH: &str = "h";
const PROGRAM: &str = "p";

const CREATE: &str = "making an API key";
const READ: &str = "reading API keys";
const DELETE: &str = "deleting an API key";

impl std::fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes an API key.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn create_api_key(
        &self,
        program: &ProgramId,
        name: &str,
        scopes: &[String],
        now: Timestamp,
    ) -> Result<NewApiKey, StoreError> {
        let key = describe(name, scopes, now);
        let secret = generate()?;
        match self.transact_patiently(CREATE, self.api_key_writes(program, &key, &secret).to_vec()).await? {
            Transacted::Done => Ok(NewApiKey { key, secret }),
            // Two keys of 40 random letters are never the same.
            Transacted::Cancelled(_) => Err(StoreError::Contended { operation: CREATE, tries: 1 }),
        }
    }

    /// The API keys of a program, the oldest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn list_api_keys(&self, program: &ProgramId) -> Result<Vec<ApiKey>, StoreError> {
        let range = Range::all(keys::api_key(program, "").pk, API_KEYS);
        let items = self.range(READ, &self.tables.credentials, range).await?;
        items.iter().map(ApiKey::read).collect()
    }

    /// Deletes an API key; false when there is none.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delete_api_key(&self, program: &ProgramId, id: &str) -> Result<bool, StoreError> {
        let table = &*self.tables.credentials;
        let by_id = keys::api_key(program, id);
        let Some(found) = self.get(DELETE, table, &by_id, true).await? else { return Ok(false) };
        let by_hash = keys::api_key_lookup(Reader::new(DELETE, &found).text(HASH)?);
        let writes = vec![Write::delete(table, &by_hash), Write::delete(table, &by_id).when("attribute_exists(pk)")];
        Ok(self.transact_patiently(DELETE, writes).await? == Transacted::Done)
    }

    /// Finds whose key someone presents; `None` for nobody's.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn find_api_key(&self, presented: &str) -> Result<Option<FoundKey>, StoreError> {
        let key = keys::api_key_lookup(&hashes::sha256_hex(presented.as_bytes()));
        let mut found = self.get(READ, &self.tables.credentials, &key, false).await?;
        if found.is_none() {
            // Perhaps it was made a moment ago.
            found = self.get(READ, &self.tables.credentials, &key, true).await?;
        }
        found.map(|item| Ok(FoundKey { program: lookup_program(&item)?, key: ApiKey::read(&item)? })).transpose()
    }

    /// The writes that make an API key: where it is listed, and where it is looked up.
    pub(super) fn api_key_writes(&self, program: &ProgramId, key: &ApiKey, secret: &str) -> [Write; 2] {
        let hash = hashes::sha256_hex(secret.as_bytes());
        let described = |place: &Key| {
            let scopes = key.scopes.iter().map(|scope| text(&**scope)).collect();
            item(
                place,
                [
                    (ID, text(&*key.id)),
                    (NAME, text(&*key.name)),
                    (SCOPES, AttributeValue::L(scopes)),
                    (name::SINCE, moment(key.created_at)),
                ],
            )
        };
        let mut by_id = described(&keys::api_key(program, &key.id));
        by_id.insert(HASH.to_owned(), text(&*hash));
        let mut by_hash = described(&keys::api_key_lookup(&hash));
        by_hash.insert(PROGRAM.to_owned(), text(program.as_str()));
        let table = &*self.tables.credentials;
        [Write::put(table, by_id).when(ABSENT), Write::put(table, by_hash).when(ABSENT)]
    }
}

impl ApiKey {
    fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        Ok(Self {
            id: reader.text(ID)?.to_owned(),
            name: reader.text(NAME)?.to_owned(),
            scopes: reader.texts(SCOPES)?,
            created_at: reader.moment(name::SINCE)?,
        })
    }
}

/// An API key as it is listed, with an identifier of its own.
pub(super) fn describe(name: &str, scopes: &[String], now: Timestamp) -> ApiKey {
    ApiKey { id: random::id("key_"), name: name.to_owned(), scopes: scopes.to_vec(), created_at: now }
}

/// A new key.
pub(super) fn generate() -> Result<String, StoreError> {
    Ok(format!("tsk_{}", random::text(40)?))
}

/// The program that the item leads to under which a key is looked up.
pub(super) fn lookup_program(item: &Item) -> Result<ProgramId, StoreError> {
    Reader::new(READ, item).parsed(PROGRAM)
}
