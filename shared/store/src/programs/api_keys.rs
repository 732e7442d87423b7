//! API keys: only their hashes are stored.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ProgramId;
use tessera_domain::member::IdentifierKind;

use crate::calls::Range;
use crate::items::{Item, Reader, item, moment, name, number, text};
use crate::keys::{self, API_KEYS, Key};
use crate::writes::{ABSENT, Obstacle, Transacted, Write};
use crate::{Audit, Store, StoreError, hashes, random};

/// The scope that covers every other. A program always has a key with it.
pub(super) const ADMIN: &str = "admin";

/// What a new API key is called, and what it may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyGrant {
    /// Its name: the actor in the audit.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The identifiers that it may state as verified; `None` sets no bound.
    pub verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; `None` is the default limit.
    pub per_minute: Option<u32>,
    /// The ids of the keys that it descends from, its creator last.
    pub creators: Vec<String>,
}

/// An API key, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier (`key_…`).
    pub id: String,
    /// Its name: the actor in the audit.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The identifiers that it may state as verified; `None` sets no bound.
    pub verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute; `None` is the default limit.
    pub per_minute: Option<u32>,
    /// The ids of the keys that it descends from: of its creator, before that of its creator's creator, and so on. Empty for
    /// a key of the deployer's.
    pub creators: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An API key that was created now.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// As it is listed.
    pub key: ApiKey,
    /// The key itself, `tsk_…`: it is not stored, and cannot be shown again.
    pub secret: String,
}

/// How a request for an API key ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCreation {
    /// The key was created now.
    Created(NewApiKey),
    /// An earlier attempt of the same request created it; its secret cannot be shown any more.
    Already(ApiKey),
}

/// The owner of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// The tenant.
    pub program: ProgramId,
    /// The key.
    pub key: ApiKey,
}

/// How the deletion of an API key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDeletion {
    /// The key is deleted.
    Deleted,
    /// There is no such key.
    Unknown,
    /// The key stays: it is the last one with the scope `admin`.
    LastAdmin,
}

const ID: &str = "i";
const NAME: &str = "a";
const SCOPES: &str = "s";
const VERIFIES: &str = "v";
const PER_MINUTE: &str = "m";
const CREATORS: &str = "c";
const HASH: &str = "h";
const PROGRAM: &str = "p";
/// On the counter of admin keys: how many there are.
const ADMINS: &str = "n";

const CREATE: &str = "creating an API key";
const READ: &str = "reading API keys";
const DELETE: &str = "deleting an API key";

impl std::fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Store {
    /// Creates an API key, once for each request. `request`: the natural key of the request, which began at `now`. The
    /// key's id derives from them, so that a repeated request finds the key of its first attempt.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn create_api_key(
        &self,
        program: &ProgramId,
        grant: &KeyGrant,
        request: &str,
        now: Timestamp,
        audit: &Audit,
    ) -> Result<KeyCreation, StoreError> {
        let natural = format!("{program}#{}#{request}", now.as_millisecond());
        let id = hashes::sha256_hex(natural.as_bytes());
        let id = format!("key_{}", id.get(..32).unwrap_or(&id));
        let key = ApiKey { id, ..ApiKey::new(grant, now) };
        let secret = generate()?;
        let mut writes = self.api_key_writes(program, &key, &secret).to_vec();
        let audit = Audit { object: key.object(), ..audit.clone() };
        writes.push(self.audit_write(program, &audit, key.changes(AuditChange::added))?);
        if key.is_admin() {
            let counter = keys::admin_keys(program);
            writes.push(Write::update(&self.tables.credentials, &counter, "ADD n :one").value(":one", number(1)));
        }
        match self.transact_patiently(CREATE, writes).await? {
            Transacted::Done => Ok(KeyCreation::Created(NewApiKey { key, secret })),
            Transacted::Cancelled(_) => {
                let by_id = keys::api_key(program, &key.id);
                match self.get(CREATE, &self.tables.credentials, &by_id, true).await? {
                    Some(found) => ApiKey::read(&found).map(KeyCreation::Already),
                    // Two keys of 40 random letters are never the same.
                    None => Err(StoreError::Contended { operation: CREATE, tries: 1 }),
                }
            }
        }
    }

    /// The API keys of a program, the oldest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn list_api_keys(&self, program: &ProgramId) -> Result<Vec<ApiKey>, StoreError> {
        let range = Range::all(keys::api_key(program, "").pk, API_KEYS);
        let items = self.range(READ, &self.tables.credentials, range).await?;
        let mut keys = items.iter().map(ApiKey::read).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(keys)
    }

    /// Deletes an API key, unless it is the last one with the scope `admin`.
    ///
    /// A counter of admin keys is part of the transaction: of two deletions at once that would remove the last two, one
    /// fails.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn delete_api_key(
        &self,
        program: &ProgramId,
        id: &str,
        audit: &Audit,
    ) -> Result<KeyDeletion, StoreError> {
        let table = &*self.tables.credentials;
        let by_id = keys::api_key(program, id);
        let Some(found) = self.get(DELETE, table, &by_id, true).await? else { return Ok(KeyDeletion::Unknown) };
        let by_hash = keys::api_key_lookup(Reader::new(DELETE, &found).text(HASH)?);
        let mut writes =
            vec![Write::delete(table, &by_id).when("attribute_exists(pk)"), Write::delete(table, &by_hash)];
        let key = ApiKey::read(&found)?;
        writes.push(self.audit_write(program, audit, key.changes(AuditChange::removed))?);
        if key.is_admin() {
            let counter = keys::admin_keys(program);
            let fewer = Write::update(table, &counter, "SET n = n - :one").when("n > :one");
            writes.push(fewer.value(":one", number(1)));
        }
        Ok(match self.transact_patiently(DELETE, writes).await? {
            Transacted::Done => KeyDeletion::Deleted,
            Transacted::Cancelled(obstacles) if matches!(obstacles.first(), Some(Obstacle::Condition(_))) => {
                KeyDeletion::Unknown
            }
            Transacted::Cancelled(_) => KeyDeletion::LastAdmin,
        })
    }

    /// Finds the owner of a presented key; `None` when nobody has it.
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

    /// The writes that create an API key: the item that is listed, and the one that is looked up.
    pub(super) fn api_key_writes(&self, program: &ProgramId, key: &ApiKey, secret: &str) -> [Write; 2] {
        let hash = hashes::sha256_hex(secret.as_bytes());
        let described = |place: &Key| {
            let scopes = key.scopes.iter().map(|scope| text(&**scope)).collect();
            let mut item = item(
                place,
                [
                    (ID, text(&*key.id)),
                    (NAME, text(&*key.name)),
                    (SCOPES, AttributeValue::L(scopes)),
                    (name::SINCE, moment(key.created_at)),
                ],
            );
            if let Some(kinds) = &key.verifies {
                let kinds = kinds.iter().map(|kind| text(kind.name())).collect();
                item.insert(VERIFIES.to_owned(), AttributeValue::L(kinds));
            }
            if !key.creators.is_empty() {
                let creators = key.creators.iter().map(|creator| text(&**creator)).collect();
                item.insert(CREATORS.to_owned(), AttributeValue::L(creators));
            }
            if let Some(limit) = key.per_minute {
                item.insert(PER_MINUTE.to_owned(), number(limit));
            }
            item
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
    /// A key with a new identifier.
    pub(super) fn new(grant: &KeyGrant, now: Timestamp) -> Self {
        let KeyGrant { name, scopes, verifies, per_minute, creators } = grant.clone();
        Self { id: random::id("key_"), name, scopes, verifies, per_minute, creators, created_at: now }
    }

    /// What the audit calls it.
    fn object(&self) -> String {
        format!("api-keys/{}", self.id)
    }

    /// Its name and what it may do, as the audit records them.
    fn changes(&self, change: fn(&str, Value) -> AuditChange) -> Vec<AuditChange> {
        vec![change("name", json!(self.name)), change("scopes", json!(self.scopes))]
    }

    fn is_admin(&self) -> bool {
        self.scopes.iter().any(|scope| scope == ADMIN)
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        let kinds = reader.texts(VERIFIES)?.iter().map(|name| IdentifierKind::from_name(name)).collect::<Option<_>>();
        let kinds = kinds.ok_or(StoreError::Item { operation: READ, attribute: VERIFIES })?;
        Ok(Self {
            id: reader.text(ID)?.to_owned(),
            name: reader.text(NAME)?.to_owned(),
            scopes: reader.texts(SCOPES)?,
            verifies: reader.has(VERIFIES).then_some(kinds),
            per_minute: if reader.has(PER_MINUTE) { Some(reader.number(PER_MINUTE)?) } else { None },
            creators: reader.texts(CREATORS)?,
            created_at: reader.moment(name::SINCE)?,
        })
    }
}

/// The counter of admin keys of a new program, which has one.
pub(super) fn first_admin(program: &ProgramId) -> Item {
    item(&keys::admin_keys(program), [(ADMINS, number(1))])
}

/// A new key.
pub(super) fn generate() -> Result<String, StoreError> {
    Ok(format!("tsk_{}", random::text(40)?))
}

/// The program that the item leads to under which a key is looked up.
pub(super) fn lookup_program(item: &Item) -> Result<ProgramId, StoreError> {
    Reader::new(READ, item).parsed(PROGRAM)
}
