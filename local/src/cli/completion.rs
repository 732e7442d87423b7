//! `tessera completion`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;

/// Print the completion script of a shell, such as `tessera completion bash > /etc/bash_completion.d/tessera`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

impl CompletionArgs {
    pub(super) fn run(&self) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tessera", &mut script);
        print!("{}", String::from_utf8_lossy(&script));
    }
}
