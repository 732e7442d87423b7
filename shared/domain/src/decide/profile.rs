//! What a change of the profile does: lists that were subscribed to, attributes that took a value.

use jiff::Timestamp;

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::{Occasion, taken};
use super::{Context, Decision};
use crate::account::Account;
use crate::ledger::Cause;
use crate::member::Profile;
use crate::rule::{CompiledRule, Trigger, Waiting};

/// Decides on what a profile has become; `None` when no rule fires for it. Deciding again fires nothing again: what has
/// fired is remembered with the time at which the profile took the value.
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
    /// Lets the rules for lists and attributes fire for what the profile has.
    pub(super) fn consider_profile(&mut self) {
        let context = self.context;
        let Some(profile) = context.profile else { return };
        for rule in context.program.rules.waiting(&Waiting::Profile) {
            for (value, since) in values(rule, profile) {
                if self.is_new(rule, value, since) {
                    let occasion = Occasion::new(context, &self.account, since);
                    let known = self.entry.outcomes.len();
                    self.consider(rule, &occasion, NO_AMOUNT);
                    // A limit that leaves no place has its say once for each time, too; a tier or a condition may change.
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

    /// True when a rule has not fired for a value yet. Ever, unless a limit says otherwise: then for each time at which the
    /// profile took the value.
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

/// The values that a rule waits for and a profile has, by their place in the rule, and since when it has each.
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
