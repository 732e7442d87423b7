//! `tessera report`.

mod chart;
mod html;
mod statement;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use statement::Statement;

/// Print the statement of a period: how the points that customers hold came about, in points and money.
///
/// It is made of GET /v1/liability and GET /v1/overview, so that it says what they say. Points are valued at today's
/// point value.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The API's address.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// An API key with `reports:read`.
    #[arg(long, env = "TESSERA_KEY")]
    key: String,
    /// The first day, such as 2026-03-01.
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The day after the last, such as 2026-04-01.
    #[arg(long, value_name = "DATE")]
    to: String,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The output file; by default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned text for a terminal.
    Table,
    /// The two responses as JSON.
    Json,
    /// A page with charts, for a browser or a printer.
    Html,
}

impl ReportArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let liability = self.get("liability", "").await?;
        let overview = self.get("overview", "&bucket=day").await?;
        let text = match self.format {
            Format::Json => {
                let both = json!({ "liability": liability, "overview": overview });
                serde_json::to_string_pretty(&both)? + "\n"
            }
            Format::Table => table::render(&Statement::read(liability, overview)?),
            Format::Html => html::render(&Statement::read(liability, overview)?),
        };
        match &self.out {
            None => print!("{text}"),
            Some(file) => fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?,
        }
        Ok(())
    }

    async fn get(&self, report: &str, more: &str) -> anyhow::Result<Value> {
        let url = format!("{}/v1/{report}?from={}&to={}{more}", self.url, self.from, self.to);
        let request = reqwest::Client::new().get(&url).bearer_auth(&self.key);
        let response = request.send().await.with_context(|| format!("{} cannot be reached", self.url))?;
        let status = response.status();
        let body: Value = response.json().await.with_context(|| format!("{url} does not respond with JSON"))?;
        if status.is_success() {
            return Ok(body);
        }
        let faults = body["errors"].as_array().into_iter().flatten();
        let faults: Vec<String> = faults
            .map(|fault| {
                let [pointer, detail] = ["pointer", "detail"].map(|name| fault[name].as_str().unwrap_or_default());
                format!("{}: {detail}", pointer.trim_start_matches('/'))
            })
            .collect();
        let detail = body["detail"].as_str().unwrap_or_default();
        bail!("{report} is refused: {}", if faults.is_empty() { detail.to_owned() } else { faults.join("; ") })
    }
}
