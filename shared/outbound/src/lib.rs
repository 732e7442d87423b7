//! The HTTP client for requests to vendors and to merchants' webhooks.
//!
//! URLs come from merchants, so a request must not reach anything that only our network can reach. [`Client`] checks each
//! address when it connects, after DNS; a name that resolves to another address later gains nothing. It speaks HTTPS with
//! the public root certificates, follows no redirect, and limits time and size.
//!
//! [`webhook_signature`] signs as Standard Webhooks say. [`retry_after`] and [`TokenBucket`] keep requests within a vendor's limits.

mod bucket;
mod client;
mod connect;
mod retry_after;
mod signature;
mod targets;

pub use bucket::{TokenBucket, TokenRate};
pub use client::{Client, OutboundError, OutboundResponse, RequestLimits};
pub use retry_after::retry_after;
pub use signature::webhook_signature;
pub use targets::{TargetError, Targets};
