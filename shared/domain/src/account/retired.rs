//! Counters of changed or removed rules: later refunds are judged by them.

use serde::{Deserialize, Serialize};

use super::counter::KEPT;
use super::{Account, Counter};
use crate::ids::RuleId;
use crate::rule::{CompiledRule, RuleSet};
use crate::time::Day;

/// The most rows that all retired counters may have: about 40 KB.
const MOST_ROWS: usize = 4_000;

/// The counter of a rule that was changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// The rule.
    #[serde(rename = "r")]
    pub rule: RuleId,
    /// The day on which a decision noticed the change.
    #[serde(rename = "t")]
    pub since: Day,
    /// The counter.
    #[serde(rename = "c")]
    pub counter: Counter,
}

impl Account {
    /// The counter of a rule as it was when it decided, even if it was changed or removed since.
    pub(crate) fn counter_of(&self, rule: &CompiledRule) -> Option<&Counter> {
        let id = &rule.rule.id;
        let current = self.counters.get(id).filter(|counter| counter.generation == rule.generation());
        current.or_else(|| {
            let retired = self.retired.iter().find(|retired| retired.is_of(rule));
            retired.map(|retired| &retired.counter)
        })
    }

    /// As [`Account::counter_of`], mutable.
    pub(crate) fn counter_of_mut(&mut self, rule: &CompiledRule) -> Option<&mut Counter> {
        let id = &rule.rule.id;
        let current = self.counters.get_mut(id).filter(|counter| counter.generation == rule.generation());
        current.or_else(|| {
            let retired = self.retired.iter_mut().find(|retired| retired.is_of(rule));
            retired.map(|retired| &mut retired.counter)
        })
    }

    /// Stores the counter of a rule. One of another generation is retired; a retired one of the same generation is replaced.
    pub(crate) fn put_counter(&mut self, rule: &CompiledRule, counter: Counter, today: Day) {
        self.retired.retain(|retired| !retired.is_of(rule));
        let id = &rule.rule.id;
        let before = self.counters.insert(id.clone(), counter);
        if let Some(before) = before.filter(|before| before.generation != rule.generation()) {
            self.retire(id.clone(), before, today);
        }
    }

    /// Removes the counter of a rule, unless it is of another generation.
    pub(crate) fn remove_counter(&mut self, rule: &CompiledRule) {
        let id = &rule.rule.id;
        if self.counters.get(id).is_some_and(|counter| counter.generation == rule.generation()) {
            self.counters.remove(id);
        }
        self.retired.retain(|retired| !retired.is_of(rule));
    }

    /// Retires the counters of removed rules, and drops those that no refund needs any more.
    pub(crate) fn retire_counters(&mut self, rules: &RuleSet, today: Day) {
        let is_gone = |id: &RuleId| rules.get(id).is_none();
        if self.counters.keys().any(is_gone) {
            let (gone, kept) = std::mem::take(&mut self.counters).into_iter().partition(|(id, _)| is_gone(id));
            self.counters = kept;
            let gone: std::collections::BTreeMap<RuleId, Counter> = gone;
            for (id, counter) in gone {
                self.retire(id, counter, today);
            }
        }
        let oldest = today.offset(-KEPT);
        self.retired.retain(|retired| retired.since >= oldest && retired.counter.has_counted());
        // Only the newest stay, so that an account never outgrows its item, however often rules change.
        let mut rows = 0;
        let sizes = self.retired.iter().rev().map(|retired| retired.counter.rows());
        let fitting = sizes.take_while(|size| {
            rows += size;
            rows <= MOST_ROWS
        });
        let surplus = self.retired.len() - fitting.count();
        self.retired.drain(..surplus);
    }

    fn retire(&mut self, rule: RuleId, counter: Counter, since: Day) {
        if counter.has_counted() {
            self.retired.push(Retired { rule, since, counter });
        }
    }
}

impl Retired {
    fn is_of(&self, rule: &CompiledRule) -> bool {
        self.counter.generation == rule.generation() && self.rule == rule.rule.id
    }
}
