//! Translates the workloads to a program document and to receipts as a shop sends them.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use crate::BenchError;
use crate::workload::{WorkloadReceipt, WorkloadRule};

/// What a rule's threshold and points are based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The whole receipt, as in the peers, with the same results for each rule and point. The receipt has one line with all
    /// its categories and its total, so that a filter on any category selects everything. The cents of the total are a
    /// discount on the order, because the peers round the amount before they multiply it.
    Total,
    /// The lines of the rule's category, as a shop means it.
    Lines,
}

impl Reading {
    /// The name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Lines => "lines",
        }
    }
}

/// The tiers, with thresholds that no workload reaches.
pub const TIERS: [(&str, u32); 4] = [("base", 0), ("silver", 500_000), ("gold", 1_000_000), ("platinum", 2_000_000)];

/// One of this many rules has a limit, which never cuts but must be counted.
const LIMITED: usize = 10;

/// The date of a day of a workload.
pub fn day(number: i32) -> Date {
    date(2026, 1, 1).saturating_add(Span::new().days(number))
}

/// A program with these rules.
pub fn program(rules: &[Value]) -> Value {
    let ladder: Vec<Value> =
        TIERS.iter().map(|(id, threshold)| json!({ "id": id, "name": id, "threshold": threshold })).collect();
    json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" }, "rounding": "floor", "expiry": { "after_months": 12 } },
        "tiers": { "ladder": ladder, "window": "calendar_year", "downgrade": "one_down", "grace_days": 30 },
        "rules": rules,
    })
}

/// The rules of a workload.
pub fn rules(rules: &[WorkloadRule]) -> Vec<Value> {
    rules.iter().enumerate().map(|(place, rule)| self::rule(rule, place % LIMITED == 0)).collect()
}

fn rule(rule: &WorkloadRule, limited: bool) -> Value {
    let mut filter = json!({ "lines": { "categories": [rule.category] } });
    if !rule.stores.is_empty() {
        filter["stores"] = json!(rule.stores);
    }
    let mut trigger = json!({ "where": filter });
    if rule.min_amount > 0 {
        trigger["spend"] = json!({ "per_receipt_at_least": format!("{}.00", rule.min_amount) });
    }
    let mut document = json!({
        "id": rule.id, "name": rule.id, "status": "active", "tiers": rule.tiers,
        "starts_at": format!("{}T00:00:00", day(rule.from)),
        "ends_at": format!("{}T00:00:00", day(rule.to).saturating_add(1.days())),
        "on": { "receipt": trigger },
        "then": [{ "credit": { "per_unit": rule.k.to_string() } }],
    });
    if limited {
        document["limit"] = json!({ "times": 1_000_000, "per": "lifetime" });
    }
    document
}

/// A receipt as a shop sends it, at noon.
pub fn receipt(receipt: &WorkloadReceipt, reading: Reading) -> Result<Value, BenchError> {
    let total = cents(&receipt.total)?;
    let discount = match reading {
        Reading::Total => total % 100,
        Reading::Lines => 0,
    };
    let mut lines = Vec::new();
    if reading == Reading::Total {
        lines.push(json!({ "id": "1", "category": receipt.categories, "amount": money(total) }));
    } else {
        for (place, line) in receipt.lines.iter().enumerate() {
            lines.push(json!({
                "id": (place + 1).to_string(), "sku": line.sku, "category": line.category,
                "quantity": line.qty.to_string(), "amount": money(cents(&line.amount)?),
            }));
        }
    }
    let mut body = json!({
        "id": receipt.id, "occurred_at": format!("{}T12:00:00+01:00", day(receipt.day)),
        "member": { "id": "c-42" }, "store": receipt.store, "channel": "pos", "currency": "EUR",
        "total": money(total - discount), "lines": lines,
    });
    if discount > 0 {
        body["discount"] = json!(money(discount));
    }
    Ok(body)
}

/// An amount of a workload in cents, exact.
fn cents(amount: &serde_json::Number) -> Result<i64, BenchError> {
    let text = amount.to_string();
    let exact: Option<Decimal> = text.parse().ok();
    let cents = exact.map(|amount| amount * Decimal::ONE_HUNDRED).filter(Decimal::is_integer);
    cents.and_then(|cents| cents.to_i64()).ok_or(BenchError::Amount(text))
}

/// Formats cents as money.
pub fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let read = |text: &str| cents(&serde_json::from_str(text).unwrap());
        assert_eq!(read("301.69").unwrap(), 30_169);
        assert_eq!(read("25.2").unwrap(), 2_520);
        assert_eq!(read("5.0").unwrap(), 500);
        assert!(read("0.001").is_err());
        assert_eq!(money(30_109), "301.09");
    }
}
