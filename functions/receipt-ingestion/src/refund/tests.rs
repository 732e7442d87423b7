//! What a refund that cannot be is answered.

use serde_json::json;
use tessera_domain::fact::read_receipt;
use tessera_domain::ids::RefundId;
use tessera_domain::money::Currency;
use tessera_store::StoredRefund;

use super::*;

/// A receipt of 120 + 30 less 15, with refunds by id, acceptance in that order, each so much of one line.
fn stored(refunds: &[(&str, &str, &str)]) -> StoredReceipt {
    let eur = Currency::from_code("EUR").unwrap();
    let body = json!({
        "id": "7", "occurred_at": "2026-03-01T10:15:00+01:00", "member": null, "currency": "EUR",
        "total": "135.00", "discount": "15.00",
        "lines": [{ "id": "a", "quantity": "2", "amount": "120.00" }, { "id": "b", "amount": "30.00" }],
    });
    let receipt = read_receipt(&body, eur).unwrap().receipt;
    let refunds = (0..).zip(refunds).map(|(minute, (id, line, amount))| StoredRefund {
        refund: refund(id, &json!([{ "line": line, "amount": amount }])),
        accepted_at: jiff::Timestamp::from_second(minute * 60).unwrap(),
        waited: false,
    });
    let refunds = refunds.collect();
    StoredReceipt { receipt, member: None, accepted_at: jiff::Timestamp::UNIX_EPOCH, early: Vec::new(), refunds }
}

fn refund(id: &str, lines: &Value) -> Refund {
    let body = json!({ "id": id, "occurred_at": "2026-03-02T10:00:00Z", "lines": lines });
    read_refund(&body, Currency::from_code("EUR").unwrap()).unwrap()
}

/// The words in which a refund is refused; `None` when it fits.
fn words(stored: &StoredReceipt, refund: &Refund) -> Option<String> {
    fits(stored, refund).err().map(|fault| explain(stored, refund, &fault).1)
}

#[test]
fn what_remains_may_come_back() {
    let before = stored(&[("1", "a", "100.00")]);
    assert_eq!(words(&before, &refund("2", &json!([{ "line": "a", "amount": "20.00" }]))), None);
    let whole = json!([{ "line": "a", "quantity": "2", "amount": "20.00" }, { "line": "b", "amount": "30.00" }]);
    assert_eq!(words(&before, &refund("2", &whole)), None);
}

#[test]
fn the_line_that_has_too_little_is_named() {
    let before = stored(&[("1", "a", "100.00")]);
    let both = json!([{ "line": "b", "amount": "30.00" }, { "line": "a", "amount": "20.01" }]);
    let words = words(&before, &refund("2", &both)).unwrap();
    assert!(words.contains("line a of receipt 7") && words.contains("18.00 EUR"), "{words}");
}

#[test]
fn the_receipt_that_has_too_little_says_how_much() {
    let body = json!({ "id": "2", "occurred_at": "2026-03-02T10:00:00Z", "amount": "45.01" });
    let bare = read_refund(&body, Currency::from_code("EUR").unwrap()).unwrap();
    let words = words(&stored(&[("1", "a", "100.00")]), &bare).unwrap();
    assert!(words.contains("45.00 EUR"), "{words}");
}

#[test]
fn a_line_that_is_not_there_is_answered_with_those_that_are() {
    let words = words(&stored(&[]), &refund("1", &json!([{ "line": "c", "amount": "1.00" }]))).unwrap();
    assert!(words.contains("no line c") && words.ends_with("a, b"), "{words}");
}

#[test]
fn more_items_than_there_were() {
    let line = json!([{ "line": "a", "quantity": "3", "amount": "1.00" }]);
    let (before, refund) = (stored(&[]), refund("1", &line));
    let fault = fits(&before, &refund).unwrap_err();
    assert_eq!(explain(&before, &refund, &fault).0, "more_than_remains");
}

#[test]
fn refunds_that_waited_count_first() {
    // Both want line b whole: the one that waited has it, though the other was accepted before.
    let mut before = stored(&[("late", "b", "30.00"), ("early", "b", "20.00")]);
    before.early = vec![RefundId::new("early").unwrap()];
    assert_eq!(words(&before, &refund("3", &json!([{ "line": "b", "amount": "10.00" }]))), None);
}
