//! Decisions on referrals: what the friend and the advocate get, and what is taken back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::draft::Draft;
use super::fire::NO_AMOUNT;
use super::occasion::Occasion;
use super::refund::take_gift;
use super::{Context, Decision};
use crate::account::{Account, Gift, MilestoneGift};
use crate::coupon::{Coupon, CouponStatus};
use crate::ids::{CouponCode, ReferralId, RewardId};
use crate::ledger::{Cause, NamedCoupon, Outcome};
use crate::points::{Both, Points};
use crate::program::{CompiledReferral, MILESTONE_RULE, MilestoneMode};
use crate::rule::{CompiledRule, ReferralRole, Trigger, Waiting};
use crate::time::Day;

/// What a referral changes for one member.
#[derive(Debug, Clone, Default)]
pub struct ReferralChange<'a> {
    /// When it fell due, however late that is noticed; `None`: now.
    pub due_at: Option<Timestamp>,
    /// The member is the friend.
    pub friend: Option<FriendChange<'a>>,
    /// The member is the advocate.
    pub advocate: Option<AdvocateChange<'a>>,
}

/// What a referral changes for the friend.
#[derive(Debug, Clone, Default)]
pub struct FriendChange<'a> {
    /// The last local day on which a purchase may concern the friend's referrals.
    pub until: Option<Day>,
    /// Gives the reward of the referral program.
    pub gives_reward: bool,
    /// Fires the rules for rewarded referrals.
    pub fires_rules: bool,
    /// What is taken back.
    pub takes_back: &'a [Gift],
}

/// What a referral changes for the advocate.
#[derive(Debug, Clone)]
pub enum AdvocateChange<'a> {
    /// One friend more counts: milestones and rules give.
    Counts,
    /// One friend less counts: milestones above the number are taken back, and these gifts of rules.
    CountsNoMore(&'a [Gift]),
}

/// A coupon that a milestone gave was not loaded: the account has changed since its coupons were listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a coupon of the advocate is missing")]
pub struct CouponMissing;

/// The coupons that a change for an advocate may cancel: those that milestones gave.
pub fn milestone_coupons(account: &Account) -> Vec<CouponCode> {
    account.advocacy.milestones.iter().flat_map(|milestone| &milestone.gift.coupons).cloned().collect()
}

/// Decides on a change of a referral for one member.
///
/// # Errors
/// [`CouponMissing`] when `coupons` lacks one that has to be cancelled.
pub fn decide_referral(
    context: &Context<'_>,
    account: &Account,
    referral: &ReferralId,
    change: &ReferralChange<'_>,
    coupons: &[Coupon],
) -> Result<Decision, CouponMissing> {
    let cause = Cause::Referral(referral.to_string());
    let at = change.due_at.unwrap_or(context.now);
    let mut draft = Draft::new(context, account, at, cause.clone());
    let known: BTreeMap<CouponCode, Coupon> =
        coupons.iter().map(|coupon| (coupon.code.clone(), coupon.clone())).collect();
    let occasion = Occasion::new(context, &draft.account, at);
    let mut sides = Vec::new();
    let mut replaces = false;
    if let Some(friend) = &change.friend {
        draft.account.referred_until = draft.account.referred_until.max(friend.until);
        draft.take_gifts(&known, friend.takes_back)?;
        if friend.gives_reward
            && let Some(rule) = context.program.referral.as_ref().and_then(|referral| referral.friend_rule())
        {
            draft.consider(rule, &occasion, NO_AMOUNT);
        }
        sides.extend(friend.fires_rules.then_some(ReferralRole::Friend));
    }
    match &change.advocate {
        None => {}
        Some(AdvocateChange::Counts) => {
            replaces = draft.count_friend(&occasion);
            sides.push(ReferralRole::Advocate);
        }
        Some(AdvocateChange::CountsNoMore(gifts)) => {
            draft.take_gifts(&known, gifts)?;
            draft.count_friend_no_more(&known)?;
        }
    }
    draft.apply_rewards(&occasion);
    if replaces {
        draft.replace_coupons(&known)?;
    }
    draft.remember_milestones();
    draft.conclude();

    let on_referral = on_referral(context, &sides, at);
    // Rules have an entry of their own: a multiplier among them never touches the rewards of the referral program.
    if !on_referral.is_empty() {
        draft.start_entry(at, cause);
        for rule in on_referral {
            draft.consider(rule, &occasion, NO_AMOUNT);
        }
        draft.apply(&occasion);
    }
    Ok(draft.finish())
}

/// Decides on the rules alone that wait for a rewarded referral, on the side of a role; `None` when there are none.
pub fn decide_referral_rules(context: &Context<'_>, account: &Account, role: ReferralRole) -> Option<Decision> {
    let rules = on_referral(context, &[role], context.now);
    if rules.is_empty() {
        return None;
    }
    let mut draft = Draft::new(context, account, context.now, Cause::Referral("replayed".to_owned()));
    let occasion = Occasion::new(context, &draft.account, context.now);
    for rule in rules {
        draft.consider(rule, &occasion, NO_AMOUNT);
    }
    draft.apply(&occasion);
    Some(draft.finish())
}

/// The rules that a referral rewarded at a time fires on some of its sides.
fn on_referral<'a>(context: &Context<'a>, sides: &[ReferralRole], at: Timestamp) -> Vec<&'a CompiledRule> {
    let waiting = context.program.rules.waiting(&Waiting::Referral);
    let current = waiting.filter(|rule| rule.covers(at));
    current.filter(|rule| matches!(&rule.rule.on, Trigger::Referral { role } if sides.contains(role))).collect()
}

/// What a decision gave on the side of a role, milestones excepted: to be taken back when the referral is undone.
pub fn referral_gifts(decision: &Decision, role: ReferralRole, context: &crate::program::CompiledProgram) -> Vec<Gift> {
    let mut gifts = Vec::new();
    for entry in [&decision.entry].into_iter().chain(&decision.tier_changes) {
        if !matches!(entry.cause, Cause::Referral(_)) {
            continue;
        }
        for outcome in entry.outcomes.iter().filter(|outcome| outcome.firings > 0) {
            let of_program = CompiledReferral::owns(&outcome.rule);
            let is_of_role = match context.rules.get(&outcome.rule).filter(|_| !of_program).map(|rule| &rule.rule.on) {
                Some(Trigger::Referral { role: wanted }) => *wanted == role,
                _ => role == ReferralRole::Friend && !outcome.rule.as_str().starts_with(MILESTONE_RULE),
            };
            if is_of_role {
                gifts.push(gift(outcome, entry.at, entry.lot));
            }
        }
    }
    gifts
}

fn gift(outcome: &Outcome, at: Timestamp, lot: Option<crate::account::LotKey>) -> Gift {
    Gift {
        rule: outcome.rule.clone(),
        rule_version: outcome.rule_version,
        at,
        firings: outcome.firings,
        points: outcome.credits(),
        lot,
        coupons: outcome.coupons.iter().map(|coupon| coupon.code.clone()).collect(),
    }
}

impl Draft<'_> {
    /// Takes gifts back, the latest first.
    fn take_gifts(&mut self, known: &BTreeMap<CouponCode, Coupon>, gifts: &[Gift]) -> Result<(), CouponMissing> {
        for gift in gifts.iter().rev() {
            if gift.coupons.iter().any(|code| !known.contains_key(code)) {
                return Err(CouponMissing);
            }
            take_gift(self, known, gift);
        }
        Ok(())
    }

    /// Counts one friend more and lets the milestone fire that is reached by it. True if it replaces earlier ones.
    fn count_friend(&mut self, occasion: &Occasion<'_>) -> bool {
        let before = self.account.advocacy.friends;
        let after = before.saturating_add(1);
        self.account.advocacy.friends = after;
        let Some(referral) = &self.context.program.referral else { return false };
        let mut replaces = false;
        for (_, rule) in referral.milestone_rules(before, after) {
            let place = self.entry.outcomes.len();
            self.consider(rule, occasion, NO_AMOUNT);
            if referral.mode() == MilestoneMode::Replace && self.entry.outcomes.len() > place {
                self.top_up(place);
                replaces = true;
            }
        }
        replaces
    }

    /// Lowers the credit of the outcome at a place by what earlier milestones gave.
    fn top_up(&mut self, place: usize) {
        let given =
            self.account.advocacy.milestones.iter().fold(Both::ZERO, |sum, earlier| sum.plus(earlier.gift.points));
        let outcome = &mut self.entry.outcomes[place];
        let left = outcome.fixed.minus(given);
        outcome.fixed =
            Both { redeemable: left.redeemable.max(Points::ZERO), qualifying: left.qualifying.max(Points::ZERO) };
    }

    /// Cancels the unused coupons of earlier milestones. Used ones stay.
    fn replace_coupons(&mut self, known: &BTreeMap<CouponCode, Coupon>) -> Result<(), CouponMissing> {
        let mut milestones = std::mem::take(&mut self.account.advocacy.milestones);
        for earlier in &mut milestones {
            if earlier.gift.coupons.iter().any(|code| !known.contains_key(code)) {
                return Err(CouponMissing);
            }
            for code in std::mem::take(&mut earlier.gift.coupons) {
                let mut change = Outcome::nothing(earlier.gift.rule.clone(), earlier.gift.rule_version);
                if self.cancel(known, std::slice::from_ref(&code), &mut change) {
                    earlier.gift.coupons.push(code);
                } else if let Some(coupon) = known.get(&code) {
                    earlier.replaced.push(coupon.reward.clone());
                }
                self.note_change(change);
            }
        }
        self.account.advocacy.milestones = milestones;
        Ok(())
    }

    /// Counts one friend less and takes back what milestones above the new number gave.
    fn count_friend_no_more(&mut self, known: &BTreeMap<CouponCode, Coupon>) -> Result<(), CouponMissing> {
        let after = self.account.advocacy.friends.saturating_sub(1);
        self.account.advocacy.friends = after;
        let milestones = std::mem::take(&mut self.account.advocacy.milestones);
        let (lost, mut kept): (Vec<MilestoneGift>, Vec<MilestoneGift>) =
            milestones.into_iter().partition(|milestone| milestone.at > after);
        let gifts: Vec<Gift> = lost.into_iter().map(|milestone| milestone.gift).collect();
        let taken = !gifts.is_empty();
        self.take_gifts(known, &gifts)?;
        // The latest milestone that stands has its coupons again.
        if let Some(last) = kept.last_mut().filter(|_| taken) {
            for reward in std::mem::take(&mut last.replaced) {
                let code = self.issue_again(&reward);
                let issued = code.into_iter().collect::<Vec<_>>();
                let rule = (last.gift.rule.clone(), last.gift.rule_version);
                last.gift.coupons.extend(issued.iter().cloned());
                let coupons = issued.into_iter().map(|code| NamedCoupon { code, reward: reward.clone() }).collect();
                self.entry.outcomes.push(Outcome { coupons, ..Outcome::nothing(rule.0, rule.1) });
            }
        }
        self.account.advocacy.milestones = kept;
        Ok(())
    }

    fn issue_again(&mut self, reward: &RewardId) -> Option<CouponCode> {
        let reward = self.context.program.reward(reward)?;
        if self.coupons_left() == 0 || !self.has_unit(reward) {
            return None;
        }
        self.issue(reward, CouponStatus::Available, Points::ZERO, Vec::new(), None)
    }

    /// Credits what fired. Outcomes of what was taken back stand before it in the entry.
    fn apply_rewards(&mut self, occasion: &Occasion<'_>) {
        let fired = self.fired.len();
        let taken = self.entry.outcomes.len() - fired.min(self.entry.outcomes.len());
        if fired == 0 {
            return;
        }
        // `apply` pairs rules and outcomes by their place.
        let given = self.entry.outcomes.split_off(taken);
        let before = std::mem::replace(&mut self.entry.outcomes, given);
        self.apply(occasion);
        let given = std::mem::replace(&mut self.entry.outcomes, before);
        self.entry.outcomes.extend(given);
    }

    /// Remembers in the account what the milestones of this entry gave.
    fn remember_milestones(&mut self) {
        let (at, lot) = (self.entry.at, self.entry.lot);
        for outcome in self.entry.outcomes.iter().filter(|outcome| outcome.firings > 0) {
            let Some(number) = outcome.rule.as_str().strip_prefix(MILESTONE_RULE) else { continue };
            let Ok(friends) = number.parse() else { continue };
            let gift = gift(outcome, at, lot);
            self.account.advocacy.milestones.push(MilestoneGift { at: friends, gift, replaced: Vec::new() });
        }
    }
}
