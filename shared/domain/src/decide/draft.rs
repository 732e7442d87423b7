//! A draft of a decision: the changing account and the entries written so far.

use jiff::Timestamp;

use super::entry_size::{LeftOut, shorten};
use super::holds::LostHolds;
use super::tier_rules::tier_move;
use super::{BudgetDraws, Context, Decision, NothingDecided};
use crate::account::{Account, Counter, Status, TakenLot, oldest_month};
use crate::coupon::{Coupon, CouponStatus, Discount, PoolId};
use crate::fact::FactId;
use crate::ids::{CouponCode, RewardId, TierId};
use crate::ledger::{Cause, Entry, MemberStanding, Movement, StandingMove, TierMove};
use crate::points::Points;
use crate::program::{CompiledProgram, Reward};
use crate::rule::CompiledRule;
use crate::time::Day;

/// Initial capacity; one fact rarely fires more rules.
const USUAL_OUTCOMES: usize = 64;
/// A decision that is being made.
#[allow(clippy::struct_excessive_bools, reason = "each says another thing of the decision")]
pub(super) struct Draft<'a> {
    pub context: &'a Context<'a>,
    /// The version whose rules and policies count a fact; the program in force except for a receipt that was moved.
    pub decided_by: &'a CompiledProgram,
    /// The version whose rules the current entry names.
    entry_by: &'a CompiledProgram,
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
    /// The skipped rules that the current entry had no room for.
    pub(super) left_out: Vec<LeftOut>,
    /// The tier when the entry was opened.
    pub tier: Option<TierId>,
    /// False until the first entry is opened.
    is_open: bool,
    /// Set when the rules for the current entry's change of tier have run.
    pub is_concluded: bool,
    /// False when points that are taken back become a debt whatever the program's policy.
    pub may_forgive: bool,
    stock: Vec<RewardId>,
    /// The pool of each code that is drawn.
    pub drawn: Vec<PoolId>,
    /// What was drawn from budgets.
    pub(super) draws: BudgetDraws,
    /// What a refund takes from points that wait, until it is posted.
    pub(super) lost_holds: LostHolds,
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
            decided_by: context.program,
            entry_by: context.program,
            standing,
            entry: Entry::new(at, context.now, account.version + 1, context.program.version, cause),
            account,
            issued: Vec::new(),
            changed: Vec::new(),
            marks: false,
            is_unfinished: false,
            triggered_by_due: false,
            fired: Vec::new(),
            left_out: Vec::new(),
            tier: None,
            is_open: false,
            is_concluded: false,
            may_forgive: true,
            stock: Vec::new(),
            drawn: Vec::new(),
            draws: BudgetDraws::new(),
            lost_holds: LostHolds::default(),
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

    /// Lets the rules of a version decide the current entry.
    pub fn decide_by(&mut self, version: &'a CompiledProgram) {
        (self.decided_by, self.entry_by) = (version, version);
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
        taken: Vec<TakenLot>,
        until: Option<Timestamp>,
    ) -> Option<CouponCode> {
        let discount = Discount::of(reward, cost, self.context.program.program.currency);
        let code = self.next_code(reward, &discount, status)?;
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
            discount,
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
            provider: reward.code.provider(),
            cancelling: None,
            drawn: reward.code.is_drawn() && status != CouponStatus::Reserved,
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
                Cause::Fact(FactId::Refund { .. })
                    | Cause::Move { arrives: false, .. }
                    | Cause::Merge { .. }
                    | Cause::Unmerge { .. }
                    | Cause::Import { .. }
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
        self.merge_old_months();
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
        self.entry_by = self.context.program;
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
        if !self.context.supply.lists_all_skipped {
            let left_out = std::mem::take(&mut self.left_out);
            shorten(&mut self.entry, &self.entry_by.rules, left_out);
        }
    }

    /// Adds the qualifying points of months before the oldest that is kept to that one.
    pub(super) fn merge_old_months(&mut self) {
        let oldest = oldest_month(self.context.program.program.tiers.as_ref(), self.today());
        if self.account.qualifying.keys().next().is_none_or(|first| *first >= oldest) {
            return;
        }
        let newer = self.account.qualifying.split_off(&oldest);
        let old = std::mem::replace(&mut self.account.qualifying, newer);
        let sum = self.account.qualifying.entry(oldest).or_default();
        *sum = sum.plus(old.into_values().sum());
    }
}
