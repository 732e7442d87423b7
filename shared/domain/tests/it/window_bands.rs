//! Spend between bounds within days that end with the receipt, beside an oracle that knows only a list of receipts.

use proptest::prelude::*;
use serde_json::json;

use crate::book::Book;
use crate::rules::{book, receipt, rule};

/// The days of the window, and the bounds and the step of the spend, in cents.
const DAYS: i64 = 10;
const FROM: i64 = 5_000;
const UP_TO: i64 = 20_000;
const STEP: i64 = 1_000;

fn open(form: &str, range: &str) -> Book {
    let mut spend = json!({ "from": "50.00", "up_to": "200.00", "range": range });
    spend[form] = "10.00".into();
    let on = json!({ "receipt": { "spend": spend, "within": { "days": DAYS } } });
    book(&json!([rule("r", &on, &json!([{ "credit": { "points": 1 } }]))]))
}

fn buy(book: &mut Book, id: usize, day: i64, cents: i64) {
    let at = jiff::civil::date(2026, 3, 1).checked_add(jiff::Span::new().days(day)).unwrap();
    let mut body = receipt(&format!("r{id}"), &money(cents));
    body["occurred_at"] = format!("{at}T10:00:00Z").into();
    book.receipt(&body).unwrap();
}

fn back(book: &mut Book, id: usize, refund: usize, cents: i64) {
    let body = json!({ "id": format!("f{refund}"), "occurred_at": "2026-12-01T10:00:00Z", "amount": money(cents) });
    book.refund(&format!("r{id}"), &body).unwrap();
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn points(book: &mut Book) -> i64 {
    book.check();
    book.view("c").balance().get()
}

#[test]
fn the_slice_of_the_windows_spend_counts() {
    let mut book = open("every", "band");
    for (id, day, cents, expected) in [
        (0, 0, 4_000, 0),
        // From 40 to 65: the slice is 15.
        (1, 3, 2_500, 1),
        (2, 9, 2_000, 3),
        // The 40 have left the window of day 10: 45 before, 95 after.
        (3, 10, 5_000, 7),
        // 95 before, 395 after: the band ends at 200.
        (4, 11, 30_000, 18),
    ] {
        buy(&mut book, id, day, cents);
        assert_eq!(points(&mut book), expected, "receipt {id}");
    }
    // Without the 300 the window of day 11 holds nothing of that day; the other days stay.
    back(&mut book, 4, 0, 30_000);
    assert_eq!(points(&mut book), 7);
}

#[test]
fn a_gate_looks_at_the_windows_total() {
    let mut book = open("every", "gate");
    for (id, day, cents, expected) in [
        (0, 0, 4_000, 0),
        (1, 3, 10_000, 10),
        // 140 before and 240 after: beyond the gate.
        (2, 5, 10_000, 10),
        // 100 of day 5 and 30 of day 14 are in the window; 30 counts.
        (3, 14, 3_000, 13),
    ] {
        buy(&mut book, id, day, cents);
        assert_eq!(points(&mut book), expected, "receipt {id}");
    }
    // What the gate shut out gives nothing and takes nothing.
    back(&mut book, 2, 0, 10_000);
    assert_eq!(points(&mut book), 13);
    back(&mut book, 1, 1, 9_500);
    assert_eq!(points(&mut book), 3);
}

#[derive(Debug, Clone)]
enum Step {
    Buy { later: i64, cents: i64 },
    Back { receipt: prop::sample::Index, cents: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        // Now and then a receipt comes late.
        3 => (-3..7i64, 1..9_000i64).prop_map(|(later, cents)| Step::Buy { later, cents }),
        1 => (any::<prop::sample::Index>(), 1..9_000i64).prop_map(|(receipt, cents)| Step::Back { receipt, cents }),
    ];
    prop::collection::vec(step, 1..30)
}

/// A receipt as the oracle remembers it.
struct Bought {
    day: i64,
    left: i64,
    before: i64,
    counts: bool,
    firings: i64,
}

fn inside(total: i64) -> i64 {
    total.clamp(FROM, UP_TO) - FROM
}

/// The firings that the receipts of each day are worth together, added up.
fn due(bought: &[Bought], number: impl Fn(&Bought) -> i64, worth: impl Fn(i64) -> i64) -> i64 {
    let days: std::collections::BTreeSet<i64> = bought.iter().map(|one| one.day).collect();
    let sum = |first: i64, last: i64| -> i64 {
        bought.iter().filter(|one| first <= one.day && one.day <= last).map(&number).sum()
    };
    let of_day = |day: i64| {
        let with = sum(day - DAYS + 1, day);
        (worth(with) / STEP - worth(with - sum(day, day)) / STEP).max(0)
    };
    days.into_iter().map(of_day).sum()
}

/// The points after each step, for a rule with one point for each firing.
fn expected(steps: &[Step], is_cumulative: bool, is_band: bool) -> Vec<i64> {
    let mut bought: Vec<Bought> = Vec::new();
    let (mut day, mut given) = (20, 0);
    let after = |bought: &mut Vec<Bought>, given: &mut i64, day: &mut i64, step: &Step| {
        match step {
            Step::Buy { later, cents } => {
                *day = (*day + later).max(0);
                let within = bought.iter().filter(|one| *day - DAYS < one.day && one.day <= *day);
                let (spent, counted) = within.fold((0, 0), |(spent, counted), one| {
                    (spent + one.left, counted + if one.counts { one.left } else { 0 })
                });
                let total = spent + cents;
                let counts = is_band || (FROM..UP_TO).contains(&total);
                let firings = match (counts, is_cumulative, is_band) {
                    (false, ..) => 0,
                    (true, true, true) => inside(total) / STEP - inside(spent) / STEP,
                    (true, true, false) => (counted + cents) / STEP - counted / STEP,
                    (true, false, true) => (inside(total) - inside(spent)) / STEP,
                    (true, false, false) => cents / STEP,
                };
                *given += firings;
                bought.push(Bought { day: *day, left: *cents, before: spent, counts, firings });
            }
            Step::Back { receipt, cents } => {
                if bought.is_empty() {
                    return *given;
                }
                let place = receipt.index(bought.len());
                let one = &mut bought[place];
                if one.left == 0 {
                    return *given;
                }
                one.left -= (*cents).min(one.left);
                if is_cumulative {
                    let due = if is_band {
                        due(bought, |one| one.left, inside)
                    } else {
                        due(bought, |one| if one.counts { one.left } else { 0 }, |total| total)
                    };
                    *given = (*given).min(due);
                } else {
                    let due = match (one.counts, is_band) {
                        (false, _) => 0,
                        (true, true) => (inside(one.before + one.left) - inside(one.before)) / STEP,
                        (true, false) => one.left / STEP,
                    };
                    let due = due.min(one.firings);
                    *given -= one.firings - due;
                    one.firings = due;
                }
            }
        }
        *given
    };
    steps.iter().map(|step| after(&mut bought, &mut given, &mut day, step)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_oracle_agrees(steps in steps(), is_cumulative in any::<bool>(), is_band in any::<bool>()) {
        let form = if is_cumulative { "every" } else { "every_per_receipt" };
        let mut book = open(form, if is_band { "band" } else { "gate" });
        book.pass("2026-12-01T00:00:00Z".parse().unwrap());
        let mut left: Vec<i64> = Vec::new();
        let mut day = 20;
        for ((n, step), expected) in steps.iter().enumerate().zip(expected(&steps, is_cumulative, is_band)) {
            match step {
                Step::Buy { later, cents } => {
                    day = (day + later).max(0);
                    buy(&mut book, left.len(), day, *cents);
                    left.push(*cents);
                }
                Step::Back { receipt, cents } => {
                    if left.is_empty() {
                        continue;
                    }
                    let place = receipt.index(left.len());
                    let part = (*cents).min(left[place]);
                    if part > 0 {
                        left[place] -= part;
                        back(&mut book, place, n, part);
                    }
                }
            }
            prop_assert_eq!(points(&mut book), expected, "step {}", n);
        }
    }
}
