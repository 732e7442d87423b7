//! `tessera figures`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tessera_lambda::Clock;

use super::{FolderArgs, OutputArgs};
use crate::Platform;
use crate::deployment::Deployment;
use crate::figures::{RebuildScope, rebuild};
use crate::stack::StackOptions;

#[derive(Debug, Subcommand)]
pub(super) enum FiguresCommand {
    /// Add the figures of the reports up from the ledger again. Reads the whole table of members.
    Rebuild(RebuildArgs),
}

/// The figures to rebuild.
#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// The name of a deployed stack. Its tables are read and written with your AWS credentials.
    #[arg(long, value_name = "NAME", default_value = "tessera", conflicts_with = "data")]
    stack: String,
    /// Replace today and the two days before too: only while nothing is written and the stream is read to its end.
    #[arg(long)]
    all_days: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl FiguresCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self::Rebuild(args) = self;
        let scope = if args.all_days { RebuildScope::AllDays } else { RebuildScope::ClosedDays };
        let changed = if let Some(storage) = args.folder.storage()? {
            let options = StackOptions { storage, ..StackOptions::default() };
            let stack = Platform::start(options).await?;
            stack.settle().await?;
            let changed = rebuild(stack.store(), stack.now(), scope).await?;
            stack.shutdown().await;
            changed
        } else {
            rebuild(&Deployment::connect(&args.stack).await.store, Clock::system().now(), scope).await?
        };
        let lines: Vec<_> =
            changed.iter().map(|(program, items)| format!("{program}: {items} items changed\n")).collect();
        let told: serde_json::Map<String, Value> =
            changed.iter().map(|(program, items)| (program.to_string(), json!(items))).collect();
        args.output.print(&json!({ "changed": told }), &lines.concat())
    }
}
