//! What one entry adds to which counter.

use std::collections::BTreeMap;

use super::{Events, Figures, Flows, MOST_NAMES, ReferralFunnel};
use crate::account::Status;
use crate::ids::TierId;
use crate::ledger::{Bucket, Cause, CouponAction, Entry, MemberStanding, Movement, MovementType};
use crate::points::Kind;
use crate::program::CompiledReferral;

impl Figures {
    /// Adds an entry. The order of entries does not matter.
    pub fn add(&mut self, entry: &Entry) {
        let mut flows = Flows::default();
        for movement in &entry.movements {
            self.add_movement(movement, &mut flows);
        }
        for change in &entry.extended {
            add_to(&mut self.lots, (change.issued, change.expires), change.points.get());
        }
        self.add_standing(entry, flows);
        self.events.add(entry);
        self.tidy();
    }

    /// Adds what became of referral links.
    pub const fn add_referrals(&mut self, funnel: ReferralFunnel) {
        self.events.referrals.add(funnel);
    }

    fn add_movement(&mut self, movement: &Movement, flows: &mut Flows) {
        let mut own = Flows::default();
        let mut counterpart = None;
        for posting in movement.postings.iter().filter(|posting| posting.kind == Kind::Redeemable) {
            let points = posting.amount.get();
            own.post(posting.from, posting.to, points);
            if posting.from == Bucket::Pending {
                self.pending -= points;
            }
            if posting.to == Bucket::Pending {
                self.pending += points;
            }
            if movement.kind == MovementType::Import && posting.from == Bucket::Issued {
                self.imported += points;
            }
            counterpart = [posting.from, posting.to].into_iter().find(|bucket| !bucket.is_members()).or(counterpart);
        }
        flows.add(&own);
        // Points that no lot holds are reserved or owed. What lots gain or lose besides the movement's own points changes
        // only which they are: points set aside, points that pay a debt.
        let mut elsewhere = own;
        for change in &movement.lots {
            let points = change.points.get();
            let is_own = points.signum() == own.net().signum();
            let bucket = counterpart.filter(|_| is_own).unwrap_or(Bucket::Moved);
            let mut lot = Flows::default();
            if points > 0 {
                lot.enter(bucket, points);
            } else {
                lot.leave(bucket, -points);
            }
            self.by_issue.entry(Some(change.issued)).or_default().add(&lot);
            elsewhere = elsewhere.minus(&lot);
            add_to(&mut self.lots, (change.issued, change.expires), points);
        }
        if !elsewhere.is_zero() {
            self.by_issue.entry(None).or_default().add(&elsewhere);
        }
    }

    /// Books the flows on the tier before the entry; the balance goes with a member who changes tier.
    fn add_standing(&mut self, entry: &Entry, flows: Flows) {
        let Some(moved) = &entry.standing else {
            let tier = entry.tier.as_ref().map(|tier| tier.after.clone());
            return self.flow(tier, &flows);
        };
        let tier = |standing: &Option<MemberStanding>| standing.as_ref().and_then(|standing| standing.tier.clone());
        let (before, after) = (tier(&moved.before), tier(&moved.after));
        let earned_on = if moved.before.is_some() { &before } else { &after };
        self.flow(earned_on.clone(), &flows);
        if moved.before.is_some() && before != after {
            let balance = entry.balance.get();
            self.flow(before, &Flows { moved: -balance, ..Flows::default() });
            self.flow(after, &Flows { moved: balance, ..Flows::default() });
        }
        for (standing, count) in [(&moved.before, -1), (&moved.after, 1)] {
            let Some(standing) = standing else { continue };
            match standing.status {
                Status::Member => {
                    self.members += count;
                    if let Some(tier) = &standing.tier {
                        add_to(&mut self.members_by_tier, tier.clone(), count);
                    }
                }
                Status::Visitor | Status::Pending => self.visitors += count,
                Status::Excluded => {}
            }
        }
    }

    fn flow(&mut self, tier: Option<TierId>, flows: &Flows) {
        if !flows.is_zero() {
            self.by_tier.entry(tier).or_default().add(flows);
        }
    }

    /// Adds other figures.
    pub fn merge(&mut self, other: &Self) {
        for (tier, flows) in &other.by_tier {
            self.flow(tier.clone(), flows);
        }
        for (month, flows) in &other.by_issue {
            self.by_issue.entry(*month).or_default().add(flows);
        }
        for (lot, points) in &other.lots {
            add_to(&mut self.lots, *lot, *points);
        }
        self.imported += other.imported;
        self.pending += other.pending;
        self.members += other.members;
        self.visitors += other.visitors;
        for (tier, count) in &other.members_by_tier {
            add_to(&mut self.members_by_tier, tier.clone(), *count);
        }
        self.events.merge(&other.events);
        self.tidy();
    }

    /// These figures without those of some days, for positions.
    #[must_use]
    pub(super) fn without(&self, days: &Self) -> Self {
        let mut rest = self.clone();
        for (tier, flows) in &days.by_tier {
            let own = rest.by_tier.entry(tier.clone()).or_default();
            *own = own.minus(flows);
        }
        for (month, flows) in &days.by_issue {
            let own = rest.by_issue.entry(*month).or_default();
            *own = own.minus(flows);
        }
        for (lot, points) in &days.lots {
            add_to(&mut rest.lots, *lot, -points);
        }
        for (tier, count) in &days.members_by_tier {
            add_to(&mut rest.members_by_tier, tier.clone(), -count);
        }
        rest.imported -= days.imported;
        rest.pending -= days.pending;
        rest.members -= days.members;
        rest.visitors -= days.visitors;
        rest.tidy();
        rest
    }

    /// These figures without what counts for a period only: what all days together add up to.
    #[must_use]
    pub fn position(mut self) -> Self {
        self.events = Events::default();
        self
    }

    /// The flows of all tiers.
    pub fn flows(&self) -> Flows {
        self.by_tier.values().fold(Flows::default(), |mut sum, flows| {
            sum.add(flows);
            sum
        })
    }

    /// Drops what is zero, so that figures are equal whatever they were added up from.
    fn tidy(&mut self) {
        self.by_tier.retain(|_, flows| !flows.is_zero());
        self.by_issue.retain(|_, flows| !flows.is_zero());
        self.lots.retain(|_, points| *points != 0);
        self.members_by_tier.retain(|_, count| *count != 0);
    }
}

impl Events {
    fn add(&mut self, entry: &Entry) {
        if let Some(moved) = &entry.standing {
            let has = |standing: &Option<MemberStanding>, status| standing.as_ref().is_some_and(|s| s.status == status);
            let was_in = has(&moved.before, Status::Member) || has(&moved.before, Status::Excluded);
            self.new_members += i64::from(!was_in && has(&moved.after, Status::Member));
        }
        for (place, people) in self.people.0.iter_mut().enumerate() {
            *people += i64::from(entry.firsts.has(place));
        }
        let is_sale = entry.cause.receipt().is_some();
        let is_moved = entry.cause.departed().is_some();
        if let (true, Some(purchase)) = (is_sale || is_moved, &entry.purchase) {
            let minor = purchase.converted.unwrap_or(purchase.amount);
            let sales = if entry.status == Status::Member { &mut self.member_sales } else { &mut self.other_sales };
            let with_coupon = (!entry.coupons.is_empty()).then_some(&mut self.coupon_sales);
            for sales in [Some(sales), with_coupon].into_iter().flatten() {
                sales.receipts += if is_moved { -1 } else { 1 };
                sales.minor += minor;
            }
        }
        for outcome in entry.outcomes.iter().filter(|outcome| !CompiledReferral::owns(&outcome.rule)) {
            let points = outcome.net().redeemable.get();
            add_named(&mut self.rules, &outcome.rule, (points, outcome.firings));
        }
        if let Cause::Coupon { reward, action, .. } = &entry.cause {
            let spent: i64 = entry.movements.iter().map(spent).sum();
            let redemptions = match action {
                CouponAction::Redeem | CouponAction::Commit => 1,
                // Only the cancellation of a bought coupon gives points back.
                CouponAction::Cancel => -i64::from(spent < 0),
                CouponAction::Reserve | CouponAction::Settle => 0,
            };
            add_named(&mut self.rewards, reward, (spent, redemptions));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.new_members += other.new_members;
        for (own, other) in self.people.0.iter_mut().zip(other.people.0) {
            *own += other;
        }
        let pairs = [
            (&mut self.member_sales, other.member_sales),
            (&mut self.other_sales, other.other_sales),
            (&mut self.coupon_sales, other.coupon_sales),
        ];
        for (own, other) in pairs {
            own.receipts += other.receipts;
            own.minor += other.minor;
        }
        for (rule, counts) in &other.rules {
            add_named(&mut self.rules, rule, *counts);
        }
        for (reward, counts) in &other.rewards {
            add_named(&mut self.rewards, reward, *counts);
        }
        self.referrals.add(other.referrals);
    }

    /// The number of distinct people of a kind, counted once in each period.
    pub(super) const fn people(&self, place: usize) -> i64 {
        self.people.0[place]
    }
}

/// The points that a movement spent on rewards; negative for those that came back.
fn spent(movement: &Movement) -> i64 {
    let redeemable = movement.postings.iter().filter(|posting| posting.kind == Kind::Redeemable);
    let points = redeemable.map(|posting| match (posting.from, posting.to) {
        (Bucket::Redeemed, _) => -posting.amount.get(),
        (_, Bucket::Redeemed) => posting.amount.get(),
        _ => 0,
    });
    points.sum()
}

fn add_to<K: Ord>(sums: &mut BTreeMap<K, i64>, key: K, number: i64) {
    if number != 0 {
        *sums.entry(key).or_default() += number;
    }
}

/// Adds to the counters of a name, unless there are too many names and this is a new one.
fn add_named<K: Ord + Clone>(counters: &mut BTreeMap<K, (i64, i64)>, name: &K, (one, other): (i64, i64)) {
    if counters.len() >= MOST_NAMES && !counters.contains_key(name) {
        return;
    }
    let counts = counters.entry(name.clone()).or_default();
    *counts = (counts.0 + one, counts.1 + other);
}
