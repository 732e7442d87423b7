//! Hashes of secrets and of personal data, which keys contain in place of the values.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// SHA-256 in hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// HMAC-SHA256 in hex.
pub(crate) fn hmac_hex(operation: &'static str, key: &[u8], bytes: &[u8]) -> Result<String, StoreError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| StoreError::Secret { operation })?;
    mac.update(bytes);
    Ok(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_match_the_test_vectors_of_the_standards() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        // RFC 4231, test case 2.
        let mac = hmac_hex("test", b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
