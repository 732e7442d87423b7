//! Checks across the parts of a program.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::read::referral;
use super::{PointsPolicy, ReferralProgram, Reward, size};
use crate::input::Faults;
use crate::rule::{Known, Rule, check_period, check_rules};

/// The parts of a program that could be read.
pub(super) struct ProgramParts<'a> {
    /// The document itself.
    pub document: &'a Value,
    /// The time zone.
    pub zone: Option<&'a TimeZone>,
    /// The policy for points.
    pub points: Option<&'a PointsPolicy>,
    /// The rewards by position; `None` where one could not be read.
    pub rewards: &'a [Option<Reward>],
    /// The rules by position; `None` where one could not be read.
    pub rules: &'a [Option<Rule>],
    /// The referral program.
    pub referral: Option<&'a ReferralProgram>,
}

/// Adds a fault for every check that fails.
pub(super) fn check_program(parts: &ProgramParts<'_>, faults: &Faults) {
    let known = Known {
        ladder: ids(parts.document, "/tiers/ladder"),
        vip: ids(parts.document, "/tiers/vip"),
        rewards: ids(parts.document, "/rewards"),
        chosen: parts
            .rewards
            .iter()
            .flatten()
            .filter(|r| r.cost.chosen().is_some())
            .map(|r| r.id.to_string())
            .collect(),
        rules: ids(parts.document, "/rules"),
    };
    check_unique(parts.document, &["/tiers/ladder", "/tiers/vip"], faults);
    check_unique(parts.document, &["/rewards"], faults);
    check_unique(parts.document, &["/rules"], faults);
    for (place, reward) in parts.rewards.iter().enumerate() {
        if let Some(reward) = reward {
            let pointer = format!("/rewards/{place}");
            known.check_tiers(reward.tiers.as_ref(), &format!("{pointer}/tiers"), faults);
            check_period(reward.starts_at, reward.ends_at, parts.zone, &pointer, faults);
        }
    }
    let stacking = parts.points.map(|points| points.multiplier_stacking);
    check_rules(parts.rules, &known, stacking, parts.zone, faults);
    if let Some(referral) = parts.referral {
        referral::check(referral, &known, faults);
    }
    size::check(parts, faults);
}

/// The identifiers in a list of the document, with their positions.
fn listed<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let items = document.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().filter_map(|(place, item)| Some((place, item.get("id")?.as_str()?)))
}

fn ids(document: &Value, pointer: &str) -> BTreeSet<String> {
    listed(document, pointer).map(|(_, id)| id.to_owned()).collect()
}

/// Adds a fault for every identifier that occurs twice in these lists together.
fn check_unique(document: &Value, lists: &[&str], faults: &Faults) {
    let mut seen = BTreeSet::new();
    for list in lists {
        for (place, id) in listed(document, list) {
            if !seen.insert(id) {
                faults.add(format!("{list}/{place}/id"), format_args!("{id} is already used"));
            }
        }
    }
}
