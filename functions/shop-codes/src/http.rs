//! JSON over HTTP, and why a shop did not do what it was asked for.

use ::http::{Request, StatusCode};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tessera_outbound::Client;
use tessera_store::StoreError;

/// The part of a response that is shown, in characters.
const EXCERPT: usize = 200;

/// Why a shop did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum ShopFailure {
    /// Another attempt may succeed.
    Again {
        /// What the shop said.
        reason: String,
        /// How long it asks to wait.
        asked: Option<SignedDuration>,
    },
    /// The shop refused it, and will again: a person has to act.
    Refused(String),
    /// The store failed: the message comes again.
    Store(StoreError),
}

impl ShopFailure {
    pub(crate) fn again(reason: impl Into<String>) -> Self {
        Self::Again { reason: reason.into(), asked: None }
    }
}

impl From<StoreError> for ShopFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A response with a JSON body.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub body: Value,
    /// The beginning of the body, for people.
    pub excerpt: String,
    /// How long the shop asks to wait.
    pub asked: Option<SignedDuration>,
}

impl Reply {
    /// That the shop did not do it, and may do it another time.
    pub fn again(&self) -> ShopFailure {
        let reason = format!("{} {}", self.status.as_u16(), self.excerpt).trim().to_owned();
        ShopFailure::Again { reason, asked: self.asked }
    }
}

/// Sends a request, and reads the response, whatever its status. A body that is no JSON reads as null.
///
/// # Errors
/// Without a response.
pub(crate) async fn exchange(client: &Client, request: Request<Bytes>, now: Timestamp) -> Result<Reply, ShopFailure> {
    let response = client.send(request).await.map_err(|error| ShopFailure::again(error.to_string()))?;
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    let asked = response.retry_after(now);
    Ok(Reply { status: response.status, body, excerpt: excerpt(&response.body), asked })
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * EXCERPT).unwrap_or(body));
    text.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').take(EXCERPT).collect()
}
