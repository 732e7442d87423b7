//! A decision in the making: the account being changed and the entry that tells it.

use jiff::Timestamp;

use super::{Context, Decision};
use crate::account::{Account, Counter, Taken};
use crate::coupon::{Coupon, CouponStatus, Discount};
use crate::ids::{CouponCode, RewardId};
use crate::ledger::{Cause, Entry, Movement};
use crate::pack::pack;
use crate::points::Points;
use crate::program::{CodeSource, Reward};
use crate::rule::CompiledRule;
use crate::time::Day;

/// An entry larger than this, packed, costs a second write unit: what explains most cheaply is left out then.
const ENTRY_BYTES: usize = 850;

/// A decision in the making.
pub(super) struct Draft<'a> {
    pub context: &'a Context<'a>,
    pub account: Account,
    pub entry: Entry,
    pub issued: Vec<Coupon>,
    pub changed: Vec<(Coupon, Coupon)>,
    stock: Vec<RewardId>,
}

impl<'a> Draft<'a> {
    /// Begins with the account brought up to the present.
    pub fn new(context: &'a Context<'a>, account: &Account, at: Timestamp, cause: Cause) -> Self {
        let mut account = account.clone();
        let movements = account.settle(context.program, context.now);
        let entry = Entry {
            at,
            decided_at: context.now,
            sequence: account.version + 1,
            program_version: context.program.version,
            cause,
            movements,
            outcomes: Vec::new(),
            skipped: Vec::new(),
            truncated: false,
            tier: None,
            balance: Points::ZERO,
            lot: None,
            coupons: Vec::new(),
            ignored: Vec::new(),
            rejected: None,
        };
        Self { context, account, entry, issued: Vec::new(), changed: Vec::new(), stock: Vec::new() }
    }

    /// The local day of the decision.
    pub fn today(&self) -> Day {
        self.account.settled.unwrap_or_else(|| Day::of(self.context.now, &self.context.program.zone))
    }

    /// Adds a movement, unless nothing moves.
    pub fn push(&mut self, movement: Movement) {
        if !movement.postings.is_empty() {
            self.entry.movements.push(movement);
        }
    }

    /// What a rule remembers of this member; at zero when it has become another rule meanwhile.
    pub fn counter(&self, rule: &CompiledRule) -> Counter {
        let kept = self.account.counters.get(&rule.rule.id).filter(|counter| counter.generation == rule.generation);
        kept.cloned().unwrap_or_else(|| Counter::new(rule.generation))
    }

    /// Keeps what a rule remembers, unless that is nothing.
    pub fn keep(&mut self, rule: &CompiledRule, mut counter: Counter) {
        counter.prune(self.today());
        if counter.is_blank() {
            self.account.counters.remove(&rule.rule.id);
        } else {
            self.account.counters.insert(rule.rule.id.clone(), counter);
        }
    }

    /// Counts qualifying points in the month of `day`, and lets the tier rise.
    pub fn earn_qualifying(&mut self, points: Points, day: Day) {
        if points.is_zero() {
            return;
        }
        let month = self.account.qualifying.entry(day.month()).or_default();
        *month = month.plus(points);
        let today = self.today();
        self.account.tier.rise(self.context.program, &self.account.qualifying, day, today);
    }

    /// The code that the first coupon of a decision gets.
    pub fn first_code(context: &Context<'_>, reward: &Reward) -> Option<CouponCode> {
        let CodeSource::Pattern(pattern) = &reward.code else { return None };
        context.seed.code(pattern, 0)
    }

    /// Issues a coupon of a reward; `None` when its codes cannot be made here.
    pub fn issue(
        &mut self,
        reward: &Reward,
        status: CouponStatus,
        cost: Points,
        taken: Vec<Taken>,
        until: Option<Timestamp>,
    ) -> Option<CouponCode> {
        let CodeSource::Pattern(pattern) = &reward.code else { return None };
        let ordinal = u32::try_from(self.issued.len()).unwrap_or(u32::MAX);
        let code = self.context.seed.code(pattern, ordinal)?;
        let zone = &self.context.program.zone;
        let last = reward.valid_days.map(|days| self.today().plus_days(days));
        self.issued.push(Coupon {
            code: code.clone(),
            member: self.context.member.clone(),
            reward: reward.id.clone(),
            status,
            cost,
            discount: Discount::of(reward, self.context.program.program.currency),
            issued_at: self.context.now,
            expires_at: last.map(|day| day.plus_days(1).start(zone)),
            until,
            taken,
            receipt: None,
        });
        if reward.stock.is_some() {
            self.stock.push(reward.id.clone());
        }
        if reward.per_member_limit.is_some() {
            *self.account.issued.entry(reward.id.clone()).or_default() += 1;
        }
        Some(code)
    }

    /// The decision, whole.
    pub fn finish(mut self) -> Decision {
        self.account.version += 1;
        self.entry.balance = self.account.balance();
        // Counters of rules that the program has no more are forgotten.
        let rules = &self.context.program.rules;
        self.account.counters.retain(|id, _| rules.get(id).is_some());
        self.forget_old_months();
        self.shorten();
        Decision {
            account: self.account,
            entry: self.entry,
            tier_changes: Vec::new(),
            marks: false,
            issued: self.issued,
            changed: self.changed,
            stock: self.stock,
        }
    }

    /// Months that no window or refund looks at any more are kept as one sum.
    fn forget_old_months(&mut self) {
        const KEPT: u32 = 36;
        let oldest = self.today().month().minus(KEPT);
        let old: Points = self.account.qualifying.range(..oldest).map(|(_, points)| *points).sum();
        if self.account.qualifying.range(..oldest).count() > 1 {
            self.account.qualifying = self.account.qualifying.split_off(&oldest);
            self.account.qualifying.insert(oldest.minus(1), old);
        }
    }

    /// What was not given is told as far as there is room; the rest can be computed from the program's version.
    fn shorten(&mut self) {
        let size = |entry: &Entry| pack(entry).map_or(0, |bytes| bytes.len());
        while !self.entry.skipped.is_empty() && size(&self.entry) > ENTRY_BYTES {
            self.entry.skipped.truncate(self.entry.skipped.len() / 2);
            self.entry.truncated = true;
        }
    }
}
