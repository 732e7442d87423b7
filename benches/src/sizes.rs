//! The sizes of packed entries and accounts, without the item's keys and attribute names.

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde_json::{Value, json};
use tessera_domain::account::Account;
use tessera_domain::decide::Decision;
use tessera_domain::pack::pack;
use tessera_domain::time::Day;

use crate::BenchError;
use crate::life::BenchProgram;
use crate::translate::{self, money};

/// The size of a packed value.
pub fn packed<T: serde::Serialize>(value: &T) -> Result<usize, BenchError> {
    pack(value)
        .map(|bytes| bytes.len())
        .map_err(|why| BenchError::Making { what: "packed value", why: why.to_string() })
}

/// Measures all sizes.
pub fn measure() -> Result<Vec<Value>, BenchError> {
    let line = |what: &str, bytes: usize, most: usize| json!({ "size": what, "bytes": bytes, "most": most });
    let entry = entry_of_thirty()?;
    Ok(vec![
        line("ledger entry, 30 rules fired", packed(&entry.entry)?, 1_024),
        line("account, two years of a purchase every fortnight under twelve rules", packed(&typical()?)?, 1_024),
        line("account, ten years of daily purchases under twelve rules with daily limits", packed(&daily(10)?)?, 8_192),
    ])
}

/// A rule that is always active.
fn rule(id: &str, trigger: &Value, then: &Value) -> Value {
    json!({
        "id": id, "name": id, "status": "active", "starts_at": "2016-01-01T00:00:00",
        "on": { "receipt": trigger }, "then": then,
    })
}

fn with_limit(mut rule: Value, limit: &Value) -> Value {
    rule["limit"] = limit.clone();
    rule
}

fn points(points: u32) -> Value {
    json!([{ "credit": { "points": points } }])
}

fn per_unit(rate: &str, kind: &str) -> Value {
    json!([{ "credit": { "per_unit": rate, "kind": kind } }])
}

/// A receipt of two lines.
fn receipt(date: Date, cents: i64) -> Value {
    let socks = cents / 3;
    json!({
        "id": format!("{date}-0007"), "occurred_at": format!("{date}T12:00:00+01:00"), "member": { "id": "c-42" },
        "store": "milano-01", "channel": "pos", "currency": "EUR", "total": money(cents),
        "lines": [
            { "id": "1", "sku": "SW-1", "category": "winter", "brand": "acme", "amount": money(cents - socks) },
            { "id": "2", "sku": "SO-2", "category": "socks", "quantity": "2", "amount": money(socks) },
        ],
    })
}

/// A decision with thirty fired rules of several measures.
fn entry_of_thirty() -> Result<Decision, BenchError> {
    let rules: Vec<Value> = (0..30)
        .map(|n| {
            let (trigger, then) = match n % 3 {
                0 => (json!({ "where": { "lines": { "categories": ["winter"] } } }), per_unit("1.5", "redeemable")),
                1 => (json!({ "spend": { "per_receipt_at_least": "50.00" } }), points(10)),
                _ => (json!({ "spend": { "every": "50.00" } }), points(10)),
            };
            rule(&format!("autumn-{n:02}"), &trigger, &then)
        })
        .collect();
    let shop = BenchProgram::open(&translate::program(&rules))?;
    let date = translate::day(100);
    let decision =
        shop.decide(&BenchProgram::member("silver", Day::from_date(date))?, &shop.receipt(&receipt(date, 18_990))?);
    if decision.entry.outcomes.len() == rules.len() {
        return Ok(decision);
    }
    Err(BenchError::Making { what: "entry of thirty rules", why: format!("{} fired", decision.entry.outcomes.len()) })
}

/// The account after `count` purchases of 10 to 100 euros, one every `step` days.
fn life(rules: &[Value], first: Date, count: u32, step: i32) -> Result<Account, BenchError> {
    let shop = BenchProgram::open(&translate::program(rules))?;
    let mut account = BenchProgram::member("base", Day::from_date(first))?;
    let mut date = first;
    for n in 0..count {
        let cents = 1_000 + i64::from(n) * 3_701 % 9_000;
        account = shop.decide(&account, &shop.receipt(&receipt(date, cents))?).account;
        date = date.saturating_add(Span::new().days(step));
    }
    Ok(account)
}

/// A typical account after two years.
fn typical() -> Result<Account, BenchError> {
    let winter = json!({ "lines": { "categories": ["winter"] } });
    let monthly = json!({ "times": 2, "per": "month" });
    let rules = [
        rule("one-per-euro", &json!({}), &per_unit("1", "both")),
        rule("winter-extra", &json!({ "where": winter }), &per_unit("0.5", "redeemable")),
        rule("big-basket", &json!({ "spend": { "per_receipt_at_least": "80.00" } }), &points(20)),
        rule("three-pieces", &json!({ "quantity": { "per_receipt_at_least": 3 } }), &points(5)),
        rule("milano", &json!({ "where": { "stores": ["milano-01"] } }), &points(1)),
        rule("acme", &json!({ "where": { "lines": { "brands": ["acme"] } } }), &points(3)),
        rule("every-50", &json!({ "spend": { "every": "50.00" } }), &points(10)),
        rule("fifth-visit", &json!({ "receipts": { "every": 5 } }), &points(25)),
        rule("ten-pieces", &json!({ "quantity": { "every": 10 } }), &points(15)),
        rule("first-thousand", &json!({ "spend": { "total_at_least": "1000.00" } }), &points(100)),
        with_limit(rule("pos-bonus", &json!({ "where": { "channels": ["pos"] } }), &points(2)), &monthly),
        with_limit(rule("socks", &json!({ "where": { "lines": { "categories": ["socks"] } } }), &points(4)), &monthly),
    ];
    life(&rules, jiff::civil::date(2024, 1, 10), 52, 14)
}

/// The account after years of daily purchases, under twelve rules with a daily limit each.
fn daily(years: i64) -> Result<Account, BenchError> {
    let rules: Vec<Value> = (0..12)
        .map(|n| {
            let (trigger, then) = match n % 3 {
                0 => (json!({}), per_unit("1", "both")),
                1 => (json!({ "spend": { "every": "20.00" } }), points(5 + n)),
                _ => (json!({ "quantity": { "every": 4 } }), points(5 + n)),
            };
            with_limit(rule(&format!("daily-{n:02}"), &trigger, &then), &json!({ "times": 2, "per": "day" }))
        })
        .collect();
    let (first, last) = (jiff::civil::date(2016, 1, 1), jiff::civil::date(2016, 1, 1).saturating_add(years.years()));
    let days = u32::try_from((last - first).get_days()).unwrap_or_default();
    life(&rules, first, days, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typical_account_fits_one_write_unit() {
        let account = typical().unwrap();
        assert_eq!(account.version, 52);
        assert!(account.counters.len() >= 6);
        assert!(packed(&account).unwrap() <= 1_024);
    }

    #[test]
    fn an_account_with_years_of_daily_purchases_fits_eight_write_units() {
        // More days than the account stores.
        let account = daily(2).unwrap();
        assert_eq!(account.version, 731);
        assert!(packed(&account).unwrap() <= 8_192);
    }

    #[test]
    fn an_entry_with_thirty_fired_rules_fits_one_write_unit() {
        let entry = entry_of_thirty().unwrap().entry;
        assert_eq!(entry.outcomes.len(), 30);
        assert!(packed(&entry).unwrap() <= 1_024);
    }
}
