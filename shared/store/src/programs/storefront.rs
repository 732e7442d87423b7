//! Storefront secrets: what a shop's backend signs member tokens with.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use crate::items::{Item, Reader, bytes, item, moment};
use crate::writes::{Write, Written};
use crate::{SecretsKey, Store, StoreError, keys, random, retry};

const READ: &str = "reading the storefront secrets";
const ROTATE: &str = "rotating the storefront secret";

/// The encrypted secret.
const SECRET: &str = "s";
/// The one before, encrypted.
const PREVIOUS: &str = "p";
/// When the one before expires; milliseconds.
const PREVIOUS_UNTIL: &str = "e";

/// For how long the old one still works.
const OVERLAP: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The storefront secrets of a program.
#[derive(Clone, PartialEq, Eq)]
pub struct StorefrontSecrets {
    /// The one to sign with.
    pub current: String,
    /// The one before, and until when it works.
    pub previous: Option<(String, Timestamp)>,
}

impl std::fmt::Debug for StorefrontSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StorefrontSecrets(…)")
    }
}

impl StorefrontSecrets {
    /// The secrets that work at a moment.
    pub fn valid_at(&self, now: Timestamp) -> Vec<&str> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret.as_str());
        std::iter::once(self.current.as_str()).chain(previous).collect()
    }
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
        let Some(stored) = self.storefront_item(READ, program).await? else { return Ok(None) };
        let reader = Reader::new(READ, &stored);
        let current = open(secrets, program, reader.bytes(SECRET)?)?;
        let previous = if reader.has(PREVIOUS) {
            let until = reader.moment(PREVIOUS_UNTIL)?;
            Some((open(secrets, program, reader.bytes(PREVIOUS)?)?, until))
        } else {
            None
        };
        Ok(Some(StorefrontSecrets { current, previous }))
    }

    /// Makes a new storefront secret; the old one works for 24 more hours. `None` when there is no such program.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn rotate_storefront_secret(
        &self,
        program: &ProgramId,
        secrets: &SecretsKey,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let secret = generate()?;
        let sealed = seal(secrets, program, &secret)?;
        let until = now.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX);
        for attempt in 1..=retry::TRIES {
            let Some(stored) = self.storefront_item(ROTATE, program).await? else { return Ok(None) };
            let before = Reader::new(ROTATE, &stored).bytes(SECRET)?;
            let rotate = Write::update(
                &self.tables.credentials,
                &keys::storefront(program),
                "SET s = :new, p = :old, e = :until",
            )
            .when("s = :old")
            .value(":new", bytes(&*sealed))
            .value(":old", bytes(before))
            .value(":until", moment(until));
            if self.write(ROTATE, &rotate).await? == Written::Done {
                return Ok(Some(secret));
            }
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
    Ok(item(&keys::storefront(program), [(SECRET, bytes(seal(secrets, program, secret)?))]))
}

/// A new storefront secret: 43 letters and digits hold 256 bits.
pub(super) fn generate() -> Result<String, StoreError> {
    random::text(43)
}

/// Encrypts a storefront secret; it opens for its program alone.
fn seal(secrets: &SecretsKey, program: &ProgramId, secret: &str) -> Result<Vec<u8>, StoreError> {
    secrets.seal(ROTATE, &place(program), secret)
}

fn open(secrets: &SecretsKey, program: &ProgramId, sealed: &[u8]) -> Result<String, StoreError> {
    secrets.open(READ, &place(program), sealed)
}

fn place(program: &ProgramId) -> String {
    format!("storefront secret of {program}")
}
