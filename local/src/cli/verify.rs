//! `tessera verify`.

use anyhow::Context;
use clap::Args;
use http::Method;
use serde_json::json;

use super::{OutputArgs, StorageArgs};
use crate::Platform;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::stack::StackOptions;
use crate::verify::{Verification, verify};
use crate::web::{WebClient, WebRequest};

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
    #[command(flatten)]
    output: OutputArgs,
}

impl VerifyArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let report: Verification = if let Some(stack) = &self.stack {
            verify(&Deployment::connect(stack).await.store).await?
        } else if self.storage.data.is_some() {
            // A started stack first completes what a killed one left unfinished.
            let options = StackOptions { storage: self.storage.existing()?, ..StackOptions::default() };
            let stack = Platform::start(options).await?;
            stack.settle().await?;
            let report = verify(stack.store()).await?;
            stack.shutdown().await;
            report
        } else {
            let url = format!("{}/_local/verify", self.url.trim_end_matches('/'));
            let response = WebClient::new().send(WebRequest::new(Method::GET, url)).await.map_err(|error| {
                let why = format!("{} cannot be reached; name a folder with --data: {error}", self.url);
                Failure::Unreachable(why)
            })?;
            serde_json::from_slice(&response.body)
                .with_context(|| format!("{} is no running local stack: {}", self.url, response.status))?
        };
        self.output.print(&json!(report), &report.to_string())?;
        match report.discrepancies.len() {
            0 => Ok(()),
            discrepancies => Err(Failure::Unsound(discrepancies).into()),
        }
    }
}
