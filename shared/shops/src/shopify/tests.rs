//! Deliveries of Shopify, by the documented fields of each version of its API.

use std::collections::BTreeMap;

use serde_json::json;
use tessera_domain::fact::{read_receipt, read_refund_of};
use tessera_domain::money::Currency;

use super::*;
use crate::{ShopFact, ShopOrder, SoldReceipt, next_facts};

const ORDERS: [&str; 3] = [
    include_str!("fixtures/2023-10-order.json"),
    include_str!("fixtures/2024-07-order.json"),
    include_str!("fixtures/2026-10-order.json"),
];
/// The same order after an edit and a refund, as `orders/updated` shows it.
const UPDATED: [&str; 3] = [
    include_str!("fixtures/2023-10-order-updated.json"),
    include_str!("fixtures/2024-07-order-updated.json"),
    include_str!("fixtures/2026-10-order-updated.json"),
];
const REFUNDS: [&str; 2] = [include_str!("fixtures/2024-07-refund.json"), include_str!("fixtures/2026-10-refund.json")];

/// An order at a point of sale with two tips, which are lines: one in the form of 2026-10, one in the earlier form.
const TIPS: &str = include_str!("fixtures/2026-10-tips-order.json");

fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

fn deliver(topic: &str, payload: &str, basis: AmountBasis) -> Result<Delivered, PayloadError> {
    let terms = Terms { program: eur(), basis, fx_rates: &BTreeMap::new() };
    read(topic, &Payload::parse(payload.as_bytes()).unwrap(), &terms)
}

/// The newest order after a change.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut order: Value = serde_json::from_str(ORDERS[2]).unwrap();
    change(&mut order);
    order.to_string()
}

fn paid(payload: &str) -> Value {
    match deliver("orders/paid", payload, AmountBasis::AsPriced).unwrap() {
        Delivered::Paid(order) => order.receipt,
        other => panic!("{other:?}"),
    }
}

fn updated(payload: &str, basis: AmountBasis) -> ShopOrder {
    match deliver("orders/updated", payload, basis).unwrap() {
        Delivered::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_of_every_version_is_the_same_receipt() {
    for payload in ORDERS {
        let body = paid(payload);
        assert_eq!(
            body,
            json!({
                "id": "shopify:450789469", "occurred_at": "2026-03-01T09:15:00Z", "channel": "web", "currency": "EUR",
                "member": { "id": "207119551", "email": "ada@example.com", "phone": "+393331234567", "verified": ["email"] },
                "total": "105.00", "coupons": ["ADA-7K2M9QXT"],
                "lines": [
                    { "id": "466157049", "sku": "SW-1", "product": "Sweater", "brand": "acme",
                      "quantity": "1", "amount": "87.50" },
                    { "id": "518995019", "sku": "SO-2", "product": "Socks", "brand": "acme",
                      "quantity": "2", "amount": "17.50" },
                ],
            })
        );
        assert!(read_receipt(&body, eur()).is_ok());
    }
}

/// What follows from the update, in every version: the refund first, and then the edit.
#[test]
fn an_update_of_every_version_is_the_same_refund_and_edit() {
    for (first, payload) in ORDERS.iter().zip(UPDATED) {
        let order = updated(payload, AmountBasis::AsPriced);
        assert_eq!((order.is_paid, order.updated_at.to_string()), (true, "2026-03-05T08:00:01Z".to_owned()));
        let receipt = read_receipt(&paid(first), eur()).unwrap().receipt;
        let mut sold = vec![SoldReceipt { receipt, refunds: Vec::new() }];
        let facts = next_facts(&order, &sold, None);
        let [ShopFact::Refund { receipt, body: refund }, ShopFact::Receipt(edit)] = facts.as_slice() else {
            panic!("{facts:?}")
        };
        assert_eq!(receipt, "shopify:450789469");
        assert_eq!(
            refund,
            &json!({ "id": "shopify:509562969", "occurred_at": "2026-03-05T08:00:00Z",
                     "lines": [{ "line": "518995019", "quantity": "1", "amount": "8.75" }] })
        );
        assert_eq!((&edit["id"], &edit["total"]), (&json!("shopify:450789469:edit-1"), &json!("100.00")));
        // Delivered again once both are stored, it changes nothing.
        sold[0].refunds = vec![read_refund_of(refund, &sold[0].receipt).unwrap()];
        let receipt = read_receipt(edit, eur()).unwrap().receipt;
        sold.push(SoldReceipt { receipt, refunds: Vec::new() });
        assert_eq!(next_facts(&order, &sold, Some(order.updated_at)), Vec::new());
    }
}

#[test]
fn test_orders_gift_cards_alone_and_unpaid_orders_earn_nothing() {
    let test = changed(|order| order["test"] = json!(true));
    assert_eq!(deliver("orders/paid", &test, AmountBasis::AsPriced), Ok(Delivered::Nothing("a test order")));
    let gift = changed(|order| {
        order["line_items"].as_array_mut().unwrap().retain(|line| line["gift_card"] == true);
    });
    assert_eq!(
        deliver("orders/paid", &gift, AmountBasis::AsPriced),
        Ok(Delivered::Nothing("an order of gift cards or tips alone"))
    );
    let pending = changed(|order| order["financial_status"] = json!("pending"));
    assert!(!updated(&pending, AmountBasis::AsPriced).is_paid);
}

#[test]
fn tips_earn_nothing_and_take_nothing_back() {
    let body = paid(TIPS);
    assert_eq!((&body["total"], body["lines"].as_array().unwrap().len()), (&json!("20.00"), 1));
    let mut order: Value = serde_json::from_str(TIPS).unwrap();
    let lines = order["line_items"].as_array().unwrap().clone();
    let mut refund: Value = serde_json::from_str(REFUNDS[1]).unwrap();
    let returned = |line: &Value, shown: Option<&Value>| {
        let amount = json!({ "shop_money": { "amount": line["price"], "currency_code": "EUR" } });
        let mut item = json!({ "line_item_id": line["id"], "quantity": 1, "subtotal_set": amount });
        if let Some(shown) = shown {
            item["line_item"] = shown.clone();
        }
        item
    };
    refund["refund_line_items"] = lines.iter().skip(1).map(|line| returned(line, Some(line))).collect();
    assert_eq!(
        deliver("refunds/create", &refund.to_string(), AmountBasis::AsPriced),
        Ok(Delivered::Nothing("a refund without goods"))
    );
    // In an order, the lines of a refund need not be shown again.
    refund["refund_line_items"] = lines.iter().map(|line| returned(line, None)).collect();
    order["refunds"] = json!([refund]);
    let seen = updated(&order.to_string(), AmountBasis::AsPriced);
    let taken: Vec<(&str, i64)> = seen.refunds[0].lines.iter().map(|line| (line.line.as_str(), line.amount)).collect();
    assert_eq!((taken, seen.refunds[0].amount), (vec![("466157049", 2_000)], 0));
    order["line_items"] = lines.into_iter().skip(1).collect();
    let tips = deliver("orders/paid", &order.to_string(), AmountBasis::AsPriced);
    assert_eq!(tips, Ok(Delivered::Nothing("an order of gift cards or tips alone")));
}

#[test]
fn guests_and_strangers_are_known_by_what_is_proven() {
    let guest = paid(&changed(|order| order["customer"] = Value::Null));
    assert_eq!(guest["member"], json!({ "email": "ada@example.com", "verified": [] }));
    let unproven = paid(&changed(|order| order["customer"]["verified_email"] = json!(false)));
    assert_eq!(unproven["member"]["verified"], json!([]));
    let nobody = paid(&changed(|order| {
        for field in ["customer", "email", "contact_email"] {
            order[field] = Value::Null;
        }
    }));
    assert_eq!(nobody["member"], Value::Null);
    let till = paid(&changed(|order| {
        order["source_name"] = json!("pos");
        order["location_id"] = json!(655_441_491);
    }));
    assert_eq!((&till["channel"], &till["store"]), (&json!("pos"), &json!("655441491")));
}

#[test]
fn tax_counts_as_the_settings_say() {
    let total = |basis, payload: &str| updated(payload, basis).receipt["total"].clone();
    assert_eq!(total(AmountBasis::WithTax, ORDERS[2]), "105.00");
    assert_eq!(total(AmountBasis::WithoutTax, ORDERS[2]), "86.06");
    let added = changed(|order| order["taxes_included"] = json!(false));
    assert_eq!(total(AmountBasis::AsPriced, &added), "105.00");
    assert_eq!(total(AmountBasis::WithTax, &added), "123.94");
    assert_eq!(total(AmountBasis::WithoutTax, &added), "105.00");
}

#[test]
fn another_currency_of_the_shop_needs_a_rate_and_that_of_the_buyer_none() {
    let dollars = changed(|order| order["currency"] = json!("USD"));
    assert!(deliver("orders/paid", &dollars, AmountBasis::AsPriced).is_err());
    let rates = BTreeMap::from([("USD".to_owned(), "0.92".parse().unwrap())]);
    let terms = Terms { program: eur(), basis: AmountBasis::AsPriced, fx_rates: &rates };
    let Ok(Delivered::Paid(order)) = read("orders/paid", &Payload::parse(dollars.as_bytes()).unwrap(), &terms) else {
        panic!()
    };
    let body = order.receipt;
    assert_eq!((&body["currency"], &body["fx_rate"]), (&json!("USD"), &json!("0.92")));
}

#[test]
fn a_refund_goes_line_by_line_and_shipping_changes_nothing() {
    for payload in REFUNDS {
        let Ok(Delivered::Refund { receipt, refund, .. }) = deliver("refunds/create", payload, AmountBasis::AsPriced)
        else {
            panic!("{payload}")
        };
        assert_eq!((receipt.as_str(), refund.id.as_str()), ("shopify:450789469", "shopify:509562969"));
        assert_eq!((refund.lines[0].line.as_str(), refund.lines[0].amount), ("518995019", 875));
        assert_eq!((refund.lines.len(), refund.amount), (1, 0));
        // Only the order says whether prices include tax.
        assert!(matches!(deliver("refunds/create", payload, AmountBasis::WithoutTax), Ok(Delivered::Nothing(_))));
        let mut shipping: Value = serde_json::from_str(payload).unwrap();
        shipping["refund_line_items"] = json!([]);
        assert_eq!(
            deliver("refunds/create", &shipping.to_string(), AmountBasis::AsPriced),
            Ok(Delivered::Nothing("a refund without goods"))
        );
    }
}

#[test]
fn a_discrepancy_is_a_bare_amount() {
    let with = |amount: &str, lines: bool| {
        let mut payload: Value = serde_json::from_str(REFUNDS[1]).unwrap();
        if !lines {
            payload["refund_line_items"] = json!([]);
        }
        payload["order_adjustments"] = json!([{ "kind": "refund_discrepancy", "amount": amount }]);
        match deliver("refunds/create", &payload.to_string(), AmountBasis::AsPriced).unwrap() {
            Delivered::Refund { refund, .. } => refund.amount,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((with("-5.00", false), with("5.00", false)), (500, 500));
    assert_eq!((with("-5.00", true), with("5.00", true)), (500, 0));
}

#[test]
fn an_edited_order_shows_what_was_ordered_without_what_was_removed() {
    // One pair of socks was refunded, and another removed without a refund.
    let payload = changed(|order| {
        order["line_items"][1]["quantity"] = json!(4);
        order["line_items"][1]["current_quantity"] = json!(2);
        order["line_items"][1]["discount_allocations"] = json!([]);
        order["refunds"] = json!([serde_json::from_str::<Value>(REFUNDS[1]).unwrap()]);
        order["financial_status"] = json!("partially_refunded");
    });
    let order = updated(&payload, AmountBasis::AsPriced);
    assert!(order.is_paid);
    assert_eq!(order.receipt["lines"][1]["quantity"], "3");
    assert_eq!(order.receipt["lines"][1]["amount"], "30.00");
    assert_eq!(order.refunds.len(), 1);
    // A first payment after an edit is compared too.
    assert!(matches!(deliver("orders/paid", &payload, AmountBasis::AsPriced), Ok(Delivered::Order(_))));
    let cancelled = changed(|order| order["cancelled_at"] = json!("2026-03-02T10:00:00+01:00"));
    let Ok(Delivered::Order(order)) = deliver("orders/cancelled", &cancelled, AmountBasis::AsPriced) else { panic!() };
    assert_eq!(order.cancelled_at.unwrap().to_string(), "2026-03-02T09:00:00Z");
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_a_panic() {
    for (name, wrong) in [
        ("id", json!(null)),
        ("currency", json!("EURO")),
        ("created_at", json!("yesterday")),
        ("line_items", json!([{ "id": 1, "quantity": 1, "price": "one" }])),
        ("line_items", json!([{ "id": 1, "quantity": 99_999_999_999_i64, "price": "99999999999999999999.00" }])),
    ] {
        let payload = changed(|order| {
            order[name] = wrong.clone();
            order["processed_at"] = json!(null);
        });
        assert!(deliver("orders/paid", &payload, AmountBasis::AsPriced).is_err(), "{name}: {wrong}");
    }
    for topic in ["orders/paid", "orders/updated", "orders/cancelled", "refunds/create", "customers/redact"] {
        assert!(deliver(topic, "{}", AmountBasis::AsPriced).is_err(), "{topic}");
    }
    assert!(matches!(deliver("products/update", "{}", AmountBasis::AsPriced), Ok(Delivered::Nothing(_))));
    // A negative total is refused by the reader of receipts.
    let negative = paid(&changed(|order| order["line_items"][0]["price_set"]["shop_money"]["amount"] = json!("-500")));
    assert!(read_receipt(&negative, eur()).is_err());
}

#[test]
fn privacy_requests_name_the_customer_by_id() {
    let payload = r#"{"shop_id": 954889, "shop_domain": "ada.myshopify.com",
        "customer": {"id": 191167, "email": "ada@example.com", "phone": "555-625-1199"}, "orders_to_redact": [299938], "data_request": {"id": 9999}}"#;
    let privacy = |topic| match deliver(topic, payload, AmountBasis::AsPriced).unwrap() {
        Delivered::Privacy(request) => request,
        other => panic!("{other:?}"),
    };
    let customer = "191167".to_owned();
    assert_eq!(privacy("customers/redact"), PrivacyRequest::CustomerErasure { customer: customer.clone() });
    let request = Some("9999".to_owned());
    assert_eq!(privacy("customers/data_request"), PrivacyRequest::CustomerData { customer, request });
    assert_eq!(privacy("shop/redact"), PrivacyRequest::ShopErasure);
}

#[test]
fn newer_versions_are_recognized() {
    assert_eq!(["2023-10", "2026-10", "2027-01", "unstable"].map(is_newer), [false, false, true, true]);
}
