//! Decisions on changes of the profile: subscribed lists, attributes with a new value.

use jiff::Timestamp;

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::{Occasion, taken};
use super::{Context, Decision};
use crate::account::Account;
use crate::ledger::Cause;
use crate::member::Profile;
use crate::rule::{CompiledRule, Trigger, Waiting};

/// Decides on a changed profile; `None` if no rule fires.
///
/// Deciding again fires nothing: counters remember the time at which the profile took each value.
pub fn decide_profile(context: &Context<'_>, account: &Account) -> Option<Decision> {
    let mut draft = Draft::new(context, account, context.now, Cause::Profile);
    draft.consider_profile();
    if draft.entry.outcomes.is_empty() {
        return None;
    }
    let occasion = Occasion::new(context, &draft.account, context.now);
    draft.apply(&occasion);
    Some(draft.finish())
}

impl Draft<'_> {
    /// Lets the rules for lists and attributes fire for the values in the profile.
    pub(super) fn consider_profile(&mut self) {
        let context = self.context;
        let Some(profile) = context.profile else { return };
        for rule in context.program.rules.waiting(&Waiting::Profile) {
            for (value, since) in values(rule, profile) {
                if self.is_new(rule, value, since) {
                    let occasion = Occasion::new(context, &self.account, since);
                    let known = self.entry.outcomes.len();
                    self.consider(rule, &occasion, NO_AMOUNT);
                    // A firing cut by a limit is also remembered. One that failed a tier or condition is tried again.
                    if self.entry.outcomes.len() > known || !rule.rule.limit.is_empty() {
                        let mut counter = self.counter(rule);
                        counter.marks.retain(|(marked, _)| *marked != value);
                        counter.marks.push((value, since.as_second()));
                        self.keep(rule, counter);
                    }
                }
            }
        }
    }

    /// True if a rule may fire for a value: once ever; with a limit, each time the profile takes the value.
    fn is_new(&self, rule: &CompiledRule, value: i64, since: Timestamp) -> bool {
        if !rule.covers(since) {
            return false;
        }
        let counter = self.counter(rule);
        let mark = counter.marks.iter().find(|(marked, _)| *marked == value);
        match mark {
            None => true,
            Some(_) if rule.rule.limit.is_empty() => false,
            Some((_, at)) => *at < since.as_second(),
        }
    }
}

/// The values of a rule that the profile has, by their place in the rule, with the time it took each.
fn values(rule: &CompiledRule, profile: &Profile) -> Vec<(i64, Timestamp)> {
    match &rule.rule.on {
        Trigger::ListSubscription { list } if profile.lists.contains(list) => vec![(0, profile.list_since(list))],
        Trigger::Profile(test) => {
            let since = profile.attribute_since(&test.attribute);
            taken(test, profile).map(|place| (i64::try_from(place).unwrap_or(i64::MAX), since)).collect()
        }
        _ => Vec::new(),
    }
}
