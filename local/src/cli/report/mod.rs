//! `tessera report`.

mod chart;
mod html;
mod statement;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use statement::Statement;

use super::api::ApiArgs;

/// Print the statement of a period: how the points that customers hold came about, in points and money.
///
/// It is made of GET /v1/liability and GET /v1/overview, so that it says what they say. Points are valued at today's
/// point value.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The first day, such as 2026-03-01.
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The day after the last, such as 2026-04-01.
    #[arg(long, value_name = "DATE")]
    to: String,
    /// The output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    format: ReportFormat,
    /// The output file; by default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
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
        let text = match if self.api.output.json { ReportFormat::Json } else { self.format } {
            ReportFormat::Json => {
                let both = json!({ "liability": liability, "overview": overview });
                serde_json::to_string_pretty(&both)? + "\n"
            }
            ReportFormat::Table => table::render(&Statement::read(liability, overview)?),
            ReportFormat::Html => html::render(&Statement::read(liability, overview)?),
        };
        match &self.out {
            None => print!("{text}"),
            Some(file) => fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?,
        }
        Ok(())
    }

    async fn get(&self, report: &str, more: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/{report}?from={}&to={}{more}", self.from, self.to);
        Ok(self.api.send(Method::GET, &path, &[], None).await?.body)
    }
}
