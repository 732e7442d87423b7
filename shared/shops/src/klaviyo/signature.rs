//! Signatures of system webhooks, and the shared secret of flow webhooks.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use crate::signature::{SignatureError, is_fresh, is_one_of, verify_hex};

/// Checks the signature of a system webhook: hexadecimal, over the body and the timestamp as its header has it.
///
/// # Errors
/// When a header has another form, no secret produces the signature, or the time is more than five minutes off.
pub fn verify(
    secrets: &[&str],
    body: &[u8],
    timestamp: &str,
    signature: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let at = moment(timestamp).ok_or(SignatureError::Malformed)?;
    verify_hex(secrets, &[body, timestamp.as_bytes()], signature)?;
    if is_fresh(at, now) { Ok(()) } else { Err(SignatureError::Stale) }
}

/// Checks the shared secret of a flow webhook, in constant time.
///
/// # Errors
/// When it is none of the secrets.
pub fn verify_shared(secrets: &[&str], given: &str) -> Result<(), SignatureError> {
    if given.is_empty() {
        return Err(SignatureError::Malformed);
    }
    if is_one_of(secrets, given) { Ok(()) } else { Err(SignatureError::Wrong) }
}

/// The time of a header. Klaviyo's documentation has ISO 8601, its deliveries also dates of HTTP.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let with_offset = || text.parse().ok();
    let of_http = || rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    let without_offset = || {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    with_offset().or_else(of_http).or_else(without_offset)
}
