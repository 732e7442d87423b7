//! `tessera program`: a program in git, applied by hand or by CI.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{ApiArgs, has_colours};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum ProgramCommand {
    /// Print the program as a document that can be edited and applied.
    Get(GetArgs),
    /// Show what applying a file would change. Ends with 5 if there are differences.
    Diff(DiffArgs),
    /// Put a file's program in force, or make a draft of it.
    Apply(ApplyArgs),
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// An earlier version; by default the current one.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// The output file; by default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The program as JSON; - for standard input.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The program as JSON; - for standard input.
    file: PathBuf,
    /// Make a draft, which somebody publishes: the only way with two-person publishing.
    #[arg(long)]
    draft: bool,
    /// When the draft is to come into force, once it is published.
    #[arg(long, value_name = "TIME", requires = "draft")]
    publish_at: Option<String>,
    /// Why, for the audit and for whoever publishes the draft.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl ProgramCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Get(args) => args.run().await,
            Self::Diff(args) => args.run().await,
            Self::Apply(args) => args.run().await,
        }
    }
}

impl GetArgs {
    async fn run(self) -> anyhow::Result<()> {
        let mut document = match self.version {
            None => self.api.send(Method::GET, "/v1/program", &[], None).await?.body,
            Some(version) => {
                let path = format!("/v1/program/versions/{version}");
                self.api.send(Method::GET, &path, &[], None).await?.body["program"].take()
            }
        };
        if let Value::Object(fields) = &mut document {
            // They change with every version, and say nothing that a PUT takes.
            for read_only in ["id", "version", "updated_at"] {
                fields.remove(read_only);
            }
        }
        let text = serde_json::to_string_pretty(&document)?;
        match &self.out {
            None => println!("{text}"),
            Some(file) => {
                fs::write(file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
            }
        }
        Ok(())
    }
}

impl DiffArgs {
    async fn run(self) -> anyhow::Result<()> {
        let tried = try_out(&self.api, &read(&self.file)?, None).await?;
        let differences = tried["diff"].as_array().map_or(0, Vec::len);
        self.api.print(&tried, &shown(&tried["diff"], has_colours()))?;
        if differences == 0 { Ok(()) } else { Err(Failure::Differs(differences).into()) }
    }
}

impl ApplyArgs {
    async fn run(self) -> anyhow::Result<()> {
        let document = read(&self.file)?;
        // What is shown is what is applied: somebody else's change in between is refused.
        let etag = self.api.send(Method::GET, "/v1/program", &[], None).await?.etag;
        let tried = try_out(&self.api, &document, etag.as_deref()).await?;
        let diff = &tried["diff"];
        if diff.as_array().is_none_or(Vec::is_empty) {
            return self.api.print(&json!({ "version": tried["version"], "diff": [] }), "nothing to change\n");
        }
        let reason = self.reason.as_deref().map(|reason| ("tessera-reason", reason));
        let headers: Vec<(&str, &str)> =
            etag.as_deref().map(|etag| ("if-match", etag)).into_iter().chain(reason).collect();
        let shown = shown(diff, has_colours());
        if self.draft {
            let draft = json!({ "program": document, "publish_at": self.publish_at, "note": self.reason });
            let draft = self.api.send(Method::POST, "/v1/program/drafts", &headers, Some(&draft)).await?.body;
            let id = draft["id"].as_str().unwrap_or_default();
            return self.api.print(&draft, &format!("{shown}draft {id} waits to be published\n"));
        }
        let stored = self.api.send(Method::PUT, "/v1/program", &headers, Some(&document)).await?.body;
        let version = &stored["version"];
        self.api.print(&json!({ "version": version, "diff": diff }), &format!("{shown}version {version} is in force\n"))
    }
}

/// The dry run of a program.
async fn try_out(api: &ApiArgs, document: &Value, etag: Option<&str>) -> anyhow::Result<Value> {
    let headers: Vec<(&str, &str)> = etag.map(|etag| ("if-match", etag)).into_iter().collect();
    Ok(api.send(Method::PUT, "/v1/program?dry_run=true", &headers, Some(document)).await?.body)
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    } else {
        text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// Differences, one a line, with their values below: it fits a narrow terminal.
fn shown(diff: &Value, has_colours: bool) -> String {
    let one = |difference: &Value| {
        let [change, pointer] = ["change", "pointer"].map(|name| difference[name].as_str().unwrap_or_default());
        let values = [("before", '-', "31"), ("after", '+', "32")].into_iter().filter_map(|(name, sign, colour)| {
            let line = format!("  {sign} {}", difference.get(name)?);
            Some(if has_colours { format!("\u{1b}[{colour}m{line}\u{1b}[0m\n") } else { line + "\n" })
        });
        format!("{change} {pointer}\n{}", values.collect::<String>())
    };
    diff.as_array().into_iter().flatten().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_with_both_values() {
        let diff = json!([
            { "pointer": "/name", "change": "changed", "before": "A", "after": "B" },
            { "pointer": "/rules/0", "change": "removed", "before": { "id": "gift" } },
        ]);
        let plain = "changed /name\n  - \"A\"\n  + \"B\"\nremoved /rules/0\n  - {\"id\":\"gift\"}\n";
        assert_eq!(shown(&diff, false), plain);
        assert!(shown(&diff, true).contains("\u{1b}[31m  - \"A\"\u{1b}[0m\n"));
        assert_eq!(shown(&json!([]), true), "");
    }
}
