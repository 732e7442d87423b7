//! Secrets that must be read back: AES-256-GCM under one key.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

use crate::{StoreError, random};

/// The bytes of a nonce, which stand before what they encrypted.
const NONCE: usize = 12;

/// The key that secrets are encrypted with: 32 bytes, from SSM or, on the local stack, a file.
#[derive(Clone)]
pub struct SecretsKey([u8; 32]);

/// Where the key of stored secrets comes from: SSM when it is first needed, a file on the local stack.
pub trait SecretsSource: Debug + Send + Sync {
    /// The key; `None` when it cannot be read now.
    fn secrets_key(&self) -> Pin<Box<dyn Future<Output = Option<SecretsKey>> + Send + '_>>;
}

impl SecretsSource for SecretsKey {
    fn secrets_key(&self) -> Pin<Box<dyn Future<Output = Option<SecretsKey>> + Send + '_>> {
        Box::pin(std::future::ready(Some(self.clone())))
    }
}

impl std::fmt::Debug for SecretsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretsKey(…)")
    }
}

impl SecretsKey {
    /// The key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.0.into())
    }

    /// Encrypts a secret. `place` names where it is kept; it opens nowhere else.
    pub(crate) fn seal(&self, operation: &'static str, place: &str, secret: &str) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE] = random::bytes()?;
        let payload = Payload { msg: secret.as_bytes(), aad: place.as_bytes() };
        let sealed =
            self.cipher().encrypt(&Nonce::from(nonce), payload).map_err(|_| StoreError::Secret { operation })?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts a secret that [`SecretsKey::seal`] encrypted for the same place.
    pub(crate) fn open(&self, operation: &'static str, place: &str, sealed: &[u8]) -> Result<String, StoreError> {
        let opened = sealed.split_first_chunk::<NONCE>().and_then(|(nonce, sealed)| {
            let payload = Payload { msg: sealed, aad: place.as_bytes() };
            self.cipher().decrypt(&Nonce::from(*nonce), payload).ok()
        });
        opened.and_then(|secret| String::from_utf8(secret).ok()).ok_or(StoreError::Secret { operation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_at_its_place_alone() {
        let (key, other) = (SecretsKey::new([1; 32]), SecretsKey::new([2; 32]));
        let sealed = key.seal("test", "here", "whispered").unwrap();
        assert_eq!(key.open("test", "here", &sealed).unwrap(), "whispered");
        assert!(key.open("test", "there", &sealed).is_err());
        assert!(other.open("test", "here", &sealed).is_err());
        assert!(key.open("test", "here", &sealed[..20]).is_err());
        assert!(key.open("test", "here", b"").is_err());
        assert_ne!(key.seal("test", "here", "whispered").unwrap(), sealed);
    }
}
