//! `tessera export` and `tessera import --full`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tessera_store::ExportKind;

use super::api::ApiArgs;
use crate::import::ImportClient;
use crate::transfer;

/// Export everything that a program has, except secrets: one file for each kind, one JSON object a line.
///
/// `tessera import --full DIR` restores it into a program without members and facts.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl ExportArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = ImportClient::new(&self.api.url, &self.api.key);
        let bar = bar("exporting {msg} {bytes} {binary_bytes_per_sec}")?;
        let lines = transfer::export(&client, &self.out, step(&bar)).await?;
        bar.finish_and_clear();
        let folder = self.out.display().to_string();
        self.api.print(&json!({ "items": lines, "folder": folder }), &format!("{lines} items are in\n{folder}\n"))
    }
}

/// Restores an exported folder.
pub(super) async fn restore(client: &ImportClient, folder: &Path, api: &ApiArgs) -> anyhow::Result<()> {
    let bar = bar("restoring {msg} {bytes} {binary_bytes_per_sec}")?;
    let sealed = transfer::restore(client, folder, step(&bar)).await?;
    bar.finish_and_clear();
    let (members, entries) = (&sealed["members"], &sealed["entries"]);
    api.print(&sealed, &format!("{members} members and {entries} entries are\nrestored; every balance is proven\n"))
}

fn step(bar: &ProgressBar) -> impl Fn(ExportKind, u64) + '_ {
    |kind, bytes| {
        bar.set_message(kind.name());
        bar.inc(bytes);
    }
}

fn bar(template: &str) -> anyhow::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    Ok(ProgressBar::no_length().with_style(ProgressStyle::with_template(template)?))
}
