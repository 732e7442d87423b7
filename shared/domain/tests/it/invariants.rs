//! Invariants 1–3 and 6 of the specification under random programs and facts, and 4 where nothing depends on order.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::book::Book;
use crate::rules::{program, rule};

#[derive(Debug, Clone)]
enum Step {
    Receipt { id: u8, cents: u32, split: u8, discount: u8, day: u8 },
    Refund { receipt: u8, id: u8, cents: u32, by_line: bool },
    Redeem { reserve: bool },
    Coupon { which: u8, commit: bool },
    Adjust { points: i16 },
    Wait { days: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..12u8, 0..30_000u32, 0..4u8, 0..30u8, 0..40u8)
            .prop_map(|(id, cents, split, discount, day)| Step::Receipt { id, cents, split, discount, day }),
        4 => (0..12u8, 0..4u8, 1..20_000u32, any::<bool>())
            .prop_map(|(receipt, id, cents, by_line)| Step::Refund { receipt, id, cents, by_line }),
        2 => any::<bool>().prop_map(|reserve| Step::Redeem { reserve }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(which, commit)| Step::Coupon { which, commit }),
        1 => (-60..200i16).prop_map(|points| Step::Adjust { points }),
        1 => (0..50u8).prop_map(|days| Step::Wait { days }),
    ];
    prop::collection::vec(step, 1..40)
}

fn rules() -> impl Strategy<Value = Value> {
    let on = prop_oneof![
        Just(json!({ "receipt": {} })),
        Just(json!({ "receipt": { "spend": { "every": "50.00" } } })),
        Just(json!({ "receipt": { "spend": { "total_at_least": "100.00" } } })),
        Just(json!({ "receipt": { "spend": { "per_receipt_at_least": "80.00" } } })),
        Just(json!({ "receipt": { "spend": { "every_per_receipt": "30.00" } } })),
        Just(json!({ "receipt": { "receipts": { "every": 3 } } })),
        Just(json!({ "receipt": { "quantity": { "every": 3 }, "where": { "lines": { "categories": ["a"] } } } })),
        Just(json!({ "receipt": { "where": { "lines": { "categories": ["b"] } }, "spend": { "every": "20.00" } } })),
    ];
    let then = prop_oneof![
        3 => Just(json!([{ "credit": { "points": 10 } }])),
        2 => Just(json!([{ "credit": { "per_unit": "0.7", "kind": "both" } }])),
        1 => Just(json!([{ "credit": { "points": 3, "kind": "both" } }, { "reward": "gift" }])),
    ];
    let limit = prop_oneof![
        3 => Just(Value::Null),
        1 => Just(json!({ "times": 2, "per": "week" })),
        1 => Just(json!({ "points": 25, "per": "month" })),
    ];
    prop::collection::vec((on, then, limit), 1..6).prop_map(|parts| {
        let rules = parts.into_iter().enumerate().map(|(n, (on, then, limit))| {
            let mut rule = rule(&format!("rule-{n}"), &on, &then);
            if !limit.is_null() {
                rule["limit"] = limit;
            }
            rule
        });
        Value::Array(rules.collect())
    })
}

fn policies() -> impl Strategy<Value = Value> {
    let expiry = prop_oneof![
        Just(Value::Null),
        Just(json!({ "after_months": 1 })),
        Just(json!({ "end_of_year": true })),
        Just(json!({ "inactive_months": 2 }))
    ];
    let negative = prop_oneof![Just("allow"), Just("write_off")];
    let returned = prop_oneof![Just("prorata"), Just("full_only"), Just("none")];
    (0..20u32, expiry, negative, returned).prop_map(|(hold, expiry, negative, returned)| {
        json!({
            "name": { "one": "p", "other": "p" }, "hold_days": hold, "expiry": expiry, "negative_balance": negative,
            "returned_redemption": returned,
        })
    })
}

fn cents(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn receipt(id: u8, amount: u32, split: u8, discount: u8, day: u8, coupon: Option<&str>) -> Value {
    let discount = amount * u32::from(discount) / 100;
    let lines: Vec<Value> = (0..split)
        .map(|n| {
            let share = amount / u32::from(split);
            let amount = if n == 0 { amount - share * (u32::from(split) - 1) } else { share };
            json!({ "id": n.to_string(), "category": if n % 2 == 0 { "a" } else { "b" }, "quantity": (u32::from(n) + 1).to_string(), "amount": cents(amount) })
        })
        .collect();
    json!({
        "id": format!("r{id}"), "member": { "id": "c" }, "currency": "EUR",
        "occurred_at": format!("2026-0{}-{:02}T10:00:00Z", 2 + day / 28, 1 + day % 28),
        "total": cents(amount - if split == 0 { 0 } else { discount }), "discount": cents(if split == 0 { 0 } else { discount }),
        "lines": lines, "coupons": coupon.into_iter().collect::<Vec<_>>(),
    })
}

/// Does a step; gives the fact that was taken, so that it can be sent again.
fn run(book: &mut Book, step: &Step) -> Option<(Option<String>, Value)> {
    match step {
        Step::Receipt { id, cents, split, discount, day } => {
            let usable = book.coupons.values().find(|coupon| coupon.member.as_str() == "c").map(|c| c.code.to_string());
            let body = receipt(*id, *cents, *split, *discount, *day, usable.as_deref().filter(|_| id % 3 == 0));
            book.receipt(&body).unwrap();
            return Some((None, body));
        }
        Step::Refund { receipt, id, cents: amount, by_line } => {
            let mut body = json!({ "id": format!("f{id}"), "occurred_at": "2026-04-01T10:00:00Z" });
            if *by_line {
                body["lines"] = json!([{ "line": "0", "amount": cents(*amount / 2) }]);
            } else {
                body["amount"] = cents(*amount).into();
            }
            book.refund(&format!("r{receipt}"), &body).unwrap();
            return Some((Some(format!("r{receipt}")), body));
        }
        Step::Redeem { reserve } => {
            let _ = book.redeem("c", "five", reserve.then_some(30));
        }
        Step::Coupon { which, commit } => {
            let codes: Vec<_> = book.coupons.keys().cloned().collect();
            if !codes.is_empty() {
                let code = &codes[usize::from(*which) % codes.len()];
                let _ = book.coupon(code, if *commit { "commit" } else { "cancel" }, None);
            }
        }
        Step::Adjust { points } => {
            let body = match points {
                1.. => json!({ "award": points, "reason": "test" }),
                0 => json!({ "set_balance": 40, "expected_version": book.account("c").version, "reason": "test" }),
                _ => json!({ "deduct": -points, "reason": "test" }),
            };
            let _ = book.adjust("c", &body);
        }
        Step::Wait { days } => {
            book.now = book.now.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(*days))).unwrap();
        }
    }
    None
}

fn open(rules: &Value, points: &Value) -> Book {
    let mut document = program(rules);
    document["points"] = points.clone();
    document["tiers"] = json!({ "ladder": [
        { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 60 },
        { "id": "gold", "name": "Gold", "threshold": 200 },
    ] });
    let mut book = Book::open(&document, "2026-02-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&serde_json::json!({ "id": "c" }));
    book
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_proves_every_balance_and_repetition_changes_nothing(
        rules in rules(), points in policies(), steps in steps(),
    ) {
        let mut book = open(&rules, &points);
        let mut facts = Vec::new();
        for step in &steps {
            facts.extend(run(&mut book, step));
            book.check();
            let account = book.view("c");
            prop_assert!(account.available().get() >= 0 && account.debt.get() >= 0);
            prop_assert!(!account.debt.is_positive() || account.available().is_zero());
        }
        let (accounts, entries) = (book.accounts.clone(), book.entries.clone());
        for (receipt, body) in facts {
            match receipt {
                None => book.receipt(&body).unwrap(),
                Some(receipt) => {
                    // A refund whose receipt never came waits; sent again it waits still.
                    if book.receipt_of(&receipt).is_none() { continue }
                    book.refund(&receipt, &body).unwrap()
                }
            };
        }
        prop_assert_eq!(&accounts, &book.accounts);
        prop_assert_eq!(&entries, &book.entries);
    }

    #[test]
    fn another_order_of_arrival_ends_in_the_same_counters_and_balance(
        amounts in prop::collection::vec((1..30_000u32, prop::option::of(1..30_000u32)), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        let rules = json!([
            rule("every", &json!({ "receipt": { "spend": { "every": "50.00" } } }), &json!([{ "credit": { "points": 10 } }])),
            rule("total", &json!({ "receipt": { "spend": { "total_at_least": "300.00" } } }), &json!([{ "credit": { "points": 77 } }])),
            rule("third", &json!({ "receipt": { "receipts": { "every": 3 } } }), &json!([{ "credit": { "points": 5 } }])),
            rule("unit", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "0.3" } }])),
        ]);
        let mut facts: Vec<(Option<String>, Value)> = Vec::new();
        for (n, (amount, refund)) in amounts.iter().enumerate() {
            let id = u8::try_from(n).unwrap();
            facts.push((None, receipt(id, *amount, 0, 0, id, None)));
            if let Some(refund) = refund {
                let back = cents(*refund.min(amount));
                let body = json!({ "id": "f", "occurred_at": "2026-04-01T10:00:00Z", "amount": back });
                facts.push((Some(format!("r{id}")), body));
            }
        }
        let take = |facts: &[(Option<String>, Value)]| {
            let mut book = open(&rules, &json!({ "name": { "one": "p", "other": "p" } }));
            for (receipt, body) in facts {
                match receipt {
                    None => { book.receipt(body).unwrap(); }
                    Some(receipt) => { book.refund(receipt, body).unwrap(); }
                }
            }
            book.check();
            let account = book.view("c");
            let sums: Vec<(String, i64, u64)> =
                account.counters.iter().map(|(id, counter)| (id.to_string(), counter.sum, counter.due())).collect();
            (account.balance(), sums)
        };
        let straight = take(&facts);
        let turn = order.index(facts.len());
        facts.rotate_left(turn);
        let (front, back) = facts.split_at(facts.len() / 2);
        let shuffled: Vec<_> = back.iter().rev().chain(front).cloned().collect();
        prop_assert_eq!(straight, take(&shuffled));
    }
}
