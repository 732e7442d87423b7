//! Changes of tier and the rules that wait for them; rolling windows; tiers outside the ladder.

use serde_json::{Value, json};
use tessera_domain::coupon::CouponStatus;
use tessera_domain::ids::TierId;
use tessera_domain::ledger::Cause;
use tessera_domain::program::SubmittedProgram;

use crate::book::Book;
use crate::rules::{program, receipt, rule};

fn document(rules: &Value, window: &Value, downgrade: &str) -> Value {
    let mut document = program(rules);
    document["tiers"] = json!({
        "ladder": [
            { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 500 },
            { "id": "gold", "name": "Gold", "threshold": 1000 },
        ],
        "vip": [{ "id": "vip", "name": "VIP" }, { "id": "star", "name": "Star" }],
        "window": window, "downgrade": downgrade, "grace_days": 30,
    });
    document
}

fn open(rules: &Value, window: &Value, downgrade: &str) -> Book {
    let mut book = Book::open(&document(rules, window, downgrade), "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book
}

fn qualify() -> Value {
    rule("qualify", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "qualifying" } }]))
}

fn on(change: &Value) -> Value {
    json!({ "tier_change": change })
}

fn tier(book: &mut Book) -> String {
    book.check();
    book.view("c").tier.current().unwrap().to_string()
}

fn refund(id: &str, amount: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-02T10:00:00Z", "amount": amount })
}

#[test]
fn points_of_a_tier_change_may_change_the_tier_again() {
    let rules = json!([
        qualify(),
        rule("boost", &on(&json!({ "to": ["silver"] })), &json!([{ "credit": { "points": 500, "kind": "both" } }])),
        rule("gold", &on(&json!({ "direction": "upgrade", "to": ["gold"] })), &json!([{ "vip": "vip" }])),
        rule("vip", &on(&json!({ "direction": "vip" })), &json!([{ "credit": { "points": 7 } }])),
    ]);
    let mut book = open(&rules, &json!("calendar_year"), "one_down");
    let entry = book.receipt(&receipt("r", "600.00")).unwrap().unwrap();
    assert_eq!(entry.tier.unwrap().after.as_str(), "silver");
    assert_eq!(tier(&mut book), "vip");
    let entries = &book.entries["c"];
    let causes: Vec<bool> = entries.iter().map(|entry| matches!(entry.cause, Cause::TierChange(_))).collect();
    assert_eq!(causes, [false, false, true, true, true]);
    assert_eq!(book.view("c").available().get(), 507);
}

#[test]
fn a_jump_names_the_steps_that_were_passed_over() {
    let mut book = open(&json!([qualify()]), &json!("calendar_year"), "one_down");
    let entry = book.receipt(&receipt("r", "1000.00")).unwrap().unwrap();
    let moved = entry.tier.unwrap();
    assert_eq!(moved.skipped.iter().map(TierId::as_str).collect::<Vec<_>>(), ["silver"]);
}

#[test]
fn a_refund_that_takes_the_tier_takes_what_its_rules_gave() {
    let gift = json!([{ "credit": { "points": 100 } }, { "reward": "gift" }]);
    let rules = json!([qualify(), rule("welcome", &on(&json!({ "to": ["silver"] })), &gift)]);
    let mut book = open(&rules, &json!("calendar_year"), "one_down");
    book.receipt(&receipt("r", "600.00")).unwrap();
    assert_eq!((tier(&mut book).as_str(), book.view("c").available().get(), book.coupons.len()), ("silver", 100, 1));
    let entry = book.refund("r", &refund("f", "200.00")).unwrap().unwrap();
    assert_eq!((tier(&mut book).as_str(), book.view("c").available().get()), ("base", 0));
    assert_eq!(entry.outcomes.last().map(|o| (o.rule.as_str(), o.firings)), Some(("welcome", -1)));
    assert!(book.coupons.values().all(|coupon| coupon.status == CouponStatus::Cancelled));
    // Reached again, it gives again; of a reward that was used, only the coupon stays.
    book.receipt(&receipt("r2", "300.00")).unwrap();
    let code = book.coupons.values().find(|coupon| coupon.status == CouponStatus::Available).unwrap().code.clone();
    book.coupon(&code, "use", None).unwrap();
    let entry = book.refund("r2", &refund("g", "300.00")).unwrap().unwrap();
    assert_eq!((tier(&mut book).as_str(), book.view("c").available().get()), ("base", 0));
    assert_eq!(entry.outcomes.last().unwrap().unrecoverable, 1);
}

#[test]
fn a_tier_that_falls_by_review_tells_so_and_its_rules_fire() {
    let rules = json!([
        qualify(),
        rule("sorry", &on(&json!({ "direction": "downgrade" })), &json!([{ "credit": { "points": 9 } }]))
    ]);
    let mut book = open(&rules, &json!("calendar_year"), "full");
    book.receipt(&receipt("r", "1200.00")).unwrap();
    assert_eq!(tier(&mut book), "gold");
    book.pass("2028-01-30T12:00:00Z".parse().unwrap());
    assert_eq!(tier(&mut book), "gold");
    book.pass("2028-01-31T12:00:00Z".parse().unwrap());
    assert_eq!((tier(&mut book).as_str(), book.view("c").available().get()), ("base", 9));
    let last = book.entries["c"].last().unwrap();
    assert!(matches!(&last.cause, Cause::TierChange(by) if matches!(**by, Cause::TierReview(_))));
    let moved = last.tier.as_ref().unwrap();
    assert_eq!((moved.before.as_str(), moved.skipped.len()), ("gold", 1));
}

#[test]
fn a_rolling_window_falls_when_its_months_have_left_it_for_longer_than_the_grace() {
    for (downgrade, expected) in [("one_down", "silver"), ("full", "base"), ("none", "gold")] {
        let mut book = open(&json!([qualify()]), &json!({ "rolling_months": 3 }), downgrade);
        book.receipt(&receipt("r", "1000.00")).unwrap();
        // March leaves the window on 1 June; the grace of 30 days is over on 1 July.
        book.pass("2026-06-30T12:00:00Z".parse().unwrap());
        assert_eq!(tier(&mut book), "gold");
        book.pass("2026-07-01T12:00:00Z".parse().unwrap());
        assert_eq!(tier(&mut book), expected, "{downgrade}");
    }
    // Points in the grace keep it; without looking in between it comes to the same.
    let mut book = open(&json!([qualify()]), &json!({ "rolling_months": 3 }), "one_down");
    book.receipt(&receipt("r", "1000.00")).unwrap();
    book.pass("2026-06-20T12:00:00Z".parse().unwrap());
    let mut later = receipt("s", "1000.00");
    later["occurred_at"] = "2026-06-20T11:00:00Z".into();
    book.receipt(&later).unwrap();
    book.pass("2026-09-30T12:00:00Z".parse().unwrap());
    assert_eq!(tier(&mut book), "gold");
    book.pass("2027-03-01T12:00:00Z".parse().unwrap());
    assert_eq!(tier(&mut book), "base");
}

#[test]
fn changes_that_could_go_on_for_ever_are_refused() {
    let to = |id: &str, to: &str, vip: &str| rule(id, &on(&json!({ "to": [to] })), &json!([{ "vip": vip }]));
    let faults = |rules: Value| {
        let read = SubmittedProgram::read(&document(&rules, &json!("lifetime"), "none"));
        read.err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
    };
    assert_eq!(faults(json!([to("a", "vip", "star"), to("b", "star", "vip")])), ["/rules/0/then", "/rules/1/then"]);
    assert!(faults(json!([to("a", "vip", "star")])).is_empty());
    // Only from the ladder, or only so often: that ends.
    let mut from = to("b", "star", "vip");
    from["on"]["tier_change"]["from"] = json!(["base"]);
    assert!(faults(json!([to("a", "vip", "star"), from])).is_empty());
    let mut limited = to("b", "star", "vip");
    limited["limit"] = json!({ "times": 1, "per": "lifetime" });
    assert!(faults(json!([to("a", "vip", "star"), limited])).is_empty());
}
