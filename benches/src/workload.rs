//! Reads the workloads of `workloads.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::BenchError;
use crate::translate::Reading;

/// Rules, receipts and expected outcomes.
pub struct Workload {
    /// `w1` or `w3`.
    pub name: &'static str,
    /// The rules.
    pub rules: Vec<WorkloadRule>,
    /// The receipts.
    pub receipts: Vec<WorkloadReceipt>,
    /// The expected outcomes when the whole receipt counts.
    by_total: Vec<WorkloadOutcome>,
    /// The expected outcomes when only the lines of the rule's category count.
    by_lines: Vec<WorkloadOutcome>,
}

/// A rule.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkloadRule {
    /// The id.
    pub id: String,
    /// The stores; empty for any.
    pub stores: Vec<String>,
    /// The required category of a line.
    pub category: String,
    /// The tiers.
    pub tiers: Vec<String>,
    /// The first day, from 0.
    pub from: i32,
    /// The last day.
    pub to: i32,
    /// The threshold in whole units of money.
    pub min_amount: u32,
    /// Points per unit.
    pub k: u32,
}

/// A receipt.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkloadReceipt {
    /// The id.
    pub id: String,
    /// The store.
    pub store: String,
    /// The customer's tier.
    pub tier: String,
    /// The day, from 0.
    pub day: i32,
    /// The sum of the lines.
    pub total: serde_json::Number,
    /// The categories of the lines.
    pub categories: Vec<String>,
    /// The lines.
    pub lines: Vec<WorkloadLine>,
}

/// A line of a receipt.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkloadLine {
    /// The SKU.
    pub sku: String,
    /// Its category.
    pub category: String,
    /// The quantity.
    pub qty: u32,
    /// The amount of the line.
    pub amount: serde_json::Number,
}

/// The expected outcome of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkloadOutcome {
    /// The receipt.
    pub id: String,
    /// The points of all rules.
    pub points: i64,
    /// The fired rules in order.
    pub fired: Vec<String>,
}

impl Workload {
    /// Loads a workload; `None` when it does not exist in this size.
    pub fn load(data: &Path, name: &'static str, size: usize) -> Result<Option<Self>, BenchError> {
        let folder = data.join(name);
        let rules = folder.join(format!("rules_{size}.json"));
        if !rules.exists() {
            return Ok(None);
        }
        Ok(Some(Self {
            name,
            rules: serde_json::from_str(&read(&rules)?).map_err(|source| content(&rules, source))?,
            receipts: lines(&folder.join("receipts.jsonl"))?,
            by_total: lines(&folder.join(format!("expected_{size}.jsonl")))?,
            by_lines: lines(&folder.join(format!("lines_{size}.jsonl")))?,
        }))
    }

    /// The expected outcomes by receipt.
    pub fn expected(&self, reading: Reading) -> BTreeMap<&str, &WorkloadOutcome> {
        let outcomes = match reading {
            Reading::Total => &self.by_total,
            Reading::Lines => &self.by_lines,
        };
        outcomes.iter().map(|outcome| (outcome.id.as_str(), outcome)).collect()
    }
}

fn read(path: &Path) -> Result<String, BenchError> {
    std::fs::read_to_string(path).map_err(|source| BenchError::File { path: PathBuf::from(path), source })
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, BenchError> {
    let text = read(path)?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|source| content(path, source))).collect()
}

fn content(path: &Path, source: serde_json::Error) -> BenchError {
    BenchError::Content { path: PathBuf::from(path), source }
}
