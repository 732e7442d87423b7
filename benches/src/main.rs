//! Measures the rule engine on the workloads of `workloads.py`, and the sizes of stored items. Prints one JSON object per
//! line, for `table.py`; times are in whole nanoseconds.

mod life;
mod load;
mod sizes;
mod speed;
mod translate;
mod workload;
mod worst;

use std::path::PathBuf;

use clap::Parser;
use serde_json::Value;

use crate::translate::Reading;
use crate::workload::Workload;

/// Why a measurement fails.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("cannot read {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path} is invalid: {source}")]
    Content { path: PathBuf, source: serde_json::Error },
    #[error("an amount is not in cents: {0}")]
    Amount(String),
    #[error("the engine refuses the {what}: {faults:?}")]
    Refused { what: &'static str, faults: Vec<tessera_domain::input::Fault> },
    #[error("the {what} cannot be created: {why}")]
    Making { what: &'static str, why: String },
}

/// Measures the rule engine.
#[derive(Debug, Parser)]
struct Options {
    /// The folder with the output of `workloads.py`.
    #[arg(long, required_unless_present_any = ["worst", "load"])]
    data: Option<PathBuf>,
    /// Measures the worst accepted programs instead.
    #[arg(long)]
    worst: bool,
    /// Measures what a cold function does before its first decision instead.
    #[arg(long)]
    load: bool,
    /// The numbers of rules.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,10000")]
    sizes: Vec<usize>,
    /// The number of passes over all receipts; the minimum time per slice counts.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    windows: u32,
}

fn main() -> Result<(), BenchError> {
    let options = Options::parse();
    if options.load {
        return load::print(&options.sizes);
    }
    let Some(data) = options.data.filter(|_| !options.worst) else { return worst::print() };
    for name in ["w1", "w3"] {
        for size in &options.sizes {
            let Some(workload) = Workload::load(&data, name, *size)? else { continue };
            for reading in [Reading::Total, Reading::Lines] {
                for line in speed::measure(&workload, reading, options.windows)? {
                    print(&line);
                }
            }
        }
    }
    for line in sizes::measure()? {
        print(&line);
    }
    Ok(())
}

fn print(line: &Value) {
    println!("{line}");
}
