//! What the subcommands that use the API share: address, key, requests, refusals.

use std::io::{IsTerminal, stdout};

use anyhow::Context;
use clap::Args;
use reqwest::{Method, Response};
use serde_json::Value;

use super::exit::Failure;

/// The API to use.
#[derive(Debug, Clone, Args)]
pub(super) struct ApiArgs {
    /// The API's address.
    #[arg(long, env = "TESSERA_URL", default_value = "http://127.0.0.1:3000")]
    url: String,
    /// An API key with the scope `admin`.
    #[arg(long, env = "TESSERA_KEY", hide_env_values = true)]
    key: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What the API responded.
#[derive(Debug)]
pub(super) struct Answered {
    /// The version of the program, where the response carries one.
    pub etag: Option<String>,
    /// The body; null without one.
    pub body: Value,
}

impl ApiArgs {
    /// Sends a request.
    ///
    /// # Errors
    /// [`Failure::Refused`] with what is wrong, one fault a line; [`Failure::Unreachable`] without a usable response.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answered> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        // A pasted key often has a line end.
        let mut request = reqwest::Client::new().request(method, &url).bearer_auth(self.key.trim());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let unreachable = |why: String| Failure::Unreachable(format!("{} cannot be reached: {why}", self.url));
        let response = request.send().await.map_err(|error| unreachable(error.to_string()))?;
        read(response, &self.url).await
    }

    /// Prints a value as JSON, or a text.
    pub fn print(&self, value: &Value, text: &str) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            print!("{text}");
        }
        Ok(())
    }
}

async fn read(response: Response, url: &str) -> anyhow::Result<Answered> {
    let status = response.status();
    let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let text = response.text().await.with_context(|| format!("the response of {url} broke off"))?;
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(Answered { etag, body });
    }
    let detail = body["detail"].as_str().map_or_else(|| format!("{url} responds {status}"), str::to_owned);
    let faults = body["errors"].as_array().into_iter().flatten().map(|fault| {
        let [pointer, detail] = ["pointer", "detail"].map(|name| fault[name].as_str().unwrap_or_default());
        format!("\n  {pointer} {detail}")
    });
    let message = format!("{detail}{}", faults.collect::<String>());
    let is_refused = status.is_client_error() && body["type"].is_string();
    Err(if is_refused { Failure::Refused(message) } else { Failure::Unreachable(message) }.into())
}

/// Whether output has colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn has_colours() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !no_color
}
