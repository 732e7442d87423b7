//! `tessera keys`.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::ApiArgs;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List the API keys.
    List(ListArgs),
    /// Create an API key and print it: it is not shown again.
    Create(CreateKeyArgs),
    /// Delete an API key.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
pub(super) struct CreateKeyArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The name: the actor in the audit.
    #[arg(long)]
    name: String,
    /// What the key may do, such as receipts:write; several with commas.
    #[arg(long, value_name = "SCOPES", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// The identifiers that it may state as verified: card, email, phone. Absent: no bound.
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    verifies: Option<Vec<String>>,
    /// Its own limit of requests per minute.
    #[arg(long, value_name = "NUMBER")]
    per_minute: Option<u32>,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The id of the key, key_….
    id: String,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl KeysCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run().await,
            Self::Create(args) => args.run().await,
            Self::Delete(args) => args.run().await,
        }
    }
}

impl ListArgs {
    async fn run(self) -> anyhow::Result<()> {
        let (mut keys, mut path) = (Vec::new(), LIST.to_owned());
        loop {
            let page = self.api.send(Method::GET, &path, &[], None).await?.body;
            keys.extend(page["items"].as_array().into_iter().flatten().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            path = format!("{LIST}&cursor={}", percent_encoding::utf8_percent_encode(next, UNSAFE));
        }
        let items = Value::from(keys);
        let text: String = items.as_array().into_iter().flatten().map(shown).collect();
        self.api.print(&items, &text)
    }
}

impl CreateKeyArgs {
    async fn run(self) -> anyhow::Result<()> {
        let mut body = json!({ "name": self.name, "scopes": self.scopes });
        if let Some(kinds) = &self.verifies {
            body["verifies"] = json!(kinds);
        }
        if let Some(limit) = self.per_minute {
            body["per_minute"] = json!(limit);
        }
        let made = self.api.send(Method::POST, "/v1/api-keys", &because(self.reason.as_ref()), Some(&body)).await?.body;
        let key = made["key"].as_str().unwrap_or_default();
        self.api.print(&made, &format!("{}  key     {key}\n", shown(&made)))
    }
}

impl DeleteArgs {
    async fn run(self) -> anyhow::Result<()> {
        let path = format!("/v1/api-keys/{}", percent_encoding::utf8_percent_encode(&self.id, UNSAFE));
        self.api.send(Method::DELETE, &path, &because(self.reason.as_ref()), None).await?;
        self.api.print(&json!({ "deleted": self.id }), &format!("{} is deleted\n", self.id))
    }
}

/// The first page of keys.
const LIST: &str = "/v1/api-keys?limit=250";

/// What an identifier in a path must not be taken for.
const UNSAFE: &percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC;

fn because(reason: Option<&String>) -> Vec<(&'static str, &str)> {
    reason.map(|reason| ("tessera-reason", reason.as_str())).into_iter().collect()
}

/// A key, a field a line: it fits a terminal of 40 columns.
fn shown(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let scopes = key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let scopes = scopes.collect::<Vec<_>>().join("\n          ");
    format!("{}\n  name    {}\n  scopes  {scopes}\n  created {}\n", text("id"), text("name"), text("created_at"))
}
