//! An entry is an event: it carries what reports and targets need without another read.

use serde_json::{Value, json};
use tessera_domain::account::Status;
use tessera_domain::ledger::{Cause, Entry, LotChange, Movement, MovementType, Purchase};
use tessera_domain::money::Currency;
use tessera_domain::pack::{pack, unpack};
use tessera_domain::points::Points;
use tessera_domain::time::{Day, Month};

use crate::book::Book;
use crate::rules::{program, receipt, rule};

/// A program with a points policy.
fn open(points: &Value, rules: &Value) -> Book {
    let mut document = program(rules);
    for (name, value) in points.as_object().unwrap() {
        document["points"][name] = value.clone();
    }
    Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap()
}

/// A rule that gives one point for each unit of currency.
fn per_unit() -> Value {
    json!([rule("a", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1" } }]))])
}

fn month(day: &str) -> Month {
    Day::from_date(day.parse().unwrap()).month()
}

fn change(issued: &str, expires: Option<&str>, points: i64) -> LotChange {
    LotChange { issued: month(issued), expires: expires.map(month), points: Points::new(points) }
}

fn movement(entry: &Entry, kind: MovementType) -> &Movement {
    entry.movements.iter().find(|movement| movement.kind == kind).unwrap()
}

#[test]
fn receipts_and_refunds_tell_their_money() {
    let mut book = open(&json!({}), &per_unit());
    let eur = Currency::from_code("EUR").unwrap();
    let entry = book.receipt(&receipt("r", "120.00")).unwrap().unwrap();
    assert_eq!(entry.purchase, Some(Purchase { amount: 12_000, currency: eur, converted: None }));
    let refund = json!({ "id": "f", "occurred_at": "2026-03-01T13:00:00Z", "amount": "20.00" });
    let entry = book.refund("r", &refund).unwrap().unwrap();
    assert_eq!(entry.purchase, Some(Purchase { amount: -2_000, currency: eur, converted: None }));
    let mut foreign = receipt("s", "54.00");
    foreign["currency"] = "USD".into();
    foreign["fx_rate"] = "0.92".into();
    let entry = book.receipt(&foreign).unwrap().unwrap();
    let usd = Currency::from_code("USD").unwrap();
    assert_eq!(entry.purchase, Some(Purchase { amount: 5_400, currency: usd, converted: Some(4_968) }));
    book.check();
}

#[test]
fn every_entry_tells_the_status_and_the_tier_after_it() {
    let document = json!({ "ladder": [
        { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 100 },
    ], "window": "calendar_year", "downgrade": "none", "grace_days": 0 });
    let rules = json!([rule(
        "a",
        &json!({ "receipt": {} }),
        &json!([{ "credit": { "per_unit": "1", "kind": "qualifying" } }])
    )]);
    let mut program = program(&rules);
    program["tiers"] = document;
    let mut book = Book::open(&program, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    let entry = book.receipt(&receipt("r", "40.00")).unwrap().unwrap();
    assert_eq!((entry.status, entry.tier.unwrap().after.as_str()), (Status::Visitor, "base"));
    book.enroll(&json!({ "id": "c" }));
    let entry = book.receipt(&receipt("s", "80.00")).unwrap().unwrap();
    let tier = entry.tier.clone().unwrap();
    assert_eq!((entry.status, tier.before.as_str(), tier.after.as_str()), (Status::Member, "base", "silver"));
    let entries = &book.entries["c"];
    assert!(entries.iter().all(|entry| entry.tier.is_some()));
    for entry in entries {
        assert_eq!(unpack::<Entry>(&pack(entry).unwrap()).unwrap(), *entry);
    }
}

#[test]
fn movements_tell_which_lots_they_change() {
    let mut book = open(&json!({ "expiry": { "after_months": 12 } }), &per_unit());
    book.enroll(&json!({ "id": "c" }));
    let entry = book.receipt(&receipt("r", "300.00")).unwrap().unwrap();
    assert_eq!(movement(&entry, MovementType::Earn).lots, [change("2026-03-01", Some("2027-03-01"), 300)]);
    book.redeem("c", "five", None).unwrap();
    let entry = book.entries["c"].last().unwrap().clone();
    let redeem = movement(&entry, MovementType::Redeem);
    let cost = redeem.postings[0].amount.get();
    assert_eq!(redeem.lots, [change("2026-03-01", Some("2027-03-01"), -cost)]);
    // All the rest expires.
    book.now = "2027-04-02T12:00:00Z".parse().unwrap();
    let mut late = receipt("s", "10.00");
    late["occurred_at"] = "2027-04-02T10:00:00Z".into();
    let entry = book.receipt(&late).unwrap().unwrap();
    let rest = change("2026-03-01", Some("2027-03-01"), cost - 300);
    assert_eq!(movement(&entry, MovementType::Expire).lots, [rest]);
    book.check();
}

#[test]
fn an_activity_that_extends_lots_says_so() {
    let mut book = open(&json!({ "expiry": { "inactive_months": 2 } }), &per_unit());
    book.receipt(&receipt("r", "30.00")).unwrap();
    book.now = "2026-04-02T12:00:00Z".parse().unwrap();
    let mut next = receipt("s", "10.00");
    next["occurred_at"] = "2026-04-02T10:00:00Z".into();
    let entry = book.receipt(&next).unwrap().unwrap();
    let moved = [change("2026-03-01", Some("2026-05-01"), -30), change("2026-03-01", Some("2026-06-01"), 30)];
    assert_eq!(entry.extended, moved);
    assert!(matches!(entry.cause, Cause::Fact(_)));
    book.check();
}
