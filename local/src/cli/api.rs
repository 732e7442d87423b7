//! What the subcommands that use the API share: address, key, requests, refusals.

use std::io::{IsTerminal, stdout};

use clap::Args;
use http::Method;
use serde_json::Value;

use super::OutputArgs;
use crate::failure::Failure;
use crate::web::{WebClient, WebRequest, WebResponse};

/// The API to use.
#[derive(Debug, Clone, Args)]
pub(super) struct ApiArgs {
    /// The API's address.
    #[arg(long, env = "TESSERA_URL", default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// An API key with the scope that the command needs: `admin`, or what `docs/cli.md` says.
    #[arg(long, env = "TESSERA_KEY", hide_env_values = true)]
    pub key: String,
    #[command(flatten)]
    pub output: OutputArgs,
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
        let mut request = WebRequest::new(method, url).bearer(&self.key);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = WebClient::new().send(request).await;
        let response =
            response.map_err(|error| Failure::Unreachable(format!("{} cannot be reached: {error}", self.url)))?;
        read(&response, &self.url)
    }

    /// Prints a value as JSON, or a text.
    pub fn print(&self, value: &Value, text: &str) -> anyhow::Result<()> {
        self.output.print(value, text)
    }
}

fn read(response: &WebResponse, url: &str) -> anyhow::Result<Answered> {
    let status = response.status;
    let etag = response.header("etag").map(str::to_owned);
    let body = response.json();
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
    Err(if is_refused { Failure::of_refusal(status, message) } else { Failure::Unreachable(message) }.into())
}

/// Whether output has colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn has_colours() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !no_color
}
