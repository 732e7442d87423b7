//! Refunds of rules that were changed, restarted, paused or removed since the sale.

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::coupon::CouponStatus;

use crate::book::Book;
use crate::invariants::{cents, limits, receipt_triggers};
use crate::rules::{book, program, receipt, rule};

fn spend(how: &str, threshold: &str) -> Value {
    json!({ "receipt": { "spend": { how: threshold } } })
}

fn ten_points() -> Value {
    json!([{ "credit": { "points": 10 } }])
}

fn back(book: &mut Book, receipt: &str, amount: &str) -> i64 {
    let id = format!("f-{receipt}-{amount}");
    book.refund(receipt, &json!({ "id": id, "occurred_at": "2026-03-02T10:00:00Z", "amount": amount })).unwrap();
    book.check();
    book.view("c").balance().get()
}

fn buy(book: &mut Book, id: &str, total: &str) -> i64 {
    book.receipt(&receipt(id, total)).unwrap();
    book.check();
    book.view("c").balance().get()
}

/// The rules after each kind of change of one rule: another trigger, another start, paused, gone.
fn changes(of: &Value) -> [Value; 4] {
    let (mut other, mut restarted, mut paused) = (of.clone(), of.clone(), of.clone());
    other["on"]["receipt"]["where"] = json!({ "stores": ["milano-01"] });
    restarted["starts_at"] = "2026-02-01T00:00:00".into();
    paused["status"] = "paused".into();
    [json!([other]), json!([restarted]), json!([paused]), json!([])]
}

#[test]
fn a_firing_that_was_reversed_is_not_reversed_again_after_the_rule_changed() {
    let every = rule("e", &spend("every", "50.00"), &ten_points());
    for changed in changes(&every) {
        let mut book = book(&json!([every]));
        buy(&mut book, "a", "30.00");
        assert_eq!(buy(&mut book, "b", "20.00"), 10);
        assert_eq!(back(&mut book, "a", "30.00"), 0);
        book.publish(&program(&changed));
        buy(&mut book, "c", "1.00");
        assert_eq!(back(&mut book, "b", "20.00"), 0, "{changed}");
    }
}

#[test]
fn both_receipts_of_a_count_take_its_points_back_once() {
    let second = rule("n", &json!({ "receipt": { "receipts": { "every": 2 } } }), &ten_points());
    for changed in changes(&second) {
        let mut book = book(&json!([second]));
        buy(&mut book, "a", "20.00");
        assert_eq!(buy(&mut book, "b", "30.00"), 10);
        book.publish(&program(&changed));
        back(&mut book, "a", "20.00");
        assert_eq!(back(&mut book, "b", "30.00"), 0, "{changed}");
    }
}

#[test]
fn a_total_that_is_no_longer_reached_is_reversed_after_the_rule_changed() {
    let total = rule("t", &spend("total_at_least", "50.00"), &ten_points());
    for changed in changes(&total) {
        let mut book = book(&json!([total]));
        buy(&mut book, "a", "50.00");
        assert_eq!(buy(&mut book, "b", "50.00"), 10);
        assert_eq!(back(&mut book, "a", "50.00"), 10);
        book.publish(&program(&changed));
        buy(&mut book, "c", "1.00");
        assert_eq!(back(&mut book, "b", "50.00"), 0, "{changed}");
    }
}

#[test]
fn a_rule_that_comes_back_goes_on_where_it_stopped() {
    let every = rule("e", &spend("every", "50.00"), &ten_points());
    let other = rule("e", &spend("every", "70.00"), &ten_points());
    let mut book = book(&json!([every]));
    buy(&mut book, "a", "40.00");
    book.publish(&program(&json!([other])));
    buy(&mut book, "b", "69.00");
    book.publish(&program(&json!([every])));
    assert_eq!(buy(&mut book, "c", "10.00"), 10);
    assert_eq!(back(&mut book, "b", "69.00"), 10);
    assert_eq!(back(&mut book, "a", "40.00"), 0);
}

#[test]
fn a_changed_rule_keeps_its_firings_for_400_days() {
    let every = rule("e", &spend("every", "50.00"), &ten_points());
    for (day, left) in [("2027-04-04T12:00:00Z", 0), ("2027-04-06T12:00:00Z", 10)] {
        let mut book = book(&json!([every]));
        buy(&mut book, "a", "50.00");
        book.publish(&program(&json!([])));
        buy(&mut book, "b", "1.00");
        book.pass(day.parse().unwrap());
        buy(&mut book, "c", "1.00");
        assert_eq!(back(&mut book, "a", "50.00"), left, "{day}");
    }
}

#[test]
fn of_a_used_reward_only_the_coupon_stays() {
    let gift = json!([{ "reward": "gift" }, { "credit": { "points": 10 } }]);
    for on in [json!({ "receipt": {} }), spend("every", "50.00"), spend("total_at_least", "50.00")] {
        let gifts = rule("g", &on, &gift);
        for changed in changes(&gifts) {
            let mut book = book(&json!([gifts]));
            assert_eq!(buy(&mut book, "a", "50.00"), 10);
            let code = book.coupons.keys().next().unwrap().clone();
            book.coupon(&code, "use", None).unwrap();
            book.publish(&program(&changed));
            assert_eq!(back(&mut book, "a", "10.00"), if on["receipt"].get("spend").is_none() { 10 } else { 0 });
            assert_eq!(back(&mut book, "a", "40.00"), 0, "{on} {changed}");
            assert_eq!(book.coupons[&code].status, CouponStatus::Used);
            let unrecoverable =
                book.entries["c"].iter().flat_map(|entry| &entry.outcomes).map(|outcome| outcome.unrecoverable);
            assert_eq!(unrecoverable.sum::<i64>(), 1, "told once: {on} {changed}");
        }
    }
}

#[test]
fn firings_without_a_coupon_are_reversed_before_those_with_one() {
    let gifts = rule("g", &spend("every_per_receipt", "10.00"), &json!([{ "reward": "last" }]));
    let mut document = program(&json!([gifts]));
    document["rewards"][0]["id"] = "last".into();
    let mut book = Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    // As many as fit into a transaction, and further firings without.
    buy(&mut book, "a", "2000.00");
    let issued = book.coupons.len();
    let standing = |book: &Book| book.coupons.values().filter(|c| c.status == CouponStatus::Available).count();
    let fired = book.receipt_of("a").unwrap().2.outcomes[0].firings;
    let without = usize::try_from(fired).unwrap() - issued;
    back(&mut book, "a", &format!("{}.00", 2000 - issued * 10));
    assert_eq!(standing(&book), issued, "{without} firings had none");
    back(&mut book, "a", "20.00");
    assert_eq!(standing(&book), issued - 2);
}

/// What rules may give that is given back whole.
fn effects() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!([{ "credit": { "points": 10 } }]),
        json!([{ "credit": { "points": 30, "kind": "both" } }]),
        json!([{ "credit": { "points": 3, "kind": "both" } }, { "reward": "gift" }]),
        json!([{ "credit": { "per_unit": "0.7", "kind": "both" } }]),
        json!([{ "multiply": { "factor": "2" } }]),
        json!([{ "multiply": { "factor": "1.5", "kind": "both", "scope": "lines" } }, { "credit": { "points": 2 } }]),
    ])
}

#[derive(Debug, Clone)]
enum Step {
    Buy { cents: u32, day: u8 },
    Return { which: prop::sample::Index, share: u32 },
    Publish { rule: prop::sample::Index, change: u8 },
    Use { which: prop::sample::Index },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1..30_000u32, 0..40u8).prop_map(|(cents, day)| Step::Buy { cents, day }),
        3 => (any::<prop::sample::Index>(), 1..=100u32).prop_map(|(which, share)| Step::Return { which, share }),
        3 => (any::<prop::sample::Index>(), 0..6u8).prop_map(|(rule, change)| Step::Publish { rule, change }),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Use { which }),
    ];
    prop::collection::vec(step, 1..30)
}

fn change(rules: &mut [Value], original: &[Value], place: usize, change: u8) {
    match change {
        0 => rules[place]["on"] = json!({ "receipt": { "spend": { "every": "35.00" } } }),
        1 => rules[place]["starts_at"] = "2026-02-03T00:00:00".into(),
        2 => rules[place]["status"] = "paused".into(),
        3 => rules[place]["gone"] = true.into(),
        4 => rules[place]["then"] = json!([{ "credit": { "points": 7, "kind": "both" } }]),
        _ => rules[place] = original[place].clone(),
    }
}

fn document(rules: &[Value]) -> Value {
    program(&rules.iter().filter(|rule| rule.get("gone").is_none()).cloned().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_wholly_returned_leaves_nothing_and_nothing_is_taken_twice(
        parts in prop::collection::vec((receipt_triggers(), effects(), limits()), 1..5),
        steps in steps(),
        reversed in any::<bool>(),
    ) {
        let original: Vec<Value> = parts.into_iter().enumerate().map(|(n, (on, then, limit))| {
            let mut rule = rule(&format!("rule-{n}"), &on, &then);
            if !limit.is_null() {
                rule["limit"] = limit;
            }
            rule
        }).collect();
        let mut rules = original.clone();
        let mut book = Book::open(&document(&rules), "2026-04-01T12:00:00Z".parse().unwrap()).unwrap();
        book.enroll(&json!({ "id": "c" }));
        let mut left: Vec<u32> = Vec::new();
        let take = |book: &mut Book, receipt: usize, n: usize, amount: u32| {
            let body = json!({ "id": format!("f{n}"), "occurred_at": "2026-04-01T10:00:00Z", "amount": cents(amount) });
            book.refund(&format!("r{receipt}"), &body).unwrap();
        };
        for (n, step) in steps.iter().enumerate() {
            match step {
                Step::Buy { cents, day } => {
                    let body = crate::invariants::receipt(u8::try_from(left.len()).unwrap(), *cents, 2, 0, *day, None);
                    book.receipt(&body).unwrap();
                    left.push(*cents);
                }
                Step::Return { which, share } if !left.is_empty() => {
                    let receipt = which.index(left.len());
                    let amount = left[receipt] * share / 100;
                    if amount > 0 {
                        left[receipt] -= amount;
                        take(&mut book, receipt, n, amount);
                    }
                }
                Step::Publish { rule, change: kind } => {
                    let place = rule.index(rules.len());
                    change(&mut rules, &original, place, *kind);
                    book.publish(&document(&rules));
                }
                Step::Use { which } if !book.coupons.is_empty() => {
                    let codes: Vec<_> = book.coupons.keys().cloned().collect();
                    let code = &codes[which.index(codes.len())];
                    if book.coupons[code].status == CouponStatus::Available {
                        book.coupon(code, "use", None).unwrap();
                    }
                }
                _ => {}
            }
            book.check();
            // Nothing is ever spent here: a debt would be something that was taken twice.
            prop_assert_eq!(book.view("c").debt.get(), 0);
        }
        let mut order: Vec<usize> = (0..left.len()).collect();
        if reversed {
            order.reverse();
        }
        for receipt in order {
            if left[receipt] > 0 {
                take(&mut book, receipt, 1000, left[receipt]);
                book.check();
                prop_assert_eq!(book.view("c").debt.get(), 0);
            }
        }
        let account = book.view("c");
        prop_assert_eq!((account.balance().get(), account.qualifying_total().get()), (0, 0));
        prop_assert_eq!(account.lifetime_earned.get(), 0);
        prop_assert!(book.coupons.values().all(|coupon| coupon.status != CouponStatus::Available));
    }
}
