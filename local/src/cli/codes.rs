//! `tessera codes FILE --reward ID`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::api::ApiArgs;
use crate::codes::{Loaded, Loading, load};

/// Load a file of codes into the pool of a reward: one code a line. Loading a file again adds nothing twice.
#[derive(Debug, Args)]
pub struct CodesArgs {
    /// The file: one code a line, or a CSV file. Of it, the column whose header means a code, otherwise the first.
    file: PathBuf,
    /// The reward.
    #[arg(long, value_name = "ID")]
    reward: String,
    #[command(flatten)]
    api: ApiArgs,
}

impl CodesArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let loading = Loading { url: self.api.url.clone(), key: self.api.key.clone(), reward: self.reward };
        let loaded = load(&self.file, &loading).await?;
        let Loaded { added, duplicates, remaining } = loaded;
        let told = json!({ "added": added, "duplicates": duplicates, "remaining": remaining });
        self.api.print(
            &told,
            &format!("{added} codes added, {duplicates} known already;\n{remaining} are left in the pool\n"),
        )
    }
}
