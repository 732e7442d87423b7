//! The `tessera` binary.

use clap::Parser;
use tessera_local::cli::Cli;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tessera_local::init_logging();
    Cli::parse().run().await
}
