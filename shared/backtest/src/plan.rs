//! The two programs of a comparison.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tessera_domain::ids::RuleId;
use tessera_domain::input::Fault;
use tessera_domain::program::{CompiledProgram, Program, SubmittedProgram};
use tessera_domain::rule::{Credit, Effect, Rule, RuleStatus, Trigger};

/// The maximum number of rules that a report lists for one reason.
const MOST_NAMED: usize = 100;

/// The period of the replayed facts, and the time of the balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacktestPeriod {
    /// The start of the receipts; `None` for the first one.
    pub from: Option<Timestamp>,
    /// The end of receipts and refunds, exclusive; `None` for no end.
    pub to: Option<Timestamp>,
    /// The time of the balances: points that expire or are released by then do. A later fact moves it.
    pub as_of: Timestamp,
}

impl BacktestPeriod {
    /// All facts, with balances at a time.
    pub const fn all(as_of: Timestamp) -> Self {
        Self { from: None, to: None, as_of }
    }

    /// True for the time of a receipt in the period.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.ends_after(at)
    }

    /// True for the time of a refund in the period.
    pub fn ends_after(&self, at: Timestamp) -> bool {
        self.to.is_none_or(|to| at < to)
    }
}

/// The current program, and the same program with the draft's rules.
#[derive(Debug)]
pub struct Plan {
    /// The current program.
    pub(crate) present: CompiledProgram,
    /// The program with the draft's rules.
    pub(crate) draft: CompiledProgram,
    /// The replayed period.
    pub(crate) period: BacktestPeriod,
    /// True if the histories have the members' rewarded referrals.
    has_referrals: bool,
}

impl Plan {
    /// Reads a draft: a complete list of rules, checked as in a `PUT` of the program.
    ///
    /// # Errors
    /// All faults of the rules. Pointers begin with `/rules`.
    pub fn read(present: &Program, rules: &Value, period: BacktestPeriod) -> Result<Self, Vec<Fault>> {
        let draft = SubmittedProgram::with_rules(present, rules)?;
        Ok(Self::new(present.clone(), draft.into(), period))
    }

    /// Creates a plan from two programs that differ only in their rules.
    ///
    /// A rule with the status `draft` is active here.
    pub fn new(present: Program, mut draft: Program, period: BacktestPeriod) -> Self {
        for rule in draft.rules.iter_mut().filter(|rule| rule.status == RuleStatus::Draft) {
            Arc::make_mut(rule).status = RuleStatus::Active;
        }
        let compiled = |program| CompiledProgram::new(program, 1).without_holds();
        Self { present: compiled(present), draft: compiled(draft), period, has_referrals: false }
    }

    /// The same plan, for histories with the members' rewarded referrals.
    #[must_use]
    pub fn with_referrals(self) -> Self {
        Self { has_referrals: true, ..self }
    }

    /// True if a rule of either program waits for a rewarded referral.
    pub fn asks_referrals(&self) -> bool {
        let mut rules = self.present.program.rules.iter().chain(&self.draft.program.rules);
        rules.any(|rule| matches!(rule.on, Trigger::Referral { .. }))
    }

    /// The time zone of both programs.
    pub const fn zone(&self) -> &TimeZone {
        &self.present.zone
    }

    /// The replayed period.
    pub const fn period(&self) -> BacktestPeriod {
        self.period
    }

    /// Rules of the draft with triggers that are not replayed.
    pub fn not_replayed(&self) -> Vec<RuleId> {
        self.of_draft(|rule| !self.is_replayed(rule))
    }

    /// Rules of the draft with conditions on the member, which never hold in a backtest.
    pub fn never_met(&self) -> Vec<RuleId> {
        self.of_draft(|rule| self.is_replayed(rule) && !rule.conditions.is_empty())
    }

    const fn is_replayed(&self, rule: &Rule) -> bool {
        match rule.on {
            Trigger::Receipt(_) | Trigger::TierChange(_) => true,
            Trigger::Referral { .. } => self.has_referrals,
            Trigger::Interaction(_)
            | Trigger::EmailOpened(_)
            | Trigger::EmailClicked(_)
            | Trigger::Birthday(_)
            | Trigger::Enrollment {}
            | Trigger::Inactivity { .. }
            | Trigger::ListSubscription { .. }
            | Trigger::Profile(_) => false,
        }
    }

    /// Rules of the draft whose points wait for an event, which is taken to come with each receipt.
    pub fn not_held(&self) -> Vec<RuleId> {
        self.of_draft(|rule| {
            rule.then.iter().any(|effect| matches!(effect, Effect::Credit(Credit { hold: Some(_), .. })))
        })
    }

    /// Rules of the draft that start after the period and give nothing in it.
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
