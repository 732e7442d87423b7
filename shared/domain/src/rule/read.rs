//! Reads a rule. Every field is read before the first fault ends the reading, so that all faults are reported.

mod effect;
mod trigger;

use crate::ids::RuleId;
use crate::input::Node;
use crate::money::Currency;
use crate::readers;
use crate::text::Text;

pub(crate) use effect::read_effect;
pub(crate) use trigger::read_filter;

use super::{Bound, Budget, Limit, Period, Rule, RuleStatus, WayToEarn};

/// The most rules of one program.
const MOST_RULES: usize = 10_000;
/// The most limits, conditions or effects of one rule.
const MOST_PARTS: usize = 20;
/// The most firings of one limit.
const MOST_TIMES: u32 = 1_000_000_000;
/// The most periods that one limit may take together.
const MOST_PERIODS: u32 = 1_000;

const STATUSES: [(&str, RuleStatus); 4] = [
    ("draft", RuleStatus::Draft),
    ("active", RuleStatus::Active),
    ("paused", RuleStatus::Paused),
    ("archived", RuleStatus::Archived),
];

const PERIODS: [(&str, Period); 5] = [
    ("day", Period::Day),
    ("week", Period::Week),
    ("month", Period::Month),
    ("year", Period::Year),
    ("lifetime", Period::Lifetime),
];

/// What stands in the place of a rule's id in other routes (ruling 41).
const RESERVED_IDS: [&str; 2] = ["backtest", "examine"];

/// Reads a rule of a program with this currency.
///
/// References to tiers, rewards and other rules are checked when the whole program is read. A rule without `status` is a
/// draft, so that it gives no points by accident. The default `name` is the identifier.
pub fn read_rule(node: &Node<'_>, currency: Currency) -> Option<Rule> {
    let object = node.object()?;
    object.read_only(&["version", "updated_at"]);
    let id = object.required("id", |id| {
        let found: RuleId = id.id()?;
        if RESERVED_IDS.contains(&found.as_str()) {
            id.refuse("is the name of a route; choose another")
        } else {
            Some(found)
        }
    });
    let name = object.optional("name", |name| name.filled(500));
    let status = object.or("status", RuleStatus::Draft, |status| status.choice(&STATUSES));
    let tiers = object.optional("tiers", readers::ids);
    let starts_at = object.required("starts_at", readers::moment);
    let ends_at = object.optional("ends_at", readers::moment);
    let limit = object.or("limit", Vec::new(), read_limits);
    let budget = object.optional("budget", read_budget);
    let storefront = object.optional("storefront", read_way_to_earn);
    let on = object.required("on", |on| trigger::read_trigger(on, currency));
    let conditions = object.or("if", Vec::new(), |list| list.list(MOST_PARTS, trigger::read_predicate));
    let then = object.required("then", |list| {
        let effects = list.list(MOST_PARTS, effect::read_effect)?;
        if effects.is_empty() {
            return list.refuse("must have at least one effect");
        }
        Some(effects)
    });
    object.finish();
    let id = id?;
    Some(Rule {
        name: name?.unwrap_or_else(|| id.to_string()),
        id,
        status: status?,
        tiers: tiers?,
        starts_at: starts_at?,
        ends_at: ends_at?,
        limit: limit?,
        budget: budget?,
        storefront: storefront?,
        on: on?,
        conditions: conditions?,
        then: then?,
    })
}

/// Reads all rules of a program; `None` where one cannot be read, so that the others can be checked.
pub(crate) fn read_each_rule(node: &Node<'_>, currency: Currency) -> Option<Vec<Option<Rule>>> {
    node.list(MOST_RULES, |rule| Some(read_rule(rule, currency)))
}

/// Reads all rules of a program.
pub fn read_rules(node: &Node<'_>, currency: Currency) -> Option<Vec<Rule>> {
    read_each_rule(node, currency)?.into_iter().collect()
}

/// Reads one limit, or a list of limits; an empty list is no limit.
fn read_limits(node: &Node<'_>) -> Option<Vec<Limit>> {
    if node.value.is_array() {
        return node.list(MOST_PARTS, read_limit);
    }
    read_limit(node).map(|limit| vec![limit])
}

/// Reads a budget of a rule or a program.
pub(crate) fn read_budget(node: &Node<'_>) -> Option<Budget> {
    let object = node.object()?;
    let points = object.required("points", Node::points);
    let per = object.required("per", |per| per.choice(&PERIODS));
    object.finish();
    Some(Budget { points: points?, per: per? })
}

fn read_limit(node: &Node<'_>) -> Option<Limit> {
    let object = node.object()?;
    let bound = object.exactly_one(&["times", "points"]).and_then(|(name, bound)| match name {
        "times" => bound.count(1, MOST_TIMES).map(Bound::Times),
        _ => bound.points().map(Bound::Points),
    });
    let per = object.required("per", |per| per.choice(&PERIODS));
    let lifetime = per == Some(Period::Lifetime);
    let every = object.or("every", 1, |node| match node.count(1, MOST_PERIODS)? {
        2.. if lifetime => node.refuse("must be 1: there is only one lifetime"),
        every => Some(every),
    });
    let rolling = object.or("rolling", false, |node| match node.boolean()? {
        true if lifetime => node.refuse("must be false: a lifetime does not roll"),
        rolling => Some(rolling),
    });
    object.finish();
    Some(Limit { bound: bound?, per: per?, every: every?, rolling: rolling? })
}

/// Reads a way to earn, which is invisible by default.
fn read_way_to_earn(node: &Node<'_>) -> Option<WayToEarn> {
    let object = node.object()?;
    let visible = object.or("visible", false, Node::boolean);
    let title = object.optional("title", Text::read);
    let description = object.optional("description", Text::read);
    let icon_url = object.optional("icon_url", readers::url);
    let action_url = object.optional("action_url", readers::url);
    object.finish();
    Some(WayToEarn {
        visible: visible?,
        title: title?,
        description: description?,
        icon_url: icon_url?,
        action_url: action_url?,
    })
}
