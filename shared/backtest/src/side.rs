//! What one program made of many members.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::decide::Decision;
use tessera_domain::ids::{RewardId, RuleId, TierId};
use tessera_domain::ledger::Entry;
use tessera_domain::points::Kind;

use crate::Histogram;
use crate::flows::Flows;

/// What one program made of many members. Sides add up in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// Where points went.
    pub flows: Flows,
    /// What members have at the end, less what they owe.
    pub balance: i64,
    /// Of it, what they owe.
    pub debt: i64,
    /// Members who were given a point at least.
    pub earning: u64,
    /// Points earned, less what refunds took, by member.
    pub distribution: Histogram,
    /// What each rule gave.
    pub rules: FxHashMap<RuleId, RuleSums>,
    /// Coupons of each reward.
    pub coupons: BTreeMap<RewardId, CouponSums>,
    /// Members by the tier that they end in.
    pub tiers: BTreeMap<TierId, u64>,
    /// By month.
    pub months: BTreeMap<i32, MonthSums>,
}

/// What one rule gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleSums {
    /// Firings, less those reversed.
    pub firings: i64,
    /// Firings that a limit cut.
    pub lost: i64,
    /// Redeemable points, less those reversed.
    pub redeemable: i64,
    /// Qualifying points, less those reversed.
    pub qualifying: i64,
    /// Points taken, less those given back.
    pub taken: i64,
    /// Receipts on which it fired.
    pub receipts: u64,
    /// Members for whom it fired.
    pub members: u64,
    /// The last member counted in `members`.
    pub(crate) last: u64,
}

/// Coupons of one reward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CouponSums {
    /// Given.
    pub given: u64,
    /// Taken back by refunds.
    pub cancelled: u64,
}

/// Redeemable points of one month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MonthSums {
    /// Issued.
    pub issued: i64,
    /// Taken back by refunds.
    pub reversed: i64,
}

impl Side {
    /// Counts a decision; `member` is told from others by its number.
    pub fn count(&mut self, decision: &Decision, month: i32, member: u64) {
        let before = MonthSums::of(&self.flows);
        for entry in decision.entries() {
            self.flows.add(entry);
            self.count_rules(entry, member);
        }
        let after = MonthSums::of(&self.flows);
        if after != before {
            let sums = self.months.entry(month).or_default();
            sums.issued += after.issued - before.issued;
            sums.reversed += after.reversed - before.reversed;
        }
        for coupon in &decision.issued {
            self.coupons_of(coupon).given += 1;
        }
        for (_, coupon) in decision.changed.iter().filter(|(_, new)| new.status == CouponStatus::Cancelled) {
            self.coupons_of(coupon).cancelled += 1;
        }
    }

    fn coupons_of(&mut self, coupon: &Coupon) -> &mut CouponSums {
        self.coupons.entry(coupon.reward.clone()).or_default()
    }

    fn count_rules(&mut self, entry: &Entry, member: u64) {
        for outcome in &entry.outcomes {
            if !self.rules.contains_key(&outcome.rule) {
                self.rules.insert(outcome.rule.clone(), RuleSums::default());
            }
            let Some(sums) = self.rules.get_mut(&outcome.rule) else { continue };
            let credits = outcome.credits();
            sums.firings += outcome.firings;
            sums.lost += outcome.lost;
            sums.redeemable += credits.redeemable.get();
            sums.qualifying += credits.qualifying.get();
            sums.taken += outcome.debited.plus(outcome.reset).redeemable.get();
            if outcome.firings > 0 {
                sums.receipts += 1;
                sums.members += u64::from(sums.last != member);
                sums.last = member;
            }
        }
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        self.flows.merge(&other.flows);
        self.balance += other.balance;
        self.debt += other.debt;
        self.earning += other.earning;
        self.distribution.merge(&other.distribution);
        for (rule, theirs) in &other.rules {
            let mine = self.rules.entry(rule.clone()).or_default();
            mine.firings += theirs.firings;
            mine.lost += theirs.lost;
            mine.redeemable += theirs.redeemable;
            mine.qualifying += theirs.qualifying;
            mine.taken += theirs.taken;
            mine.receipts += theirs.receipts;
            mine.members += theirs.members;
            // Members of another tally are never the next of this one.
            mine.last = 0;
        }
        for (reward, theirs) in &other.coupons {
            let mine = self.coupons.entry(reward.clone()).or_default();
            mine.given += theirs.given;
            mine.cancelled += theirs.cancelled;
        }
        for (tier, members) in &other.tiers {
            *self.tiers.entry(tier.clone()).or_default() += members;
        }
        for (month, theirs) in &other.months {
            let mine = self.months.entry(*month).or_default();
            mine.issued += theirs.issued;
            mine.reversed += theirs.reversed;
        }
    }
}

impl MonthSums {
    const fn of(flows: &Flows) -> Self {
        use tessera_domain::ledger::Bucket;
        Self { issued: flows.issued(Kind::Redeemable), reversed: flows.of(Bucket::Reversed, Kind::Redeemable) }
    }
}
