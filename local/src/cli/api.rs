//! What the subcommands that use the API share: address, key, requests, refusals.

use std::io::{IsTerminal, stdout};

use clap::Args;
use http::Method;
use serde_json::Value;

use super::OutputArgs;
use crate::failure::Failure;
use crate::web::{WebClient, WebRequest, address};

/// The API to use.
#[derive(Debug, Clone, Args)]
pub(super) struct ApiArgs {
    /// The API's address.
    #[arg(long, env = "TESSERA_URL", default_value = "http://127.0.0.1:3000", value_parser = address)]
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
        let response = response.accepted(&self.url)?;
        let body = if response.body.is_empty() { Value::Null } else { serde_json::from_slice(&response.body)? };
        Ok(Answered { etag: response.header("etag").map(str::to_owned), body })
    }

    /// Prints a value as JSON, or a text.
    pub fn print(&self, value: &Value, text: &str) -> anyhow::Result<()> {
        self.output.print(value, text)
    }
}

/// Whether output has colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn has_colours() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !no_color
}
