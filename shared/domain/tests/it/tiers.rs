//! Changes of tier and the rules that wait for them; rolling windows; tiers outside the ladder.

use serde_json::{Value, json};
use tessera_domain::coupon::CouponStatus;
use tessera_domain::ids::TierId;
use tessera_domain::ledger::{Cause, SkipReason};
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
fn a_tier_rule_whose_coupon_was_used_stays_fired() {
    let gift = json!([{ "credit": { "points": 5 } }, { "reward": "gift" }]);
    let rules = json!([qualify(), rule("up", &on(&json!({ "direction": "upgrade" })), &gift)]);
    let mut book = open(&rules, &json!("calendar_year"), "full");
    book.receipt(&receipt("r1", "600.00")).unwrap();
    assert_eq!((tier(&mut book).as_str(), book.view("c").available().get(), book.coupons.len()), ("silver", 5, 1));
    let code = book.coupons.keys().next().unwrap().clone();
    book.coupon(&code, "use", None).unwrap();
    // However often the tier is lost by a return and reached again, its only coupon is the used one.
    for n in 1..4 {
        book.refund(&format!("r{n}"), &refund(&format!("f{n}"), "600.00")).unwrap();
        assert_eq!((tier(&mut book).as_str(), book.view("c").available().get()), ("base", 0), "{n}");
        book.receipt(&receipt(&format!("r{}", n + 1), "600.00")).unwrap();
        assert_eq!((tier(&mut book).as_str(), book.view("c").available().get()), ("silver", 0), "{n}");
        let last = book.entries["c"].last().unwrap();
        let skipped = last.skipped.first().map(|skipped| (skipped.rule.as_str(), skipped.reason));
        assert_eq!(skipped, Some(("up", SkipReason::LimitReached)), "{n}");
        assert_eq!(book.coupons.len(), 1, "{n}");
    }
    // The next tier is another change.
    book.receipt(&receipt("more", "500.00")).unwrap();
    assert_eq!((tier(&mut book).as_str(), book.view("c").available().get(), book.coupons.len()), ("gold", 5, 2));
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

/// A program with lower thresholds and a member who joined on 1 January 2025.
fn ladder(more: &Value, window: &Value, downgrade: &str, grace: u32) -> Book {
    let mut rules = json!([qualify()]);
    rules.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    for rule in rules.as_array_mut().unwrap() {
        rule["starts_at"] = "2025-01-01T00:00:00".into();
    }
    let mut document = document(&rules, window, downgrade);
    document["tiers"]["ladder"][1]["threshold"] = 300.into();
    document["tiers"]["ladder"][2]["threshold"] = 800.into();
    document["tiers"]["grace_days"] = grace.into();
    let mut book = Book::open(&document, "2025-01-01T08:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book
}

fn by_year(downgrade: &str, grace: u32) -> Book {
    ladder(&json!([]), &json!("calendar_year"), downgrade, grace)
}

/// Lets time pass to 8:00 of a day, and buys.
fn buy(book: &mut Book, day: &str, id: &str, total: &str) {
    let at = format!("{day}T08:00:00Z");
    book.pass(at.parse().unwrap());
    let mut body = receipt(id, total);
    body["occurred_at"] = at.into();
    book.receipt(&body).unwrap().unwrap();
}

fn give_back(book: &mut Book, id: &str, amount: &str) {
    let refund = json!({ "id": format!("{id}-{amount}"), "occurred_at": book.now.to_string(), "amount": amount });
    let entry = book.refund(id, &refund).unwrap().unwrap();
    assert_eq!(entry.rejected, None);
}

/// The tier on a day and the last day of it.
fn held(book: &mut Book, day: &str) -> String {
    book.pass(format!("{day}T08:00:00Z").parse().unwrap());
    book.check();
    let held = book.view("c").tier.held.unwrap();
    held.until.map_or_else(|| held.tier.to_string(), |until| format!("{} to {until}", held.tier))
}

#[test]
fn a_refund_after_a_fall_takes_back_the_year_that_its_points_added() {
    let mut book = by_year("one_down", 0);
    buy(&mut book, "2025-03-20", "r1", "900.00");
    assert_eq!(held(&mut book, "2025-03-20"), "gold to 2026-12-31");
    assert_eq!(held(&mut book, "2027-02-20"), "silver to 2027-12-31");
    buy(&mut book, "2027-02-20", "r2", "310.00");
    assert_eq!(held(&mut book, "2027-02-20"), "silver to 2028-12-31");
    give_back(&mut book, "r2", "310.00");
    assert_eq!(held(&mut book, "2027-02-20"), "silver to 2027-12-31");
    assert_eq!(held(&mut book, "2028-01-01"), "base");
}

#[test]
fn a_refund_of_other_points_leaves_a_tier_whose_window_has_moved_on() {
    let rolling = json!({ "rolling_months": 2 });
    // `none` never falls.
    let mut book = ladder(&json!([]), &rolling, "none", 0);
    buy(&mut book, "2026-01-10", "r1", "400.00");
    buy(&mut book, "2026-06-10", "r2", "10.00");
    give_back(&mut book, "r2", "1.00");
    assert_eq!(tier(&mut book), "silver");
    // A refund of the points that reached it takes it still.
    give_back(&mut book, "r1", "101.00");
    assert_eq!(tier(&mut book), "base");

    let mut book = ladder(&json!([]), &rolling, "one_down", 20);
    buy(&mut book, "2026-01-10", "r1", "400.00");
    buy(&mut book, "2026-03-05", "r2", "10.00");
    give_back(&mut book, "r2", "1.00");
    assert_eq!(held(&mut book, "2026-03-20"), "silver to 2026-02-28");
    assert_eq!(held(&mut book, "2026-03-21"), "base");

    // Points that only kept it go: the grace runs from the end of those that reached it.
    let mut book = ladder(&json!([]), &rolling, "one_down", 20);
    buy(&mut book, "2026-01-10", "r1", "400.00");
    buy(&mut book, "2026-02-10", "r2", "300.00");
    assert_eq!(held(&mut book, "2026-03-05"), "silver");
    give_back(&mut book, "r2", "10.00");
    assert_eq!(held(&mut book, "2026-03-05"), "silver to 2026-02-28");
}

#[test]
fn a_refund_of_other_points_leaves_a_tier_after_a_deduction() {
    let deduct = json!({ "deduct": 150, "kind": "qualifying", "reason": "a mistake" });
    let mut book = by_year("one_down", 0);
    buy(&mut book, "2026-03-01", "r1", "400.00");
    book.adjust("c", &deduct).unwrap();
    buy(&mut book, "2026-03-02", "r2", "10.00");
    give_back(&mut book, "r2", "1.00");
    assert_eq!(held(&mut book, "2026-03-02"), "silver to 2027-12-31");
    // Of the 400 that reached it, 300 suffice without the other 9; the deduction takes it in the review only.
    give_back(&mut book, "r2", "9.00");
    give_back(&mut book, "r1", "100.00");
    assert_eq!(held(&mut book, "2026-03-02"), "silver to 2027-12-31");
    give_back(&mut book, "r1", "1.00");
    assert_eq!(held(&mut book, "2026-03-02"), "base");

    // What was deducted before the tier was reached does not count for it.
    let mut book = by_year("one_down", 0);
    buy(&mut book, "2026-03-01", "r1", "200.00");
    book.adjust("c", &deduct).unwrap();
    buy(&mut book, "2026-03-02", "r2", "250.00");
    assert_eq!(tier(&mut book), "silver");
    give_back(&mut book, "r2", "1.00");
    assert_eq!(tier(&mut book), "base");
}

#[test]
fn a_refund_after_a_reset_takes_the_tier_that_its_points_had_reached() {
    let reset =
        rule("reset", &json!({ "interaction": { "name": "reset" } }), &json!([{ "reset": { "kind": "qualifying" } }]));
    let mut book = ladder(&json!([reset]), &json!("calendar_year"), "one_down", 0);
    buy(&mut book, "2026-03-01", "r1", "400.00");
    let at = book.now.to_string();
    book.interaction(&json!({ "id": "i", "occurred_at": at, "member": { "id": "c" }, "name": "reset" })).unwrap();
    assert_eq!(book.view("c").qualifying_total().get(), 0);
    give_back(&mut book, "r1", "100.00");
    assert_eq!(tier(&mut book), "silver");
    give_back(&mut book, "r1", "1.00");
    assert_eq!(tier(&mut book), "base");
}

#[test]
fn a_tier_does_not_rest_on_what_it_gave_itself() {
    let gift = json!([{ "credit": { "points": 480, "kind": "qualifying" } }]);
    let change = on(&json!({ "direction": "upgrade", "to": ["silver"] }));
    let chain = json!([rule("chain", &change, &gift)]);
    let state = |book: &mut Book| (tier(book), book.view("c").qualifying_total().get());
    let mut book = ladder(&chain, &json!("calendar_year"), "one_down", 0);
    buy(&mut book, "2026-03-01", "r1", "310.00");
    assert_eq!(state(&mut book), ("silver".into(), 790));
    // With what Silver gave, Gold is reached: both rest on the receipts.
    buy(&mut book, "2026-03-02", "r2", "20.00");
    assert_eq!(state(&mut book), ("gold".into(), 810));
    give_back(&mut book, "r2", "11.00");
    assert_eq!(state(&mut book), ("silver".into(), 799));
    give_back(&mut book, "r1", "310.00");
    assert_eq!(state(&mut book), ("base".into(), 9));
}

#[test]
fn a_refund_leads_to_the_tier_that_the_remaining_points_reach() {
    let mut book = by_year("full", 0);
    buy(&mut book, "2026-12-01", "r1", "850.00");
    assert_eq!(held(&mut book, "2026-12-01"), "gold to 2027-12-31");
    give_back(&mut book, "r1", "100.00");
    assert_eq!(held(&mut book, "2026-12-01"), "silver to 2027-12-31");

    let mut book = by_year("full", 0);
    buy(&mut book, "2026-12-01", "r1", "850.00");
    buy(&mut book, "2027-06-01", "r2", "400.00");
    give_back(&mut book, "r1", "100.00");
    assert_eq!(held(&mut book, "2027-06-01"), "silver to 2028-12-31");
    give_back(&mut book, "r2", "400.00");
    assert_eq!(held(&mut book, "2027-06-01"), "silver to 2027-12-31");

    // In a rolling window, too.
    let mut book = ladder(&json!([]), &json!({ "rolling_months": 2 }), "full", 20);
    buy(&mut book, "2026-01-10", "r1", "850.00");
    assert_eq!(held(&mut book, "2026-03-05"), "gold to 2026-02-28");
    give_back(&mut book, "r1", "100.00");
    assert_eq!(held(&mut book, "2026-03-20"), "silver to 2026-02-28");
    assert_eq!(held(&mut book, "2026-03-21"), "base");
}

#[test]
fn a_tier_that_a_full_downgrade_left_rests_on_its_points() {
    let mut book = by_year("full", 0);
    buy(&mut book, "2025-06-01", "r1", "900.00");
    buy(&mut book, "2026-06-01", "r2", "400.00");
    assert_eq!(held(&mut book, "2027-02-01"), "silver to 2027-12-31");
    give_back(&mut book, "r1", "900.00");
    assert_eq!(held(&mut book, "2027-02-01"), "silver to 2027-12-31");
    give_back(&mut book, "r2", "101.00");
    assert_eq!(held(&mut book, "2027-02-01"), "base");
}

#[test]
fn a_fall_to_a_tier_that_the_new_year_reaches_holds_it_to_the_end_of_the_next() {
    let open = || {
        let mut book = by_year("one_down", 20);
        buy(&mut book, "2025-06-01", "r1", "900.00");
        buy(&mut book, "2027-01-10", "r2", "320.00");
        assert_eq!(held(&mut book, "2027-01-10"), "gold to 2026-12-31");
        book
    };
    let mut book = open();
    assert_eq!(held(&mut book, "2027-01-21"), "silver to 2028-12-31");
    // Without these points, it is what the fall alone leaves.
    give_back(&mut book, "r2", "21.00");
    assert_eq!(held(&mut book, "2027-01-21"), "silver to 2027-12-31");
    // In grace they keep nothing yet.
    let mut book = open();
    give_back(&mut book, "r2", "21.00");
    assert_eq!(held(&mut book, "2027-01-10"), "gold to 2026-12-31");
    assert_eq!(held(&mut book, "2027-01-21"), "silver to 2027-12-31");
}
