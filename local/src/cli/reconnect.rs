//! `tessera reconnect`.

use clap::Args;
use serde_json::json;

use super::OutputArgs;
use crate::deployment::{Deployment, DeploymentArgs};
use crate::event_sources::reconnect;

/// Let the functions of a deployed stack read the streams of restored tables.
///
/// A restored table has a new stream; until this, nothing that is written to the table goes on. Run it again after an error.
#[derive(Debug, Args)]
pub struct ReconnectArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl ReconnectArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let deployment = Deployment::connect(&self.deployment.stack).await;
        let done = reconnect(&deployment).await?;
        let told: Vec<_> = done.iter().map(|each| json!({ "function": each.function, "table": each.table })).collect();
        let lines: Vec<String> =
            done.iter().map(|each| format!("{} reads the stream of {}\n", each.function, each.table)).collect();
        let text = if done.is_empty() { "all streams are read\n".to_owned() } else { lines.concat() };
        self.output.print(&json!({ "reconnected": told }), &text)
    }
}
