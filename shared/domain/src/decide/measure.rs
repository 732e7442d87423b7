//! Measures: what a receipt adds to a rule's running total, and the firings that are due.

use crate::account::{Counter, Run};
use crate::ledger::SkipReason;
use crate::points::Rounding;
use crate::rule::{CompiledRule, Eligible, Form, Frame, SpendBounds, SpendRange};
use crate::time::Day;

/// The effect of a receipt on a rule's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CounterProgress {
    /// The firings that are due.
    pub due: u64,
    /// What the receipt counted, in the measure's unit.
    pub counted: i64,
    /// The amount that credits by amount are computed from.
    pub amount: i64,
    /// The running total of a cumulative measure before; with `from`/`up_to`, that of all spend.
    pub before: Option<i64>,
    /// What is missing for the next firing, if the rule did not fire.
    pub missing: i64,
}

/// Counts a receipt on its day.
///
/// # Errors
/// Why it does not count: outside the window or the range. The counter may have changed all the same: spend outside a range
/// is still spend.
pub(super) fn advance(
    rule: &CompiledRule,
    kept: &mut Counter,
    eligible: Eligible,
    day: Day,
) -> Result<CounterProgress, SkipReason> {
    let (unit, form) = rule.measure();
    match rule.frame() {
        Some(Frame::Fixed(first, last)) if day < first || last < day => return Err(SkipReason::OutsideWindow),
        Some(Frame::FirstReceipt(length)) => open_window(rule, kept, length, day)?,
        _ => {}
    }
    let (mut counted, mut amount) = (eligible.count(unit), eligible.amount);
    let spent_before = rule.range().map(|_| spent_before(rule, kept, day));
    if let (Some(range), Some(before)) = (rule.range(), spent_before) {
        spend(rule, kept, day, counted);
        counted = range
            .counted(before, before.saturating_add(counted))
            .filter(|counted| *counted > 0)
            .ok_or(SkipReason::OutsideRange)?;
        if range.meant == SpendRange::Band {
            amount = counted;
        }
    }
    let (due, before, reached) = match (form.is_cumulative(), rule.frame()) {
        (false, _) => (form.due(counted), None, counted),
        (true, Some(Frame::Rolling(length))) => {
            let before = if let (Some(range), Some(spent)) = (band(rule), spent_before) {
                range.inside(spent)
            } else {
                let before = kept.sum_of_days(first_of(day, length), day);
                kept.add_to_day(day, counted);
                before
            };
            let after = before.saturating_add(counted);
            // A window's sum falls as days leave it, so that only this receipt's steps fire.
            (form.due(after).saturating_sub(form.due(before)), Some(before), after)
        }
        (true, frame) => {
            let before = kept.sum;
            kept.sum = before.saturating_add(counted);
            // Firings of closed windows are unaffected.
            let fired = match (frame, kept.opened) {
                (Some(Frame::FirstReceipt(_)), Some(opened)) => kept.due_since(opened),
                _ => kept.due(),
            };
            (form.due(kept.sum).saturating_sub(fired), Some(before), kept.sum)
        }
    };
    Ok(CounterProgress { due, counted, amount, before: spent_before.or(before), missing: form.missing(reached) })
}

/// The bounds of a band.
fn band(rule: &CompiledRule) -> Option<SpendBounds> {
    rule.range().filter(|range| range.meant == SpendRange::Band)
}

/// All spend before a receipt of a day, as far as the rule's window holds it.
fn spent_before(rule: &CompiledRule, counter: &Counter, day: Day) -> i64 {
    match rule.frame() {
        Some(Frame::Rolling(length)) => counter.spent_between(first_of(day, length), day),
        Some(Frame::FirstReceipt(_) | Frame::Fixed(..)) | None => counter.total,
    }
}

/// Adds to all spend under a range; a refund subtracts.
pub(super) fn spend(rule: &CompiledRule, counter: &mut Counter, day: Day, spent: i64) {
    match rule.frame() {
        Some(Frame::Rolling(_)) => counter.add_spent(day, spent),
        Some(Frame::FirstReceipt(_) | Frame::Fixed(..)) | None => {
            counter.total = counter.total.saturating_add(spent);
        }
    }
}

/// The first day of a window with this length and last day.
pub(super) fn first_of(day: Day, length: u32) -> Day {
    day.offset(1_i32.saturating_sub(i32::try_from(length).unwrap_or(i32::MAX)))
}

/// A window that starts with the first receipt. When it is over, the next receipt starts a new one with counters at zero.
fn open_window(rule: &CompiledRule, counter: &mut Counter, length: u32, day: Day) -> Result<(), SkipReason> {
    match counter.opened {
        Some(opened) if day < opened => Err(SkipReason::OutsideWindow),
        Some(opened) if day < opened.plus_days(length) => Ok(()),
        before => {
            if before.is_some() {
                close_window(rule, counter, length);
            }
            (counter.sum, counter.total) = (0, 0);
            counter.opened = Some(day);
            Ok(())
        }
    }
}

/// Closes a window that began with the first receipt. One with firings is remembered, for refunds.
pub(super) fn close_window(rule: &CompiledRule, counter: &mut Counter, length: u32) {
    let opened = counter.opened.take();
    if let Some(opened) = opened.filter(|opened| counter.runs.iter().any(|run| run.is_within(*opened, length))) {
        let is_band = rule.range().is_some_and(|range| range.meant == SpendRange::Band);
        counter.days.push((opened, if is_band { counter.total } else { counter.sum }));
    }
    (counter.sum, counter.total) = (0, 0);
}

/// Subtracts what a receipt of a day counts less from a counter. Returns the firings no longer due, newest first; `None`,
/// with the counter unchanged, when nothing is remembered of that day any more.
pub(super) fn retreat(
    rule: &CompiledRule,
    counter: &mut Counter,
    less: Less,
    day: Day,
    rounding: Rounding,
) -> Option<Vec<Run>> {
    let (_, form) = rule.measure();
    match rule.frame() {
        Some(Frame::Rolling(length)) => {
            let (known, part) =
                if band(rule).is_some() { (&counter.spent, less.spent) } else { (&counter.days, less.counted) };
            if part != 0 && !known.iter().any(|(other, _)| *other == day) {
                return None;
            }
            if rule.range().is_some() {
                counter.add_spent(day, -less.spent);
            }
            if band(rule).is_none() {
                counter.add_to_day(day, -less.counted);
            }
            Some(recount_days(rule, counter, form, length, day, rounding))
        }
        Some(Frame::FirstReceipt(length)) => {
            let holds = |opened: Day| opened <= day && day < opened.plus_days(length);
            let (opened, sum) = if let Some(opened) = counter.opened.filter(|opened| holds(*opened)) {
                (opened, subtract(rule, less, &mut counter.sum, &mut counter.total))
            } else {
                // Of a closed window, only the number that determines its firings is remembered.
                let (opened, number) = counter.days.iter_mut().find(|(opened, _)| holds(*opened))?;
                let (mut sum, mut total) = (*number, *number);
                let sum = subtract(rule, less, &mut sum, &mut total);
                let is_band = rule.range().is_some_and(|range| range.meant == SpendRange::Band);
                *number = if is_band { total } else { sum };
                (*opened, sum)
            };
            let is_of = |run: &Run| run.is_within(opened, length);
            let over = counter.reversible(is_of).saturating_sub(form.due(sum));
            Some(counter.pop_where(over, rounding, is_of))
        }
        _ => {
            let sum = subtract(rule, less, &mut counter.sum, &mut counter.total);
            let over = counter.reversible(|_| true).saturating_sub(form.due(sum));
            Some(counter.pop(over, rounding))
        }
    }
}

/// Subtracts from the running totals; returns the one that firings follow from.
fn subtract(rule: &CompiledRule, less: Less, sum: &mut i64, total: &mut i64) -> i64 {
    *sum = match rule.range() {
        None => *sum - less.counted,
        Some(range) => {
            *total -= less.spent;
            match range.meant {
                SpendRange::Band => range.inside(*total),
                SpendRange::Gate => *sum - less.counted,
            }
        }
    };
    *sum
}

/// Recounts every remembered day: a day's receipts together fire as often as they carry the window over a step, and a
/// reversed firing may be due on another day. Firings whose windows hold the changed day go first.
fn recount_days(
    rule: &CompiledRule,
    counter: &mut Counter,
    form: Form,
    length: u32,
    changed: Day,
    rounding: Rounding,
) -> Vec<Run> {
    let over = counter.reversible(|_| true).saturating_sub(due_of_days(rule, counter, form, length));
    let last = changed.plus_days(length.saturating_sub(1));
    let mut popped = counter.pop_where(over, rounding, |run| run.day.is_some_and(|day| changed <= day && day <= last));
    let left = over - popped.iter().map(Run::due).sum::<u64>();
    popped.extend(counter.pop(left, rounding));
    popped
}

/// The number of firings that the days of a rolling window are worth together.
pub(super) fn due_of_days(rule: &CompiledRule, counter: &Counter, form: Form, length: u32) -> u64 {
    let due_on = |day: Day| {
        let (with, without) = if let Some(range) = band(rule) {
            let with = counter.spent_between(first_of(day, length), day);
            (range.inside(with), range.inside(with - counter.spent_between(day, day)))
        } else {
            let with = counter.sum_of_days(first_of(day, length), day);
            (with, with - counter.sum_of_days(day, day))
        };
        form.due(with).saturating_sub(form.due(without))
    };
    let days = if band(rule).is_some() { &counter.spent } else { &counter.days };
    days.iter().map(|(day, _)| due_on(*day)).sum()
}

/// What a refund subtracts from a receipt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Less {
    /// From the counted amount.
    pub counted: i64,
    /// From the spend, counted or not.
    pub spent: i64,
}

/// The amount that credits by amount are computed from, if `before` was spent earlier.
pub(super) fn reckoned(range: Option<SpendBounds>, before: i64, amount: i64) -> i64 {
    match range {
        Some(range) if range.meant == SpendRange::Band => range.counted(before, before + amount).unwrap_or(0),
        _ => amount,
    }
}
