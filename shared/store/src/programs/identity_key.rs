//! The key of a program's hashes of e-mail addresses and phone numbers.

use std::sync::Arc;

use tessera_domain::ids::ProgramId;

use crate::secrets::SecretsSource;
use crate::{SecretsKey, StoreError, hashes, random};

const OPEN: &str = "decrypting an identity key";
const CREATE: &str = "creating an identity key";

/// A program's identity key, decrypted only when something must be hashed with it.
///
/// It is stored in the head of the program, which every function reads, and encrypted there: who reads that table alone
/// cannot try addresses against the hashes in keys. A receipt of a member known by id never decrypts it.
#[derive(Clone)]
pub struct IdentityKey {
    program: ProgramId,
    sealed: Vec<u8>,
    secrets: Option<Arc<dyn SecretsSource>>,
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityKey").field("program", &self.program).finish_non_exhaustive()
    }
}

impl PartialEq for IdentityKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.program, &self.sealed) == (&other.program, &other.sealed)
    }
}

impl Eq for IdentityKey {}

impl IdentityKey {
    /// The key as it is stored in a head.
    pub(super) fn new(program: &ProgramId, sealed: &[u8], secrets: Option<Arc<dyn SecretsSource>>) -> Self {
        Self { program: program.clone(), sealed: sealed.to_vec(), secrets }
    }

    /// Creates the key of a new program: 43 letters and digits hold 256 bits.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(program: &ProgramId, secrets: &SecretsKey) -> Result<Self, StoreError> {
        let sealed = secrets.seal(CREATE, &place(program), &random::text(43)?)?;
        Ok(Self::new(program, &sealed, Some(Arc::new(secrets.clone()))))
    }

    /// The key as it is stored.
    pub(super) fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Decrypts the key. The function caches the key of stored secrets: only its first use costs a request.
    ///
    /// # Errors
    /// When the key of stored secrets cannot be read now, or is another.
    pub async fn open(&self) -> Result<String, StoreError> {
        let source = self.secrets.as_ref().ok_or(StoreError::Secret { operation: OPEN })?;
        let secrets = source.secrets_key().await.ok_or(StoreError::Secret { operation: OPEN })?;
        secrets.open(OPEN, &place(&self.program), &self.sealed)
    }

    /// HMAC-SHA256 of a personal identifier, in hex.
    pub(crate) async fn hash(&self, operation: &'static str, value: &str) -> Result<String, StoreError> {
        hashes::hmac_hex(operation, self.open().await?.as_bytes(), value.as_bytes())
    }
}

/// What the encryption is bound to: the key of one program does not open as another's.
fn place(program: &ProgramId) -> String {
    format!("identity key of {program}")
}
