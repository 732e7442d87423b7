//! `tessera codes FILE --reward ID`.

use std::path::PathBuf;

use clap::Args;

use crate::codes::{Loading, load};

/// Load a file of codes into the pool of a reward: one code a line. Loading a file again adds nothing twice.
#[derive(Debug, Args)]
pub struct CodesArgs {
    /// The file: one code a line, or a CSV file with the codes in its first column.
    file: PathBuf,
    /// The reward.
    #[arg(long, value_name = "ID")]
    reward: String,
    /// The API's address.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// An API key with `admin`.
    #[arg(long, env = "TESSERA_KEY")]
    key: String,
}

impl CodesArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let loading = Loading { url: self.url, key: self.key, reward: self.reward };
        let loaded = load(&self.file, &loading).await?;
        println!(
            "{} codes added, {} known already; {} are left in the pool",
            loaded.added, loaded.duplicates, loaded.remaining
        );
        Ok(())
    }
}
