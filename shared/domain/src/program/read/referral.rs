//! Reads the referral program.

use crate::input::{Faults, Node};
use crate::money::Currency;
use crate::program::referral::{
    AdvocateKind, AdvocateReward, Advocates, CodePolicy, Conversion, ConversionAmount, ConversionReceipt, FriendReward,
    FriendRewardTime, Milestone, MilestoneMode, ReferralChecks, ReferralProgram,
};
use crate::readers;
use crate::rule::{Effect, Known, Rate, read_effect, read_filter};

/// The most days of any span: ten years.
const MOST_DAYS: u32 = 3_650;
/// The most days within which a friend must convert. Every purchase of that time is looked at.
const MOST_ATTRIBUTION_DAYS: u32 = 400;
/// The most days of the hold.
const MOST_HOLD_DAYS: u32 = 400;
/// The fewest characters of a code after its prefix: five random ones and the check character.
const LEAST_LENGTH: u32 = 6;
const MOST_LENGTH: u32 = 24;
const MOST_PREFIX: usize = 12;
/// The most milestones. What they gave is remembered in the advocate's account.
const MOST_MILESTONES: usize = 20;
/// The most friends of a milestone.
const MOST_FRIENDS: u32 = 100_000;
/// The most effects on one side.
const MOST_EFFECTS: usize = 5;
/// The highest score.
const MOST_SCORE: u32 = 1_000;

/// Reads a referral program. The tiers and rewards that it names are checked by [`check`].
pub(super) fn read_referral(node: &Node<'_>, currency: Currency) -> Option<ReferralProgram> {
    let object = node.object()?;
    let enabled = object.or("enabled", true, Node::boolean);
    let advocates = object.or("advocates", Advocates { who: AdvocateKind::Members, tiers: None }, read_advocates);
    let conversion = object.required("conversion", |conversion| read_conversion(conversion, currency));
    let code = CodePolicy { length: 8, prefix: String::new(), valid_days: None, starts_after_days: 0 };
    let code = object.or("code", code, read_code);
    let attribution_days = object.or("attribution_days", 30, |days| days.count(1, MOST_ATTRIBUTION_DAYS));
    let hold_days = object.or("hold_days", 14, |days| days.count(0, MOST_HOLD_DAYS));
    let remind_after_days = object.optional("remind_after_days", |days| days.count(1, MOST_ATTRIBUTION_DAYS));
    let friend = object.optional("friend", read_friend);
    let advocate = object.optional("advocate", read_advocate);
    let review_at_score = object.or("review_at_score", 50, |score| score.count(1, MOST_SCORE));
    let checks = object.or("checks", ReferralChecks::default(), read_checks);
    object.finish();
    Some(ReferralProgram {
        enabled: enabled?,
        advocates: advocates?,
        conversion: conversion?,
        code: code?,
        attribution_days: attribution_days?,
        hold_days: hold_days?,
        remind_after_days: remind_after_days?,
        friend: friend?,
        advocate: advocate?,
        review_at_score: review_at_score?,
        checks: checks?,
    })
}

fn read_advocates(node: &Node<'_>) -> Option<Advocates> {
    let object = node.object()?;
    let who = object.or("who", AdvocateKind::Members, |who| {
        who.choice(&[("members", AdvocateKind::Members), ("anyone", AdvocateKind::Anyone)])
    });
    let tiers = object.optional("tiers", readers::ids);
    object.finish();
    Some(Advocates { who: who?, tiers: tiers? })
}

fn read_conversion(node: &Node<'_>, currency: Currency) -> Option<Conversion> {
    let object = node.object()?;
    let found = object.exactly_one(&["receipt", "interaction"]);
    object.finish();
    let (name, conversion) = found?;
    if name == "interaction" {
        return conversion.filled(128).map(Conversion::Interaction);
    }
    let object = conversion.object()?;
    let over = object.optional("spend_over", |money| money.money(currency));
    let at_least = object.optional("spend_at_least", |money| money.positive_money(currency));
    let first_only = object.or("first_only", true, Node::boolean);
    let filter = object.optional("where", read_filter);
    object.finish();
    let amount = match (over?, at_least?) {
        (Some(_), Some(_)) => return conversion.refuse("must have at most one of spend_over, spend_at_least"),
        (over, at_least) => over.map(ConversionAmount::SpendOver).or(at_least.map(ConversionAmount::SpendAtLeast)),
    };
    Some(Conversion::Receipt(ConversionReceipt { amount, first_only: first_only?, filter: filter? }))
}

fn read_code(node: &Node<'_>) -> Option<CodePolicy> {
    let object = node.object()?;
    let length = object.or("length", 8, |length| length.count(LEAST_LENGTH, MOST_LENGTH));
    let prefix = object.or("prefix", String::new(), |prefix| {
        let text = prefix.text(MOST_PREFIX)?;
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        if text.chars().all(allowed) { Some(text) } else { prefix.refuse("must consist of A–Z, 0–9 and -") }
    });
    let valid_days = object.optional("valid_days", |days| days.count(1, MOST_DAYS));
    let starts_after_days = object.or("starts_after_days", 0, |days| days.count(0, MOST_DAYS));
    object.finish();
    Some(CodePolicy {
        length: length?,
        prefix: prefix?,
        valid_days: valid_days?,
        starts_after_days: starts_after_days?,
    })
}

fn read_friend(node: &Node<'_>) -> Option<FriendReward> {
    let object = node.object()?;
    let on = object.or("on", FriendRewardTime::Qualified, |on| {
        on.choice(&[("attributed", FriendRewardTime::Attributed), ("qualified", FriendRewardTime::Qualified)])
    });
    let then = object.required("then", read_effects);
    object.finish();
    Some(FriendReward { on: on?, then: then? })
}

fn read_advocate(node: &Node<'_>) -> Option<AdvocateReward> {
    let object = node.object()?;
    let mode = object.or("mode", MilestoneMode::Additive, |mode| {
        mode.choice(&[("additive", MilestoneMode::Additive), ("replace", MilestoneMode::Replace)])
    });
    let milestones = object.required("milestones", |list| {
        let milestones = list.list(MOST_MILESTONES, read_milestone)?;
        if milestones.is_empty() {
            return list.refuse("must have at least one milestone");
        }
        if milestones.windows(2).any(|pair| pair[0].at >= pair[1].at) {
            return list.refuse("must be in ascending order of \"at\", each number once");
        }
        Some(milestones)
    });
    object.finish();
    Some(AdvocateReward { mode: mode?, milestones: milestones? })
}

fn read_milestone(node: &Node<'_>) -> Option<Milestone> {
    let object = node.object()?;
    let at = object.required("at", |at| at.count(1, MOST_FRIENDS));
    let then = object.required("then", read_effects);
    object.finish();
    Some(Milestone { at: at?, then: then? })
}

/// Reads what one side gets: points, rewards, a tier outside the ladder.
fn read_effects(node: &Node<'_>) -> Option<Vec<Effect>> {
    let effects = node.list(MOST_EFFECTS, |effect| {
        let read = read_effect(effect)?;
        match &read {
            Effect::Credit(credit) if credit.hold.is_some() => {
                effect.refuse("must not hold points until an event: only receipt rules may")
            }
            Effect::Credit(credit) if matches!(credit.rate, Rate::Points(_)) => Some(read),
            Effect::Reward { .. } | Effect::Vip { .. } => Some(read),
            Effect::Credit(_) => effect.refuse("must credit a number of points: a referral has no amount"),
            Effect::Debit(_) | Effect::Reset { .. } | Effect::Multiply(_) => {
                effect.refuse("must be one of credit, reward, vip")
            }
        }
    })?;
    if effects.is_empty() { node.refuse("must have at least one effect") } else { Some(effects) }
}

fn read_checks(node: &Node<'_>) -> Option<ReferralChecks> {
    let object = node.object()?;
    let default = ReferralChecks::default();
    let weight = |node: &Node<'_>| node.count(0, MOST_SCORE);
    let same_ip = object.or("same_ip", default.same_ip, weight);
    let ip_velocity = object.or("ip_velocity", default.ip_velocity, weight);
    let advocate_velocity = object.or("advocate_velocity", default.advocate_velocity, weight);
    object.finish();
    Some(ReferralChecks { same_ip: same_ip?, ip_velocity: ip_velocity?, advocate_velocity: advocate_velocity? })
}

/// Adds a fault for every tier and reward that does not exist.
pub(in crate::program) fn check(referral: &ReferralProgram, known: &Known, faults: &Faults) {
    known.check_tiers(referral.advocates.tiers.as_ref(), "/referral/advocates/tiers", faults);
    if let Some(friend) = &referral.friend {
        check_effects(&friend.then, "/referral/friend/then", known, faults);
    }
    for (place, milestone) in referral.advocate.iter().flat_map(|advocate| &advocate.milestones).enumerate() {
        check_effects(&milestone.then, &format!("/referral/advocate/milestones/{place}/then"), known, faults);
    }
}

fn check_effects(effects: &[Effect], pointer: &str, known: &Known, faults: &Faults) {
    for (place, effect) in effects.iter().enumerate() {
        known.check_gift(effect, &format!("{pointer}/{place}"), faults);
    }
}
