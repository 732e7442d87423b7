//! How an attempt can end, whatever its channel.

use jiff::{SignedDuration, Timestamp};
use tessera_outbound::OutboundError;

/// The part of a response that is stored, in characters.
const EXCERPT: usize = 300;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The target accepted the event.
    Accepted(String),
    /// There is nobody to send it to.
    Skipped,
    /// It failed, and another attempt may not.
    Failed {
        /// What the target said.
        reason: String,
        /// How long it asks to wait.
        asked: Option<SignedDuration>,
    },
    /// The target did not respond in time.
    TimedOut(String),
    /// No attempt was made: the target is left alone, or its limit used up, until this moment.
    Deferred(Timestamp),
    /// Another attempt would fail too.
    Refused(String),
    /// The endpoint wants no more requests.
    Gone(String),
}

/// The beginning of a response's body, as text without control characters.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * EXCERPT).unwrap_or(body));
    text.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').take(EXCERPT).collect()
}

/// The outcome of a request without a response. Even a refused address may change.
pub(crate) fn failed(error: &OutboundError) -> AttemptOutcome {
    match error {
        OutboundError::Timeout(_) => AttemptOutcome::TimedOut(error.to_string()),
        OutboundError::Target(_)
        | OutboundError::Connect(_)
        | OutboundError::Interrupted(_)
        | OutboundError::TooLarge(_)
        | OutboundError::Tls(_) => AttemptOutcome::Failed { reason: error.to_string(), asked: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_plain() {
        assert_eq!(excerpt(b"no\r\n\x1b[31mroom \xff"), "no[31mroom ");
        assert_eq!(excerpt(&[b'x'; 10_000]).len(), EXCERPT);
        let wide = "я".repeat(10_000);
        assert_eq!(excerpt(wide.as_bytes()).chars().count(), EXCERPT);
    }
}
