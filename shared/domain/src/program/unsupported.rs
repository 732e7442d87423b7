//! Parts of the rule language that this version does not evaluate yet.
//!
//! They are refused, never ignored: a rule that silently gives nothing is worse than one that cannot be saved. They are
//! all listed here, so that whoever implements one removes a line. A rule that is not active may have such parts, because
//! it is not evaluated.

use super::CodeSource;
use super::check::Parts;
use crate::input::Faults;
use crate::rule::{Measure, ReceiptTrigger, Rule, RuleStatus, Trigger, Window};

fn refuse(faults: &Faults, pointer: String, what: &str) {
    faults.add(pointer, format_args!("is not supported by this version: {what}"));
}

/// Adds a fault for every part of a program that would not be evaluated.
pub(super) fn check(parts: &Parts<'_>, faults: &Faults) {
    for (place, reward) in parts.rewards.iter().enumerate() {
        match reward.as_ref().map(|reward| &reward.code) {
            Some(CodeSource::Provider(_)) => {
                refuse(faults, format!("/rewards/{place}/code/provider"), "codes created in a shop");
            }
            Some(CodeSource::Pattern(_) | CodeSource::Pool(_)) | None => {}
        }
    }
    for (place, rule) in parts.rules.iter().enumerate() {
        if let Some(rule) = rule.as_ref().filter(|rule| rule.status == RuleStatus::Active) {
            check_rule(rule, &format!("/rules/{place}"), faults);
        }
    }
}

fn check_rule(rule: &Rule, pointer: &str, faults: &Faults) {
    let Trigger::Receipt(ReceiptTrigger { measure: Some(Measure::Spend(spend)), within, .. }) = &rule.on else {
        return;
    };
    // The sums by day of a sliding window do not tell which part of the total lies between bounds.
    if let Some(Window::Days { from: None, .. }) = within {
        for (name, there) in [("from", spend.from.is_some()), ("up_to", spend.up_to.is_some())] {
            if there {
                let what = "spend between bounds within days that end with the receipt";
                refuse(faults, format!("{pointer}/on/receipt/spend/{name}"), what);
            }
        }
    }
}
