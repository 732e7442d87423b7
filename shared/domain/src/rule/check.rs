//! Checks of rules against the rest of the program: references, periods, and parts that exclude each other.

mod cycles;
mod multipliers;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::{Effect, EffectKind, MultiplyScope, Rate, Rule, Stacking, Trigger};
use crate::ids::{RuleId, TierId};
use crate::input::Faults;
use crate::time::Moment;

/// The identifiers that a program defines, including those of parts that could not be read.
///
/// A fault in a part must not cause further faults wherever the part is used.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The steps of the ladder.
    pub ladder: BTreeSet<String>,
    /// The tiers outside it.
    pub vip: BTreeSet<String>,
    /// The rewards.
    pub rewards: BTreeSet<String>,
    /// The rewards whose value the shopper chooses.
    pub chosen: BTreeSet<String>,
    /// The rules.
    pub rules: BTreeSet<String>,
}

impl Known {
    /// Adds a fault for every tier of a list that does not exist.
    pub(crate) fn check_tiers(&self, tiers: Option<&Vec<TierId>>, pointer: &str, faults: &Faults) {
        for (place, tier) in tiers.into_iter().flatten().enumerate() {
            if !self.ladder.contains(tier.as_str()) && !self.vip.contains(tier.as_str()) {
                faults.add(format!("{pointer}/{place}"), format_args!("there is no tier {tier}"));
            }
        }
    }
}

impl Known {
    /// Adds a fault for a reward, or a tier outside the ladder, that is given and does not exist.
    pub(crate) fn check_gift(&self, effect: &Effect, pointer: &str, faults: &Faults) {
        match effect {
            Effect::Reward { reward } if !self.rewards.contains(reward.as_str()) => {
                faults.add(format!("{pointer}/reward"), format_args!("there is no reward {reward}"));
            }
            Effect::Reward { reward } if self.chosen.contains(reward.as_str()) => {
                let detail = format_args!("{reward} has cost_per: without points that somebody chose, it has no value");
                faults.add(format!("{pointer}/reward"), detail);
            }
            Effect::Vip { vip } if self.ladder.contains(vip.as_str()) => {
                let detail = format_args!("{vip} is a step of the ladder, which qualifying points reach");
                faults.add(format!("{pointer}/vip"), detail);
            }
            Effect::Vip { vip } if !self.vip.contains(vip.as_str()) => {
                faults.add(format!("{pointer}/vip"), format_args!("there is no tier {vip}"));
            }
            Effect::Reward { .. }
            | Effect::Vip { .. }
            | Effect::Credit(_)
            | Effect::Debit(_)
            | Effect::Reset { .. }
            | Effect::Multiply(_) => {}
        }
    }
}

/// Adds a fault when a period ends before it starts. Comparing local time with an instant needs the zone.
pub(crate) fn check_period(
    starts_at: Option<Moment>,
    ends_at: Option<Moment>,
    zone: Option<&TimeZone>,
    pointer: &str,
    faults: &Faults,
) {
    let (Some(start), Some(end)) = (starts_at, ends_at) else { return };
    let over = match (start, end) {
        (Moment::Instant(start), Moment::Instant(end)) => end <= start,
        (Moment::Local(start), Moment::Local(end)) => end <= start,
        _ => zone.is_some_and(|zone| end.at(zone) <= start.at(zone)),
    };
    if over {
        faults.add(format!("{pointer}/ends_at"), "must be after \"starts_at\"");
    }
}

/// Adds every fault of the rules of a program, at `/rules`; rules that could not be read are skipped.
pub(crate) fn check_rules(
    rules: &[Option<Rule>],
    known: &Known,
    stacking: Option<Stacking>,
    zone: Option<&TimeZone>,
    faults: &Faults,
) {
    for (place, rule) in rules.iter().enumerate() {
        if let Some(rule) = rule {
            check_rule(rule, &format!("/rules/{place}"), known, zone, faults);
        }
    }
    cycles::check(rules, known, faults);
    if let Some(stacking) = stacking {
        multipliers::check(rules, known, stacking, zone, faults);
    }
}

fn check_rule(rule: &Rule, pointer: &str, known: &Known, zone: Option<&TimeZone>, faults: &Faults) {
    check_period(Some(rule.starts_at), rule.ends_at, zone, pointer, faults);
    known.check_tiers(rule.tiers.as_ref(), &format!("{pointer}/tiers"), faults);
    if let Trigger::TierChange(change) = &rule.on {
        known.check_tiers(change.from.as_ref(), &format!("{pointer}/on/tier_change/from"), faults);
        known.check_tiers(change.to.as_ref(), &format!("{pointer}/on/tier_change/to"), faults);
    }
    check_holds(rule, pointer, faults);
    for (place, effect) in rule.then.iter().enumerate() {
        check_effect(rule, effect, &format!("{pointer}/then/{place}"), known, faults);
    }
}

fn check_effect(rule: &Rule, effect: &Effect, pointer: &str, known: &Known, faults: &Faults) {
    let on_receipt = matches!(rule.on, Trigger::Receipt(_));
    match effect {
        Effect::Credit(credit) => {
            check_rate(credit.rate, on_receipt, &format!("{pointer}/credit"), faults);
            if credit.hold.is_some() && !on_receipt {
                faults.add(format!("{pointer}/credit/hold"), "only receipt rules may hold points until an event");
            }
        }
        Effect::Debit(amount) => check_rate(amount.rate, on_receipt, &format!("{pointer}/debit"), faults),
        Effect::Reset { .. } => {}
        Effect::Multiply(multiply) => {
            if multiply.scope == MultiplyScope::Lines && !on_receipt {
                faults.add(format!("{pointer}/multiply/scope"), "only receipts have lines");
            }
            for (place, other) in multiply.rules.iter().flatten().enumerate() {
                check_base(&rule.id, other, &format!("{pointer}/multiply/rules/{place}"), known, faults);
            }
        }
        Effect::Reward { .. } | Effect::Vip { .. } => known.check_gift(effect, pointer, faults),
    }
}

fn check_rate(rate: Rate, on_receipt: bool, pointer: &str, faults: &Faults) {
    if matches!(rate, Rate::PerUnit(_)) && !on_receipt {
        let detail = "only receipts have an amount: use \"points\" with this trigger";
        faults.add(format!("{pointer}/per_unit"), detail);
    }
}

/// All redeemable points of a rule wait for the same event, or none of them waits. So each firing has one fate.
fn check_holds(rule: &Rule, pointer: &str, faults: &Faults) {
    let mut first = None;
    for (place, effect) in rule.then.iter().enumerate() {
        let Effect::Credit(credit) = effect else { continue };
        if credit.kind != EffectKind::Qualifying && *first.get_or_insert(&credit.hold) != &credit.hold {
            let detail = "all redeemable credits of a rule must have the same hold, or none: use two rules";
            faults.add(format!("{pointer}/then/{place}/credit/hold"), detail);
        }
    }
}

fn check_base(own: &RuleId, other: &RuleId, pointer: &str, known: &Known, faults: &Faults) {
    if own == other {
        faults.add(pointer, "a multiplier cannot multiply itself");
    } else if !known.rules.contains(other.as_str()) {
        faults.add(pointer, format_args!("there is no rule {other}"));
    }
}
