//! The workloads as `workloads.py` writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::BenchError;
use crate::translate::Reading;

/// A list of rules, receipts, and what must come out.
pub struct Workload {
    /// `w1` or `w3`.
    pub name: &'static str,
    /// The rules.
    pub rules: Vec<Rule>,
    /// The receipts.
    pub receipts: Vec<Receipt>,
    /// For each receipt, what must come out when all of it counts.
    by_total: Vec<Outcome>,
    /// For each receipt, what must come out when the lines of a rule's category alone count.
    by_lines: Vec<Outcome>,
}

/// A rule.
#[derive(Debug, Clone, Deserialize)]
pub struct Rule {
    /// Its identifier.
    pub id: String,
    /// The stores, none: any.
    pub stores: Vec<String>,
    /// The category that a line must have.
    pub category: String,
    /// The tiers.
    pub tiers: Vec<String>,
    /// The first day, from 0.
    pub from: i32,
    /// The last day.
    pub to: i32,
    /// The threshold in whole units of money.
    pub min_amount: u32,
    /// Points for each unit.
    pub k: u32,
}

/// A receipt.
#[derive(Debug, Clone, Deserialize)]
pub struct Receipt {
    /// Its identifier.
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
    /// What was bought.
    pub lines: Vec<Line>,
}

/// A line of a receipt.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    /// The article.
    pub sku: String,
    /// Its category.
    pub category: String,
    /// How many.
    pub qty: u32,
    /// The price in all.
    pub amount: serde_json::Number,
}

/// What must come out for one receipt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    /// The receipt.
    pub id: String,
    /// The points of all rules.
    pub points: i64,
    /// The rules that fired, in their order.
    pub fired: Vec<String>,
}

impl Workload {
    /// Loads one; none when it does not exist in this size.
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

    /// What must come out, by receipt.
    pub fn expected(&self, reading: Reading) -> BTreeMap<&str, &Outcome> {
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
