//! `tessera verify`.

use anyhow::Context;
use clap::Args;

use super::StorageArgs;
use crate::Platform;
use crate::deployment::Deployment;
use crate::stack::StackOptions;
use crate::verify::{Verification, verify};

/// Verify the ledger of a folder, a deployed stack or a running local stack.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    storage: StorageArgs,
    /// The name of a deployed stack. Its tables are read with your AWS credentials.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["data", "memory"])]
    stack: Option<String>,
    /// The address of a running local stack, when neither option above is set.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
}

impl VerifyArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let report: Verification = if let Some(stack) = &self.stack {
            verify(&Deployment::connect(stack).await.store).await?
        } else if self.storage.data.is_some() {
            // A started stack first completes what a killed one left unfinished.
            let options = StackOptions { storage: self.storage.storage(), ..StackOptions::default() };
            let stack = Platform::start(options).await?;
            stack.settle().await?;
            let report = verify(stack.store()).await?;
            stack.shutdown().await;
            report
        } else {
            let response = reqwest::get(format!("{}/_local/verify", self.url)).await;
            let response =
                response.with_context(|| format!("{} cannot be reached; name a folder with --data", self.url))?;
            response.error_for_status()?.json().await?
        };
        print!("{report}");
        anyhow::ensure!(report.discrepancies.is_empty(), "the ledger has discrepancies");
        Ok(())
    }
}
