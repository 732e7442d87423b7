//! A decision in the making: the account being changed and the entries that tell it.

use jiff::Timestamp;

use super::occasion::Occasion;
use super::{Context, Decision};
use crate::account::{Account, Counter, Gift, Taken};
use crate::coupon::{Coupon, CouponStatus, Discount};
use crate::ids::{CouponCode, RewardId, TierId};
use crate::ledger::{Cause, Entry, Movement, Outcome, SkipReason, Skipped, TierMove};
use crate::points::Points;
use crate::program::{CodeSource, Reward, TierWindow};
use crate::rule::{CompiledRule, RuleSet, TierDirection, Trigger, Waiting};
use crate::time::Day;

/// An entry larger than this, packed, costs a second write unit: what explains most cheaply is left out then.
const ENTRY_BYTES: usize = 850;
/// What an entry takes at most without its lists, and what one item of them takes, its texts apart.
const BARE_BYTES: usize = 120;
const OUTCOME_BYTES: usize = 14;
const NUMBER_BYTES: usize = 8;
const SKIPPED_BYTES: usize = 24;
const LINE_BYTES: usize = 40;
/// As many rules seldom fire by one fact.
const USUAL_OUTCOMES: usize = 64;
/// The most changes of tier that may follow each other from one fact. A program in which they could go on for ever is
/// refused; this bounds the transaction.
const MOST_PASSES: usize = 15;

/// A decision in the making.
pub(super) struct Draft<'a> {
    pub context: &'a Context<'a>,
    pub account: Account,
    pub entry: Entry,
    pub issued: Vec<Coupon>,
    pub changed: Vec<(Coupon, Coupon)>,
    pub marks: bool,
    /// True for a decision that was made because something came due.
    pub looked: bool,
    /// The rules of the entry's outcomes, until they are applied.
    pub fired: Vec<&'a CompiledRule>,
    stock: Vec<RewardId>,
    /// The entry of the fact itself, once it is whole, and those of the changes of tier after it.
    main: Option<Entry>,
    done: Vec<Entry>,
    /// The tier when the fact was taken up.
    tier: Option<TierId>,
    /// The change of tier by the passing of time that bringing the account up to the present made.
    reviewed: Option<TierMove>,
}

impl<'a> Draft<'a> {
    /// Begins with the account brought up to the present.
    pub fn new(context: &'a Context<'a>, account: &Account, at: Timestamp, cause: Cause) -> Self {
        let mut account = account.clone();
        let before = account.tier.current().cloned();
        let movements = account.settle(context.program, context.now);
        let tier = account.tier.current().cloned();
        let reviewed = match (before, &tier) {
            (Some(before), Some(after)) if before != *after => Some(tier_move(context, before, after.clone())),
            _ => None,
        };
        let entry =
            Entry { movements, ..Entry::new(at, context.now, account.version + 1, context.program.version, cause) };
        Self {
            context,
            account,
            entry,
            issued: Vec::new(),
            changed: Vec::new(),
            marks: false,
            looked: false,
            fired: Vec::new(),
            stock: Vec::new(),
            main: None,
            done: Vec::new(),
            tier,
            reviewed,
        }
    }

    /// Makes room for as many outcomes as there are rules to consider, up to what is usual.
    pub fn expect(&mut self, rules: usize) {
        let usual = rules.min(USUAL_OUTCOMES);
        self.fired.reserve(usual);
        self.entry.outcomes.reserve(usual);
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
        if counter.is_blank() {
            if !self.account.counters.is_empty() {
                self.account.counters.remove(&rule.rule.id);
            }
            return;
        }
        counter.prune(self.today(), rule.frame());
        self.account.counters.insert(rule.rule.id.clone(), counter);
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

    /// The decision, whole: the changes of tier that it made are followed first.
    pub fn finish(mut self) -> Decision {
        self.entry.tier = self.tier_moved();
        let caused = self.entry.cause.clone();
        let moved = self.entry.tier.clone().filter(|moved| moved.before != moved.after);
        if let Some(reviewed) = self.reviewed.take() {
            let day = self.today();
            self.follow(reviewed, &Cause::TierReview(day));
        }
        if let Some(moved) = moved.filter(|_| !matches!(caused, Cause::Refund(..))) {
            self.follow(moved, &caused);
        }
        self.end()
    }

    fn end(mut self) -> Decision {
        self.account.arm(self.context.program, self.looked);
        // Counters of rules that the program has no more are forgotten.
        let rules = &self.context.program.rules;
        self.account.counters.retain(|id, _| rules.get(id).is_some());
        self.forget_old_months();
        self.entry.balance = self.account.balance();
        shorten(&mut self.entry, rules);
        self.account.version = self.entry.sequence;
        let (entry, tier_changes) = match self.main {
            None => (self.entry, Vec::new()),
            Some(main) => {
                self.done.push(self.entry);
                (main, self.done)
            }
        };
        Decision {
            account: self.account,
            entry,
            tier_changes,
            marks: self.marks,
            issued: self.issued,
            changed: self.changed,
            stock: self.stock,
        }
    }

    /// How the tier moved since the fact was taken up; the same before and after when it did not.
    fn tier_moved(&self) -> Option<TierMove> {
        let before = self.tier.clone()?;
        let after = self.account.tier.current()?.clone();
        Some(tier_move(self.context, before, after))
    }

    /// Lets the rules for a change of tier act; their points may change it again, and so on. A review has its entry in
    /// any case: nothing else tells of it.
    fn follow(&mut self, moved: TierMove, caused: &Cause) {
        let mut moved = Some(moved);
        for _ in 0..MOST_PASSES {
            let Some(change) = moved.take() else { return };
            let at = self.entry.at;
            let context = self.context;
            let rules: Vec<&CompiledRule> = context
                .program
                .rules
                .waiting(&Waiting::TierChange)
                .filter(|rule| meets(rule, context, &change))
                .collect();
            let rules: Vec<&CompiledRule> = rules.into_iter().filter(|rule| rule.covers(at)).collect();
            let is_review = matches!(caused, Cause::TierReview(_));
            if rules.is_empty() && !is_review {
                return;
            }
            self.turn_page(Cause::TierChange(Box::new(caused.clone())));
            let mut occasion = Occasion::new(context, &self.account, at);
            occasion.tier = context.program.rules.tier_bit(Some(&change.after));
            let before = self.account.tier.current().cloned();
            for rule in rules {
                self.consider(rule, &occasion, super::fire::NO_AMOUNT);
            }
            self.apply(&occasion);
            self.remember_gifts(&change.after);
            let after = self.account.tier.current().cloned();
            self.entry.tier = match (before, after) {
                (Some(before), Some(after)) if before != after => {
                    let next = tier_move(context, before, after);
                    moved = Some(next.clone());
                    Some(next)
                }
                _ => is_review.then_some(change),
            };
        }
    }

    /// Begins the next entry.
    fn turn_page(&mut self, cause: Cause) {
        self.entry.balance = self.account.balance();
        let next = Entry::new(
            self.entry.at,
            self.entry.decided_at,
            self.entry.sequence + 1,
            self.entry.program_version,
            cause,
        );
        let mut done = std::mem::replace(&mut self.entry, next);
        shorten(&mut done, &self.context.program.rules);
        match self.main {
            None => self.main = Some(done),
            Some(_) => self.done.push(done),
        }
    }

    /// A refund that takes the tier away takes back what the rules for reaching it gave.
    fn remember_gifts(&mut self, tier: &TierId) {
        let (lot, at) = (self.entry.lot, self.entry.at);
        let gifts: Vec<Gift> = self
            .entry
            .outcomes
            .iter()
            .filter(|outcome| !outcome.credits().is_zero() || !outcome.rewards.is_empty())
            .map(|outcome| Gift {
                rule: outcome.rule.clone(),
                rule_version: outcome.rule_version,
                at,
                firings: outcome.firings,
                points: outcome.credits(),
                lot,
                coupons: outcome.rewards.clone(),
            })
            .collect();
        let before = self.account.tier.before.iter_mut();
        if let Some(held) = before.chain(&mut self.account.tier.held).rev().find(|held| held.tier == *tier) {
            held.gifts.extend(gifts);
        }
    }

    /// Months that no window or refund looks at any more are kept as one sum.
    fn forget_old_months(&mut self) {
        let window = match self.context.program.program.tiers.as_ref().map(|tiers| tiers.window) {
            Some(TierWindow::RollingMonths(months)) => months,
            _ => 24,
        };
        let oldest = self.today().month().minus(window.saturating_add(12));
        let old: Points = self.account.qualifying.range(..oldest).map(|(_, points)| *points).sum();
        if self.account.qualifying.range(..oldest).count() > 1 {
            self.account.qualifying = self.account.qualifying.split_off(&oldest);
            self.account.qualifying.insert(oldest.minus(1), old);
        }
    }
}

fn tier_move(context: &Context<'_>, before: TierId, after: TierId) -> TierMove {
    let skipped = match (context.program.rank(&before), context.program.rank(&after)) {
        (Some(from), Some(to)) if from < to => passed_over(context, from + 1..to),
        (Some(from), Some(to)) if to < from => passed_over(context, to + 1..from),
        _ => Vec::new(),
    };
    TierMove { before, after, skipped }
}

fn passed_over(context: &Context<'_>, ranks: std::ops::Range<usize>) -> Vec<TierId> {
    let ladder = context.program.program.tiers.as_ref().map(|tiers| tiers.ladder.as_slice()).unwrap_or_default();
    ladder.get(ranks).unwrap_or_default().iter().map(|tier| tier.id.clone()).collect()
}

/// True when a rule for changes of tier waits for this one.
fn meets(rule: &CompiledRule, context: &Context<'_>, moved: &TierMove) -> bool {
    let Trigger::TierChange(trigger) = &rule.rule.on else { return false };
    let ranks = (context.program.rank(&moved.before), context.program.rank(&moved.after));
    let direction = match ranks {
        (_, None) => Some(TierDirection::Vip),
        (Some(before), Some(after)) if before < after => Some(TierDirection::Upgrade),
        (Some(_), Some(_)) => Some(TierDirection::Downgrade),
        // From outside the ladder back to it is neither up nor down.
        (None, Some(_)) => None,
    };
    trigger.direction.is_none_or(|wanted| Some(wanted) == direction)
        && trigger.from.as_ref().is_none_or(|from| from.contains(&moved.before))
        && trigger.to.as_ref().is_none_or(|to| to.contains(&moved.after))
}

/// What was not given is told as far as there is room; the rest can be computed from the program's version. What a refund
/// must know of a running total always stays.
fn shorten(entry: &mut Entry, rules: &RuleSet) {
    let mut over = most_bytes(entry).saturating_sub(ENTRY_BYTES);
    for place in (0..entry.skipped.len()).rev() {
        if over == 0 {
            return;
        }
        let skipped = &entry.skipped[place];
        if !(is_shut_out(skipped) && rules.get(&skipped.rule).is_some_and(|rule| is_needed(skipped, rule))) {
            over = over.saturating_sub(skipped_bytes(skipped));
            entry.skipped.remove(place);
            entry.truncated = true;
        }
    }
}

/// How many bytes an entry takes at most, packed; a few more than it does. Packing it to see would cost more than
/// deciding.
fn most_bytes(entry: &Entry) -> usize {
    let outcomes: usize = entry.outcomes.iter().map(outcome_bytes).sum();
    let skipped: usize = entry.skipped.iter().map(skipped_bytes).sum();
    let others = entry.movements.len() + entry.ignored.len() + entry.coupons.len();
    BARE_BYTES + outcomes + skipped + others * LINE_BYTES
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    let both = [outcome.fixed, outcome.per_unit, outcome.extra, outcome.debited, outcome.reset];
    let numbers = both.iter().filter(|both| !both.is_zero()).count()
        + usize::from(outcome.counted != 0)
        + usize::from(outcome.before.is_some())
        + usize::from(outcome.lost != 0);
    let lists = outcome.rewards.len() + outcome.taken.len();
    OUTCOME_BYTES + outcome.rule.as_str().len() + numbers * NUMBER_BYTES + lists * LINE_BYTES
}

fn skipped_bytes(skipped: &Skipped) -> usize {
    let missing = skipped.missing.as_ref().map_or(0, |missing| missing.len() + 3);
    SKIPPED_BYTES + skipped.rule.as_str().len() + missing
}

/// True for the reasons for which a rule does not count a receipt at all.
const fn is_shut_out(skipped: &Skipped) -> bool {
    matches!(skipped.reason, SkipReason::PredicateNotMet | SkipReason::OutsideRange | SkipReason::MemberExcluded)
}

/// True when a refund must know that a rule did not count the receipt: nothing else tells.
pub(super) fn is_needed(skipped: &Skipped, rule: &CompiledRule) -> bool {
    is_shut_out(skipped) && rule.measure().1.is_cumulative()
}
