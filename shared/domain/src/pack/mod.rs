//! Bytes for storage: CBOR (RFC 8949), which is self-describing, so that two versions of a function can read each other's
//! items.
//!
//! Stored types refuse fields that they do not know: a function that reads an item of a newer version and writes it back
//! would lose them. During a deployment the older function responds with 503, or leaves its message for later.

pub(crate) mod rows;
mod strict;

use cbor4ii::core::utils::SliceReader;
use serde::Serialize;
use serde::de::DeserializeOwned;

use strict::Strict;

/// An error while packing or unpacking.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes cannot be read as {what}: {why}")]
pub struct PackError {
    what: &'static str,
    why: String,
}

impl PackError {
    pub(crate) fn new<T>(why: impl std::fmt::Display) -> Self {
        Self { what: std::any::type_name::<T>(), why: why.to_string() }
    }
}

/// Packs a value.
///
/// # Errors
/// Never for the types of this crate; the encoder's own otherwise.
pub fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, PackError> {
    cbor4ii::serde::to_vec(Vec::new(), value).map_err(PackError::new::<T>)
}

/// Unpacks a value.
///
/// # Errors
/// When the bytes are not such a value.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PackError> {
    cbor4ii::serde::from_slice(bytes).map_err(PackError::new::<T>)
}

/// Unpacks a value and refuses every field that its type, or a type inside, does not have.
///
/// # Errors
/// When the bytes are not such a value, or have a field that is not known.
pub(crate) fn unpack_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PackError> {
    let mut deserializer = cbor4ii::serde::Deserializer::new(SliceReader::new(bytes));
    T::deserialize(Strict(&mut deserializer)).map_err(PackError::new::<T>)
}
