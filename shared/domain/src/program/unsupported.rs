//! What the language has and this version does not evaluate yet.
//!
//! It is refused, never ignored: a rule that silently gave nothing would be worse than one that cannot be saved. All of
//! it stands here, so that whoever adds a part of the evaluation removes a line. A rule that is not active may already
//! have such parts, because nothing evaluates it.

use super::check::Parts;
use super::{CodeSource, TierWindow};
use crate::input::{Faults, Node};
use crate::rule::{Effect, Limit, Measure, ReceiptTrigger, Rule, RuleStatus, Trigger};

fn refuse(faults: &Faults, pointer: String, what: &str) {
    faults.add(pointer, format_args!("is not supported by this version: {what}"));
}

/// Names every part of a program that would not be evaluated.
pub(super) fn check(parts: &Parts<'_>, faults: &Faults) {
    if let Some(TierWindow::RollingMonths(_)) = parts.tiers.map(|tiers| tiers.window) {
        refuse(faults, "/tiers/window".to_owned(), "a rolling window of qualifying points");
    }
    for (place, reward) in parts.rewards.iter().enumerate() {
        match reward.as_ref().map(|reward| &reward.code) {
            Some(CodeSource::Pool(_)) => refuse(faults, format!("/rewards/{place}/code/pool"), "codes from a pool"),
            Some(CodeSource::Provider(_)) => {
                refuse(faults, format!("/rewards/{place}/code/provider"), "codes created in a shop");
            }
            Some(CodeSource::Pattern(_)) | None => {}
        }
    }
    for (place, rule) in parts.rules.iter().enumerate() {
        if let Some(rule) = rule.as_ref().filter(|rule| rule.status == RuleStatus::Active) {
            check_rule(rule, &format!("/rules/{place}"), faults);
        }
    }
}

/// Refuses a referral program.
pub(super) fn referral(node: &Node<'_>) -> Option<()> {
    node.refuse("is not supported by this version: a referral program")
}

fn check_rule(rule: &Rule, pointer: &str, faults: &Faults) {
    check_limits(&rule.limit, pointer, faults);
    if let Trigger::Receipt(trigger) = &rule.on {
        check_receipt(trigger, &format!("{pointer}/on/receipt"), faults);
    } else {
        let name = trigger_name(&rule.on);
        refuse(faults, format!("{pointer}/on/{name}"), "rules that wait for anything but receipts");
    }
    for place in 0..rule.conditions.len() {
        refuse(faults, format!("{pointer}/if/{place}"), "conditions on the member");
    }
    for (place, effect) in rule.then.iter().enumerate() {
        let name = match effect {
            Effect::Credit(_) | Effect::Reward { .. } => continue,
            Effect::Debit(_) => "debit",
            Effect::Reset { .. } => "reset",
            Effect::Multiply(_) => "multiply",
            Effect::Vip { .. } => "vip",
        };
        refuse(faults, format!("{pointer}/then/{place}/{name}"), "effects other than credit and reward");
    }
}

fn check_limits(limits: &[Limit], pointer: &str, faults: &Faults) {
    for (place, _) in limits.iter().enumerate().filter(|(_, limit)| limit.rolling) {
        // A single limit may stand there with or without a list around it.
        let pointer =
            if limits.len() == 1 { format!("{pointer}/limit") } else { format!("{pointer}/limit/{place}/rolling") };
        refuse(faults, pointer, "limits over rolling periods");
    }
}

fn check_receipt(trigger: &ReceiptTrigger, pointer: &str, faults: &Faults) {
    if trigger.within.is_some() {
        refuse(faults, format!("{pointer}/within"), "measures that must be complete within a time");
    }
    let Some(Measure::Spend(spend)) = &trigger.measure else { return };
    let bounds = [("from", spend.from.is_some()), ("up_to", spend.up_to.is_some())];
    for (name, _) in bounds.iter().filter(|(_, there)| *there) {
        refuse(faults, format!("{pointer}/spend/{name}"), "spend between bounds");
    }
}

const fn trigger_name(trigger: &Trigger) -> &'static str {
    match trigger {
        Trigger::Receipt(_) => "receipt",
        Trigger::Interaction(_) => "interaction",
        Trigger::EmailOpened(_) => "email_opened",
        Trigger::EmailClicked(_) => "email_clicked",
        Trigger::Birthday(_) => "birthday",
        Trigger::Enrollment {} => "enrollment",
        Trigger::Inactivity { .. } => "inactivity",
        Trigger::TierChange(_) => "tier_change",
        Trigger::ListSubscription { .. } => "list_subscription",
        Trigger::Profile(_) => "profile",
        Trigger::Referral { .. } => "referral",
    }
}
