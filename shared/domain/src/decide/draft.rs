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
use crate::rule::{CompiledRule, Frame, RuleSet, TierDirection, Trigger, Waiting};
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
/// A decision in the making.
#[allow(clippy::struct_excessive_bools, reason = "each says another thing of the decision")]
pub(super) struct Draft<'a> {
    pub context: &'a Context<'a>,
    pub account: Account,
    pub entry: Entry,
    pub issued: Vec<Coupon>,
    pub changed: Vec<(Coupon, Coupon)>,
    pub marks: bool,
    /// Set when coupons are left that the transaction has no room to cancel: another step follows.
    pub is_unfinished: bool,
    /// Set when something fell due: the day on which to look next is computed anew.
    pub triggered_by_due: bool,
    /// The rules of the entry's outcomes, until they are applied.
    pub fired: Vec<&'a CompiledRule>,
    /// The tier when the entry was opened.
    pub tier: Option<TierId>,
    /// False while there is no entry yet.
    is_open: bool,
    /// Set when the changes of tier that the current entry made were followed.
    pub is_concluded: bool,
    stock: Vec<RewardId>,
    /// The entries before the current one.
    sealed: Vec<Entry>,
    /// How many entries there are of what fell due before the fact.
    due: usize,
    /// The change of tier that a changed ladder made.
    reviewed: Option<TierMove>,
}

impl<'a> Draft<'a> {
    /// Begins with the account brought up to the present, and everything that fell due before.
    pub fn new(context: &'a Context<'a>, account: &Account, at: Timestamp, cause: Cause) -> Self {
        let mut draft = Self::blank(context, account, at, cause.clone());
        draft.place();
        draft.catch_up();
        draft.due = draft.sealed.len() + usize::from(draft.is_open);
        draft.open(at, cause);
        draft
    }

    /// Decides only on what fell due; the first event has the decision's own entry.
    pub fn of_due(context: &'a Context<'a>, account: &Account, cause: Cause) -> Self {
        let mut draft = Self::blank(context, account, context.now, cause.clone());
        draft.triggered_by_due = true;
        draft.place();
        draft.catch_up();
        // What moved after the last event has an entry only if something did.
        let mut settled = draft.account.clone();
        let movements = settled.settle(context.program, context.now);
        if !draft.is_open || draft.reviewed.is_some() || !movements.is_empty() {
            draft.start_entry(context.now, cause);
            draft.entry.movements.extend(movements);
        }
        draft.account = settled;
        draft
    }

    fn blank(context: &'a Context<'a>, account: &Account, at: Timestamp, cause: Cause) -> Self {
        Self {
            context,
            entry: Entry::new(at, context.now, account.version + 1, context.program.version, cause),
            account: account.clone(),
            issued: Vec::new(),
            changed: Vec::new(),
            marks: false,
            is_unfinished: false,
            triggered_by_due: false,
            fired: Vec::new(),
            tier: None,
            is_open: false,
            is_concluded: false,
            stock: Vec::new(),
            sealed: Vec::new(),
            due: 0,
            reviewed: None,
        }
    }

    /// Places a newcomer on the ladder, or someone whose tier the program no longer has.
    fn place(&mut self) {
        let before = self.account.tier.current().cloned();
        let today = Day::of(self.context.now, &self.context.program.zone);
        let day = self.account.settled.map_or(today, |settled| settled.max(today));
        self.account.tier.place(self.context.program, &self.account.qualifying, day);
        if let (Some(before), Some(after)) = (before, self.account.tier.current().cloned())
            && before != after
        {
            self.reviewed = Some(tier_move(self.context, before, after));
        }
    }

    /// Opens the entry of the fact itself, with the account brought up to the present.
    fn open(&mut self, at: Timestamp, cause: Cause) {
        self.start_entry(at, cause);
        self.entry.movements = self.account.settle(self.context.program, self.context.now);
        self.tier = self.account.tier.current().cloned();
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
        self.account.counter_of(rule).cloned().unwrap_or_else(|| Counter::new(rule.generation()))
    }

    /// Keeps what a rule remembers, unless that is nothing.
    pub fn keep(&mut self, rule: &CompiledRule, mut counter: Counter) {
        let today = self.today();
        if counter.is_blank() {
            self.account.remove_counter(rule);
            return;
        }
        counter.prune(today, rule.frame());
        self.account.put_counter(rule, counter, today);
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

    /// How many more coupons the transaction has room for.
    pub fn coupons_left(&self) -> usize {
        let cancelled = self.changed.iter().filter(|(_, after)| after.status == CouponStatus::Cancelled).count();
        self.context.supply.coupons.saturating_sub(self.issued.len() + cancelled)
    }

    /// True when the transaction has room to cancel these coupons. Otherwise the decision is unfinished, and they are left
    /// for its next step.
    pub fn has_room_for(&mut self, codes: &[CouponCode]) -> bool {
        let has_room = codes.len() <= self.coupons_left();
        self.is_unfinished |= !has_room;
        has_room
    }

    /// True when the stock of a reward has a unit that this decision did not take yet.
    pub fn has_unit(&self, reward: &Reward) -> bool {
        let taken = self.stock.iter().filter(|taken| **taken == reward.id).count();
        self.context.supply.has_unit(&reward.id, taken)
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
        // Rewards given by rules cost nothing and do not count against the limit per member.
        let counted = cost.is_positive() && reward.per_member_limit.is_some();
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
            ended_at: None,
            used_key: None,
            counted,
            restored: Points::ZERO,
            unpaid: false,
        });
        if reward.stock.is_some() {
            self.stock.push(reward.id.clone());
        }
        if counted {
            self.account.count_redemption(&reward.id);
        }
        Some(code)
    }

    /// The decision, whole: the changes of tier that it made are followed first.
    pub fn finish(mut self) -> Decision {
        self.conclude();
        self.end()
    }

    /// Completes the current entry: the changes of tier that it made are followed.
    pub(super) fn conclude(&mut self) {
        if self.is_concluded {
            return;
        }
        self.entry.tier = self.tier_moved();
        let caused = self.entry.cause.clone();
        let moved = self.entry.tier.clone().filter(|moved| moved.before != moved.after);
        if let Some(reviewed) = self.reviewed.take() {
            let day = self.today();
            self.follow(reviewed, &Cause::TierReview(day), false);
        }
        if let Some(moved) = moved.filter(|_| !matches!(caused, Cause::Refund(..))) {
            self.follow(moved, &caused, false);
        }
        self.is_concluded = true;
    }

    fn end(mut self) -> Decision {
        self.account.arm(self.context.program, self.triggered_by_due);
        let today = self.today();
        self.account.retire_counters(&self.context.program.rules, today);
        self.forget_old_months();
        self.account.version = self.entry.sequence;
        self.complete();
        let mut entries = self.sealed;
        entries.push(self.entry);
        let mut tier_changes = entries.split_off(self.due);
        let entry = tier_changes.remove(0);
        let due = entries;
        Decision {
            account: self.account,
            due,
            entry,
            tier_changes,
            marks: self.marks,
            issued: self.issued,
            changed: self.changed,
            stock: self.stock,
        }
    }

    /// How the tier moved since the entry was opened; the same before and after when it did not.
    fn tier_moved(&self) -> Option<TierMove> {
        let before = self.tier.clone()?;
        let after = self.account.tier.current()?.clone();
        Some(tier_move(self.context, before, after))
    }

    /// Lets the rules for a change of tier act; their points may change it again, and so on. It ends: points only carry a
    /// member up the ladder, and reading a program bounds what tiers outside it lead to. A review has its entry in any
    /// case: nothing else tells of it. `is_open` says that the first change's entry is the current one.
    pub(super) fn follow(&mut self, moved: TierMove, caused: &Cause, mut is_open: bool) {
        let mut moved = Some(moved);
        while let Some(change) = moved.take() {
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
            if !std::mem::take(&mut is_open) {
                self.start_entry(at, Cause::TierChange(Box::new(caused.clone())));
            }
            let mut occasion = Occasion::new(context, &self.account, at);
            occasion.tier = context.program.rules.tier_bit(Some(&change.after));
            let before = self.account.tier.current().cloned();
            for rule in rules {
                self.consider(rule, &occasion, super::fire::NO_AMOUNT);
            }
            self.apply(&occasion);
            self.remember_gifts(&change.after);
            let after = self.account.tier.current().cloned();
            if let (Some(before), Some(after)) = (before, after)
                && before != after
            {
                moved = Some(tier_move(context, before, after));
            }
            self.entry.tier = if is_review { Some(change) } else { moved.clone() };
        }
    }

    /// Opens an entry; the one before it, if any, is complete.
    pub(super) fn start_entry(&mut self, at: Timestamp, cause: Cause) {
        self.complete();
        let sequence = if self.is_open { self.entry.sequence + 1 } else { self.entry.sequence };
        let next = Entry::new(at, self.context.now, sequence, self.context.program.version, cause);
        let before = std::mem::replace(&mut self.entry, next);
        if self.is_open {
            self.sealed.push(before);
        }
        self.is_open = true;
        self.is_concluded = false;
        self.tier = self.account.tier.current().cloned();
    }

    fn complete(&mut self) {
        self.entry.balance = self.account.balance();
        shorten(&mut self.entry, &self.context.program.rules);
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

pub(super) fn tier_move(context: &Context<'_>, before: TierId, after: TierId) -> TierMove {
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
        if !rules.get(&skipped.rule).is_some_and(|rule| is_needed(skipped, rule)) {
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

/// True when nothing but the entry tells it: a refund must know that a cumulative rule did not count the receipt, and
/// people ask why a rule that fired gave no coupon.
pub(super) fn is_needed(skipped: &Skipped, rule: &CompiledRule) -> bool {
    let is_late = skipped.reason == SkipReason::OutsideWindow && matches!(rule.frame(), Some(Frame::FirstReceipt(_)));
    matches!(skipped.reason, SkipReason::RewardLimit | SkipReason::OutOfStock)
        || ((is_shut_out(skipped) || is_late) && rule.measure().1.is_cumulative())
}
