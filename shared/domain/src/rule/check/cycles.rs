//! Rules for changes of tier that could call each other for ever.
//!
//! Points only carry a member up the ladder, which has an end. What has none are tiers outside the ladder: a rule for the
//! change to one may give another, and a rule for that the first again.

use std::collections::{BTreeMap, BTreeSet};

use super::Known;
use crate::input::Faults;
use crate::rule::{Bound, Effect, Rule, RuleStatus, TierChangeTrigger, TierDirection, Trigger};

/// A change of tier: from where, to where.
type Change<'a> = (&'a str, &'a str);

/// Names the rules on a way of changes that leads back to its beginning.
pub(super) fn check(rules: &[Option<Rule>], known: &Known, faults: &Faults) {
    let givers: Vec<(usize, &TierChangeTrigger, &Rule, &str)> = rules
        .iter()
        .enumerate()
        .filter_map(|(place, rule)| {
            let rule = rule.as_ref().filter(|rule| rule.status == RuleStatus::Active)?;
            let Trigger::TierChange(trigger) = &rule.on else { return None };
            // What may fire only so many times comes to an end.
            if rule.limit.iter().any(|limit| matches!(limit.bound, Bound::Times(_))) {
                return None;
            }
            let vip = rule.then.iter().find_map(|effect| match effect {
                Effect::Vip { vip } => Some(vip.as_str()),
                _ => None,
            })?;
            Some((place, trigger, rule, vip))
        })
        .collect();
    if givers.is_empty() {
        return;
    }
    let tiers: BTreeSet<&str> = known.ladder.iter().chain(&known.vip).map(String::as_str).collect();
    // Only a change to a tier outside the ladder is made by these rules; whatever made the first one is no matter.
    let mut follows: BTreeMap<Change<'_>, Vec<(Change<'_>, usize)>> = BTreeMap::new();
    for to in known.vip.iter().map(String::as_str) {
        for from in tiers.iter().copied().filter(|from| *from != to) {
            for (place, trigger, rule, vip) in &givers {
                if *vip != to && meets(trigger, rule, from, to) {
                    follows.entry((from, to)).or_default().push(((to, vip), *place));
                }
            }
        }
    }
    let mut named = BTreeSet::new();
    for start in follows.keys() {
        if let Some(place) = leads_back(&follows, *start)
            && named.insert(place)
        {
            let detail = "with other rules for changes of tier it could go on for ever: give it a limit";
            faults.add(format!("/rules/{place}/then"), detail);
        }
    }
}

fn meets(trigger: &TierChangeTrigger, rule: &Rule, from: &str, to: &str) -> bool {
    let among = |list: &Option<Vec<crate::ids::TierId>>, tier: &str| {
        list.as_ref().is_none_or(|list| list.iter().any(|id| id.as_str() == tier))
    };
    trigger.direction.is_none_or(|direction| direction == TierDirection::Vip)
        && among(&trigger.from, from)
        && among(&trigger.to, to)
        && among(&rule.tiers, to)
}

/// The rule that makes the first step of a way from a change back to itself.
fn leads_back(follows: &BTreeMap<Change<'_>, Vec<(Change<'_>, usize)>>, start: Change<'_>) -> Option<usize> {
    for (next, place) in follows.get(&start).into_iter().flatten() {
        let mut seen = BTreeSet::new();
        let mut open = vec![*next];
        while let Some(change) = open.pop() {
            if change == start {
                return Some(*place);
            }
            if seen.insert(change) {
                open.extend(follows.get(&change).into_iter().flatten().map(|(next, _)| *next));
            }
        }
    }
    None
}
