//! Events and orders of Square, by the documented fields.

use std::collections::BTreeMap;

use tessera_domain::fact::read_receipt;
use tessera_domain::money::Currency;

use super::*;

const ORDER: &str = include_str!("fixtures/order.json");
const RETURN: &str = include_str!("fixtures/return.json");
const EVENTS: [(&str, &str); 3] = [
    (include_str!("fixtures/order-updated.json"), "CAISENgvlJ6jLWAzERDzjyHVybY"),
    (include_str!("fixtures/payment-updated.json"), "CAISENgvlJ6jLWAzERDzjyHVybY"),
    (include_str!("fixtures/refund-updated.json"), "RETURN1"),
];

fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

fn parsed(text: &str) -> Value {
    Payload::parse(text.as_bytes()).unwrap()
}

fn fetched(response: &str, basis: AmountBasis) -> FetchedOrder {
    order(&parsed(response), &Terms { program: eur(), basis, fx_rates: &BTreeMap::new() }).unwrap()
}

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut order: Value = serde_json::from_str(ORDER).unwrap();
    change(&mut order["order"]);
    order.to_string()
}

fn sold(response: &str, basis: AmountBasis) -> Value {
    match fetched(response, basis) {
        FetchedOrder::Whole { sale: Some(sale), .. } => sale.receipt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn events_name_the_order_that_is_fetched() {
    for (event, number) in EVENTS {
        assert_eq!(read(&parsed(event)), Ok(Delivered::OrderNumber(number.to_owned())));
    }
    let mut pending: Value = serde_json::from_str(EVENTS[2].0).unwrap();
    pending["data"]["object"]["refund"]["status"] = json!("PENDING");
    assert!(matches!(read(&parsed(&pending.to_string())), Ok(Delivered::Nothing(_))));
    assert!(matches!(read(&json!({ "type": "inventory.count.updated" })), Ok(Delivered::Nothing(_))));
    assert!(matches!(read(&json!({ "type": "payment.created", "data": {} })), Ok(Delivered::Nothing(_))));
    assert!(read(&json!({})).is_err());
}

#[test]
fn a_completed_order_is_a_receipt_without_additive_tax_gift_cards_and_tips() {
    let body = sold(ORDER, AmountBasis::AsPriced);
    assert_eq!(
        body,
        json!({
            "id": "square:CAISENgvlJ6jLWAzERDzjyHVybY", "occurred_at": "2026-03-01T09:15:00Z", "channel": "pos",
            "store": "057P5VYJ4A5X1", "currency": "EUR", "total": "22.20",
            "member": { "id": "JDKYHBWT1D4F8MFH63DBMEN8Y4", "verified": [] },
            "lines": [
                { "id": "line-1", "sku": "CO-1", "product": "Coffee", "quantity": "2", "amount": "10.00" },
                { "id": "line-2", "product": "Mug", "quantity": "1", "amount": "12.20" },
            ],
        })
    );
    assert!(read_receipt(&body, eur()).is_ok());
    assert_eq!(sold(ORDER, AmountBasis::WithTax)["total"], "23.20");
    assert_eq!(sold(ORDER, AmountBasis::WithoutTax)["total"], "20.00");
    let open = changed(|order| order["state"] = json!("OPEN"));
    assert_eq!(fetched(&open, AmountBasis::AsPriced), FetchedOrder::Whole { sale: None, returns: vec![] });
    let nobody = changed(|order| order["customer_id"] = json!(null));
    assert_eq!(sold(&nobody, AmountBasis::AsPriced)["member"], Value::Null);
}

#[test]
fn an_order_whose_lines_are_missing_is_fetched_again() {
    let partial = changed(|order| drop(order["line_items"].as_array_mut().unwrap().remove(1)));
    assert_eq!(fetched(&partial, AmountBasis::AsPriced), FetchedOrder::NotWhole);
    let empty = changed(|order| drop(order.as_object_mut().unwrap().remove("line_items")));
    assert_eq!(fetched(&empty, AmountBasis::AsPriced), FetchedOrder::NotWhole);
}

#[test]
fn a_return_order_is_a_refund_of_its_sale() {
    let FetchedOrder::Whole { sale: None, returns } = fetched(RETURN, AmountBasis::AsPriced) else { panic!() };
    let [(source, refund)] = returns.as_slice() else { panic!("{returns:?}") };
    assert_eq!((source.as_str(), refund.id.as_str()), ("CAISENgvlJ6jLWAzERDzjyHVybY", "square:RETURN1"));
    let line = RefundedLine { line: "line-1".to_owned(), quantity: Some(Decimal::ONE), amount: 500 };
    assert_eq!((&refund.lines, refund.amount), (&vec![line], 200));
    // An exchange sells and returns at once.
    let exchange = changed(|order| {
        let returned: Value = serde_json::from_str(RETURN).unwrap();
        order["returns"] = returned["order"]["returns"].clone();
        order["returns"][0]["source_order_id"] = json!("earlier");
    });
    let FetchedOrder::Whole { sale: Some(_), returns } = fetched(&exchange, AmountBasis::AsPriced) else { panic!() };
    assert_eq!(returns[0].0, "earlier");
    // Until it is completed, it does neither.
    let in_state = |payload: &str, state: &str| {
        let mut payload: Value = serde_json::from_str(payload).unwrap();
        payload["order"]["state"] = json!(state);
        fetched(&payload.to_string(), AmountBasis::AsPriced)
    };
    let nothing = FetchedOrder::Whole { sale: None, returns: Vec::new() };
    assert_eq!((in_state(&exchange, "OPEN"), in_state(&exchange, "CANCELED")), (nothing.clone(), nothing.clone()));
    assert_eq!(in_state(RETURN, "CANCELED"), nothing);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let terms = Terms { program: eur(), basis: AmountBasis::AsPriced, fx_rates: &BTreeMap::new() };
    assert!(order(&json!({ "errors": [] }), &terms).is_err());
    for (name, wrong) in [("closed_at", json!("yesterday")), ("id", json!(null))] {
        let payload = changed(|order| {
            order[name] = wrong.clone();
            order["created_at"] = json!(null);
        });
        assert!(order(&parsed(&payload), &terms).is_err(), "{name}");
    }
    let negative = changed(|order| {
        order["line_items"][0]["total_money"]["amount"] = json!(-1100);
        order["total_money"]["amount"] = json!(0);
    });
    assert!(order(&parsed(&negative), &terms).is_err());
}
