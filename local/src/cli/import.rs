//! `tessera import FILE`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tessera_import::{CodePage, DateOrder, Field, ImportKind, ImportMode, ImportSource, PlanRequest};

use super::api::ApiArgs;
use super::export;
use crate::failure::Failure;
use crate::import::{ImportClient, file_key};

/// Import a CSV file: members with balances, tiers, coupons, or past orders.
///
/// The columns are found by themselves; look at what was found with --dry-run, which checks every row and writes nothing.
/// Rows that cannot be imported are refused one by one, and written to an error file. Importing the same file again
/// continues an interrupted import, and otherwise changes nothing.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file: CSV with commas, semicolons or tabs.
    #[arg(required_unless_present = "full")]
    file: Option<PathBuf>,
    /// Restore the folder of `tessera export` into a program without members and facts.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    full: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArgs,
    /// What the rows are: members, tiers, coupons, `referral_codes` or orders.
    #[arg(long, default_value = "members", value_parser = choice(&ImportKind::ALL))]
    kind: ImportKind,
    /// Where the file comes from: smile, yotpo, loyaltylion, wix or generic.
    #[arg(long, default_value = "generic", value_parser = choice(&ImportSource::ALL))]
    source: ImportSource,
    /// Whether points are added, or are the balance afterwards: add or set.
    #[arg(long, default_value = "add", value_parser = choice(&ImportMode::ALL))]
    mode: ImportMode,
    /// Map a field to a column, as field=column; may be repeated.
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,
    /// Points for one unit of money, instead of the program's rules; for orders.
    #[arg(long, value_name = "NUMBER")]
    points_per_unit: Option<String>,
    /// Put this before customer and order ids.
    #[arg(long, value_name = "TEXT")]
    id_prefix: Option<String>,
    /// The order of dates whose year comes last: dmy or mdy.
    #[arg(long, value_parser = choice(&DateOrder::ALL))]
    dates: Option<DateOrder>,
    /// The code page of a file that is not UTF-8.
    #[arg(long, value_parser = choice(&CodePage::ALL))]
    encoding: Option<CodePage>,
    /// Check every row and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Undo the import of this file.
    #[arg(long, conflicts_with = "dry_run")]
    undo: bool,
    /// Where to write the refused rows; by default beside the file.
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
}

/// A parser of one of some named values.
fn choice<T: Copy + Send + Sync + 'static, const N: usize>(
    choices: &'static [(&'static str, T); N],
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        found.ok_or_else(|| format!("must be one of {}", names.join(", ")))
    }
}

impl ImportArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = ImportClient::new(&self.api.url, &self.api.key);
        if let Some(folder) = &self.full {
            return export::restore(&client, folder, &self.api).await;
        }
        let plan = self.plan()?;
        let request = self.request(&plan)?;
        let created = client.create(&request).await?;
        let id = created["id"].as_str().context("the response has no id")?.to_owned();
        if self.undo {
            return self.undo(&client, &id, &created["state"]).await;
        }
        if created["state"] == "uploading" {
            let size = self.file().metadata().map_or(0, |metadata| metadata.len());
            let bar = bar(size, "sending {bytes} of {total_bytes} {wide_bar} {eta}")?;
            let parts = client.upload(&id, self.file(), &plan, |bytes| bar.inc(bytes)).await?;
            bar.finish_and_clear();
            if !self.api.output.json {
                print!("{}", mapping(&client.get(&id).await?));
            }
            client.start(&id, Some(parts)).await?;
        } else {
            if !self.api.output.json {
                println!("{id} was sent before and is {}", created["state"].as_str().unwrap_or_default());
            }
            // Its worker may have been killed.
            client.start(&id, None).await?;
        }
        let seen = self.wait(&client, &id, "importing").await?;
        ensure!(seen["state"] != "failed", "{}", seen["reason"].as_str().unwrap_or("the import failed"));
        let verb = if self.dry_run { "can be imported" } else { "imported" };
        let done =
            |done: u64, failed: u64| format!("{done} rows: {} {verb}, {failed} refused\n", done.saturating_sub(failed));
        self.report(&client, &id, &seen, done).await
    }

    fn file(&self) -> &Path {
        self.file.as_deref().unwrap_or_else(|| Path::new(""))
    }

    async fn undo(&self, client: &ImportClient, id: &str, state: &Value) -> anyhow::Result<()> {
        if *state == "uploading" {
            let file = self.file().display();
            bail!(Failure::Refused(format!(
                "{file} was not imported: only the file as it was, with the same options, is undone"
            )));
        }
        client.undo(id).await?;
        let seen = self.wait(client, id, "undoing").await?;
        ensure!(seen["state"] == "undone", "{}", seen["reason"].as_str().unwrap_or("the import was not undone"));
        // Rows that were refused had nothing to undo.
        let undone = |_, failed: u64| format!("the import is undone; {failed} rows could not be\n");
        self.report(client, id, &seen, undone).await
    }

    async fn wait(&self, client: &ImportClient, id: &str, what: &str) -> anyhow::Result<Value> {
        let rows = bar(0, &format!("{what} {{human_pos}} of {{human_len}} rows {{wide_bar}} {{per_sec}} {{eta}}"))?;
        let seen = client
            .wait(id, |seen| {
                rows.set_length(seen["rows"].as_u64().unwrap_or(0));
                rows.set_position(seen["done"].as_u64().unwrap_or(0));
            })
            .await;
        rows.finish_and_clear();
        seen
    }

    async fn report(
        &self,
        client: &ImportClient,
        id: &str,
        seen: &Value,
        text: impl Fn(u64, u64) -> String,
    ) -> anyhow::Result<()> {
        let (done, failed) = (seen["done"].as_u64().unwrap_or(0), seen["failed"].as_u64().unwrap_or(0));
        let mut told = json!({ "import": id, "state": seen["state"], "rows": seen["rows"], "done": done, "failed": failed,
                               "mapping": seen["preview"]["mapping"] });
        let mut text = text(done, failed);
        if failed > 0 {
            let file = self.errors.clone().unwrap_or_else(|| {
                let mut name = self.file().file_stem().unwrap_or_default().to_owned();
                name.push(".errors.csv");
                self.file().with_file_name(name)
            });
            let out = File::create(&file).with_context(|| format!("{} cannot be written", file.display()))?;
            client.errors(id, out).await?;
            told["errors"] = json!(file.display().to_string());
            text.extend(["the refused rows are in ", &file.display().to_string(), "\n"]);
        }
        self.api.print(&told, &text)
    }

    fn plan(&self) -> anyhow::Result<PlanRequest> {
        let mut columns = BTreeMap::new();
        for mapped in &self.map {
            let split = mapped.split_once('=');
            let (field, column) = split.ok_or_else(|| Failure::Usage(format!("{mapped} is not field=column")))?;
            let Some(field) = Field::from_name(field) else {
                let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
                bail!(Failure::Usage(format!("{field} is no field; the fields are {}", names.join(", "))));
            };
            columns.insert(field, column.to_owned());
        }
        let per_unit = self.points_per_unit.as_deref().map(str::parse).transpose();
        Ok(PlanRequest {
            kind: self.kind,
            source: self.source,
            mode: self.mode,
            mapping: columns,
            id_prefix: self.id_prefix.clone(),
            points_per_unit: per_unit.map_err(|_| Failure::Usage("--points-per-unit is not a number".to_owned()))?,
            dates: self.dates,
            code_page: self.encoding.unwrap_or_default(),
        })
    }

    fn request(&self, plan: &PlanRequest) -> anyhow::Result<Value> {
        let mut options = json!({});
        let given = [
            ("points_per_unit", self.points_per_unit.clone().map(Value::from)),
            ("id_prefix", self.id_prefix.clone().map(Value::from)),
            ("dates", self.dates.map(|order| json!(order))),
            ("encoding", self.encoding.map(|page| json!(page))),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                options[name] = value;
            }
        }
        Ok(json!({
            "kind": plan.kind, "source": plan.source, "mode": plan.mode, "mapping": plan.mapping,
            "key": file_key(self.file(), plan)?, "options": options, "dry_run": self.dry_run,
        }))
    }
}

/// What the columns of a file mean, as aligned text.
fn mapping(import: &Value) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{}\n", import["id"].as_str().unwrap_or_default());
    for column in import["preview"]["mapping"].as_array().into_iter().flatten() {
        let cell = |name: &str| column[name].as_str().unwrap_or("-").to_owned();
        let field = if column["field"].is_null() { "not imported".to_owned() } else { cell("field") };
        let _ = writeln!(text, "  {:<24} {:<20} {}", cell("header"), field, cell("confidence"));
    }
    text
}

fn bar(length: u64, template: &str) -> anyhow::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    Ok(ProgressBar::new(length).with_style(ProgressStyle::with_template(template)?))
}
