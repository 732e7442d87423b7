//! `tessera verify`.

use anyhow::Context;
use clap::Args;
use http::Method;
use serde_json::json;

use super::{FolderArgs, OutputArgs};
use crate::Platform;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::stack::StackOptions;
use crate::verify::{Verification, verify};
use crate::web::{WebClient, WebRequest, address};

/// Verify the ledger of a folder, a deployed stack or a running local stack.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// The name of a deployed stack. Its tables are read with your AWS credentials.
    #[arg(long, value_name = "NAME", conflicts_with = "data")]
    stack: Option<String>,
    /// The address of a running local stack, when neither option above is set.
    #[arg(long, env = "TESSERA_URL", default_value = "http://127.0.0.1:3000", value_parser = address)]
    url: String,
    #[command(flatten)]
    output: OutputArgs,
}

impl VerifyArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let report: Verification = if let Some(stack) = &self.stack {
            verify(&Deployment::connect(stack).await.store).await?
        } else if let Some(storage) = self.folder.storage()? {
            // A started stack first completes what a killed one left unfinished.
            let options = StackOptions { storage, ..StackOptions::default() };
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
            let body = response.accepted(&self.url)?.body;
            serde_json::from_slice(&body).with_context(|| format!("{} is no running local stack", self.url))?
        };
        self.output.print(&json!(report), &report.to_string())?;
        match report.discrepancies.len() {
            0 => Ok(()),
            discrepancies => Err(Failure::Unsound(discrepancies).into()),
        }
    }
}
