//! Bytes for storage: CBOR (RFC 8949), self-describing, so that two versions of a function can read each other's items.
//!
//! What is stored refuses fields that it does not know: whoever reads an item that a newer version wrote, and writes it
//! back, would lose them. While a deployment is under way the older function answers 503, or leaves its message for later.

pub(crate) mod rows;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes cannot be read as {what}: {why}")]
pub struct PackError {
    what: &'static str,
    why: String,
}

/// Packs a value.
///
/// # Errors
/// Never for the types of this crate; the encoder's own otherwise.
pub fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    cbor4ii::serde::to_vec(Vec::new(), value)
        .map_err(|error| PackError { what: std::any::type_name::<T>(), why: error.to_string() })
}

/// Unpacks a value.
///
/// # Errors
/// When the bytes are not such a value.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PackError> {
    cbor4ii::serde::from_slice(bytes)
        .map_err(|error| PackError { what: std::any::type_name::<T>(), why: error.to_string() })
}
