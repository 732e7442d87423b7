//! The results of many members under one program.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::decide::Decision;
use tessera_domain::ids::{RewardId, RuleId, TierId};
use tessera_domain::ledger::Entry;
use tessera_domain::points::Kind;

use crate::Histogram;
use crate::flows::BucketFlows;

/// The results of many members under one program. Sides can be merged in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// The sums of the postings.
    pub flows: BucketFlows,
    /// The final balances less debts.
    pub balance: i64,
    /// The debts.
    pub debt: i64,
    /// Members who earned at least one point.
    pub earning: u64,
    /// Points earned less reversed ones, per member.
    pub distribution: Histogram,
    /// The results of each rule.
    pub rules: FxHashMap<RuleId, RuleSums>,
    /// Coupons of each reward.
    pub coupons: BTreeMap<RewardId, CouponSums>,
    /// Members by their final tier.
    pub tiers: BTreeMap<TierId, u64>,
    /// By month.
    pub months: BTreeMap<i32, MonthSums>,
}

/// The results of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleSums {
    /// Firings less reversed ones.
    pub firings: i64,
    /// Firings cut by a limit.
    pub lost: i64,
    /// Redeemable points less reversed ones.
    pub redeemable: i64,
    /// Qualifying points less reversed ones.
    pub qualifying: i64,
    /// Debited points less restored ones.
    pub taken: i64,
    /// Receipts with a firing.
    pub receipts: u64,
    /// Members with a firing.
    pub members: u64,
    /// The last member that was counted in `members`.
    pub(crate) last: u64,
}

/// Coupons of a reward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CouponSums {
    /// Issued coupons.
    pub given: u64,
    /// Reversed by refunds.
    pub cancelled: u64,
}

/// Redeemable points of a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MonthSums {
    /// Issued points.
    pub issued: i64,
    /// Reversed by refunds.
    pub reversed: i64,
}

impl Side {
    /// Adds a decision of the member with this number.
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

    /// Merges another side.
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
            // Members of different tallies are distinct.
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
    const fn of(flows: &BucketFlows) -> Self {
        use tessera_domain::ledger::Bucket;
        Self { issued: flows.issued(Kind::Redeemable), reversed: flows.of(Bucket::Reversed, Kind::Redeemable) }
    }
}
