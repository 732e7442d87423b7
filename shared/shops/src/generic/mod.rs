//! Any other sender: a signature by Standard Webhooks or HMAC in a named header, and a mapping by JSON pointers.

mod mapping;

pub use mapping::{FieldSource, Mapping, MappingKind, apply};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::signature::{SignatureError, verify_base64, verify_hex, verify_standard};

/// How deliveries are signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignatureScheme {
    /// As the Standard Webhooks specification says.
    StandardWebhooks,
    /// HMAC-SHA256 of the body.
    HmacSha256 {
        /// The header that carries it, in lower case.
        header: String,
        /// How it is written.
        encoding: SignatureEncoding,
        /// What stands before it, such as `sha256=`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

impl SignatureScheme {
    /// Checks the signature of a delivery. `header` reads a header by its name in lower case.
    ///
    /// # Errors
    /// When it is missing, has another form, is stale, or no secret produces it.
    pub fn verify<'h>(
        &self,
        secrets: &[&str],
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let named = |name: &str| header(name).ok_or(SignatureError::Malformed);
        match self {
            Self::StandardWebhooks => {
                let (id, time) = (named("webhook-id")?, named("webhook-timestamp")?);
                verify_standard(secrets, id, time, body, named("webhook-signature")?, now)
            }
            Self::HmacSha256 { header: name, encoding, prefix } => {
                let given = named(name)?.trim();
                let given = match prefix {
                    Some(prefix) => given.strip_prefix(prefix.as_str()).ok_or(SignatureError::Malformed)?,
                    None => given,
                };
                match encoding {
                    SignatureEncoding::Hex => verify_hex(secrets, &[body], given),
                    SignatureEncoding::Base64 => verify_base64(secrets, &[body], given),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
