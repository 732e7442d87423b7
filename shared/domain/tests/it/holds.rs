//! Points that wait for an event: programs that are refused, late facts, merges, and the money of each receipt.

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::account::Account;
use tessera_domain::ledger::{Cause, MovementType};
use tessera_domain::points::Both;
use tessera_domain::program::SubmittedProgram;

use crate::book::Book;
use crate::rules::{program, receipt, rule};

fn hold(days: u32, otherwise: &str) -> Value {
    json!({ "until": { "interaction": "delivered" }, "at_most_days": days, "otherwise": otherwise })
}

fn credit(rate: &Value, days: u32, otherwise: &str) -> Value {
    let mut credit = rate.clone();
    credit["hold"] = hold(days, otherwise);
    json!({ "credit": credit })
}

fn open(rules: &Value) -> Book {
    let mut document = program(rules);
    document["points"] = json!({ "name": { "one": "p", "other": "p" }, "hold_days": 3 });
    let mut book = Book::open(&document, "2026-03-01T08:00:00+01:00".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book
}

fn pass(book: &mut Book, day: &str) {
    book.pass(format!("{day}T12:00:00Z").parse().unwrap());
    book.check();
}

fn buy(book: &mut Book, id: &str, day: &str, total: &str) {
    let mut body = receipt(id, total);
    body["occurred_at"] = format!("{day}T09:00:00Z").into();
    book.receipt(&body).unwrap();
    book.check();
}

fn event(book: &mut Book, member: &str, id: &str, receipt: &Value) {
    let body = json!({ "id": id, "occurred_at": book.now.to_string(), "member": { "id": member }, "name": "delivered",
                       "properties": { "receipt": receipt } });
    book.interaction(&body);
    book.check();
}

fn points(account: &Account) -> (i64, i64) {
    (account.available().get(), account.pending().get())
}

#[test]
fn programs_hold_points_of_receipts_alone() {
    let faults = |rules: Value| {
        let read = SubmittedProgram::read(&program(&rules));
        read.err().into_iter().flatten().map(|fault| (fault.pointer, fault.detail)).collect::<Vec<_>>()
    };
    let held = credit(&json!({ "points": 10 }), 30, "cancel");
    let on_receipt = json!({ "receipt": {} });
    assert_eq!(faults(json!([rule("r", &on_receipt, &json!([held]))])), []);
    for on in [json!({ "enrollment": {} }), json!({ "interaction": { "name": "visit" } }), json!({ "birthday": {} })] {
        let found = faults(json!([rule("r", &on, &json!([held]))]));
        let expected = ("/rules/0/then/0/credit/hold".to_owned(), "only receipt rules may hold points until an event");
        assert_eq!(found, [(expected.0, expected.1.to_owned())], "{on}");
    }
    let mixed = json!([{ "credit": { "points": 1 } }, held]);
    assert_eq!(faults(json!([rule("r", &on_receipt, &mixed)]))[0].0, "/rules/0/then/1/credit/hold");
    let both = json!([{ "credit": { "points": 1, "kind": "qualifying" } }, held]);
    assert_eq!(faults(json!([rule("r", &on_receipt, &both)])), []);
    for (hold, pointer) in [
        (json!({}), "until"),
        (json!({ "until": { "interaction": "" }, "at_most_days": 1, "otherwise": "cancel" }), "until/interaction"),
        (json!({ "until": { "interaction": "x" }, "at_most_days": 0, "otherwise": "cancel" }), "at_most_days"),
        (json!({ "until": { "interaction": "x" }, "at_most_days": 366, "otherwise": "cancel" }), "at_most_days"),
        (json!({ "until": { "interaction": "x" }, "at_most_days": 1, "otherwise": "keep" }), "otherwise"),
        (json!({ "until": { "interaction": "x" }, "at_most_days": 1, "otherwise": "cancel", "for": 1 }), "for"),
    ] {
        let then = json!([{ "credit": { "points": 1, "hold": hold } }]);
        let found = faults(json!([rule("r", &on_receipt, &then)]));
        assert_eq!(found[0].0, format!("/rules/0/then/0/credit/hold/{pointer}"));
    }
    let debit = json!([{ "debit": { "points": 1, "hold": hold(1, "cancel") } }]);
    assert_eq!(faults(json!([rule("r", &on_receipt, &debit)]))[0].0, "/rules/0/then/0/debit/hold");
}

/// Multipliers that take all that a rule gave leave nothing that waits; a return gives back what they took all the same.
#[test]
fn a_return_finds_the_multipliers_of_points_of_which_nothing_waited() {
    let half =
        |id: &str| rule(id, &json!({ "receipt": {} }), &json!([{ "multiply": { "factor": "0.5", "kind": "both" } }]));
    let every = json!({ "receipt": { "spend": { "every_per_receipt": "15.00" } } });
    let held = rule("held", &every, &json!([credit(&json!({ "points": 20, "kind": "both" }), 10, "cancel")]));
    let mut document = program(&json!([held, half("first"), half("second")]));
    document["points"] = json!({ "name": { "one": "p", "other": "p" }, "multiplier_stacking": "additive" });
    let mut book = Book::open(&document, "2026-03-01T08:00:00+01:00".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    buy(&mut book, "r", "2026-03-01", "15.00");
    assert_eq!(points(&book.view("c")), (0, 0));
    for (id, day, amount) in [("p", "2026-03-02", "0.01"), ("q", "2026-03-03", "14.99")] {
        let body = json!({ "id": id, "occurred_at": format!("{day}T10:00:00Z"), "amount": amount });
        book.refund("r", &body).unwrap();
        book.check();
        let outcomes = book.entries["c"].iter().flat_map(|entry| &entry.outcomes);
        let first = outcomes.filter(|outcome| outcome.rule.as_str() == "first").map(|outcome| outcome.extra);
        assert!(first.fold(Both::ZERO, Both::plus).is_zero(), "after {id}");
    }
    assert_eq!(points(&book.view("c")), (0, 0));
}

#[test]
fn one_event_may_name_several_receipts_and_rules_wait_for_their_own() {
    let other = json!({ "until": { "interaction": "reviewed" }, "at_most_days": 30, "otherwise": "cancel" });
    let mut book = open(&json!([
        rule("a", &json!({ "receipt": {} }), &json!([credit(&json!({ "points": 10 }), 30, "cancel")])),
        rule("b", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 7, "hold": other } }])),
    ]));
    for id in ["1", "2", "3"] {
        buy(&mut book, id, "2026-03-01", "10.00");
    }
    event(&mut book, "c", "e", &json!(["1", "3", "unknown"]));
    pass(&mut book, "2026-03-05");
    assert_eq!(points(&book.view("c")), (20, 31));
    assert_eq!(book.account("c").holds.open().len(), 4);
}

#[test]
fn what_ends_has_an_entry_of_its_own_at_its_own_time() {
    let rules = json!([
        rule("a", &json!({ "receipt": {} }), &json!([credit(&json!({ "points": 10 }), 5, "cancel")])),
        rule("b", &json!({ "receipt": {} }), &json!([credit(&json!({ "points": 7 }), 6, "release")])),
    ]);
    let mut book = open(&rules);
    buy(&mut book, "1", "2026-03-01", "10.00");
    // Nobody looks for a long time; then both ends are booked at their own midnights.
    pass(&mut book, "2026-04-20");
    let ends: Vec<(String, MovementType, i64)> = book.entries["c"]
        .iter()
        .filter(|entry| matches!(&entry.cause, Cause::Hold(receipt) if receipt.as_str() == "1"))
        .map(|entry| (entry.at.to_string(), entry.movements[0].kind, entry.balance.get()))
        .collect();
    assert_eq!(
        ends,
        [
            ("2026-03-05T23:00:00Z".to_owned(), MovementType::Reverse, 7),
            ("2026-03-06T23:00:00Z".to_owned(), MovementType::Release, 7)
        ]
    );
    assert_eq!(points(&book.view("c")), (7, 0));
}

#[test]
fn what_is_read_needs_no_job() {
    let mut book = open(&json!([
        rule("a", &json!({ "receipt": {} }), &json!([credit(&json!({ "points": 10 }), 5, "cancel")])),
        rule("b", &json!({ "receipt": {} }), &json!([credit(&json!({ "points": 7 }), 6, "release")])),
    ]));
    buy(&mut book, "1", "2026-03-01", "10.00");
    let seen = |book: &mut Book, day: &str| {
        book.now = format!("{day}T12:00:00Z").parse().unwrap();
        points(&book.view("c"))
    };
    assert_eq!(seen(&mut book, "2026-03-05"), (0, 17));
    assert_eq!(seen(&mut book, "2026-03-06"), (0, 7));
    assert_eq!(seen(&mut book, "2026-03-07"), (7, 0));
    assert_eq!(book.entries["c"].len(), 2, "enrolment and receipt alone");
}

#[test]
fn more_waits_than_one_decision_holds_end_one_after_another() {
    let then = json!([credit(&json!({ "points": 10 }), 2, "cancel")]);
    let mut book = open(&json!([rule("a", &json!({ "receipt": {} }), &then)]));
    for id in 0..60 {
        buy(&mut book, &id.to_string(), "2026-03-01", "10.00");
    }
    for _ in 0..3 {
        assert!(!book.account("c").holds.open().is_empty());
        pass(&mut book, "2026-03-20");
    }
    assert_eq!((points(&book.view("c")), book.account("c").lifetime_earned.get()), ((0, 0), 0));
    assert!(book.account("c").holds.open().is_empty());
}

#[test]
fn a_merge_brings_an_event_to_its_receipt() {
    let then = json!([credit(&json!({ "points": 10 }), 30, "cancel")]);
    let mut book = open(&json!([rule("a", &json!({ "receipt": {} }), &then)]));
    let mut guest = receipt("1", "10.00");
    guest["member"] = json!({ "id": "guest" });
    book.receipt(&guest).unwrap();
    event(&mut book, "c", "e", &json!("1"));
    book.merge("guest", "c").unwrap();
    book.check();
    assert_eq!(points(&book.view("c")), (0, 10));
    buy(&mut book, "2", "2026-03-01", "10.00");
    pass(&mut book, "2026-03-05");
    assert_eq!(points(&book.view("c")), (10, 10));
}

#[test]
fn a_rule_that_is_changed_keeps_its_waits() {
    let then = json!([credit(&json!({ "points": 10 }), 5, "cancel")]);
    let on = json!({ "receipt": { "spend": { "every": "10.00" } } });
    let mut book = open(&json!([rule("a", &on, &then)]));
    buy(&mut book, "1", "2026-03-01", "20.00");
    // Restarted: its counter is retired with the firings whose points wait.
    let mut restarted = rule("a", &on, &json!([{ "credit": { "points": 1 } }]));
    restarted["starts_at"] = "2026-03-02T00:00:00".into();
    book.publish(&program(&json!([restarted])));
    pass(&mut book, "2026-03-03");
    buy(&mut book, "2", "2026-03-03", "20.00");
    assert_eq!(points(&book.view("c")), (2, 20));
    pass(&mut book, "2026-03-10");
    assert_eq!(points(&book.view("c")), (2, 0));
    book.refund("1", &json!({ "id": "f", "occurred_at": "2026-03-10T10:00:00Z", "amount": "20.00" })).unwrap();
    book.check();
    assert_eq!((points(&book.view("c")), book.view("c").debt.get()), ((2, 0), 0));
}

#[test]
fn an_erased_or_reset_member_is_booked_whole() {
    let rules = json!([
        rule("a", &json!({ "receipt": {} }), &json!([credit(&json!({ "points": 10 }), 30, "cancel")])),
        rule("b", &json!({ "interaction": { "name": "empty" } }), &json!([{ "reset": {} }])),
    ]);
    let mut book = open(&rules);
    buy(&mut book, "1", "2026-03-01", "10.00");
    let body = json!({ "id": "x", "occurred_at": "2026-03-01T10:00:00Z", "member": { "id": "c" }, "name": "empty" });
    book.interaction(&body);
    book.check();
    assert_eq!(points(&book.view("c")), (0, 10), "what waits stays (L6)");
}

/// One receipt with held points and a multiplier. What it leaves must not depend on the order of returns and events.
#[derive(Debug, Clone)]
enum Happening {
    Event,
    Return(u32),
    Wait(u8),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        Just(Happening::Event),
        (1..6_000u32).prop_map(Happening::Return),
        (1..9u8).prop_map(Happening::Wait),
    ];
    prop::collection::vec(one, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_waits_ends_as_points_of_what_remains_or_as_nothing(
        happenings in happenings(),
        cumulative in any::<bool>(),
        by_amount in any::<bool>(),
        releases in any::<bool>(),
        factor in prop::option::of(prop::sample::select(vec!["2", "1.5", "0.5"])),
    ) {
        let otherwise = if releases { "release" } else { "cancel" };
        let on = if cumulative { json!({ "receipt": { "spend": { "every": "7.00" } } }) } else { json!({ "receipt": { "spend": { "every_per_receipt": "7.00" } } }) };
        let rate = if by_amount { json!({ "per_unit": "3" }) } else { json!({ "points": 5 }) };
        let mut rules = vec![rule("a", &on, &json!([credit(&rate, 10, otherwise)]))];
        if let Some(factor) = factor {
            rules.push(rule("m", &json!({ "receipt": {} }), &json!([{ "multiply": { "factor": factor } }])));
        }
        let mut book = open(&json!(rules));
        let mut whole = open(&json!(rules));
        buy(&mut book, "1", "2026-03-01", "100.00");
        buy(&mut whole, "1", "2026-03-01", "100.00");
        let (mut left, mut days, mut came) = (10_000_u32, 0_u32, false);
        for (n, happening) in happenings.iter().enumerate() {
            match happening {
                Happening::Event => {
                    came |= days < 10;
                    event(&mut book, "c", &format!("e{n}"), &json!("1"));
                }
                Happening::Return(cents) => {
                    let cents = *cents.min(&left);
                    left -= cents;
                    if cents > 0 {
                        let amount = format!("{}.{:02}", cents / 100, cents % 100);
                        let body = json!({ "id": format!("f{n}"), "occurred_at": book.now.to_string(), "amount": amount });
                        book.refund("1", &body).unwrap();
                        whole.refund("1", &body).unwrap();
                        book.check();
                        whole.check();
                    }
                }
                Happening::Wait(more) => {
                    days += u32::from(*more);
                    let now = book.now.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(*more))).unwrap();
                    book.pass(now);
                    book.check();
                }
            }
        }
        let later = book.now.checked_add(jiff::SignedDuration::from_hours(24 * 30)).unwrap();
        book.pass(later);
        book.check();
        // The same returns on points that still wait say what is due of the remainder.
        let due = whole.account("c").balance().get();
        let account = book.view("c");
        prop_assert!(account.pending().is_zero() && account.debt.is_zero() && account.holds.open().is_empty());
        let expected = if came || releases { due } else { 0 };
        prop_assert_eq!((account.available().get(), account.lifetime_earned.get()), (expected, expected));
    }
}

#[test]
fn each_release_and_expiry_carries_its_own_day_however_late_it_is_noticed() {
    let noticed = |days: &[&str]| {
        let mut document =
            program(&json!([rule("a", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1" } }]))]));
        let name = json!({ "one": "p", "other": "p" });
        document["points"] = json!({ "name": name, "hold_days": 3, "expiry": { "after_months": 1 } });
        let mut book = Book::open(&document, "2026-03-01T08:00:00+01:00".parse().unwrap()).unwrap();
        book.enroll(&json!({ "id": "c" }));
        buy(&mut book, "1", "2026-03-01", "10.00");
        book.now = "2026-03-03T12:00:00Z".parse().unwrap();
        buy(&mut book, "2", "2026-03-03", "20.00");
        for day in days {
            pass(&mut book, day);
        }
        let movements = book.entries["c"].iter().flat_map(|entry| &entry.movements);
        let by_time = movements.filter_map(|movement| {
            Some((movement.due_at?.to_string(), movement.kind, movement.postings[0].amount.get()))
        });
        let mut all: Vec<(String, MovementType, i64)> = by_time.collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    let expected = [
        ("2026-03-03T23:00:00Z".to_owned(), MovementType::Release, 10),
        ("2026-03-05T23:00:00Z".to_owned(), MovementType::Release, 20),
        ("2026-04-04T22:00:00Z".to_owned(), MovementType::Expire, 10),
        ("2026-04-06T22:00:00Z".to_owned(), MovementType::Expire, 20),
    ];
    assert_eq!(noticed(&["2026-06-01"]), expected);
    // The worker comes on each day by itself.
    assert_eq!(noticed(&["2026-03-04", "2026-03-06", "2026-04-05", "2026-04-07"]), expected);
}
