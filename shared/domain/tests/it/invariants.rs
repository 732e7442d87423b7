//! Invariants 1–3 and 6 of the specification under random programs and facts, and 4 where nothing depends on order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::points::Both;

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
    Interaction { id: u8, name: u8 },
    Patch { list: bool, city: u8 },
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
        2 => (0..60u8).prop_map(|days| Step::Wait { days }),
        2 => (0..9u8, 0..6u8).prop_map(|(id, name)| Step::Interaction { id, name }),
        1 => (any::<bool>(), 0..3u8).prop_map(|(list, city)| Step::Patch { list, city }),
    ];
    prop::collection::vec(step, 1..40)
}

/// Triggers of receipts whose every firing a refund can judge again.
pub fn receipt_triggers() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({ "receipt": {} }),
        json!({ "receipt": { "spend": { "every": "50.00" } } }),
        json!({ "receipt": { "spend": { "total_at_least": "100.00" } } }),
        json!({ "receipt": { "spend": { "per_receipt_at_least": "80.00" } } }),
        json!({ "receipt": { "spend": { "every_per_receipt": "30.00" } } }),
        json!({ "receipt": { "receipts": { "every": 3 } } }),
        json!({ "receipt": { "quantity": { "every": 3 }, "where": { "lines": { "categories": ["a"] } } } }),
        json!({ "receipt": { "where": { "lines": { "categories": ["b"] } }, "spend": { "every": "20.00" } } }),
        json!({ "receipt": { "spend": { "every": "40.00" }, "within": { "days": 10 } } }),
        json!({ "receipt": { "spend": { "total_at_least": "90.00" }, "within": { "days": 7 } } }),
        json!({ "receipt": { "receipts": { "total_at_least": 2 }, "within": { "days": 9, "from": "first_receipt" } } }),
        json!({ "receipt": { "spend": { "every": "25.00" }, "within": { "starts_on": "2026-02-05", "ends_on": "2026-02-20" } } }),
        json!({ "receipt": { "spend": { "every": "10.00", "from": "50.00", "up_to": "300.00" } } }),
        json!({ "receipt": { "spend": { "every": "10.00", "from": "50.00", "up_to": "300.00", "range": "band" } } }),
        json!({ "receipt": { "spend": { "every_per_receipt": "15.00", "up_to": "200.00", "range": "band" } } }),
        json!({ "receipt": { "spend": { "per_receipt_at_least": "15.00", "from": "20.00" } } }),
        json!({ "receipt": { "spend": { "every": "10.00", "from": "30.00", "range": "band" }, "within": { "days": 9 } } }),
        json!({ "receipt": { "spend": { "every": "20.00", "up_to": "400.00" }, "within": { "days": 12 } } }),
        json!({ "receipt": { "spend": { "every_per_receipt": "15.00", "from": "20.00", "range": "band" }, "within": { "days": 5 } } }),
    ])
}

/// What else a rule may wait for.
fn other_triggers() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({ "interaction": { "name": "visit" } }),
        json!({ "interaction": { "name": "visit", "where": { "properties": { "city": ["Milano"] } } } }),
        json!({ "email_opened": {} }),
        json!({ "email_clicked": { "link_categories": ["news"] } }),
        json!({ "birthday": {} }),
        json!({ "birthday": { "at": "month", "days_before": 3 } }),
        json!({ "enrollment": {} }),
        json!({ "inactivity": { "days": 20 } }),
        json!({ "tier_change": { "direction": "upgrade" } }),
        json!({ "tier_change": { "to": ["silver", "vip"] } }),
        json!({ "list_subscription": { "list": "news" } }),
        json!({ "profile": { "attribute": "city", "in": ["Milano", "Roma"] } }),
    ])
}

fn effects() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!([{ "credit": { "points": 10 } }]),
        json!([{ "credit": { "points": 10 } }]),
        json!([{ "credit": { "points": 30, "kind": "both" } }]),
        json!([{ "credit": { "points": 3, "kind": "both" } }, { "reward": "gift" }]),
        json!([{ "debit": { "points": 7 } }]),
        json!([{ "debit": { "points": 7, "kind": "both" } }, { "credit": { "points": 1, "kind": "qualifying" } }]),
        json!([{ "reset": {} }]),
        json!([{ "reset": { "kind": "both" } }]),
        json!([{ "vip": "vip" }]),
    ])
}

/// A credit that waits for the delivery of its receipt.
fn held(mut credit: Value, at_most_days: u32, otherwise: &str) -> Value {
    credit["hold"] =
        json!({ "until": { "interaction": "delivered" }, "at_most_days": at_most_days, "otherwise": otherwise });
    json!([{ "credit": credit }])
}

/// Effects that need an amount, or other rules' points.
fn receipt_effects() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!([{ "credit": { "per_unit": "0.7", "kind": "both" } }]),
        json!([{ "credit": { "per_unit": "0.7", "kind": "both" } }]),
        json!([{ "debit": { "per_unit": "0.1" } }, { "credit": { "points": 4 } }]),
        held(json!({ "points": 20, "kind": "both" }), 10, "cancel"),
        held(json!({ "per_unit": "0.7" }), 15, "release"),
        json!([{ "multiply": { "factor": "2" } }]),
        json!([{ "multiply": { "factor": "0.5", "kind": "both" } }]),
        json!([{ "multiply": { "factor": "1.5", "kind": "both", "scope": "lines" } }, { "credit": { "points": 2 } }]),
    ])
}

pub fn limits() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => Just(Value::Null),
        1 => Just(json!({ "times": 2, "per": "week" })),
        1 => Just(json!({ "points": 25, "per": "month" })),
        1 => Just(json!({ "times": 2, "per": "day", "every": 3, "rolling": true })),
        1 => Just(json!([{ "times": 3, "per": "month", "rolling": true }, { "points": 40, "per": "year" }])),
    ]
}

fn conditions() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => Just(Value::Null),
        1 => Just(json!([{ "birthday": { "within": "month" } }])),
        1 => Just(json!([{ "enrolled": { "days_after": 9 } }])),
        1 => Just(json!([{ "profile": { "attribute": "city", "in": ["Milano"] } }, { "list": "news" }])),
    ]
}

fn rules() -> impl Strategy<Value = Value> {
    let of_receipts = (receipt_triggers(), prop_oneof![effects(), receipt_effects()]);
    let of_others = (other_triggers(), effects());
    let part = (prop_oneof![3 => of_receipts, 2 => of_others], limits(), conditions());
    prop::collection::vec(part, 1..8).prop_map(|parts| {
        let rules = parts.into_iter().enumerate().map(|(n, ((on, then), limit, conditions))| {
            let mut rule = rule(&format!("rule-{n}"), &on, &then);
            for (name, part) in [("limit", limit), ("if", conditions)] {
                if !part.is_null() {
                    rule[name] = part;
                }
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

fn windows() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![json!("calendar_year"), json!("lifetime"), json!({ "rolling_months": 2 })])
}

pub fn cents(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

pub fn receipt(id: u8, amount: u32, split: u8, discount: u8, day: u8, coupon: Option<&str>) -> Value {
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

fn interaction(id: u8, name: u8, at: jiff::Timestamp) -> Value {
    let (name, properties) = match name {
        0 => ("visit", json!({ "city": "Milano" })),
        1 => ("visit", json!({ "city": ["Bari", "Roma"] })),
        2 => ("email_opened", json!({ "message": format!("m-{}", id % 2), "machine_open": id.is_multiple_of(3) })),
        4 | 5 => ("delivered", json!({ "receipt": format!("r{id}") })),
        _ => ("email_clicked", json!({ "message": "m-1", "link": "l", "link_category": "news" })),
    };
    json!({ "id": format!("i{id}"), "occurred_at": at.to_string(), "member": { "id": "c" }, "name": name, "properties": properties })
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
            let later = book.now.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(*days))).unwrap();
            book.pass(later);
        }
        Step::Interaction { id, name } => {
            book.interaction(&interaction(*id, *name, book.now));
        }
        Step::Patch { list, city } => {
            let city = ["Milano", "Roma", "Bari"][usize::from(*city)];
            let lists: &[&str] = if *list { &["news"] } else { &[] };
            book.patch("c", &json!({ "lists": lists, "attributes": { "city": city } }));
        }
    }
    None
}

pub fn open(rules: &Value, points: &Value, window: &Value) -> Book {
    let mut document = program(rules);
    document["points"] = points.clone();
    document["tiers"] = json!({ "ladder": [
        { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 60 },
        { "id": "gold", "name": "Gold", "threshold": 200 },
    ], "vip": [{ "id": "vip", "name": "VIP" }], "window": window });
    let mut book = Book::open(&document, "2026-02-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c", "birth_date": "--02-20", "lists": ["news"], "attributes": { "city": "Bari" } }));
    book
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_proves_every_balance_and_repetition_changes_nothing(
        rules in rules(), points in policies(), steps in steps(), window in windows(),
    ) {
        let mut book = open(&rules, &points, &window);
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
    fn what_is_wholly_returned_leaves_nothing(
        triggers in prop::collection::vec((receipt_triggers(), prop_oneof![effects(), receipt_effects()], limits()), 1..7),
        amounts in prop::collection::vec((1..30_000u32, 0..4u8, 0..30u8, 0..40u8, 1..30_000u32), 1..9),
        stacking in prop::sample::select(vec!["max", "additive", "product"]),
        reversed in any::<bool>(),
        delivered in prop::collection::vec(any::<bool>(), 9),
        wait in 0..60i64,
    ) {
        let rules = triggers.into_iter().enumerate().filter(|(_, (_, then, _))| {
            // A reset, or a tier outside the ladder, is not undone.
            !then.to_string().contains("reset") && !then.to_string().contains("vip")
        });
        let rules: Vec<Value> = rules.map(|(n, (on, then, limit))| {
            let mut rule = rule(&format!("rule-{n}"), &on, &then);
            if !limit.is_null() {
                rule["limit"] = limit;
            }
            rule
        }).collect();
        let points = json!({ "name": { "one": "p", "other": "p" }, "multiplier_stacking": stacking });
        let mut book = open(&Value::Array(rules), &points, &json!("lifetime"));
        let mut left: Vec<(u8, u32)> = Vec::new();
        for (n, (amount, split, discount, day, part)) in amounts.iter().enumerate() {
            let id = u8::try_from(n).unwrap();
            let body = receipt(id, *amount, *split, *discount, *day, None);
            book.receipt(&body).unwrap();
            // A part of it comes back first.
            let total: u32 = body["total"].as_str().unwrap().replace('.', "").parse().unwrap();
            let part = *part.min(&total);
            if part > 0 {
                let body = json!({ "id": "p", "occurred_at": "2026-04-01T10:00:00Z", "amount": cents(part) });
                book.refund(&format!("r{id}"), &body).unwrap();
            }
            left.push((id, total - part));
            book.check();
        }
        for (id, _) in left.iter().filter(|(id, _)| delivered[usize::from(*id)]) {
            book.interaction(&interaction(*id, 4, book.now));
            book.check();
        }
        book.pass(book.now.checked_add(jiff::SignedDuration::from_hours(24 * wait)).unwrap());
        if reversed {
            left.reverse();
        }
        for (id, rest) in left {
            if rest > 0 {
                let body = json!({ "id": "q", "occurred_at": "2026-04-02T10:00:00Z", "amount": cents(rest) });
                book.refund(&format!("r{id}"), &body).unwrap();
                book.check();
            }
        }
        let entries = &book.entries["c"];
        let mut by_rule: BTreeMap<String, (i64, Both)> = BTreeMap::new();
        for outcome in entries.iter().flat_map(|entry| &entry.outcomes) {
            let (firings, net) = by_rule.entry(outcome.rule.to_string()).or_default();
            *firings += outcome.firings;
            *net = net.plus(outcome.net());
        }
        for (rule, (firings, net)) in by_rule {
            prop_assert_eq!((firings, net.is_zero()), (0, true), "{} {:?}", rule, net);
        }
        let account = book.view("c");
        prop_assert_eq!(account.balance().get(), 0);
        prop_assert_eq!(account.lifetime_earned.get(), 0);
        for (rule, counter) in &account.counters {
            prop_assert_eq!((counter.sum, counter.total, counter.due()), (0, 0, counter.runs.iter().map(|r| r.lost).sum::<u64>()), "{}", rule);
            prop_assert!(counter.days.iter().chain(&counter.spent).all(|(_, counted)| *counted == 0));
        }
    }

    #[test]
    fn another_order_of_arrival_ends_in_the_same_counters_and_balance(
        amounts in prop::collection::vec((1..30_000u32, prop::option::of(1..30_000u32)), 1..8),
        order in any::<prop::sample::Index>(),
        yen in any::<bool>(),
    ) {
        // Yen have no minor units: a refund that comes first is read when the currency of its receipt is known.
        let amount_in_receipts_currency = |minor: u32| if yen { minor.to_string() } else { cents(minor) };
        let rules = json!([
            rule("every", &json!({ "receipt": { "spend": { "every": "50.00" } } }), &json!([{ "credit": { "points": 10 } }])),
            rule("total", &json!({ "receipt": { "spend": { "total_at_least": "300.00" } } }), &json!([{ "credit": { "points": 77 } }])),
            rule("third", &json!({ "receipt": { "receipts": { "every": 3 } } }), &json!([{ "credit": { "points": 5 } }])),
            rule("unit", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "0.3" } }])),
        ]);
        let mut facts: Vec<(Option<String>, Value)> = Vec::new();
        for (n, (amount, refund)) in amounts.iter().enumerate() {
            let id = u8::try_from(n).unwrap();
            let mut body = receipt(id, *amount, 0, 0, id, None);
            if yen {
                body["currency"] = "JPY".into();
                body["fx_rate"] = "0.0061".into();
                body["total"] = amount_in_receipts_currency(*amount).into();
                body["discount"] = "0".into();
            }
            facts.push((None, body));
            if let Some(refund) = refund {
                let back = amount_in_receipts_currency(*refund.min(amount));
                let body = json!({ "id": "f", "occurred_at": "2026-04-01T10:00:00Z", "amount": back });
                facts.push((Some(format!("r{id}")), body));
            }
        }
        let take = |facts: &[(Option<String>, Value)]| {
            let mut book = open(&rules, &json!({ "name": { "one": "p", "other": "p" } }), &json!("lifetime"));
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
