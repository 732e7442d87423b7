//! `tessera backtest`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tessera_backtest::{BacktestPeriod, Partitions, Plan, Report, Spill, run};
use tessera_domain::ids::ProgramId;
use tessera_domain::input::Fault;
use tessera_domain::program::{Program, SubmittedProgram};
use tessera_domain::time::Moment;

use crate::Platform;
use crate::backtest::FileFacts;
use crate::failure::Failure;
use crate::replay::{Columns, ReadOptions, read_orders};
use crate::stack::{StackOptions, Storage};

/// Show what draft rules would have cost: replay receipts and refunds under the current rules and under the draft.
///
/// The receipts come from a file or from a data folder. A file has one JSON object per line: a receipt
/// as it is sent to POST /v1/receipts, or a refund with the fields of POST /v1/receipts/{id}/refunds and its receipt:
/// `{"refund": {"receipt": "0532-0007", "id": "7-1", "occurred_at": "2026-03-02T10:00:00+01:00", "amount": "5.00"}}`.
/// Lines may be in any order. Receipts without a member are left out.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// The draft: a list of rules, or an object with a list "rules", such as a whole program.
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// The receipts, one JSON object per line; - for standard input.
    #[arg(long, value_name = "FILE", requires = "program", conflicts_with_all = ["data", "orders"])]
    receipts: Option<PathBuf>,
    /// The receipts as a CSV file as for `tessera replay`, with the columns of UCI Online Retail; - for standard input.
    #[arg(long, value_name = "FILE", requires = "program", conflicts_with = "data")]
    orders: Option<PathBuf>,
    /// The data folder of a local stack, which must not be running.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["receipts", "orders"])]
    data: Option<PathBuf>,
    /// The current program; by default the one in the folder.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The id of a program in the folder; by default the one that the folder was created with.
    #[arg(long, value_name = "ID", requires = "data")]
    program_id: Option<String>,
    /// Only receipts from this date or time on; without an offset in the program's time zone.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only receipts and refunds before this date or time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = BacktestFormat::Table)]
    format: BacktestFormat,
    /// Print JSON: as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The output file; by default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The number of threads; by default one per core.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BacktestFormat {
    /// Aligned text for a terminal.
    Table,
    /// The whole report as JSON.
    Json,
    /// A page with charts, for a browser or a printer.
    Html,
}

impl BacktestArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let rules = draft(&self.rules)?;
        let folder = tempfile::tempdir().context("the temporary folder cannot be created")?;
        let (program, facts) = match &self.data {
            Some(data) => self.stored(data, folder.path()).await?,
            None => self.given(folder.path())?,
        };
        let period = self.period(&program, &facts)?;
        let plan = Plan::read(&program, &rules, period).map_err(|faults| refused("the draft", &faults))?;
        // Files have receipts alone.
        let plan = if self.data.is_some() { plan.with_referrals() } else { plan };
        let started = std::time::Instant::now();
        let report = replay(&plan, &facts.facts, self.threads)?;
        let millis = started.elapsed().as_millis().max(1);
        let text = match if self.json { BacktestFormat::Json } else { self.format } {
            BacktestFormat::Table => report.table(),
            BacktestFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
            BacktestFormat::Html => report.html(),
        };
        match &self.out {
            Some(file) => fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?,
            None => io::stdout().write_all(text.as_bytes())?,
        }
        let (receipts, refunds) = (report.facts.receipts, report.facts.refunds);
        let rate = u128::from(receipts + refunds) * 1000 / millis;
        eprintln!(
            "{receipts} receipts and {refunds} refunds replayed twice in {}.{:03} s, {rate} per second; {} without a \
             member and {} refunds without their receipt left out",
            millis / 1000,
            millis % 1000,
            facts.anonymous,
            facts.without_receipt
        );
        Ok(())
    }

    fn period(&self, program: &Program, facts: &FileFacts) -> anyhow::Result<BacktestPeriod> {
        let zone = TimeZone::get(&program.timezone)?;
        let moment = |text: &Option<String>| -> anyhow::Result<Option<Timestamp>> {
            let Some(text) = text else { return Ok(None) };
            let moment =
                Moment::parse(text).ok_or_else(|| Failure::Usage(format!("{text} is not a date or a time")))?;
            Ok(Some(moment.at(&zone)))
        };
        let (from, to) = (moment(&self.from)?, moment(&self.to)?);
        Ok(BacktestPeriod { from, to, as_of: to.unwrap_or(facts.last) })
    }

    /// The program and the facts from files.
    fn given(&self, folder: &Path) -> anyhow::Result<(Program, FileFacts)> {
        let document = json(self.program.as_deref().context("--program is needed with a file of receipts")?)?;
        let program = read(&document, "the program")?;
        let facts = if let Some(file) = &self.orders {
            let options = ReadOptions {
                columns: Columns::default(),
                currency: program.currency,
                zone: TimeZone::get(&program.timezone)?,
                cancellation: "C".to_owned(),
                shift_weeks: 0,
                limit: None,
            };
            FileFacts::orders(read_orders(open(file)?.0, &options)?.operations, program.currency, folder)?
        } else {
            let (file, size) = open(self.receipts.as_deref().context("--receipts, --orders or --data is needed")?)?;
            let bar = bar(size, "reading {bytes} of {total_bytes} {wide_bar} {eta}")?;
            let lines = BufReader::with_capacity(1 << 20, bar.wrap_read(file));
            let facts = FileFacts::lines(lines.lines(), program.currency, folder)?;
            bar.finish_and_clear();
            facts
        };
        Ok((program, facts))
    }

    /// The program and the facts from a data folder.
    async fn stored(&self, data: &Path, folder: &Path) -> anyhow::Result<(Program, FileFacts)> {
        let own = data.join("program");
        let id = match &self.program_id {
            Some(id) => id.clone(),
            None => fs::read_to_string(&own).with_context(|| {
                format!("{} does not say which program is meant; name it with --program-id", own.display())
            })?,
        };
        let id = ProgramId::new(id.trim())?;
        let storage = Storage::Folder(data.to_owned());
        storage.require_tables()?;
        let stack = Platform::start(StackOptions { storage, ..StackOptions::default() }).await?;
        stack.settle().await?;
        let (store, now) = (stack.store().clone(), stack.now());
        let program = if let Some(file) = &self.program {
            read(&json(file)?, "the program")?
        } else {
            let head =
                store.load_head(&id).await?.with_context(|| format!("there is no program {id} in the folder"))?;
            let found = store.load_program(&id, head.version).await?.context("the program's document is missing")?;
            found.program
        };
        let zone = TimeZone::get(&program.timezone)?;
        let facts = tessera_backtest_run::gather(&store, &id, 2, Some(&zone), Spill::new(folder)?).await?;
        stack.shutdown().await;
        Ok((program, FileFacts { facts, last: now, anonymous: 0, without_receipt: 0 }))
    }
}

/// Replays the facts; on a terminal, with a progress bar in bytes.
fn replay(plan: &Plan, facts: &Partitions, threads: Option<NonZeroUsize>) -> anyhow::Result<Report> {
    let threads = threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let bar = bar(Some(facts.bytes()), "replaying {percent} % {wide_bar} {eta}")?;
    let period = plan.period();
    let tally = run(plan, threads, facts.parts(), |part, take| {
        let bytes = facts.bytes_of(part);
        facts.each(part, &period, take)?;
        bar.inc(bytes);
        Ok::<_, tessera_backtest::SpillError>(())
    })?;
    bar.finish_and_clear();
    Ok(Report::new(plan, &tally))
}

fn bar(length: Option<u64>, template: &str) -> anyhow::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let Some(length) = length else { return Ok(ProgressBar::no_length()) };
    Ok(ProgressBar::new(length).with_style(ProgressStyle::with_template(template)?))
}

/// Opens a file or standard input. Returns its size where it is known.
fn open(file: &Path) -> anyhow::Result<(Box<dyn Read>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let opened = File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?;
    let size = opened.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(opened), size))
}

fn json(file: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", file.display()))
}

/// The rules of a draft.
fn draft(file: &Path) -> anyhow::Result<Value> {
    match json(file)? {
        Value::Object(mut fields) => fields.remove("rules").with_context(|| format!("{} has no rules", file.display())),
        Value::Array(rules) => Ok(Value::Array(rules)),
        _ => bail!("{} is neither a list of rules nor an object with one", file.display()),
    }
}

fn read(document: &Value, what: &str) -> anyhow::Result<Program> {
    SubmittedProgram::read(document).map(Program::from).map_err(|faults| refused(what, &faults))
}

fn refused(what: &str, faults: &[Fault]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(|fault| format!("  {}: {}", fault.pointer, fault.detail)).collect();
    anyhow::anyhow!("{what} has faults:\n{}", lines.join("\n"))
}
