//! Measures engines from crates.io on W1. Prints one JSON object per line.

mod engines;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Deserialize;
use serde_json::{Value, json};

/// Any error of an engine.
type Fault = Box<dyn std::error::Error>;

/// Measures the engines.
#[derive(Debug, Parser)]
struct Options {
    /// The folder with the output of `workloads.py` and `forms.py`.
    #[arg(long)]
    data: PathBuf,
    /// The numbers of rules.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,10000")]
    sizes: Vec<usize>,
    /// Seconds per engine and size; a slow engine is timed on the first receipts only.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

/// A rule of W1.
#[derive(Debug, Clone, Deserialize)]
struct Rule {
    stores: Vec<String>,
    category: String,
    tiers: Vec<String>,
    from: i64,
    to: i64,
    min_amount: i64,
    k: i64,
}

/// A receipt of W1.
#[derive(Debug, Clone, Deserialize)]
struct Receipt {
    store: String,
    tier: String,
    day: i64,
    total: f64,
    categories: Vec<String>,
    /// The JSON text in the file.
    #[serde(skip)]
    text: String,
}

impl Receipt {
    /// The total in whole units.
    #[allow(clippy::cast_possible_truncation, reason = "totals are small")]
    const fn units(&self) -> i64 {
        self.total as i64
    }
}

/// The input of all engines.
struct Workload {
    rules: Vec<Rule>,
    receipts: Vec<Receipt>,
    /// The expected points of each receipt.
    expected: Vec<i64>,
    /// A decision table.
    table: Value,
    /// One JSON Logic expression per rule.
    logic: Vec<Value>,
}

impl Workload {
    fn load(data: &Path, size: usize) -> Result<Self, Fault> {
        let read = |name: String| std::fs::read_to_string(data.join("w1").join(name));
        let mut receipts: Vec<Receipt> = Vec::new();
        for line in read("receipts.jsonl".to_owned())?.lines() {
            receipts.push(Receipt { text: line.to_owned(), ..serde_json::from_str(line)? });
        }
        let mut expected = Vec::new();
        for line in read(format!("expected_{size}.jsonl"))?.lines() {
            let outcome: Value = serde_json::from_str(line)?;
            expected.push(outcome["points"].as_i64().ok_or("an outcome without points")?);
        }
        Ok(Self {
            rules: serde_json::from_str(&read(format!("rules_{size}.json"))?)?,
            receipts,
            expected,
            table: serde_json::from_str(&read(format!("zen_{size}.json"))?)?,
            logic: serde_json::from_str(&read(format!("logic_{size}.json"))?)?,
        })
    }
}

/// Computes the points of the receipt at an index.
type Evaluate<'a> = Box<dyn FnMut(usize) -> Result<i64, Fault> + 'a>;
/// Prepares an engine with all rules, and the receipts in its own format.
type Prepare = for<'a> fn(&'a Workload) -> Result<Evaluate<'a>, Fault>;

const ENGINES: [(&str, Prepare); 4] = [
    ("quamina (crate)", engines::quamina),
    ("zen-engine (crate)", engines::zen),
    ("datalogic-rs (crate)", engines::datalogic),
    ("cel (crate)", engines::cel),
];

fn main() -> Result<(), Fault> {
    let options = Options::parse();
    let budget = Duration::from_secs(options.seconds);
    // A panic is a result here, without a backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    for size in options.sizes {
        let workload = Workload::load(&options.data, size)?;
        for (engine, prepare) in ENGINES {
            let measured = catch_unwind(AssertUnwindSafe(|| measure(&workload, prepare, budget)));
            let mut line = match measured {
                Ok(Ok(line)) => line,
                Ok(Err(fault)) => json!({ "error": fault.to_string() }),
                Err(payload) => json!({ "error": format!("panics: {}", message(payload.as_ref())) }),
            };
            line["engine"] = json!(engine);
            line["workload"] = json!("w1");
            line["rules"] = json!(size);
            println!("{line}");
        }
    }
    Ok(())
}

/// The message of a panic.
fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// Times an engine and checks its results.
fn measure(workload: &Workload, prepare: Prepare, budget: Duration) -> Result<Value, Fault> {
    let start = Instant::now();
    let mut evaluate = prepare(workload)?;
    let build = start.elapsed();

    // Warm up: some engines complete their tables lazily.
    let start = Instant::now();
    let mut warmed = 0;
    while warmed < 3 || (warmed < workload.receipts.len() && start.elapsed() < budget / 4) {
        evaluate(warmed)?;
        warmed += 1;
    }
    let probes = warmed.min(20);
    let start = Instant::now();
    for place in 0..probes {
        evaluate(place)?;
    }
    let each = (start.elapsed() / u32::try_from(probes)?).max(Duration::from_nanos(1));
    let count = usize::try_from(budget.as_nanos() / 3 / each.as_nanos())?.clamp(3, workload.receipts.len());
    let mut wrong = 0;
    for (place, expected) in workload.expected.iter().enumerate().take(count) {
        wrong += usize::from(evaluate(place)? != *expected);
    }

    // Minimum time per slice of about a millisecond, so that some pass of each is not interrupted.
    let slice = usize::try_from(1_000_000 / each.as_nanos())?.clamp(1, 50);
    let places: Vec<usize> = (0..count).collect();
    let mut times = vec![Duration::MAX; count.div_ceil(slice)];
    let start = Instant::now();
    for round in 0.. {
        if round >= 2 && start.elapsed() >= budget {
            break;
        }
        for (slice, time) in places.chunks(slice).zip(&mut times) {
            let start = Instant::now();
            for place in slice {
                std::hint::black_box(evaluate(*place)?);
            }
            *time = start.elapsed().min(*time);
        }
    }
    let least: Duration = times.iter().sum();
    Ok(json!({
        "receipts": count, "nanoseconds": u64::try_from(least.as_nanos())?,
        "build_nanoseconds": u64::try_from(build.as_nanos())?, "wrong": wrong,
    }))
}
