//! A draft of a decision: the changing account and the entries written so far.

use jiff::Timestamp;

use super::occasion::Occasion;
use super::{BudgetDraws, Context, Decision, NothingDecided};
use crate::account::{Account, Counter, Gift, Status, Taken};
use crate::coupon::{Coupon, CouponStatus, Discount};
use crate::fact::FactId;
use crate::ids::{CouponCode, RewardId, TierId};
use crate::ledger::{
    Cause, Entry, MemberStanding, Movement, NamedCoupon, Outcome, SkipReason, Skipped, StandingMove, TierMove,
};
use crate::points::Points;
use crate::program::{Reward, TierWindow};
use crate::rule::{CompiledRule, Frame, RuleSet, TierDirection, Trigger, Waiting};
use crate::time::Day;

/// Soft limit of a packed entry (1 write unit). Above it, skipped rules are dropped: they can be recomputed.
const ENTRY_BYTES: usize = 850;
/// Upper bounds of packed sizes: an entry without its lists, and one item of each list without its texts.
const BARE_BYTES: usize = 120;
const OUTCOME_BYTES: usize = 14;
const NUMBER_BYTES: usize = 8;
const SKIPPED_BYTES: usize = 24;
const LINE_BYTES: usize = 40;
const LOT_BYTES: usize = 16;
/// Initial capacity; one fact rarely fires more rules.
const USUAL_OUTCOMES: usize = 64;
/// A decision that is being made.
#[allow(clippy::struct_excessive_bools, reason = "each says another thing of the decision")]
pub(super) struct Draft<'a> {
    pub context: &'a Context<'a>,
    pub account: Account,
    pub entry: Entry,
    pub issued: Vec<Coupon>,
    pub changed: Vec<(Coupon, Coupon)>,
    pub marks: bool,
    /// Set when the transaction has no room to cancel all coupons: another step follows.
    pub is_unfinished: bool,
    /// Set when something fell due: the next due day is computed anew.
    pub triggered_by_due: bool,
    /// The rules of the entry's outcomes, in their order, until they are applied.
    pub fired: Vec<&'a CompiledRule>,
    /// The tier when the entry was opened.
    pub tier: Option<TierId>,
    /// False until the first entry is opened.
    is_open: bool,
    /// Set when the rules for the current entry's change of tier have run.
    pub is_concluded: bool,
    stock: Vec<RewardId>,
    /// The reward of each code that is drawn from a pool.
    pub drawn: Vec<RewardId>,
    /// What was drawn from budgets.
    pub(super) draws: BudgetDraws,
    /// The entries before the current one.
    sealed: Vec<Entry>,
    /// The number of entries of what fell due before the fact.
    due: usize,
    /// The change of tier that an edited ladder caused.
    reviewed: Option<TierMove>,
    /// The standing after the last complete entry.
    standing: Option<MemberStanding>,
}

impl<'a> Draft<'a> {
    /// Settles the account, decides on everything that fell due before, and opens the fact's entry.
    pub fn new(context: &'a Context<'a>, account: &Account, at: Timestamp, cause: Cause) -> Self {
        let mut draft = Self::blank(context, account, at, cause.clone());
        draft.place();
        draft.catch_up();
        draft.due = draft.sealed.len() + usize::from(draft.is_open);
        draft.open(at, cause);
        draft
    }

    /// Decides on what fell due alone; the first event has the decision's own entry.
    ///
    /// # Errors
    /// [`NothingDecided`] when nothing fell due and no points moved.
    pub fn of_due(context: &'a Context<'a>, account: &Account, cause: Cause) -> Result<Self, NothingDecided> {
        let mut draft = Self::blank(context, account, context.now, cause.clone());
        draft.triggered_by_due = true;
        // Who asks for what is due has given the warnings up to today.
        draft.account.warned = draft.account.warned.max(Some(Day::of(context.now, &context.program.zone)));
        draft.place();
        draft.catch_up();
        let mut settled = draft.account.clone();
        let movements = settled.settle(context.program, context.now);
        if !draft.is_open && draft.reviewed.is_none() && movements.is_empty() {
            // A review that leaves the tier as it is needs no entry either: the next decision repeats it.
            settled.arm(context.program, true);
            return Err(NothingDecided { due: settled.due, warned: settled.warned });
        }
        // Points that moved after the last event have an entry of their own.
        if draft.reviewed.is_some() || !movements.is_empty() {
            draft.start_entry(context.now, cause);
            draft.entry.movements.extend(movements);
        }
        draft.account = settled;
        Ok(draft)
    }

    fn blank(context: &'a Context<'a>, account: &Account, at: Timestamp, cause: Cause) -> Self {
        let standing = MemberStanding::of(account);
        let mut account = account.clone();
        account.lots.drain_changes();
        Self {
            context,
            standing,
            entry: Entry::new(at, context.now, account.version + 1, context.program.version, cause),
            account,
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
            drawn: Vec::new(),
            draws: BudgetDraws::new(),
            sealed: Vec::new(),
            due: 0,
            reviewed: None,
        }
    }

    /// Places a member on the ladder who has no tier, or one that the program no longer has.
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

    /// Opens the entry of the fact itself and settles the account.
    fn open(&mut self, at: Timestamp, cause: Cause) {
        self.start_entry(at, cause);
        self.entry.movements = self.account.settle(self.context.program, self.context.now);
        self.tier = self.account.tier.current().cloned();
    }

    /// Reserves capacity for the outcomes of some rules.
    pub fn expect(&mut self, rules: usize) {
        let usual = rules.min(USUAL_OUTCOMES);
        self.fired.reserve(usual);
        self.entry.outcomes.reserve(usual);
    }

    /// Drops the change of tier that an edited ladder caused: its rules must not fire for an account that ends here.
    pub fn drop_review(&mut self) {
        self.reviewed = None;
    }

    /// True when a coupon is this member's, or was that of somebody whose account this one took over.
    pub fn owns(&self, coupon: &Coupon) -> bool {
        self.account.is_of(self.context.member, &coupon.member)
    }

    /// The local day of the decision.
    pub fn today(&self) -> Day {
        self.account.settled.unwrap_or_else(|| Day::of(self.context.now, &self.context.program.zone))
    }

    /// Adds a movement with the lots that it changed, unless nothing moves.
    pub fn push(&mut self, movement: Movement) {
        if !movement.postings.is_empty() {
            let changes = self.account.lots.drain_changes();
            self.entry.movements.push(movement.with_lots(changes));
        }
    }

    /// Adds a movement with the lots that it changed, even if nothing moves: the ledger shows that it happened.
    pub fn push_always(&mut self, movement: Movement) {
        let changes = self.account.lots.drain_changes();
        self.entry.movements.push(movement.with_lots(changes));
    }

    /// The rule's counter of this member; at zero if the rule was restarted meanwhile.
    pub fn counter(&self, rule: &CompiledRule) -> Counter {
        self.account.counter_of(rule).cloned().unwrap_or_else(|| Counter::new(rule.generation()))
    }

    /// Stores a rule's counter, or removes it if it is blank.
    pub fn keep(&mut self, rule: &CompiledRule, mut counter: Counter) {
        let today = self.today();
        if counter.is_blank() {
            self.account.remove_counter(rule);
            return;
        }
        counter.prune(today, rule.frame());
        self.account.put_counter(rule, counter, today);
    }

    /// Adds qualifying points to the month of `day` and lets the tier rise.
    pub fn earn_qualifying(&mut self, points: Points, day: Day) {
        if points.is_zero() {
            return;
        }
        let month = self.account.qualifying.entry(day.month()).or_default();
        *month = month.plus(points);
        let today = self.today();
        self.account.tier.rise(self.context.program, &self.account.qualifying, day, today);
    }

    /// The number of coupons that the transaction still has room for.
    pub fn coupons_left(&self) -> usize {
        let cancelled = self.changed.iter().filter(|(_, after)| after.status == CouponStatus::Cancelled).count();
        self.context.supply.coupons.saturating_sub(self.issued.len() + cancelled)
    }

    /// True if the transaction has room to cancel these coupons. Otherwise the decision is unfinished, and its next step
    /// cancels them.
    pub fn has_room_for(&mut self, codes: &[CouponCode]) -> bool {
        let has_room = codes.len() <= self.coupons_left();
        self.is_unfinished |= !has_room;
        has_room
    }

    /// True if the stock of a reward has a unit that this decision has not taken yet.
    pub fn has_stock(&self, reward: &Reward) -> bool {
        let taken = self.stock.iter().filter(|taken| **taken == reward.id).count();
        self.context.supply.has_unit(&reward.id, taken)
    }

    /// True if a reward has a unit of stock, and a code, that this decision has not taken yet.
    pub fn has_unit(&self, reward: &Reward) -> bool {
        self.has_stock(reward) && self.has_code(reward)
    }

    /// Issues a coupon of a reward; `None` if there is no code for it.
    pub fn issue(
        &mut self,
        reward: &Reward,
        status: CouponStatus,
        cost: Points,
        taken: Vec<Taken>,
        until: Option<Timestamp>,
    ) -> Option<CouponCode> {
        let code = self.next_code(reward, status)?;
        let zone = &self.context.program.zone;
        // Rewards given by rules cost nothing and do not count against the limit per member.
        let counted = cost.is_positive() && reward.per_member_limit.is_some();
        let last = reward.valid_days.map(|days| self.today().plus_days(days));
        self.issued.push(Coupon {
            code: code.clone(),
            handle: None,
            member: self.context.member.clone(),
            reward: reward.id.clone(),
            status,
            cost,
            discount: Discount::of(reward, cost, self.context.program.program.currency),
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

    /// Records an activity; a member is active only as a member, so that visitors do not count.
    pub(super) fn note_activity(&mut self) {
        if self.account.status == Status::Member {
            let firsts = self.account.seen.note_activity(self.booked_on());
            self.entry.firsts = self.entry.firsts.with(firsts);
        }
    }

    /// Records a purchase, which is an activity too.
    pub(super) fn note_purchase(&mut self) {
        self.note_activity();
        let firsts = self.account.seen.note_purchase(self.booked_on());
        self.entry.firsts = self.entry.firsts.with(firsts);
    }

    /// The local day on which the decision is booked.
    fn booked_on(&self) -> Day {
        Day::of(self.context.now, &self.context.program.zone)
    }

    /// Runs the rules for changes of tier, then returns the whole decision.
    pub fn finish(mut self) -> Decision {
        self.conclude();
        self.end()
    }

    /// Runs the rules for the changes of tier that the current entry made.
    pub(super) fn conclude(&mut self) {
        if self.is_concluded {
            return;
        }
        self.entry.tier = self.tier_moved();
        let caused = self.entry.cause.clone();
        let moved = self.entry.tier.clone().filter(|moved| !moved.is_unchanged());
        if let Some(reviewed) = self.reviewed.take() {
            let day = self.today();
            self.follow(reviewed, &Cause::TierReview(day), false);
        }
        if let Some(moved) = moved.filter(|_| {
            !matches!(
                caused,
                Cause::Fact(FactId::Refund { .. }) | Cause::Merge { .. } | Cause::Unmerge { .. } | Cause::Import { .. }
            )
        }) {
            self.follow(moved, &caused, false);
        }
        self.is_concluded = true;
    }

    fn end(mut self) -> Decision {
        self.account.arm(self.context.program, self.triggered_by_due);
        let today = self.today();
        self.account.retire_counters(&self.context.program.rules, today);
        self.forget_old_months();
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
            drawn: self.drawn,
            budgets: self.draws,
        }
    }

    /// The tier when the entry was opened, and now.
    fn tier_moved(&self) -> Option<TierMove> {
        let before = self.tier.clone()?;
        let after = self.account.tier.current()?.clone();
        Some(tier_move(self.context, before, after))
    }

    /// Runs the rules for a change of tier, again and again while their points change the tier.
    ///
    /// It terminates: points only carry a member up the ladder, and a program whose tiers outside it could go on for ever is
    /// refused. A review always has an entry, because nothing else records it. `is_open`: the current entry is that of the
    /// first change.
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

    /// Seals the current entry, if any, and opens the next.
    pub(super) fn start_entry(&mut self, at: Timestamp, cause: Cause) {
        if self.is_open {
            self.complete();
        }
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
        self.entry.status = self.account.status;
        self.entry.extended.extend(self.account.lots.drain_changes());
        if self.entry.tier.is_none() {
            self.entry.tier = self.account.tier.current().cloned().map(TierMove::unchanged);
        }
        self.account.version = self.entry.sequence;
        let standing = MemberStanding::of(&self.account);
        if standing != self.standing {
            let before = std::mem::replace(&mut self.standing, standing.clone());
            self.entry.standing = Some(StandingMove { before, after: standing });
        }
        shorten(&mut self.entry, &self.context.program.rules);
    }

    /// Remembers what the rules for reaching a tier gave: a refund that takes the tier away takes it back.
    fn remember_gifts(&mut self, tier: &TierId) {
        let (lot, at) = (self.entry.lot, self.entry.at);
        let gifts: Vec<Gift> = self
            .entry
            .outcomes
            .iter()
            .filter(|outcome| !outcome.credits().is_zero() || !outcome.coupons.is_empty())
            .map(|outcome| Gift {
                rule: outcome.rule.clone(),
                rule_version: outcome.rule_version,
                at,
                firings: outcome.firings,
                points: outcome.credits(),
                lot,
                coupons: outcome.coupons.iter().map(|coupon| coupon.code.clone()).collect(),
            })
            .collect();
        let before = self.account.tier.before.iter_mut();
        if let Some(held) = before.chain(&mut self.account.tier.held).rev().find(|held| held.tier == *tier) {
            held.gifts.extend(gifts);
        }
    }

    /// Merges months that no window and no refund needs any more into one sum.
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

/// True if this change of tier triggers the rule.
fn meets(rule: &CompiledRule, context: &Context<'_>, moved: &TierMove) -> bool {
    let Trigger::TierChange(trigger) = &rule.rule.on else { return false };
    let ranks = (context.program.rank(&moved.before), context.program.rank(&moved.after));
    let direction = match ranks {
        (_, None) => Some(TierDirection::Vip),
        (Some(before), Some(after)) if before < after => Some(TierDirection::Upgrade),
        (Some(_), Some(_)) => Some(TierDirection::Downgrade),
        // A return to the ladder is neither an upgrade nor a downgrade.
        (None, Some(_)) => None,
    };
    trigger.direction.is_none_or(|wanted| Some(wanted) == direction)
        && trigger.from.as_ref().is_none_or(|from| from.contains(&moved.before))
        && trigger.to.as_ref().is_none_or(|to| to.contains(&moved.after))
}

/// Drops skipped rules from an entry above the soft limit. They can be recomputed from the program's version, except those
/// that a refund needs for a running total: these stay.
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

/// An upper bound of an entry's packed size. Packing it would take longer than deciding.
fn most_bytes(entry: &Entry) -> usize {
    let outcomes: usize = entry.outcomes.iter().map(outcome_bytes).sum();
    let skipped: usize = entry.skipped.iter().map(skipped_bytes).sum();
    let coupons: usize = entry.coupons.iter().map(coupon_bytes).sum();
    let lots = entry.extended.len() + entry.movements.iter().map(|movement| movement.lots.len()).sum::<usize>();
    let others = entry.movements.len() + entry.ignored.len();
    BARE_BYTES + outcomes + skipped + coupons + others * LINE_BYTES + lots * LOT_BYTES
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    let both = [outcome.fixed, outcome.per_unit, outcome.extra, outcome.debited, outcome.reset];
    let numbers = both.iter().filter(|both| !both.is_zero()).count()
        + usize::from(outcome.counted != 0)
        + usize::from(outcome.before.is_some())
        + usize::from(outcome.lost != 0);
    let coupons: usize = outcome.coupons.iter().map(coupon_bytes).sum();
    OUTCOME_BYTES + outcome.rule.as_str().len() + numbers * NUMBER_BYTES + outcome.taken.len() * LINE_BYTES + coupons
}

fn coupon_bytes(coupon: &NamedCoupon) -> usize {
    coupon.code.as_str().len() + coupon.reward.as_str().len() + 5
}

fn skipped_bytes(skipped: &Skipped) -> usize {
    let missing = skipped.missing.as_ref().map_or(0, |missing| missing.len() + 3);
    SKIPPED_BYTES + skipped.rule.as_str().len() + missing
}

/// True for reasons that keep a rule from counting a receipt at all.
const fn is_shut_out(skipped: &Skipped) -> bool {
    matches!(skipped.reason, SkipReason::PredicateNotMet | SkipReason::OutsideRange | SkipReason::MemberExcluded)
}

/// True for a reason that cannot be recomputed: a refund must know that a cumulative rule did not count the receipt, and
/// people ask why a rule that fired gave no coupon.
pub(super) fn is_needed(skipped: &Skipped, rule: &CompiledRule) -> bool {
    let is_late = skipped.reason == SkipReason::OutsideWindow && matches!(rule.frame(), Some(Frame::FirstReceipt(_)));
    matches!(skipped.reason, SkipReason::RewardLimit | SkipReason::OutOfStock | SkipReason::BudgetExhausted)
        || ((is_shut_out(skipped) || is_late) && rule.measure().1.is_cumulative())
}
