//! Cases that the vectors do not state.

use serde_json::{Value, json};
use tessera_domain::ledger::SkipReason;

use crate::book::Book;

/// A program with these rules and no tiers.
pub fn program(rules: &Value) -> Value {
    json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" } },
        "rewards": [
            { "id": "gift", "name": "Gift", "type": "custom", "value": "a gift", "cost": 0, "code": { "pattern": "G-########" } },
            { "id": "five", "name": "Five", "type": "amount_off", "value": "5.00", "cost": 50, "code": { "pattern": "F-########" } },
        ],
        "rules": rules,
    })
}

pub fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": then })
}

pub fn book(rules: &Value) -> Book {
    let mut book = Book::open(&program(rules), "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&serde_json::json!({ "id": "c" }));
    book
}

pub fn receipt(id: &str, total: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T10:00:00Z", "member": { "id": "c" }, "currency": "EUR", "total": total })
}

fn available(book: &mut Book) -> i64 {
    book.view("c").available().get()
}

#[test]
fn every_rule_of_the_program_is_explained() {
    let points = json!([{ "credit": { "points": 5 } }]);
    let mut ended = rule("ended", &json!({ "receipt": {} }), &points);
    ended["ends_at"] = "2026-02-01T00:00:00".into();
    let mut draft = rule("draft", &json!({ "receipt": {} }), &points);
    draft["status"] = "draft".into();
    let mut book = book(&json!([
        rule("fires", &json!({ "receipt": {} }), &points),
        rule("short", &json!({ "receipt": { "spend": { "per_receipt_at_least": "50.00" } } }), &points),
        rule("elsewhere", &json!({ "receipt": { "where": { "stores": ["milano-01"] } } }), &points),
        rule("birthday", &json!({ "birthday": {} }), &points),
        ended,
        draft,
    ]));
    book.receipt(&receipt("r", "30.00")).unwrap();
    let explained = book.explained("r");
    let of = |rule: &str| explained.iter().find(|explained| explained.rule.as_str() == rule).unwrap();
    assert_eq!(explained.len(), 6);
    assert_eq!((of("fires").fired.as_ref().unwrap().firings, &of("fires").skipped), (1, &None));
    for (rule, reason) in [
        ("short", SkipReason::BelowThreshold),
        ("elsewhere", SkipReason::FilterNotMet),
        ("birthday", SkipReason::OtherTrigger),
        ("ended", SkipReason::OutsideCalendar),
        ("draft", SkipReason::OutsideCalendar),
    ] {
        assert_eq!(of(rule).skipped.as_ref().unwrap().reason, reason, "{rule}");
        assert!(of(rule).fired.is_none(), "{rule}");
    }
}

/// A receipt meets more rules than its entry has room for: every reason is still the true one.
#[test]
fn reasons_that_an_entry_has_no_room_for_are_explained_as_they_were() {
    let points = json!([{ "credit": { "points": 5 } }]);
    let numbered = |kind: &str, on: Value, change: &dyn Fn(&mut Value)| {
        (0..24)
            .map(|n| {
                let mut rule = rule(&format!("{kind}-{n:02}"), &on, &points);
                change(&mut rule);
                rule
            })
            .collect::<Vec<_>>()
    };
    let spend = |spend: Value| json!({ "receipt": { "spend": spend } });
    let coupons = rule("coupons", &spend(json!({ "every_per_receipt": "1.00" })), &json!([{ "reward": "gift" }]));
    let kinds = [
        numbered("below", spend(json!({ "per_receipt_at_least": "500.00" })), &|_| {}),
        numbered("birthday", json!({ "receipt": {} }), &|rule| {
            rule["if"] = json!([{ "birthday": { "within": "day" } }]);
        }),
        numbered("once", json!({ "receipt": {} }), &|rule| rule["limit"] = json!({ "times": 1, "per": "lifetime" })),
        numbered("total", spend(json!({ "total_at_least": "50.00" })), &|_| {}),
        numbered("far", spend(json!({ "total_at_least": "5000.00" })), &|_| {}),
        numbered(
            "window",
            json!({ "receipt": { "spend": { "total_at_least": "50.00" },
                "within": { "starts_on": "2026-01-01", "ends_on": "2026-01-31" } } }),
            &|_| {},
        ),
    ];
    let mut rules = vec![coupons];
    rules.extend(kinds.into_iter().flatten());
    let mut book = book(&json!(rules));
    book.receipt(&receipt("first", "90.00")).unwrap();
    let entry = book.receipt(&receipt("second", "90.00")).unwrap().unwrap();
    assert!(entry.truncated && entry.outcomes[0].coupons.len() == 90, "{entry:?}");
    let explained = book.explained("second");
    for (kind, reason, missing) in [
        ("below", SkipReason::BelowThreshold, Some("410.00")),
        ("birthday", SkipReason::PredicateNotMet, None),
        ("once", SkipReason::LimitReached, None),
        ("total", SkipReason::LimitReached, None),
        ("far", SkipReason::BelowThreshold, None),
        ("window", SkipReason::OutsideWindow, None),
    ] {
        let of_kind = explained.iter().filter(|explained| explained.rule.as_str().starts_with(kind));
        let told: Vec<_> = of_kind.map(|explained| explained.skipped.as_ref().unwrap()).collect();
        assert_eq!(told.len(), 24);
        for skipped in told {
            assert_eq!(skipped.reason, reason, "{skipped:?}");
            assert!(missing.is_none() || skipped.missing.as_deref() == missing, "{skipped:?}");
        }
    }
    book.check();
}

#[test]
fn a_line_filter_takes_the_share_of_the_discount_with_it() {
    let mut book = book(&json!([rule(
        "winter",
        &json!({ "receipt": { "where": { "lines": { "categories": ["winter"] } } } }),
        &json!([{ "credit": { "per_unit": "1" } }])
    )]));
    let mut body = receipt("r", "135.00");
    body["discount"] = "15.00".into();
    body["lines"] = json!([
        { "id": "1", "category": "winter", "amount": "120.00" }, { "id": "2", "category": "socks", "amount": "30.00" }
    ]);
    book.receipt(&body).unwrap();
    assert_eq!(available(&mut book), 108);
    // Half of the winter line goes back, and half of its share with it; the socks concern nobody.
    let lines = json!({ "id": "f1", "occurred_at": "2026-03-02T10:00:00Z", "lines": [{ "line": "1", "amount": "60.00" }, { "line": "2", "amount": "30.00" }] });
    book.refund("r", &lines).unwrap();
    assert_eq!(available(&mut book), 54);
    book.check();
}

#[test]
fn rewards_come_one_per_firing_and_go_back_unless_used() {
    let mut book = book(&json!([rule(
        "gifts",
        &json!({ "receipt": { "spend": { "every": "50.00" } } }),
        &json!([{ "reward": "gift" }, { "credit": { "points": 5 } }])
    )]));
    book.receipt(&receipt("r1", "60.00")).unwrap();
    book.receipt(&receipt("r2", "100.00")).unwrap();
    assert_eq!(book.coupons.len(), 3);
    assert_eq!(available(&mut book), 15);
    // The latest firing's coupon is used: it stays, and its firing keeps its place, but not its points (R3).
    let latest =
        book.accounts["c"].counters.values().next().unwrap().runs.last().unwrap().coupons.last().unwrap().clone();
    book.coupons.get_mut(&latest).unwrap().status = tessera_domain::coupon::CouponStatus::Used;
    let entry = book
        .refund("r2", &json!({ "id": "f", "occurred_at": "2026-03-02T10:00:00Z", "amount": "100.00" }))
        .unwrap()
        .unwrap();
    assert_eq!((entry.outcomes[0].unrecoverable, entry.outcomes[0].firings), (1, -1));
    assert_eq!(available(&mut book), 5);
    // The next 50 would be the second firing, which the used coupon has taken.
    book.receipt(&receipt("r3", "50.00")).unwrap();
    assert_eq!((available(&mut book), book.coupons.len()), (5, 3));
    book.refund("r3", &json!({ "id": "g", "occurred_at": "2026-03-02T10:00:00Z", "amount": "50.00" })).unwrap();
    book.refund("r1", &json!({ "id": "h", "occurred_at": "2026-03-02T10:00:00Z", "amount": "60.00" })).unwrap();
    assert_eq!(available(&mut book), 0);
    book.check();
}

#[test]
fn a_cap_in_points_cuts_the_credit_and_is_given_back() {
    let mut capped = rule(
        "capped",
        &json!({ "receipt": { "spend": { "every": "10.00" } } }),
        &json!([{ "credit": { "points": 7 } }]),
    );
    capped["limit"] = json!({ "points": 20, "per": "month" });
    let mut book = book(&json!([capped]));
    let entry = book.receipt(&receipt("r1", "50.00")).unwrap().unwrap();
    assert_eq!(available(&mut book), 20);
    assert_eq!(entry.skipped.len(), 1);
    book.receipt(&receipt("r2", "10.00")).unwrap();
    assert_eq!(available(&mut book), 20);
    // 30 of 60 remain: three firings, of which the third gave the 6 that were left.
    book.refund("r1", &json!({ "id": "f", "occurred_at": "2026-03-02T10:00:00Z", "amount": "30.00" })).unwrap();
    assert_eq!(available(&mut book), 20);
    book.refund("r1", &json!({ "id": "g", "occurred_at": "2026-03-02T10:00:00Z", "amount": "10.00" })).unwrap();
    assert_eq!(available(&mut book), 14);
    book.receipt(&receipt("r3", "10.00")).unwrap();
    assert_eq!(available(&mut book), 20);
    book.check();
}

#[test]
fn a_limit_per_two_weeks_counts_from_the_week_of_the_start() {
    let mut twice = rule("twice", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 1 } }]));
    twice["limit"] = json!([{ "times": 1, "per": "week", "every": 2 }]);
    let mut book = book(&json!([twice]));
    // The rule starts on Thursday 1 January 2026; its fortnights begin on Mondays: 29 December, 12 January, …
    for (id, day, total) in
        [("a", "2026-01-11", 1), ("b", "2026-01-12", 2), ("c", "2026-01-25", 2), ("d", "2026-01-26", 3)]
    {
        let mut body = receipt(id, "1.00");
        body["occurred_at"] = format!("{day}T10:00:00Z").into();
        book.receipt(&body).unwrap();
        assert_eq!(available(&mut book), total, "{day}");
    }
}

#[test]
fn the_largest_amounts_do_not_overflow() {
    let mut book = book(&json!([
        rule("unit", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "999999", "kind": "both" } }])),
        rule(
            "every",
            &json!({ "receipt": { "spend": { "every": "0.01" } } }),
            &json!([{ "credit": { "points": 1_000_000_000_000_i64 } }, { "reward": "gift" }])
        ),
    ]));
    for n in 0..5 {
        book.receipt(&receipt(&n.to_string(), "9999999999.99")).unwrap();
    }
    book.refund("3", &json!({ "id": "f", "occurred_at": "2026-03-02T10:00:00Z", "amount": "9999999999.99" })).unwrap();
    book.check();
}

#[test]
fn a_rule_that_changed_meanwhile_reverses_what_the_receipt_was_given() {
    let every = |n: &str| {
        rule("e", &json!({ "receipt": { "spend": { "every": n } } }), &json!([{ "credit": { "points": 10 } }]))
    };
    let mut book = book(&json!([every("50.00")]));
    book.receipt(&receipt("r1", "120.00")).unwrap();
    let later = tessera_domain::program::SubmittedProgram::read(&program(&json!([every("40.00")]))).unwrap();
    let before = std::mem::replace(&mut book.program, tessera_domain::program::CompiledProgram::new(later, 2));
    book.receipt(&receipt("r2", "30.00")).unwrap();
    assert_eq!(available(&mut book), 20);
    // Judged by the rule that decided: of 120, 60 remain, one firing of two.
    book.program = before;
    book.refund("r1", &json!({ "id": "f", "occurred_at": "2026-03-02T10:00:00Z", "amount": "60.00" })).unwrap();
    assert_eq!(available(&mut book), 10);
    book.check();
}

#[test]
fn a_wholly_returned_receipt_gives_back_what_a_rule_without_measure_gave() {
    let mut book = book(&json!([rule("hello", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 5 } }]))]));
    book.receipt(&receipt("r1", "20.00")).unwrap();
    book.refund("r1", &json!({ "id": "f", "occurred_at": "2026-03-02T10:00:00Z", "amount": "19.99" })).unwrap();
    assert_eq!(available(&mut book), 5);
    book.refund("r1", &json!({ "id": "g", "occurred_at": "2026-03-02T10:00:00Z", "amount": "0.01" })).unwrap();
    assert_eq!(available(&mut book), 0);
    book.check();
}

#[test]
fn a_rolling_limit_counts_older_firings_for_a_late_receipt_too() {
    let mut daily = rule("daily", &json!({ "receipt": {} }), &json!([{ "credit": { "points": 100 } }]));
    daily["limit"] = json!({ "times": 1, "per": "day", "rolling": true });
    let mut book = Book::open(&program(&json!([daily])), "2026-04-20T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    let mut buy = |id: &str, at: &str| {
        let mut body = receipt(id, "10.00");
        body["occurred_at"] = at.into();
        let entry = book.receipt(&body).unwrap().unwrap();
        (available(&mut book), entry.skipped.first().map(|skipped| skipped.reason))
    };
    assert_eq!(buy("a", "2026-03-31T10:00:00+02:00"), (100, None));
    assert_eq!(buy("b", "2026-04-03T10:00:00+02:00"), (200, None));
    assert_eq!(buy("late", "2026-03-31T12:00:00+02:00"), (200, Some(SkipReason::LimitReached)));
    // A firing that no period of the limit holds any more does not count.
    assert_eq!(buy("free", "2026-04-01T10:00:00+02:00"), (300, None));
    book.check();
}

#[test]
fn a_rolling_limit_gets_back_a_firing_that_another_receipts_refund_reverses() {
    for rolling in [false, true] {
        let mut every = rule(
            "every",
            &json!({ "receipt": { "spend": { "every": "50.00" } } }),
            &json!([{ "credit": { "points": 10 } }]),
        );
        every["limit"] = json!({ "times": 1, "per": "month", "rolling": rolling });
        let mut book = Book::open(&program(&json!([every])), "2026-03-20T12:00:00Z".parse().unwrap()).unwrap();
        book.enroll(&json!({ "id": "c" }));
        let buy = |book: &mut Book, id: &str, total: &str, at: &str| {
            let mut body = receipt(id, total);
            body["occurred_at"] = at.into();
            book.receipt(&body).unwrap();
            available(book)
        };
        assert_eq!(buy(&mut book, "r1", "40.00", "2026-03-05T10:00:00Z"), 0);
        assert_eq!(buy(&mut book, "r2", "20.00", "2026-03-06T10:00:00Z"), 10);
        book.refund("r1", &json!({ "id": "f", "occurred_at": "2026-03-08T10:00:00Z", "amount": "20.00" })).unwrap();
        assert_eq!(available(&mut book), 0);
        assert_eq!(buy(&mut book, "r3", "15.00", "2026-03-07T10:00:00Z"), 10, "rolling: {rolling}");
        // It came back once.
        assert_eq!(buy(&mut book, "r4", "50.00", "2026-03-07T11:00:00Z"), 10, "rolling: {rolling}");
        book.check();
    }
}
