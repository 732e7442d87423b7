//! Klaviyo: opened and clicked e-mails, by its system webhooks or by the webhooks of flows.
//!
//! Never run against the vendor: the fields are those of its documentation.
//!
//! - A system webhook is signed and carries up to 1,000 events, each as its API returns events.
//! - A flow webhook carries a shared secret in a header, and one event in a form of ours: the merchant writes its body.

mod event;
mod signature;

pub use event::{EmailAction, EmailEvent, events};
pub use signature::{verify, verify_shared};

/// The header with the signature of a system webhook.
pub const SIGNATURE: &str = "klaviyo-signature";
/// The header with the time of a system webhook, which is signed with the body.
pub const TIMESTAMP: &str = "klaviyo-timestamp";
/// The header with the id of a system webhook; the body repeats it.
pub const WEBHOOK_ID: &str = "klaviyo-webhook-id";
/// The most events of a delivery.
pub const MOST_EVENTS: usize = 1_000;

#[cfg(test)]
mod tests;
