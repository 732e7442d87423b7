//! Randomness from the system.

use tessera_domain::decide::Seed;

use crate::StoreError;

/// The 62 characters that keys and secrets are made of.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Fresh randomness for one attempt at a decision (a preview needs one too).
///
/// # Errors
/// When the system has none.
pub fn seed() -> Result<Seed, StoreError> {
    bytes().map(Seed)
}

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
    Ok(bytes)
}

/// A text of so many random letters and digits, each equally likely.
pub(crate) fn text(length: usize) -> Result<String, StoreError> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let drawn: [u8; 64] = bytes()?;
        // 248 is the largest multiple of 62 in a byte: beyond it the first letters would be likelier.
        let fair = drawn.iter().filter(|byte| **byte < 248);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(letters.take(length - text.len()));
    }
    Ok(text)
}

/// A new identifier with a prefix: it sorts by the time of its making.
pub(crate) fn id(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::now_v7().simple())
}
