//! The `tessera` binary.

use std::process::ExitCode;

use clap::Parser;
use tessera_local::cli::{Cli, end_with_the_output, report_failure};

#[tokio::main]
async fn main() -> ExitCode {
    end_with_the_output();
    tessera_local::init_logging();
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_failure(&error),
    }
}
