//! Merging: the accounts of two members become one, with an entry for each.
//!
//! Nothing fires and nothing is given or taken: what leaves the source arrives at the target.

use super::draft::Draft;
use super::measure::{close_window, due_of_days};
use super::{Context, Decision};
use crate::account::{Account, Counter, MAX_SOURCES, Run, Status};
use crate::ids::RuleId;
use crate::ledger::{Bucket, Cause, Movement, MovementType};
use crate::points::{Kind, Points};
use crate::program::{CompiledProgram, Rounding};
use crate::rule::{CompiledRule, Frame, SpendRange};
use crate::time::Day;

/// Why two accounts cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeFault {
    /// The source is excluded from the program.
    #[error("the member is excluded from the program")]
    MemberExcluded,
    /// Points of one of the two are set aside.
    #[error("one of the two has open reservations")]
    OpenReservations,
    /// The target has taken over as many accounts as it can.
    #[error("the member has taken over {MAX_SOURCES} others already")]
    TooManySources,
    /// One of the two has become part of another member.
    #[error("the member is part of another one now")]
    MergedMeanwhile,
}

/// Decides on a merge: moves everything of the `source` to the `target`. Returns their decisions, in this order. `actor`: who
/// asked for it; `None` when a contact joins whoever verified its identifier.
///
/// # Errors
/// Why the accounts stay apart; nothing changes then.
pub fn decide_merge(
    (source, source_account): (&Context<'_>, &Account),
    (target, target_account): (&Context<'_>, &Account),
    actor: Option<&str>,
) -> Result<[Decision; 2], MergeFault> {
    let cause = Cause::Merge {
        source: source.member.clone(),
        target: target.member.clone(),
        actor: actor.map(ToOwned::to_owned),
    };
    let mut from = Draft::new(source, source_account, source.now, cause.clone());
    let mut into = Draft::new(target, target_account, target.now, cause);
    if from.account.merged_into.is_some() || into.account.merged_into.is_some() {
        return Err(MergeFault::MergedMeanwhile);
    }
    if from.account.status == Status::Excluded {
        return Err(MergeFault::MemberExcluded);
    }
    // A contact joins a member who reserves; a merge of two members would unite their reservations.
    let is_reserving = actor.is_some() && !into.account.reservations.is_empty();
    if is_reserving || !from.account.reservations.is_empty() {
        return Err(MergeFault::OpenReservations);
    }
    if into.account.sources.len() + from.account.sources.len() + 1 > MAX_SOURCES {
        return Err(MergeFault::TooManySources);
    }
    from.drop_review();
    let emptied = from.account.emptied(target.member);
    let moved = std::mem::replace(&mut from.account, emptied);
    from.push(moved_out(&moved, MovementType::Merge));

    let (program, today) = (target.program, into.today());
    let tier = moved.tier.clone();
    let movement = moved_in(&moved, into.account.settled, MovementType::Merge);
    let unite = |rule: &RuleId, own: Counter, other: Counter| {
        let generation = own.generation;
        let rule = program.rules.get(rule).filter(|rule| rule.generation() == generation);
        unite_counters(program, rule, own, other, today)
    };
    into.account.unite(source.member, moved, today, &unite);
    into.account.tier.unite(tier, program, &into.account.qualifying, today);
    let movement = into.account.settle_debt(movement);
    into.push(movement);
    Ok([from.finish(), into.finish()])
}

/// What leaves a member for another one.
pub(super) fn moved_out(account: &Account, kind: MovementType) -> Movement {
    let qualifying = account.qualifying_total();
    Movement::new(kind)
        .post(Bucket::Pending, Bucket::Moved, Kind::Redeemable, account.pending())
        .post(Bucket::Available, Bucket::Moved, Kind::Redeemable, account.available())
        .post(Bucket::Moved, Bucket::Debt, Kind::Redeemable, account.debt)
        .post(Bucket::Available, Bucket::Moved, Kind::Qualifying, qualifying)
        .post(Bucket::Moved, Bucket::Available, Kind::Qualifying, qualifying.negated())
}

/// What arrives at a member whose account is settled to a day.
pub(super) fn moved_in(account: &Account, settled: Option<Day>, kind: MovementType) -> Movement {
    let qualifying = account.qualifying_total();
    let available = settled.map_or(Points::ZERO, |day| account.lots.spendable(day));
    let pending = account.lots.total().minus(available);
    Movement::new(kind)
        .post(Bucket::Moved, Bucket::Pending, Kind::Redeemable, pending)
        .post(Bucket::Moved, Bucket::Available, Kind::Redeemable, available)
        .post(Bucket::Debt, Bucket::Moved, Kind::Redeemable, account.debt)
        .post(Bucket::Moved, Bucket::Available, Kind::Qualifying, qualifying)
        .post(Bucket::Available, Bucket::Moved, Kind::Qualifying, qualifying.negated())
}

/// Unites two counters of one generation. `rule` is absent when the program no longer has that generation: its counter
/// then only serves refunds.
fn unite_counters(
    program: &CompiledProgram,
    rule: Option<&CompiledRule>,
    mut own: Counter,
    mut other: Counter,
    today: Day,
) -> Counter {
    let Some(rule) = rule else {
        own.add(other);
        return own;
    };
    if let Some(Frame::FirstReceipt(length)) = rule.frame() {
        for counter in [&mut own, &mut other] {
            if counter.opened.is_some_and(|opened| opened.plus_days(length) <= today) {
                close_window(rule, counter, length);
            }
        }
    }
    own.add(other);
    if let Some(range) = rule.range().filter(|range| range.meant == SpendRange::Band) {
        own.sum = range.inside(own.total);
    }
    align(rule, &mut own, today, program.program.points.rounding);
    own.prune(today, rule.frame());
    own
}

/// Makes a counter remember as many firings as its total is worth: what is missing counts as lost, what is too much is
/// remembered as one firing that gave more.
fn align(rule: &CompiledRule, counter: &mut Counter, today: Day, rounding: Rounding) {
    let (_, form) = rule.measure();
    if !form.is_cumulative() {
        return;
    }
    match rule.frame() {
        Some(Frame::Rolling(length)) => {
            let due = due_of_days(rule, counter, form, length);
            counter.align(due, Some(today), rounding, |_| true);
        }
        Some(Frame::FirstReceipt(length)) => {
            counter.unite_windows(length);
            let open = counter.opened.map(|opened| (opened, counter.sum));
            for (opened, sum) in counter.days.clone().into_iter().chain(open) {
                counter.align(form.due(sum), Some(opened), rounding, |run: &Run| run.is_within(opened, length));
            }
        }
        Some(Frame::Fixed(..)) | None => {
            let due = form.due(counter.sum);
            let day = counter.runs.iter().any(|run| run.day.is_some()).then_some(today);
            counter.align(due, day, rounding, |_| true);
        }
    }
}
