//! The compiled referral program. Its conversion and its rewards are rules: the rule engine decides on them.

use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::{AdvocateReward, Conversion, MilestoneMode, ReferralProgram};
use crate::fact::{Receipt, Remaining};
use crate::ids::RuleId;
use crate::program::Program;
use crate::rule::{CompiledRule, Effect, ReceiptTrigger, ReferralRole, Rule, RuleSet, RuleStatus, Trigger};
use crate::time::Moment;

/// What the identifiers of milestones begin with in entries.
pub const MILESTONE_RULE: &str = "referral:advocate:";
const FRIEND_RULE: &str = "referral:friend";
const CONVERSION_RULE: &str = "referral:conversion";

/// A referral program, ready for decisions.
#[derive(Debug, Clone)]
pub struct CompiledReferral {
    /// The document.
    pub program: ReferralProgram,
    conversion: RuleSet,
    rewards: RuleSet,
}

impl CompiledReferral {
    pub(in crate::program) fn new(program: &Program, zone: &TimeZone, version: u32) -> Option<Self> {
        let referral = program.referral.clone()?;
        let compiled = |rules: Vec<Rule>| {
            let since = vec![version; rules.len()];
            let rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
            RuleSet::new(&rules, program.tier_ids(), zone, &since)
        };
        let filter = match &referral.conversion {
            Conversion::Receipt(receipt) => receipt.filter.clone(),
            Conversion::Interaction(_) => None,
        };
        let trigger = Trigger::Receipt(ReceiptTrigger { filter, ..ReceiptTrigger::default() });
        let conversion = compiled(vec![rule(CONVERSION_RULE, trigger, Vec::new())?]);
        let mut rewards = Vec::new();
        if let Some(friend) = &referral.friend {
            rewards.push(rule(FRIEND_RULE, Trigger::Referral { role: ReferralRole::Friend }, friend.then.clone())?);
        }
        for milestone in referral.advocate.iter().flat_map(|advocate| &advocate.milestones) {
            let id = format!("{MILESTONE_RULE}{}", milestone.at);
            rewards.push(rule(&id, Trigger::Referral { role: ReferralRole::Advocate }, milestone.then.clone())?);
        }
        let rewards = compiled(rewards);
        Some(Self { program: referral, conversion, rewards })
    }

    /// True for the rules that rewards are compiled to: they are no rules of the merchant's.
    pub(crate) fn owns(rule: &RuleId) -> bool {
        rule.as_str().starts_with("referral:")
    }

    /// The part of a receipt that counts for the conversion, in minor units of the program's currency; `None` when the
    /// receipt does not count.
    pub fn counted(&self, program: &Program, receipt: &Receipt, remaining: &Remaining) -> Option<i64> {
        let words = self.conversion.words(receipt);
        let rule = self.conversion.iter().next()?;
        rule.eligible(receipt, &words, remaining, program.currency).map(|eligible| eligible.amount)
    }

    /// The friend's reward, as a rule.
    pub(crate) fn friend_rule(&self) -> Option<&CompiledRule> {
        self.rewards.get(&RuleId::new(FRIEND_RULE).ok()?)
    }

    /// The rewards of the milestones that are reached on the way from one number of friends to another, lowest first.
    pub(crate) fn milestone_rules(&self, before: u32, after: u32) -> Vec<(u32, &CompiledRule)> {
        let milestones = self.program.advocate.iter().flat_map(|advocate| &advocate.milestones);
        let crossed = milestones.filter(|milestone| before < milestone.at && milestone.at <= after);
        crossed.filter_map(|milestone| Some((milestone.at, self.milestone_rule(milestone.at)?))).collect()
    }

    /// The reward of one milestone, as a rule.
    pub(crate) fn milestone_rule(&self, at: u32) -> Option<&CompiledRule> {
        self.rewards.get(&RuleId::new(format!("{MILESTONE_RULE}{at}")).ok()?)
    }

    /// How milestones combine.
    pub fn mode(&self) -> MilestoneMode {
        let mode = |advocate: &AdvocateReward| advocate.mode;
        self.program.advocate.as_ref().map_or(MilestoneMode::Additive, mode)
    }
}

fn rule(id: &str, on: Trigger, then: Vec<Effect>) -> Option<Rule> {
    Some(Rule {
        id: RuleId::new(id).ok()?,
        name: id.to_owned(),
        status: RuleStatus::Active,
        tiers: None,
        starts_at: Moment::Local(date(1970, 1, 1).at(0, 0, 0, 0)),
        ends_at: None,
        limit: Vec::new(),
        budget: None,
        storefront: None,
        on,
        conditions: Vec::new(),
        then,
    })
}
