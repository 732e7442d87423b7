//! `tessera verify`.

use anyhow::Context;
use clap::Args;

use super::StorageArgs;
use crate::Platform;
use crate::deployment::Deployment;
use crate::stack::StackOptions;
use crate::verify::{Report, verify};

/// Prove the ledger of a folder, of a deployed stack or of a running local one.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    storage: StorageArgs,
    /// The name of a deployed stack, whose tables are read under your AWS credentials.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["data", "memory"])]
    stack: Option<String>,
    /// The address of a running local stack, when neither is named.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
}

impl VerifyArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let report: Report = if let Some(stack) = &self.stack {
            verify(&Deployment::connect(stack).await.store).await?
        } else if self.storage.data.is_some() {
            // Starting the stack carries on with what a killed one left unfinished; then nothing is under way.
            let options = StackOptions { storage: self.storage.storage(), ..StackOptions::default() };
            let stack = Platform::start(options).await?;
            stack.settle().await?;
            let report = verify(stack.store()).await?;
            stack.shutdown().await;
            report
        } else {
            let answer = reqwest::get(format!("{}/_local/verify", self.url)).await;
            let answer =
                answer.with_context(|| format!("{} cannot be reached; name a folder with --data", self.url))?;
            answer.error_for_status()?.json().await?
        };
        print!("{report}");
        anyhow::ensure!(report.discrepancies.is_empty(), "the ledger does not prove");
        Ok(())
    }
}
