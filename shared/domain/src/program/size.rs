//! How large the account of a member can become under a program.
//!
//! An account is one item, read and written with every purchase, so its size is money. The lots of a member who buys on
//! every single day must fit 8 KB; a program under which they would not is refused. What rules remember is bounded
//! more widely: the worst account (that same member, whom every rule concerns) must stay far from the 400 KB that an
//! item can have, because beyond them nothing could be written any more.

use super::check::ProgramParts;
use super::{Expiry, PointsPolicy};
use crate::account::most_moments;
use crate::input::Faults;
use crate::rule::{
    Counting, Credit, Effect, Limit, Measure, Period, Rate, ReceiptTrigger, Rule, RuleStatus, SpendHow, Trigger, Window,
};

/// The bytes of a lot: a row of three numbers as their distances from the row above, with a count; the points may jump by
/// up to 65,535.
const LOT_BYTES: u32 = 6;
/// The most lots of one member: the rest of 8 KB is for the other parts of the account.
const MOST_LOTS: u32 = 4_800 / LOT_BYTES;

/// The most bytes that the counters of all active rules may take: three quarters of what an item can have.
const MOST_COUNTER_BYTES: u64 = 300_000;
/// The bytes of a counter without its rule's identifier: generation, sum, and a few runs of firings.
const COUNTER_BYTES: u64 = 60;
/// The bytes of what is used of a limit in one period.
const USE_BYTES: u64 = 8;
/// The bytes of what was used at one moment, of a limit that rolls.
const MOMENT_BYTES: u64 = 14;
/// The bytes of a credit by amount that goes with the firings of one receipt.
const BY_AMOUNT_BYTES: u64 = 28;
/// For how many days a window that rolls is remembered.
const WINDOW_DAYS: u64 = 366;
/// The bytes of what counted on one day of a window that rolls, and of a firing in it.
const WINDOW_DAY_BYTES: u64 = 16;
/// The bytes of all spend on one day of a window that rolls, for a rule with `from` or `up_to`.
const SPENT_DAY_BYTES: u64 = 8;
/// For how many days closed periods are remembered, for refunds.
const REMEMBERED_DAYS: u64 = 400;

/// Names what makes the worst account too large.
pub(super) fn check(parts: &ProgramParts<'_>, faults: &Faults) {
    if let Some(points) = parts.points {
        let lots = most_lots(points);
        if lots > MOST_LOTS {
            faults.add(
                if parts.document.pointer("/points/expiry").is_some() { "/points/expiry" } else { "/points" },
                format_args!(
                    "a member who buys every day would have {lots} lots of points, one for each day of holding and of \
                     life, but an account has room for {MOST_LOTS}: let points live or be held for a shorter time"
                ),
            );
        }
    }
    let bytes: u64 = parts.rules.iter().flatten().map(counter_bytes).sum();
    if bytes > MOST_COUNTER_BYTES {
        faults.add(
            "/rules",
            format_args!(
                "the active rules would have to remember {bytes} bytes of a member, at most {MOST_COUNTER_BYTES} are \
                 possible: use fewer rules that count over several receipts or have limits per day or week"
            ),
        );
    }
}

/// How many lots a member can have at once: one for each day on which points become spendable, from the oldest that
/// live to the youngest that are still held. Spendable lots of one fate are one.
fn most_lots(points: &PointsPolicy) -> u32 {
    let days = match points.expiry {
        // Any so many months are at most 31 days each, and 366 days for each twelve.
        Some(Expiry::AfterMonths(months)) => (months / 12).saturating_mul(366) + (months % 12) * 31,
        Some(Expiry::EndOfYear(true)) => 366,
        // Every activity gives all of them the same end, or there is none: one for each month of issue, for 30 years.
        Some(Expiry::InactiveMonths(_) | Expiry::EndOfYear(false)) | None => 360,
    };
    days.saturating_add(points.hold_days).saturating_add(1)
}

/// What an active rule remembers of a member at most, in bytes; nothing when it neither counts nor has a limit.
fn counter_bytes(rule: &Rule) -> u64 {
    if rule.status != RuleStatus::Active || (!counts_on(rule) && rule.limit.is_empty()) {
        return 0;
    }
    let uses: u64 = rule.limit.iter().map(use_bytes).sum();
    // The days of firings are kept where a limit may get places back.
    let firings = if counts_on(rule) && !rule.limit.is_empty() { REMEMBERED_DAYS * USE_BYTES } else { 0 };
    let by_amount = if counts_on(rule) && credits_by_amount(rule) { REMEMBERED_DAYS * BY_AMOUNT_BYTES } else { 0 };
    COUNTER_BYTES + rule.id.as_str().len() as u64 + uses + firings + by_amount + window_bytes(rule)
}

/// True when a rule credits points by amount: what each receipt got is remembered with its firings.
fn credits_by_amount(rule: &Rule) -> bool {
    let is_by_amount = |effect: &Effect| matches!(effect, Effect::Credit(Credit { rate: Rate::PerUnit(_), .. }));
    rule.then.iter().any(is_by_amount)
}

/// True when a rule counts over several receipts.
fn counts_on(rule: &Rule) -> bool {
    let Trigger::Receipt(receipt) = &rule.on else { return false };
    match &receipt.measure {
        None => false,
        Some(Measure::Spend(spend)) => matches!(spend.how, SpendHow::TotalAtLeast(_) | SpendHow::Every(_)),
        Some(Measure::Receipts(count) | Measure::Quantity(count)) => {
            matches!(count, Counting::TotalAtLeast(_) | Counting::Every(_))
        }
    }
}

/// What the days of a window that rolls take, and the firings on them.
fn window_bytes(rule: &Rule) -> u64 {
    match &rule.on {
        Trigger::Receipt(ReceiptTrigger { within: Some(Window::Days { from: None, .. }), measure, .. }) => {
            let has_range =
                matches!(measure, Some(Measure::Spend(spend)) if spend.from.is_some() || spend.up_to.is_some());
            let spent = if has_range { SPENT_DAY_BYTES } else { 0 };
            WINDOW_DAYS * (WINDOW_DAY_BYTES + spent)
        }
        // Windows that are over are remembered with the days of their firings.
        Trigger::Receipt(ReceiptTrigger { within: Some(Window::Days { from: Some(_), .. }), .. }) => {
            REMEMBERED_DAYS * WINDOW_DAY_BYTES
        }
        _ => 0,
    }
}

/// What is remembered of a limit.
fn use_bytes(limit: &Limit) -> u64 {
    if !limit.rolling {
        return periods(limit) * USE_BYTES;
    }
    most_moments(limit).saturating_mul(MOMENT_BYTES)
}

/// How many periods of a limit are remembered at once: the open one, and those closed not too long ago.
fn periods(limit: &Limit) -> u64 {
    let days = match limit.per {
        Period::Lifetime => return 1,
        Period::Day => 1,
        Period::Week => 7,
        Period::Month => 28,
        Period::Year => 365,
    };
    REMEMBERED_DAYS.div_ceil(days * u64::from(limit.every)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Counter, LotKey, Lots, Run, Used, When};
    use crate::pack::pack;
    use crate::points::{Both, Points};
    use crate::time::Day;

    #[test]
    fn lots_take_no_more_than_is_counted() {
        let first = Day::from_date("2026-01-01".parse().unwrap());
        let mut lots = Lots::default();
        for n in 0..MOST_LOTS {
            lots.add(LotKey::new(first.plus_days(n), Some(Expiry::AfterMonths(24))), Points::new(65_535));
        }
        let bytes = pack(&lots).unwrap().len();
        assert!(bytes <= (MOST_LOTS * LOT_BYTES) as usize + 3, "{bytes}");
    }

    /// A rule that fires for every 10 €, at most so often, and the account of a member who bought on every day.
    fn daily(limit: &serde_json::Value) -> (u64, u64) {
        let program = serde_json::json!({
            "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "points": {},
            "rules": [{ "id": "r", "status": "active", "starts_at": "2026-01-01", "limit": limit,
                "on": { "receipt": { "spend": { "every": "10.00" } } }, "then": [{ "credit": { "points": 3 } }] }],
        });
        let program = crate::program::SubmittedProgram::read(&program).unwrap();
        let compiled = crate::program::CompiledProgram::new(program.clone(), 1);
        let rule = compiled.rules.get(&program.program().rules[0].id).unwrap();
        let mut counter = Counter { sum: 999_999_999_999, ..Counter::new(u32::MAX) };
        for n in 0..800_u32 {
            let day = Day::from_date("2026-01-01".parse().unwrap()).plus_days(n);
            let when = When { at: day.start(&compiled.zone), day, zone: &compiled.zone };
            // Never the same number on two days.
            let times = i64::from(n % 97 + 1);
            counter.uses.add(rule, Used { times, points: times * 3 }, when);
            let each = Both { redeemable: Points::new(3), ..Both::ZERO };
            counter.push(Run { count: u64::from(n % 97 + 1), each, day: Some(day), ..Run::default() });
            counter.prune(day, None);
        }
        (pack(&counter).unwrap().len() as u64, counter_bytes(&program.program().rules[0]))
    }

    #[test]
    fn counters_take_no_more_than_is_counted() {
        for limit in [
            serde_json::json!({ "times": 100, "per": "day" }),
            serde_json::json!({ "points": 500, "per": "day" }),
            serde_json::json!({ "times": 100, "per": "month" }),
            serde_json::json!([{ "times": 100, "per": "week" }, { "times": 1000, "per": "year" }]),
            serde_json::json!({ "times": 700, "per": "year", "rolling": true }),
            serde_json::json!({ "times": 100, "per": "day", "rolling": true }),
        ] {
            let (is, counted) = daily(&limit);
            assert!(is <= counted, "{limit}: {is} bytes, counted as {counted}");
        }
    }
}
