//! `tessera completion`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::{Cli, OutputArgs};

/// Print the completion script of a shell, such as `tessera completion bash > /etc/bash_completion.d/tessera`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell.
    shell: Shell,
    #[command(flatten)]
    output: OutputArgs,
}

impl CompletionArgs {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tessera", &mut script);
        let script = String::from_utf8_lossy(&script);
        self.output.print(&json!({ "shell": self.shell.to_string(), "script": script }), &script)
    }
}
