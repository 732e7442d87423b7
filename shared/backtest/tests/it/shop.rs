//! A shop with a program, and members with purchases and returns.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_backtest::{BacktestPeriod, History};
use tessera_domain::fact::{Receipt, Refund, read_receipt, read_refund};
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::money::Currency;
use tessera_domain::program::{Program, SubmittedProgram};

pub fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

/// The program with some rules, as it is stored.
pub fn stored(rules: &Value) -> Program {
    SubmittedProgram::read(&program(rules)).unwrap().into()
}

/// A program with some rules.
pub fn program(rules: &Value) -> Value {
    json!({
        "name": "Club <Ada>", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": {
            "name": { "one": "punto", "other": "punti" }, "rounding": "floor", "hold_days": 3,
            "expiry": { "after_months": 1 }, "point_value": "0.01"
        },
        "tiers": { "ladder": [
            { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 300 },
        ] },
        "rewards": [{
            "id": "five-off", "name": "5 € off", "type": "amount_off", "value": "5.00", "cost": 100, "stock": 2,
            "code": { "pattern": "ADA-########" },
        }],
        "rules": rules,
    })
}

pub fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({
        "id": id, "name": format!("The rule {id}"), "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": on, "then": then,
    })
}

pub fn present() -> Value {
    json!([
        rule("per-euro", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "both" } }])),
        rule(
            "every-50",
            &json!({ "receipt": { "spend": { "every": "50.00" } } }),
            &json!([{ "credit": { "points": 10 } }])
        ),
    ])
}

pub fn draft() -> Value {
    let mut limited = rule(
        "every-50",
        &json!({ "receipt": { "spend": { "every": "50.00" } } }),
        &json!([{ "credit": { "points": 25 } }]),
    );
    limited["limit"] = json!({ "times": 1, "per": "day" });
    let mut winter = rule(
        "winter",
        &json!({ "receipt": { "where": { "lines": { "categories": ["winter"] } } } }),
        &json!([{ "credit": { "per_unit": "0.5" } }]),
    );
    winter["status"] = json!("draft");
    json!([
        rule("per-euro", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "both" } }])),
        limited,
        winter,
        rule("third", &json!({ "receipt": { "receipts": { "every": 3 } } }), &json!([{ "reward": "five-off" }])),
        rule("silver", &json!({ "tier_change": { "to": ["silver"] } }), &json!([{ "credit": { "points": 50 } }])),
        rule("hello", &json!({ "enrollment": {} }), &json!([{ "credit": { "points": 5 } }])),
    ])
}

/// A purchase: day of the year, cents of winter goods, cents of other goods, and the delay and cents of a return.
pub type Purchase = (i64, i64, i64, Option<(i64, i64)>);

pub fn purchases() -> impl Strategy<Value = BTreeMap<u32, Vec<Purchase>>> {
    let refund = proptest::option::of((0..40_i64, 1..20_000_i64));
    let purchase = (0..120_i64, 0..15_000_i64, 1..15_000_i64, refund);
    proptest::collection::btree_map(0..20_u32, proptest::collection::vec(purchase, 1..8), 1..8)
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A member's facts as a shop would send them.
pub fn facts(member: u32, purchases: &[Purchase]) -> (Vec<Receipt>, Vec<(ReceiptId, Refund)>) {
    let noon: jiff::Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let at = |days: i64, number: usize| {
        let minutes = days * 1440 + i64::try_from(number).unwrap();
        (noon + jiff::SignedDuration::from_mins(minutes)).to_string()
    };
    let mut all = (Vec::new(), Vec::new());
    for (number, (day, winter, other, refund)) in purchases.iter().enumerate() {
        let id = format!("{member}-{number}");
        let body = json!({
            "id": id, "occurred_at": at(*day, number), "member": null, "currency": "EUR", "total": money(winter + other),
            "lines": [
                { "sku": "W", "category": "winter", "amount": money(*winter) }, { "sku": "O", "amount": money(*other) },
            ],
        });
        all.0.push(read_receipt(&body, eur()).unwrap().receipt);
        if let Some((later, cents)) = refund {
            let body = json!({ "id": "r", "occurred_at": at(day + later, number), "amount": money(*cents) });
            all.1.push((ReceiptId::new(id).unwrap(), read_refund(&body, eur()).unwrap()));
        }
    }
    all
}

pub fn member(number: u32) -> MemberId {
    MemberId::new(format!("m_{number}")).unwrap()
}

pub fn history(number: u32, purchases: &[Purchase], period: &BacktestPeriod) -> History {
    let (receipts, refunds) = facts(number, purchases);
    History::new(member(number), receipts, refunds, period)
}

pub fn year() -> BacktestPeriod {
    BacktestPeriod::all("2026-05-15T00:00:00Z".parse().unwrap())
}
