//! The details of refused refunds.

use serde_json::{Value, json};
use tessera_domain::fact::{read_receipt, read_refund};
use tessera_domain::ids::RefundId;
use tessera_domain::money::Currency;
use tessera_store::StoredRefund;

use super::*;

/// A receipt of 120 + 30 less 15. `refunds`: id, line and amount of each, in the order of acceptance.
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
        member: None,
        waited: false,
    });
    let refunds = refunds.collect();
    StoredReceipt {
        receipt,
        member: None,
        accepted_at: jiff::Timestamp::UNIX_EPOCH,
        early: Vec::new(),
        moved: None,
        refunds,
    }
}

fn refund(id: &str, lines: &Value) -> Refund {
    let body = json!({ "id": id, "occurred_at": "2026-03-02T10:00:00Z", "lines": lines });
    read_refund(&body, Currency::from_code("EUR").unwrap()).unwrap()
}

/// The detail of the refusal; `None` when the refund is accepted.
fn detail_of(stored: &StoredReceipt, refund: &Refund) -> Option<String> {
    check_remaining(stored, refund).err().map(|fault| explain(stored, refund, &fault).1)
}

#[test]
fn a_refund_of_what_remains_is_accepted() {
    let before = stored(&[("1", "a", "100.00")]);
    assert_eq!(detail_of(&before, &refund("2", &json!([{ "line": "a", "amount": "20.00" }]))), None);
    let whole = json!([{ "line": "a", "quantity": "2", "amount": "20.00" }, { "line": "b", "amount": "30.00" }]);
    assert_eq!(detail_of(&before, &refund("2", &whole)), None);
}

#[test]
fn an_exceeded_line_is_named_with_what_remains_of_it() {
    let before = stored(&[("1", "a", "100.00")]);
    let both = json!([{ "line": "b", "amount": "30.00" }, { "line": "a", "amount": "20.01" }]);
    let detail = detail_of(&before, &refund("2", &both)).unwrap();
    assert!(detail.contains("line a of receipt 7") && detail.contains("18.00 EUR"), "{detail}");
}

#[test]
fn an_exceeded_receipt_is_reported_with_what_remains_of_it() {
    let body = json!({ "id": "2", "occurred_at": "2026-03-02T10:00:00Z", "amount": "45.01" });
    let bare = read_refund(&body, Currency::from_code("EUR").unwrap()).unwrap();
    let detail = detail_of(&stored(&[("1", "a", "100.00")]), &bare).unwrap();
    assert!(detail.contains("45.00 EUR"), "{detail}");
}

#[test]
fn an_unknown_line_is_reported_with_the_known_ones() {
    let detail = detail_of(&stored(&[]), &refund("1", &json!([{ "line": "c", "amount": "1.00" }]))).unwrap();
    assert!(detail.contains("no line c") && detail.ends_with("a, b"), "{detail}");
}

#[test]
fn more_items_than_remain_are_refused() {
    let line = json!([{ "line": "a", "quantity": "3", "amount": "1.00" }]);
    let (before, refund) = (stored(&[]), refund("1", &line));
    let fault = check_remaining(&before, &refund).unwrap_err();
    assert_eq!(explain(&before, &refund, &fault).0, "more_than_remains");
}

#[test]
fn refunds_that_waited_are_applied_first() {
    // Both refund all of line b: the one that waited gets it, although the other was accepted earlier.
    let mut before = stored(&[("late", "b", "30.00"), ("early", "b", "20.00")]);
    before.early = vec![RefundId::new("early").unwrap()];
    assert_eq!(detail_of(&before, &refund("3", &json!([{ "line": "b", "amount": "10.00" }]))), None);
}
