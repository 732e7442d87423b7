//! Two accounts of one person become one: everything of the one is added to the other.
//!
//! Uniting gives and takes nothing. A counter then remembers exactly the firings that its united total is worth, so that
//! later receipts fire for what they add, and later refunds reverse only firings that were given.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Account, Counter, HeldTier, Retired, Status, TierState};
use crate::ids::{MemberId, RuleId};
use crate::points::Points;
use crate::program::{CompiledProgram, Tiers};
use crate::time::{Day, Month};

/// How many accounts one account may have taken over.
pub const MAX_SOURCES: usize = 50;

/// Unites two counters of one rule and generation: the source's is added to the target's.
pub(crate) type UniteCounters<'a> = &'a dyn Fn(&RuleId, Counter, Counter) -> Counter;

impl Account {
    /// True when something of `owner` belongs to `member`, whose account this is.
    pub fn is_of(&self, member: &MemberId, owner: &MemberId) -> bool {
        owner == member || self.sources.contains(owner)
    }

    /// The account that stays behind when its contents move to another member's. Its lots note that they are gone.
    #[must_use]
    pub(crate) fn emptied(&self, target: &MemberId) -> Self {
        let mut lots = self.lots.clone();
        lots.take(lots.total(), |_| true);
        Self {
            version: self.version,
            status: self.status,
            settled: self.settled,
            merged_into: Some(target.clone()),
            lots,
            ..Self::default()
        }
    }

    /// The account that stays behind when its member is erased. Its lots note that they are gone. Those whose accounts it took
    /// over stay named: their entries are read with its own.
    #[must_use]
    pub(crate) fn erased(&self, now: Timestamp) -> Self {
        let mut lots = self.lots.clone();
        lots.take(lots.total(), |_| true);
        let erased_at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        Self {
            version: self.version,
            settled: self.settled,
            sources: self.sources.clone(),
            erased_at: Some(erased_at),
            lots,
            ..Self::default()
        }
    }

    /// Adds everything of another account except its tier. Both are settled to the same moment.
    pub(crate) fn unite(&mut self, member: &MemberId, source: Self, today: Day, unite: UniteCounters<'_>) {
        self.status = united_status(self.status, source.status);
        for lot in source.lots.iter() {
            self.lots.add(lot.key, lot.points);
        }
        self.holds.unite(source.holds);
        self.debt = self.debt.plus(source.debt);
        for (month, points) in source.qualifying {
            let sum = self.qualifying.entry(month).or_default();
            *sum = sum.plus(points);
        }
        for (rule, counter) in source.counters {
            self.unite_counter(rule, counter, today, unite);
        }
        for retired in source.retired {
            self.unite_retired(retired, unite);
        }
        for (reward, count) in source.issued {
            let standing = self.issued.entry(reward).or_default();
            *standing = standing.saturating_add(count);
        }
        self.lifetime_earned = self.lifetime_earned.plus(source.lifetime_earned);
        self.lifetime_redeemed = self.lifetime_redeemed.plus(source.lifetime_redeemed);
        self.enrolled_at = [self.enrolled_at, source.enrolled_at].into_iter().flatten().min();
        self.last_purchase = self.last_purchase.max(source.last_purchase);
        self.last_activity = self.last_activity.max(source.last_activity);
        self.seen.unite(source.seen);
        // What only one of the two was warned of is warned of again.
        self.warned = self.warned.min(source.warned);
        self.due = [self.due, source.due].into_iter().flatten().min();
        self.advocacy.unite(source.advocacy);
        self.referred_until = self.referred_until.max(source.referred_until);
        self.sources.push(member.clone());
        self.sources.extend(source.sources);
    }

    fn unite_counter(&mut self, rule: RuleId, counter: Counter, today: Day, unite: UniteCounters<'_>) {
        let Some(own) = self.counters.remove(&rule) else {
            self.counters.insert(rule, counter);
            return;
        };
        if own.generation == counter.generation {
            let united = unite(&rule, own, counter);
            self.counters.insert(rule, united);
            return;
        }
        // The counter of the later rule stays the rule's; refunds find the other among the retired ones.
        let (current, earlier) = if own.generation > counter.generation { (own, counter) } else { (counter, own) };
        self.counters.insert(rule.clone(), current);
        if earlier.has_counted() {
            self.unite_retired(Retired { rule, since: today, counter: earlier }, unite);
        }
    }

    fn unite_retired(&mut self, retired: Retired, unite: UniteCounters<'_>) {
        let (rule, generation) = (&retired.rule, retired.counter.generation);
        if let Some(current) = self.counters.get_mut(rule).filter(|current| current.generation == generation) {
            *current = unite(rule, std::mem::take(current), retired.counter);
            return;
        }
        let is_same = |other: &&mut Retired| other.rule == *rule && other.counter.generation == generation;
        if let Some(own) = self.retired.iter_mut().find(is_same) {
            own.since = own.since.max(retired.since);
            own.counter = unite(rule, std::mem::take(&mut own.counter), retired.counter);
            return;
        }
        let place = self.retired.partition_point(|other| other.since <= retired.since);
        self.retired.insert(place, retired);
    }
}

/// Who is excluded stays excluded; else the status of whoever has come further.
const fn united_status(target: Status, source: Status) -> Status {
    match (target, source) {
        (Status::Excluded, _) => Status::Excluded,
        (Status::Member, _) | (_, Status::Member) => Status::Member,
        (Status::Pending, _) | (_, Status::Pending) => Status::Pending,
        // An excluded source is not merged.
        (Status::Visitor, Status::Visitor | Status::Excluded) => Status::Visitor,
    }
}

impl TierState {
    /// Unites the tiers of two accounts: the higher one is held, or what the united points reach.
    ///
    /// The points are those of this year or the last. What led to a tier, and what was given for it, is kept of both: a
    /// refund that takes the tier away takes all of it back.
    pub(crate) fn unite(
        &mut self,
        source: Self,
        program: &CompiledProgram,
        qualifying: &BTreeMap<Month, Points>,
        today: Day,
    ) {
        self.vip = self.vip.take().or(source.vip);
        self.lost.extend(source.lost);
        let Some(tiers) = &program.program.tiers else { return };
        let rank = |held: &HeldTier| tiers.rank(&held.tier).unwrap_or(0);
        let mut steps: Vec<HeldTier> = Vec::new();
        let own = std::mem::take(&mut self.before).into_iter().chain(self.held.take());
        for held in own.chain(source.before).chain(source.held) {
            match steps.iter_mut().find(|step| step.tier == held.tier) {
                Some(step) => step.unite(held, tiers),
                None => steps.push(held),
            }
        }
        steps.sort_by_key(rank);
        self.held = steps.pop();
        self.before = steps;
        let last_year = Day::from_date(jiff::civil::date(today.year().saturating_sub(1).max(1), 12, 31));
        self.rise(program, qualifying, last_year, today);
    }
}

impl HeldTier {
    /// The same tier, reached twice.
    fn unite(&mut self, other: Self, tiers: &Tiers) {
        let is_lowest = tiers.rank(&self.tier) == Some(0);
        let later = |one: Option<Day>, other: Option<Day>| match (one, other) {
            // Without an end it is held for ever.
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => None,
        };
        self.since = self.since.min(other.since);
        self.until = if is_lowest { None } else { later(self.until, other.until) };
        self.year = self.year.max(other.year);
        self.gifts.extend(other.gifts);
        self.gifts.sort_by_key(|gift| gift.at);
        for (month, points) in other.deducted {
            let sum = self.deducted.entry(month).or_default();
            *sum = sum.plus(points);
        }
    }
}
