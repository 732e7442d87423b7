//! Requests to the APIs of shops.

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tessera_outbound::{Client, OutboundError};
use tessera_shops::Payload;

/// The part of a response that is shown, in characters.
const EXCERPT: usize = 200;

/// Why nothing was fetched; another attempt may succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchError {
    /// What the shop said.
    pub reason: String,
    /// How long it asks to wait.
    pub asked: Option<SignedDuration>,
}

impl FetchError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), asked: None }
    }
}

/// Fetches a JSON document, its numbers as texts.
///
/// # Errors
/// Without a response, with another status than 200, or when the body is no JSON: some shops respond with a page of HTML.
pub(crate) async fn fetch(
    client: &Client,
    url: &str,
    headers: &[(&str, &str)],
    now: Timestamp,
) -> Result<Value, FetchError> {
    let mut request = Request::get(url).header("accept", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::new()).map_err(|error| FetchError::new(error.to_string()))?;
    exchange(client, request, now).await
}

/// Sends a JSON document and reads the JSON of the response, its numbers as texts.
///
/// # Errors
/// As [`fetch`].
pub(crate) async fn send(client: &Client, url: &str, body: &Value, now: Timestamp) -> Result<Value, FetchError> {
    let request = Request::post(url).header("accept", "application/json").header("content-type", "application/json");
    let request = request.body(Bytes::from(body.to_string()));
    exchange(client, request.map_err(|error| FetchError::new(error.to_string()))?, now).await
}

async fn exchange(client: &Client, request: Request<Bytes>, now: Timestamp) -> Result<Value, FetchError> {
    let response = client.send(request).await.map_err(|error| failed(&error))?;
    if response.status.as_u16() != 200 {
        let reason = format!("{} {}", response.status.as_u16(), excerpt(&response.body));
        return Err(FetchError { reason: reason.trim().to_owned(), asked: response.retry_after(now) });
    }
    Payload::parse(&response.body)
        .map_err(|error| FetchError::new(format!("200, but {error}: {}", excerpt(&response.body))))
}

fn failed(error: &OutboundError) -> FetchError {
    FetchError::new(error.to_string())
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * EXCERPT).unwrap_or(body));
    text.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').take(EXCERPT).collect()
}
