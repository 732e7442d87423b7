//! Windows and ranges beyond SP5 and SP6: refunds, late receipts, carries.

use serde_json::{Value, json};

use crate::book::Book;
use crate::rules::{book, receipt, rule};

fn one(on: &Value) -> Book {
    book(&json!([rule("r", &json!({ "receipt": on }), &json!([{ "credit": { "points": 10 } }]))]))
}

fn buy(book: &mut Book, id: &str, day: &str, total: &str) -> i64 {
    let mut body = receipt(id, total);
    body["occurred_at"] = format!("{day}T10:00:00+01:00").into();
    book.pass(body["occurred_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().max(book.now));
    book.receipt(&body).unwrap();
    book.check();
    book.view("c").available().get()
}

fn back(book: &mut Book, receipt: &str, amount: &str) -> i64 {
    let id = format!("f-{receipt}-{amount}");
    book.refund(receipt, &json!({ "id": id, "occurred_at": "2026-12-01T10:00:00Z", "amount": amount })).unwrap();
    book.check();
    book.view("c").available().get()
}

#[test]
fn a_rolling_window_fires_for_each_step_that_a_receipt_carries_it_over() {
    let mut book = one(&json!({ "spend": { "every": "50.00" }, "within": { "days": 30 } }));
    assert_eq!(buy(&mut book, "a", "2026-03-01", "40.00"), 0);
    assert_eq!(buy(&mut book, "b", "2026-03-29", "20.00"), 10);
    // The first of March has left: 20 without it, 60 with it.
    assert_eq!(buy(&mut book, "c", "2026-03-31", "40.00"), 20);
    assert_eq!(buy(&mut book, "d", "2026-03-31", "39.00"), 20);
    // On what remains neither 29 nor 31 March carries a window over 50 more than once: 40 + 39 do.
    assert_eq!(back(&mut book, "b", "20.00"), 10);
    assert_eq!(back(&mut book, "d", "39.00"), 0);
}

#[test]
fn a_total_within_days_may_fire_again_and_is_reversed_where_it_fired() {
    let mut book = one(&json!({ "spend": { "total_at_least": "100.00" }, "within": { "days": 30 } }));
    assert_eq!(buy(&mut book, "a", "2026-03-01", "60.00"), 0);
    assert_eq!(buy(&mut book, "b", "2026-03-10", "50.00"), 10);
    assert_eq!(buy(&mut book, "c", "2026-03-12", "50.00"), 10);
    assert_eq!(buy(&mut book, "d", "2026-05-01", "70.00"), 10);
    assert_eq!(buy(&mut book, "e", "2026-05-02", "40.00"), 20);
    assert_eq!(back(&mut book, "a", "60.00"), 10);
    assert_eq!(back(&mut book, "e", "40.00"), 0);
    assert_eq!(buy(&mut book, "f", "2026-05-03", "30.00"), 10);
}

#[test]
fn a_window_from_the_first_receipt_starts_anew_with_a_counter_at_zero() {
    let mut book = one(&json!({ "receipts": { "every": 2 }, "within": { "days": 7, "from": "first_receipt" } }));
    assert_eq!(buy(&mut book, "a", "2026-03-02", "5.00"), 0);
    assert_eq!(buy(&mut book, "b", "2026-03-08", "5.00"), 10);
    assert_eq!(buy(&mut book, "c", "2026-03-09", "5.00"), 10);
    assert_eq!(buy(&mut book, "d", "2026-03-10", "5.00"), 20);
    // The first window is over; what its second receipt gave goes back with it all the same.
    assert_eq!(back(&mut book, "b", "5.00"), 10);
    // Of a time before the window that is open.
    assert_eq!(buy(&mut book, "late", "2026-03-03", "5.00"), 10);
}

#[test]
fn a_band_counts_the_slice_and_a_gate_is_judged_once() {
    let band = json!({ "spend": { "every": "10.00", "from": "50.00", "up_to": "200.00", "range": "band" } });
    let mut book = one(&band);
    assert_eq!(buy(&mut book, "a", "2026-03-01", "57.00"), 0);
    // The carry is the band's own: 7 + 8.
    assert_eq!(buy(&mut book, "b", "2026-03-02", "8.00"), 10);
    assert_eq!(buy(&mut book, "c", "2026-03-03", "500.00"), 150);
    // 315 of 565 remain: still beyond the band.
    assert_eq!(back(&mut book, "c", "250.00"), 150);
    assert_eq!(back(&mut book, "c", "200.00"), 60);

    let mut book = one(&json!({ "spend": { "every": "10.00", "from": "50.00", "up_to": "200.00" } }));
    assert_eq!(buy(&mut book, "a", "2026-03-01", "40.00"), 0);
    assert_eq!(buy(&mut book, "b", "2026-03-02", "100.00"), 100);
    assert_eq!(buy(&mut book, "c", "2026-03-03", "120.00"), 100);
    // What the gate let in counts, however the running total falls; what it shut out never does.
    assert_eq!(back(&mut book, "c", "120.00"), 100);
    assert_eq!(back(&mut book, "a", "40.00"), 100);
    assert_eq!(back(&mut book, "b", "95.00"), 0);
}

#[test]
fn credits_by_amount_under_a_band_are_on_the_slice() {
    let on = json!({ "receipt": { "spend": { "every_per_receipt": "1.00", "from": "50.00", "up_to": "200.00", "range": "band" } } });
    let mut book = book(&json!([rule("r", &on, &json!([{ "credit": { "per_unit": "2" } }]))]));
    assert_eq!(buy(&mut book, "a", "2026-03-01", "100.00"), 100);
    assert_eq!(buy(&mut book, "b", "2026-03-02", "120.00"), 300);
    assert_eq!(back(&mut book, "b", "30.00"), 280);
    assert_eq!(back(&mut book, "b", "90.00"), 100);
}
