//! Looking at a member more often changes nothing: what falls due has its own day, whoever notices it and when.

use proptest::prelude::*;
use serde_json::{Value, json};
use tessera_domain::account::DueKind;
use tessera_domain::ledger::Cause;
use tessera_domain::time::Day;

use crate::book::Book;
use crate::rules::{program, receipt, rule};

#[derive(Debug, Clone)]
enum Step {
    Receipt { cents: u32 },
    Refund { which: usize, share: u32 },
    Redeem { reserve: bool },
    Wait { days: u16 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..40_000u32).prop_map(|cents| Step::Receipt { cents }),
        3 => (any::<usize>(), 1..=100u32).prop_map(|(which, share)| Step::Refund { which, share }),
        3 => any::<bool>().prop_map(|reserve| Step::Redeem { reserve }),
        5 => (1..70u16).prop_map(|days| Step::Wait { days }),
        1 => (200..500u16).prop_map(|days| Step::Wait { days }),
    ];
    prop::collection::vec(step, 1..25)
}

fn document(hold: u32, expiry: &Value, window: &Value, downgrade: &str, grace: u32) -> Value {
    let credit = |points: u32| json!([{ "credit": { "points": points, "kind": "both" } }]);
    let mut document = program(&json!([
        rule("unit", &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "both" } }])),
        rule("away", &json!({ "inactivity": { "days": 20 } }), &json!([{ "credit": { "points": 30 } }])),
        rule("long", &json!({ "inactivity": { "days": 45 } }), &credit(50)),
        rule("down", &json!({ "tier_change": { "direction": "downgrade" } }), &json!([{ "credit": { "points": 9 } }])),
        rule("up", &json!({ "tier_change": { "direction": "upgrade" } }), &json!([{ "credit": { "points": 11 } }])),
    ]));
    document["points"] = json!({ "name": { "one": "p", "other": "p" }, "hold_days": hold, "expiry": expiry });
    document["tiers"] = json!({ "ladder": [
        { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 200 },
        { "id": "gold", "name": "Gold", "threshold": 600 },
    ], "window": window, "downgrade": downgrade, "grace_days": grace });
    document
}

fn look(book: &mut Book, n: usize) {
    let at = book.now.to_string();
    book.interaction(
        &json!({ "id": format!("look-{n}"), "occurred_at": at, "member": { "id": "c" }, "name": "looked" }),
    );
    book.check_ledger();
}

/// Does the steps. `often` lets the jobs run every day and somebody look every third one; otherwise nobody looks between
/// two facts.
fn run(document: &Value, steps: &[Step], often: bool) -> Book {
    let mut book = Book::open(document, "2026-01-20T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    let mut left: Vec<u32> = Vec::new();
    let mut looks = 0;
    for (n, step) in steps.iter().enumerate() {
        match step {
            Step::Receipt { cents } => {
                let total = format!("{}.{:02}", cents / 100, cents % 100);
                let mut body = receipt(&format!("r{}", left.len()), &total);
                body["occurred_at"] = book.now.to_string().into();
                book.receipt(&body).unwrap();
                left.push(*cents);
            }
            Step::Refund { which, share } if !left.is_empty() => {
                let place = which % left.len();
                let cents = left[place] * share / 100;
                if cents > 0 {
                    left[place] -= cents;
                    let amount = format!("{}.{:02}", cents / 100, cents % 100);
                    let body = json!({ "id": format!("f{n}"), "occurred_at": book.now.to_string(), "amount": amount });
                    book.refund(&format!("r{place}"), &body).unwrap();
                }
            }
            Step::Refund { .. } => {}
            Step::Redeem { reserve } => {
                let _ = book.redeem("c", "five", reserve.then_some(60 * 24 * 9));
            }
            Step::Wait { days } => {
                for _ in 0..*days {
                    let next = book.now.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
                    if !often {
                        book.now = next;
                        continue;
                    }
                    book.pass(next);
                    looks += 1;
                    if looks % 3 == 0 {
                        look(&mut book, looks);
                    }
                }
            }
        }
        book.check_ledger();
    }
    look(&mut book, 1_000_000);
    book.check();
    book
}

/// What fell due, each with its time.
fn events(book: &Book) -> Vec<(String, String)> {
    let due = book.entries["c"].iter().filter(|entry| {
        let is_review = matches!(&entry.cause, Cause::TierChange(by) if matches!(**by, Cause::TierReview(_)));
        is_review || (matches!(entry.cause, Cause::Inactivity(_)) && !entry.outcomes.is_empty())
    });
    due.map(|entry| (entry.at.to_string(), format!("{:?} {:?}", entry.cause, entry.tier))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn looking_more_often_changes_nothing(
        steps in steps(),
        hold in 0..30u32,
        expiry in prop::sample::select(vec![json!(null), json!({ "after_months": 1 }), json!({ "end_of_year": true })]),
        window in prop::sample::select(vec![json!("calendar_year"), json!("lifetime"), json!({ "rolling_months": 2 })]),
        downgrade in prop::sample::select(vec!["none", "one_down", "full"]),
        grace in prop::sample::select(vec![0u32, 30]),
    ) {
        let document = document(hold, &expiry, &window, downgrade, grace);
        let (mut often, mut seldom) = (run(&document, &steps, true), run(&document, &steps, false));
        let (a, b) = (often.view("c"), seldom.view("c"));
        prop_assert_eq!(&a.lots, &b.lots);
        prop_assert_eq!((a.debt, a.reserved(), a.lifetime_earned), (b.debt, b.reserved(), b.lifetime_earned));
        prop_assert_eq!(a.qualifying_total(), b.qualifying_total());
        prop_assert_eq!(&a.tier, &b.tier);
        prop_assert_eq!(events(&often), events(&seldom));
    }
}

#[test]
fn each_of_several_falls_and_lapses_has_an_entry_on_its_own_day() {
    let document = document(0, &json!({ "after_months": 1 }), &json!("calendar_year"), "one_down", 0);
    let mut book = Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book.receipt(&receipt("r", "600.00")).unwrap();
    // Nobody looks for four years; then a purchase does.
    book.now = "2030-02-01T12:00:00Z".parse().unwrap();
    let mut late = receipt("s", "10.00");
    late["occurred_at"] = "2030-02-01T12:00:00Z".into();
    book.receipt(&late).unwrap();
    book.check();
    let days: Vec<String> =
        book.entries["c"].iter().map(|entry| Day::of(entry.at, &book.program.zone).to_string()).collect();
    let due = ["2026-03-21", "2026-04-15", "2028-01-01", "2029-01-01"];
    assert_eq!(days[days.len() - due.len() - 1..days.len() - 1], due);
    assert_eq!(days.last().unwrap(), "2030-02-01");
    // What the lapses and falls gave has expired long since.
    assert_eq!(book.view("c").available().get(), 10);
}

/// A member who was gold under a rolling window, and the document's rules for changes of tier.
fn rolling(downgrade: &str) -> Book {
    let document = document(0, &json!(null), &json!({ "rolling_months": 2 }), downgrade, 0);
    let mut book = Book::open(&document, "2026-03-01T12:00:00Z".parse().unwrap()).unwrap();
    book.enroll(&json!({ "id": "c" }));
    book.receipt(&receipt("r", "600.00")).unwrap();
    book
}

#[test]
fn a_member_who_is_due_without_anything_happening_is_only_re_armed() {
    let mut book = rolling("full");
    // The lapses of March and April are over; the next review is on 1 May, after the tier has fallen.
    book.pass("2026-05-02T12:00:00Z".parse().unwrap());
    let mut body = receipt("s", "700.00");
    body["occurred_at"] = "2026-05-02T12:00:00Z".into();
    book.receipt(&body).unwrap();
    book.pass("2026-05-31T12:00:00Z".parse().unwrap());
    let (entries, before) = (book.entries["c"].len(), book.accounts["c"].clone());
    assert_eq!(
        before.due.map(|due| (due.day.to_string(), due.kind)),
        Some(("2026-06-01".to_owned(), DueKind::TierReview))
    );
    // April's points never counted towards this tier: the review of 1 June leaves it.
    book.pass("2026-06-01T12:00:00Z".parse().unwrap());
    assert_eq!(book.entries["c"].len(), entries, "nothing happened, so there is no entry");
    let after = &book.accounts["c"];
    assert_eq!(after.due.map(|due| due.day.to_string()), Some("2026-06-16".to_owned()), "the lapse of 45 days");
    assert_eq!((after.version, &after.tier, &after.lots), (before.version, &before.tier, &before.lots));
}

#[test]
fn a_tier_that_never_falls_is_not_reviewed_every_month() {
    let mut book = rolling("none");
    book.pass("2026-05-02T12:00:00Z".parse().unwrap());
    assert_eq!(book.accounts["c"].due, None, "both lapses are over, and the tier cannot fall");
}

#[test]
fn a_refund_of_an_old_purchase_does_the_same_whether_its_month_was_already_added_to_older_ones() {
    let steps = [Step::Receipt { cents: 20_000 }, Step::Wait { days: 498 }, Step::Refund { which: 0, share: 1 }];
    for window in [json!({ "rolling_months": 2 }), json!("calendar_year"), json!("lifetime")] {
        let document = document(0, &json!(null), &window, "none", 0);
        let (often, seldom) = (run(&document, &steps, true), run(&document, &steps, false));
        assert_eq!(often.accounts["c"].tier, seldom.accounts["c"].tier, "{window}");
        assert_eq!(often.accounts["c"].lots, seldom.accounts["c"].lots, "{window}");
    }
}
