//! Multipliers beyond SP9: lines, named rules, rounding, refunds.

use serde_json::{Value, json};

use crate::book::Book;
use crate::rules::{program, receipt, rule};

fn open(rules: &Value, stacking: &str, rounding: &str) -> Book {
    let mut document = program(rules);
    document["points"] =
        json!({ "name": { "one": "p", "other": "p" }, "multiplier_stacking": stacking, "rounding": rounding });
    let mut book = Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book
}

fn base() -> Value {
    rule("base", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1" } }]))
}

fn times(id: &str, factor: &str, scope: &str, categories: Option<&str>) -> Value {
    let on = match categories {
        Some(category) => json!({ "receipt": { "where": { "lines": { "categories": [category] } } } }),
        None => json!({ "receipt": {} }),
    };
    rule(id, &on, &json!([{ "multiply": { "factor": factor, "scope": scope } }]))
}

fn basket() -> Value {
    let mut body = receipt("r", "135.00");
    body["discount"] = "15.00".into();
    body["lines"] = json!([
        { "id": "1", "category": "winter", "amount": "120.00" }, { "id": "2", "category": "socks", "amount": "30.00" }
    ]);
    body
}

/// The extras of a basket's multipliers, in the order of the rules, and all points.
fn extras(rules: &Value, stacking: &str) -> (Vec<i64>, i64) {
    let mut book = open(rules, stacking, "floor");
    let entry = book.receipt(&basket()).unwrap().unwrap();
    book.check();
    let extras = entry.outcomes.iter().filter(|outcome| outcome.rule.as_str() != "base");
    (extras.map(|outcome| outcome.extra.redeemable.get()).collect(), book.view("c").available().get())
}

#[test]
fn on_lines_only_what_they_earned_is_multiplied() {
    // 3 × winter on winter 108 and socks 27 at 1 per unit: base 135, extra 216.
    let winter = times("winter", "3", "lines", Some("winter"));
    assert_eq!(extras(&json!([base(), winter]), "max"), (vec![216], 351));
    let both = json!([base(), winter, times("socks", "2", "lines", Some("socks"))]);
    assert_eq!(extras(&both, "max"), (vec![216, 27], 378));
    // All of it twice, winter three times: the larger for winter, the other for what is left.
    let overlap = json!([base(), winter, times("all", "2", "receipt", None)]);
    assert_eq!(extras(&overlap, "max"), (vec![216, 27], 378));
    assert_eq!(extras(&overlap, "additive"), (vec![216, 135], 486));
    assert_eq!(extras(&overlap, "product"), (vec![216, 351], 702));
}

#[test]
fn on_lines_firings_of_totals_are_left_alone() {
    let rules = json!([
        base(),
        rule(
            "total",
            &json!({ "receipt": { "spend": { "total_at_least": "100.00" } } }),
            &json!([{ "credit": { "points": 50 } }])
        ),
        rule(
            "every",
            &json!({ "receipt": { "spend": { "every_per_receipt": "50.00" } } }),
            &json!([{ "credit": { "points": 10 } }])
        ),
        times("winter", "2", "lines", Some("winter")),
    ]);
    let mut book = open(&rules, "max", "floor");
    let entry = book.receipt(&basket()).unwrap().unwrap();
    // 108 by amount, and twice 50 in 108.
    assert_eq!(entry.outcomes.last().unwrap().extra.redeemable.get(), 128);
    assert_eq!(book.view("c").available().get(), 135 + 50 + 20 + 128);
    book.check();
}

#[test]
fn the_extra_is_rounded_once_and_shared_out() {
    let rules = json!([
        rule("five", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 5 } }])),
        times("a", "1.5", "receipt", None),
        times("b", "1.5", "receipt", None),
        times("c", "1.5", "receipt", None),
    ]);
    for (rounding, shares) in [("floor", [2, 3, 2]), ("half_up", [3, 2, 3]), ("ceil", [3, 2, 3])] {
        let mut book = open(&rules, "additive", rounding);
        let entry = book.receipt(&receipt("r", "10.00")).unwrap().unwrap();
        let extras: Vec<i64> = entry.outcomes[1..].iter().map(|outcome| outcome.extra.redeemable.get()).collect();
        assert_eq!(extras, shares, "{rounding}");
    }
}

#[test]
fn named_rules_alone_are_multiplied_and_of_equal_factors_the_first_works() {
    let named = |id: &str, rules: Value| {
        rule(id, &json!({ "receipt": {} }), &json!([{ "multiply": { "factor": "2", "rules": rules } }]))
    };
    let other = rule("other", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 40 } }]));
    let mut book = open(
        &json!([base(), other, named("a", json!(["other"])), named("b", json!(["other", "base"]))]),
        "max",
        "floor",
    );
    let entry = book.receipt(&receipt("r", "10.00")).unwrap().unwrap();
    let extras: Vec<i64> = entry.outcomes.iter().map(|outcome| outcome.extra.redeemable.get()).collect();
    assert_eq!(extras, [0, 0, 40, 10]);
    assert_eq!(book.view("c").available().get(), 100);
}

#[test]
fn a_refund_recomputes_the_extra_on_what_remains() {
    let rules = json!([base(), times("double", "2", "receipt", None), times("winter", "3", "lines", Some("winter"))]);
    let mut book = open(&rules, "max", "floor");
    book.receipt(&basket()).unwrap();
    assert_eq!(book.view("c").available().get(), 378);
    // Half of the winter line goes back: winter 54, socks 27.
    let back =
        json!({ "id": "f", "occurred_at": "2026-03-02T10:00:00Z", "lines": [{ "line": "1", "amount": "60.00" }] });
    book.refund("r", &back).unwrap();
    assert_eq!(book.view("c").available().get(), 54 * 3 + 27 * 2);
    book.check();
    let rest = json!({ "id": "g", "occurred_at": "2026-03-02T10:00:00Z", "lines": [{ "line": "1", "amount": "60.00" }, { "line": "2", "amount": "30.00" }] });
    book.refund("r", &rest).unwrap();
    assert_eq!(book.view("c").available().get(), 0);
    book.check();
}

#[test]
fn a_limit_cuts_before_a_multiplier_works() {
    let mut capped = base();
    capped["limit"] = json!({ "points": 100, "per": "day" });
    assert_eq!(extras(&json!([capped, times("winter", "3", "lines", Some("winter"))]), "max"), (vec![200], 300));
}

#[test]
fn however_many_multipliers_worked_on_a_running_total_a_refund_takes_what_they_added() {
    for count in [5_u32, 8, 12] {
        let running = rule(
            "running",
            &json!({ "receipt": { "spend": { "every": "50.00" } } }),
            &json!([{ "credit": { "per_unit": "1" } }]),
        );
        let doubled = (0..count).map(|number| times(&format!("x-{number:02}"), "2", "receipt", None));
        let rules: Value = std::iter::once(running).chain(doubled).collect();
        let mut book = open(&rules, "additive", "floor");
        let all = 1 + i64::from(count);
        book.receipt(&receipt("r", "100.00")).unwrap();
        assert_eq!(book.view("c").available().get(), 100 * all, "{count}");
        // The second firing goes, and the first keeps the credit by amount of what remains.
        for (id, amount, left) in [("f-1", "10.00", 90), ("f-2", "30.00", 60), ("f-3", "60.00", 0)] {
            let body = json!({ "id": id, "occurred_at": "2026-03-02T12:00:00Z", "amount": amount });
            book.refund("r", &body).unwrap();
            book.check();
            assert_eq!(book.view("c").balance().get(), left * all, "{count}, {id}");
        }
    }
}
