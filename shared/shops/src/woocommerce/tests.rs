//! Orders and refunds of WooCommerce, by the documented fields of REST v3.

use std::collections::BTreeMap;

use tessera_domain::fact::read_receipt;
use tessera_domain::money::Currency;

use super::*;

const ORDER: &str = include_str!("fixtures/order.json");
const REFUNDS: &str = include_str!("fixtures/refunds.json");

fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

fn parsed(text: &str) -> Value {
    Payload::parse(text.as_bytes()).unwrap()
}

fn deliver(payload: &str, basis: AmountBasis) -> Result<Delivered, PayloadError> {
    read(&parsed(payload), &Terms { program: eur(), basis, fx_rates: &BTreeMap::new() })
}

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut order: Value = serde_json::from_str(ORDER).unwrap();
    change(&mut order);
    order.to_string()
}

fn receipt(payload: &str, basis: AmountBasis) -> Value {
    match deliver(payload, basis).unwrap() {
        Delivered::Paid(order) | Delivered::Order(order) | Delivered::OrderWithoutRefunds { order, .. } => {
            order.receipt
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_a_receipt_of_its_goods() {
    let body = receipt(ORDER, AmountBasis::AsPriced);
    assert_eq!(
        body,
        json!({
            "id": "woocommerce:727", "occurred_at": "2026-03-01T10:15:00Z", "channel": "web", "currency": "EUR",
            "member": { "id": "42", "email": "ada@example.com", "phone": "+39 333 1234567", "verified": [] },
            "total": "135.00", "coupons": ["ada-7k2m9qxt"],
            "lines": [
                { "id": "315", "sku": "SW-1", "product": "Sweater", "quantity": "1", "amount": "108.00" },
                { "id": "316", "sku": "SO-2", "product": "Socks", "quantity": "3", "amount": "27.00" },
            ],
        })
    );
    assert!(read_receipt(&body, eur()).is_ok());
    assert_eq!(receipt(ORDER, AmountBasis::WithoutTax)["total"], "110.65");
    let without = changed(|order| order["prices_include_tax"] = json!(false));
    assert_eq!(receipt(&without, AmountBasis::AsPriced)["total"], "110.65");
    assert_eq!(receipt(&without, AmountBasis::WithTax)["total"], "135.00");
    let guest = changed(|order| order["customer_id"] = json!(0));
    assert_eq!(receipt(&guest, AmountBasis::AsPriced)["member"].get("id"), None);
}

#[test]
fn an_order_that_is_paid_on_delivery_stays_the_same_receipt() {
    let processing = changed(|order| order["date_paid_gmt"] = json!(null));
    let completed = changed(|order| {
        order["status"] = json!("completed");
        order["date_paid_gmt"] = json!("2026-03-09T10:00:00");
    });
    assert_eq!(receipt(&processing, AmountBasis::AsPriced), receipt(&completed, AmountBasis::AsPriced));
}

#[test]
fn the_status_decides() {
    for status in ["pending", "on-hold", "failed", "checkout-draft", "auto-draft"] {
        let payload = changed(|order| order["status"] = json!(status));
        assert!(matches!(deliver(&payload, AmountBasis::AsPriced), Ok(Delivered::Nothing(_))), "{status}");
    }
    let cancelled = changed(|order| order["status"] = json!("cancelled"));
    let Ok(Delivered::Order(order)) = deliver(&cancelled, AmountBasis::AsPriced) else { panic!() };
    assert!(!order.is_paid && order.cancelled_at.is_some());
    let refunded = changed(|order| order["status"] = json!("refunded"));
    let Ok(Delivered::OrderWithoutRefunds { order, .. }) = deliver(&refunded, AmountBasis::AsPriced) else { panic!() };
    assert!(order.is_paid && order.cancelled_at.is_none());
    let partly = changed(|order| order["refunds"] = json!([{ "id": 726, "total": "-9.00" }]));
    assert!(matches!(deliver(&partly, AmountBasis::AsPriced), Ok(Delivered::OrderWithoutRefunds { .. })));
}

#[test]
fn refunds_name_their_lines_or_are_bare_and_shipping_alone_is_nothing() {
    let found = refunds(&parsed(REFUNDS), eur(), true, AmountBasis::AsPriced).unwrap();
    let ids: Vec<&str> = found.iter().map(|refund| refund.id.as_str()).collect();
    assert_eq!(ids, ["woocommerce:726", "woocommerce:729"]);
    let line = RefundedLine { line: "316".to_owned(), quantity: Some(Decimal::ONE), amount: 900 };
    assert_eq!((&found[0].lines, found[0].amount), (&vec![line], 0));
    assert_eq!((found[1].lines.len(), found[1].amount), (0, 500));
    let net = refunds(&parsed(REFUNDS), eur(), true, AmountBasis::WithoutTax).unwrap();
    assert_eq!(net[0].lines[0].amount, 738);
}

#[test]
fn a_ping_is_recognized_and_nothing_else() {
    assert!(is_ping("application/x-www-form-urlencoded", b"webhook_id=7"));
    assert!(is_ping("application/x-www-form-urlencoded; charset=utf-8", b"webhook_id=12"));
    for (kind, body) in [
        ("application/json", &b"webhook_id=7"[..]),
        ("application/x-www-form-urlencoded", b"webhook_id="),
        ("application/x-www-form-urlencoded", b"webhook_id=7&id=1"),
        ("application/x-www-form-urlencoded", b"{}"),
    ] {
        assert!(!is_ping(kind, body), "{kind}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for (name, wrong) in [
        ("status", json!(null)),
        ("currency", json!("points")),
        ("date_created_gmt", json!("yesterday")),
        ("line_items", json!([{ "id": 1, "total": "1,50" }])),
    ] {
        let payload = changed(|order| order[name] = wrong.clone());
        assert!(deliver(&payload, AmountBasis::AsPriced).is_err(), "{name}");
    }
    assert!(deliver("[]", AmountBasis::AsPriced).is_err());
    let unnamed = parsed(r#"[{"id": 1, "line_items": [{"id": 2, "total": "-1.00"}]}]"#);
    assert!(refunds(&unnamed, eur(), true, AmountBasis::AsPriced).is_err());
    let negative = receipt(&changed(|order| order["line_items"][0]["total"] = json!("-500.00")), AmountBasis::AsPriced);
    assert!(read_receipt(&negative, eur()).is_err());
}
