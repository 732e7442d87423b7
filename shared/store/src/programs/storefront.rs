//! Storefront secrets: what a shop's backend signs member tokens with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ProgramId;

use crate::items::{Item, Reader, bytes, item};
use crate::writes::{Transacted, Write};
use crate::{Audit, SecretsKey, Store, StoreError, hashes, keys, random, retry};

const READ: &str = "reading the storefront secrets";
const ROTATE: &str = "rotating the storefront secret";

/// The encrypted secrets.
const SECRETS: &str = "s";

/// How long a replaced secret still works.
const OVERLAP: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// The most replaced secrets that work at once.
const MOST_PREVIOUS: usize = 3;

/// The storefront secrets of a program.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorefrontSecrets {
    /// The one to sign with.
    pub current: String,
    /// The request that created the current one, hashed; empty for the first secret.
    #[serde(default)]
    rotation: String,
    /// The replaced ones, newest first.
    #[serde(default)]
    pub previous: Vec<PreviousSecret>,
}

/// A replaced storefront secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: String,
    /// Until when it works.
    pub until: Timestamp,
    rotation: String,
}

impl std::fmt::Debug for StorefrontSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StorefrontSecrets(…)")
    }
}

impl std::fmt::Debug for PreviousSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreviousSecret").field("until", &self.until).finish_non_exhaustive()
    }
}

impl StorefrontSecrets {
    fn first(secret: &str) -> Self {
        Self { current: secret.to_owned(), rotation: String::new(), previous: Vec::new() }
    }

    /// The secrets that work at a moment.
    pub fn valid_at(&self, now: Timestamp) -> Vec<&str> {
        let previous = self.previous.iter().filter(|previous| now < previous.until);
        std::iter::once(self.current.as_str()).chain(previous.map(|previous| previous.secret.as_str())).collect()
    }

    /// The secret that an earlier attempt at the same rotation created, while it is stored.
    fn created_by(&self, rotation: &str) -> Option<&str> {
        if self.rotation == rotation {
            return Some(&self.current);
        }
        let previous = self.previous.iter().find(|previous| previous.rotation == rotation);
        previous.map(|previous| previous.secret.as_str())
    }

    /// Replaces the current secret. A replaced one works for 24 more hours, unless all of them are revoked.
    fn rotate(&mut self, secret: String, rotation: String, revoke_previous: bool, now: Timestamp) {
        let until = now.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX);
        let replaced = PreviousSecret {
            secret: std::mem::replace(&mut self.current, secret),
            until,
            rotation: std::mem::replace(&mut self.rotation, rotation),
        };
        self.previous.retain(|previous| now < previous.until);
        self.previous.insert(0, replaced);
        self.previous.truncate(if revoke_previous { 0 } else { MOST_PREVIOUS });
    }
}

/// A rotation of the storefront secret.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// What the request is known by: a repetition returns the secret that it created before.
    pub natural_key: &'a str,
    /// Ends every other secret at once.
    pub revoke_previous: bool,
    /// The moment.
    pub now: Timestamp,
}

impl Store {
    /// The storefront secrets of a program; `None` when there is no such program.
    ///
    /// # Errors
    /// When DynamoDB fails, or the key is another.
    pub async fn storefront_secrets(
        &self,
        program: &ProgramId,
        secrets: &SecretsKey,
    ) -> Result<Option<StorefrontSecrets>, StoreError> {
        let stored = self.storefront_item(READ, program).await?;
        stored.map(|stored| open(secrets, program, Reader::new(READ, &stored).bytes(SECRETS)?)).transpose()
    }

    /// Creates a new storefront secret and returns it with the older ones; `None` when there is no such program.
    ///
    /// Up to three replaced secrets stay valid, each for 24 hours: a rotation whose response was lost can be repeated
    /// without ending the secret in use.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn rotate_storefront_secret(
        &self,
        program: &ProgramId,
        secrets: &SecretsKey,
        rotation: Rotation<'_>,
        audit: &Audit,
    ) -> Result<Option<(String, StorefrontSecrets)>, StoreError> {
        let id = hashes::sha256_hex(rotation.natural_key.as_bytes());
        for attempt in 1..=retry::TRIES {
            let Some(stored) = self.storefront_item(ROTATE, program).await? else { return Ok(None) };
            let before = Reader::new(ROTATE, &stored).bytes(SECRETS)?;
            let mut all = open(secrets, program, before)?;
            if let Some(created) = all.created_by(&id) {
                return Ok(Some((created.to_owned(), all)));
            }
            let secret = generate()?;
            all.rotate(secret.clone(), id.clone(), rotation.revoke_previous, rotation.now);
            let rotate = Write::update(&self.tables.credentials, &keys::storefront(program), "SET s = :new")
                .when("s = :old")
                .value(":new", bytes(seal(secrets, program, &all)?))
                .value(":old", bytes(before));
            let audited = self.audit_write(program, audit, [AuditChange::without_values("secret")])?;
            if self.transact_patiently(ROTATE, vec![rotate, audited]).await? == Transacted::Done {
                return Ok(Some((secret, all)));
            }
            // Somebody else was faster, or this write's response was lost: the next look tells.
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: ROTATE, tries: retry::TRIES })
    }

    async fn storefront_item(&self, operation: &'static str, program: &ProgramId) -> Result<Option<Item>, StoreError> {
        self.get(operation, &self.tables.credentials, &keys::storefront(program), true).await
    }
}

/// The item of a new program's storefront secret.
pub(super) fn new_item(secrets: &SecretsKey, program: &ProgramId, secret: &str) -> Result<Item, StoreError> {
    let sealed = seal(secrets, program, &StorefrontSecrets::first(secret))?;
    Ok(item(&keys::storefront(program), [(SECRETS, bytes(sealed))]))
}

/// A new storefront secret: 43 letters and digits hold 256 bits.
pub(super) fn generate() -> Result<String, StoreError> {
    random::text(43)
}

/// Encrypts the storefront secrets of a program; they open for that program only.
fn seal(secrets: &SecretsKey, program: &ProgramId, all: &StorefrontSecrets) -> Result<Vec<u8>, StoreError> {
    let text = serde_json::to_string(all).map_err(|_| StoreError::Secret { operation: ROTATE })?;
    secrets.seal(ROTATE, &place(program), &text)
}

fn open(secrets: &SecretsKey, program: &ProgramId, sealed: &[u8]) -> Result<StorefrontSecrets, StoreError> {
    let text = secrets.open(READ, &place(program), sealed)?;
    serde_json::from_str(&text).map_err(|_| StoreError::Secret { operation: READ })
}

fn place(program: &ProgramId) -> String {
    format!("storefront secret of {program}")
}
