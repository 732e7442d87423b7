//! Counting: what a receipt adds to a rule's running total, and how many firings that makes.

use crate::account::{Counter, Run};
use crate::ledger::SkipReason;
use crate::rule::{CompiledRule, Eligible, Form, Frame, Range, SpendRange};
use crate::time::Day;

/// What a receipt did to a rule's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The firings that are due.
    pub due: u64,
    /// What the receipt counted, in the measure's unit.
    pub counted: i64,
    /// The amount that credits by amount are reckoned on.
    pub amount: i64,
    /// The running total before: of all spend where only what lies between bounds counts, else of a cumulative measure.
    pub before: Option<i64>,
    /// How much is missing to the next firing, of those that did not fire.
    pub missing: i64,
}

/// Counts a receipt of a day.
///
/// # Errors
/// Why it does not count: outside the window, or outside the range. The counter may have changed all the same: what lies
/// outside a range still is spend.
pub(super) fn advance(
    rule: &CompiledRule,
    kept: &mut Counter,
    eligible: Eligible,
    day: Day,
) -> Result<Progress, SkipReason> {
    let (unit, form) = rule.measure();
    match rule.frame() {
        Some(Frame::Fixed(first, last)) if day < first || last < day => return Err(SkipReason::OutsideWindow),
        Some(Frame::FirstReceipt(length)) => open_window(kept, length, day)?,
        _ => {}
    }
    let (mut counted, mut amount) = (eligible.count(unit), eligible.amount);
    let spent_before = rule.range().map(|_| kept.total);
    if let Some(range) = rule.range() {
        let before = kept.total;
        kept.total = before.saturating_add(counted);
        counted = range.counted(before, kept.total).filter(|counted| *counted > 0).ok_or(SkipReason::OutsideRange)?;
        if range.meant == SpendRange::Band {
            amount = counted;
        }
    }
    let (due, before, reached) = match (form.is_cumulative(), rule.frame()) {
        (false, _) => (form.due(counted), None, counted),
        (true, Some(Frame::Rolling(length))) => {
            let before = kept.sum_of_days(first_of(day, length), day);
            kept.add_to_day(day, counted);
            let after = before.saturating_add(counted);
            // A window falls as days leave it, so only what this receipt carried over a step fires.
            (form.due(after).saturating_sub(form.due(before)), Some(before), after)
        }
        (true, _) => {
            let before = kept.sum;
            kept.sum = before.saturating_add(counted);
            (form.due(kept.sum).saturating_sub(kept.due()), Some(before), kept.sum)
        }
    };
    Ok(Progress { due, counted, amount, before: spent_before.or(before), missing: form.missing(reached) })
}

/// The first day of a window of so many days that ends on a day.
pub(super) fn first_of(day: Day, length: u32) -> Day {
    day.offset(1_i32.saturating_sub(i32::try_from(length).unwrap_or(i32::MAX)))
}

/// A window that begins with the first receipt: over after its days, and then begun anew with counters at zero.
fn open_window(counter: &mut Counter, length: u32, day: Day) -> Result<(), SkipReason> {
    match counter.opened {
        Some(opened) if day < opened => Err(SkipReason::OutsideWindow),
        Some(opened) if day < opened.plus_days(length) => Ok(()),
        _ => {
            (counter.sum, counter.total) = (0, 0);
            counter.runs.clear();
            counter.opened = Some(day);
            Ok(())
        }
    }
}

/// Takes from a counter what a receipt of a day counts less, and the firings that are due no more; the latest first.
/// `None`, and nothing done, when nothing is remembered of that day any more.
pub(super) fn retreat(rule: &CompiledRule, counter: &mut Counter, less: Less, day: Day) -> Option<Vec<Run>> {
    let (_, form) = rule.measure();
    match rule.frame() {
        Some(Frame::Rolling(length)) => {
            if less.counted != 0 && !counter.days.iter().any(|(other, _)| *other == day) {
                return None;
            }
            counter.add_to_day(day, -less.counted);
            Some(recount_days(counter, form, length, day))
        }
        Some(Frame::FirstReceipt(length))
            if counter.opened.is_none_or(|opened| day < opened || day >= opened.plus_days(length)) =>
        {
            None
        }
        _ => {
            counter.sum = match rule.range() {
                None => counter.sum - less.counted,
                Some(range) => {
                    counter.total -= less.spent;
                    match range.meant {
                        SpendRange::Band => range.inside(counter.total),
                        SpendRange::Gate => counter.sum - less.counted,
                    }
                }
            };
            let over = counter.due().saturating_sub(form.due(counter.sum));
            Some(counter.pop(over))
        }
    }
}

/// All days that are remembered are recounted: a day's receipts together fire as often as they carry the window over a
/// step, and what stood on a day that is gone may be due on another. Firings whose windows hold the changed day go first.
fn recount_days(counter: &mut Counter, form: Form, length: u32, changed: Day) -> Vec<Run> {
    let due_on = |day: Day| {
        let with = counter.sum_of_days(first_of(day, length), day);
        let without = with - counter.sum_of_days(day, day);
        form.due(with).saturating_sub(form.due(without))
    };
    let due: u64 = counter.days.iter().map(|(day, _)| due_on(*day)).sum();
    let over = counter.due().saturating_sub(due);
    let last = changed.plus_days(length.saturating_sub(1));
    let mut popped = counter.pop_where(over, |run| run.day.is_some_and(|day| changed <= day && day <= last));
    let left = over - popped.iter().map(Run::due).sum::<u64>();
    popped.extend(counter.pop(left));
    popped
}

/// What a receipt has less by a refund.
#[derive(Debug, Clone, Copy)]
pub(super) struct Less {
    /// Of what it counted.
    pub counted: i64,
    /// Of what it spent, counted or not.
    pub spent: i64,
}

/// The amount of a receipt on which credits by amount are reckoned, when `before` was spent before it.
pub(super) fn reckoned(range: Option<Range>, before: i64, amount: i64) -> i64 {
    match range {
        Some(range) if range.meant == SpendRange::Band => range.counted(before, before + amount).unwrap_or(0),
        _ => amount,
    }
}
