//! The two programs that are compared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::ids::RuleId;
use tessera_domain::input::Fault;
use tessera_domain::program::{CompiledProgram, Program, read_program};
use tessera_domain::rule::{Rule, RuleStatus, Trigger};

/// The most rules that are named for one reason: a report has its bounds, and a reader too.
const MOST_NAMED: usize = 100;

/// Which facts are replayed, and the moment at which balances are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Receipts from here on; absent: from the first.
    pub from: Option<Timestamp>,
    /// Receipts and refunds before here; absent: to the last.
    pub to: Option<Timestamp>,
    /// When balances are counted: what has expired or been released by then is. A fact that is later is its own moment.
    pub as_of: Timestamp,
}

impl Period {
    /// Everything there is, counted at a moment.
    pub const fn all(as_of: Timestamp) -> Self {
        Self { from: None, to: None, as_of }
    }

    /// True for a receipt of this time.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.ends_after(at)
    }

    /// True for a refund of this time.
    pub fn ends_after(&self, at: Timestamp) -> bool {
        self.to.is_none_or(|to| at < to)
    }
}

/// The present program and the same program with the draft's rules.
#[derive(Debug)]
pub struct Plan {
    /// As it is.
    pub(crate) present: CompiledProgram,
    /// As it would be.
    pub(crate) draft: CompiledProgram,
    /// What is replayed.
    pub(crate) period: Period,
}

impl Plan {
    /// Reads a draft, a full list of rules in place of the program's, as a `PUT` of the program with them would be read.
    /// A rule that the draft still calls `draft` works here: trying it is what a backtest is for.
    ///
    /// # Errors
    /// All that is wrong with the rules; pointers begin with `/rules`.
    pub fn read(program: &Value, rules: &Value, period: Period) -> Result<Self, Vec<Fault>> {
        let present = read_program(program)?;
        let mut document = program.clone();
        if let Value::Object(fields) = &mut document {
            fields.insert("rules".to_owned(), rules.clone());
        }
        let mut draft = read_program(&document)?;
        for rule in &mut draft.rules {
            if rule.status == RuleStatus::Draft {
                rule.status = RuleStatus::Active;
            }
        }
        Ok(Self::new(present, draft, period))
    }

    /// A plan of two programs that differ in their rules.
    pub fn new(present: Program, draft: Program, period: Period) -> Self {
        let compiled = |program| CompiledProgram::new(program, 1, &BTreeMap::new());
        Self { present: compiled(present), draft: compiled(draft), period }
    }

    /// What is replayed.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Rules of the draft that wait for something else than receipts: they are left out.
    pub fn not_replayed(&self) -> Vec<RuleId> {
        self.of_draft(|rule| !matches!(rule.on, Trigger::Receipt(_) | Trigger::TierChange(_)))
    }

    /// Rules of the draft with conditions on who the member is, which never hold in a backtest.
    pub fn never_met(&self) -> Vec<RuleId> {
        let replayed = |rule: &Rule| matches!(rule.on, Trigger::Receipt(_) | Trigger::TierChange(_));
        self.of_draft(|rule| replayed(rule) && !rule.conditions.is_empty())
    }

    /// Rules of the draft whose calendar begins after the last moment of the period: they give nothing to any receipt in it.
    pub fn not_yet_started(&self) -> Vec<RuleId> {
        let end = self.period.to.unwrap_or(self.period.as_of);
        let zone = self.draft.zone.clone();
        self.of_draft(|rule| rule.status == RuleStatus::Active && rule.starts_at.at(&zone) >= end)
    }

    fn of_draft(&self, which: impl Fn(&Rule) -> bool) -> Vec<RuleId> {
        let found = self.draft.program.rules.iter().filter(|rule| which(rule));
        found.take(MOST_NAMED).map(|rule| rule.id.clone()).collect()
    }
}
