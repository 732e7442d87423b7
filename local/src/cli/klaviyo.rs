//! `tessera klaviyo`.

use std::io::{self, IsTerminal};

use anyhow::ensure;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::api::ApiArgs;
use crate::import::ImportClient;
use crate::klaviyo::{start, wait};

#[derive(Debug, Subcommand)]
pub(super) enum KlaviyoCommand {
    /// Bring the profile of every member to Klaviyo, without starting a flow.
    ///
    /// One backfill runs at a time: while one does, this waits for it. It goes on without this command, and when Klaviyo is
    /// down, it waits and continues where it stopped.
    Backfill(BackfillArgs),
}

#[derive(Debug, Args)]
pub(super) struct BackfillArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Start it and do not wait for its end.
    #[arg(long)]
    no_wait: bool,
}

impl KlaviyoCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Backfill(args) => args.run().await,
        }
    }
}

impl BackfillArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = ImportClient::new(&self.api.url, &self.api.key);
        let started = start(&client).await?;
        if self.no_wait {
            return self.api.print(&started, "the backfill is running\n");
        }
        let bar = bar()?;
        let seen = wait(&client, started, |seen| {
            bar.set_position(seen["profiles"].as_u64().unwrap_or(0));
            let jobs = seen["jobs"].as_u64().unwrap_or(0);
            let reason = seen["reason"].as_str().map(|reason| format!(": {reason}"));
            bar.set_message(format!("{jobs} open jobs{}", reason.unwrap_or_default()));
        })
        .await;
        bar.finish_and_clear();
        let seen = seen?;
        ensure!(seen["state"] == "done", "{}", seen["reason"].as_str().unwrap_or("the backfill failed"));
        let (profiles, refused) = (seen["profiles"].as_u64().unwrap_or(0), seen["refused"].as_u64().unwrap_or(0));
        let mut text = format!("{profiles} profiles sent, {refused} refused\n");
        if refused > 0 {
            text.push_str("GET /v1/integrations/klaviyo/dead-letters\nsays why\n");
        }
        self.api.print(&seen, &text)
    }
}

fn bar() -> anyhow::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} profiles sent, {wide_msg}")?;
    Ok(ProgressBar::no_length().with_style(style))
}
