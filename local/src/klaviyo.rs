//! Starts the backfill of Klaviyo and waits for its end.

use std::time::Duration;

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};

use crate::import::ImportClient;

const PATH: &str = "/v1/integrations/klaviyo/backfill";
/// The pause between two looks at a running backfill.
const POLL: Duration = Duration::from_millis(500);

/// Starts a backfill, or finds the one that is running. Returns its state.
///
/// # Errors
/// When Klaviyo is not connected, or the API cannot be reached.
pub async fn start(client: &ImportClient) -> Result<Value> {
    client.send(Method::POST, PATH, Some(&json!({}))).await
}

/// Waits until a backfill is over; `progress` sees each state of it. Returns the last.
///
/// # Errors
/// When the API cannot be reached.
pub async fn wait(client: &ImportClient, mut seen: Value, progress: impl Fn(&Value)) -> Result<Value> {
    loop {
        progress(&seen);
        if seen["state"] != "running" {
            return Ok(seen);
        }
        tokio::time::sleep(POLL).await;
        seen = client.send(Method::GET, PATH, None).await?;
    }
}
