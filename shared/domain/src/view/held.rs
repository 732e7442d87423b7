//! Facts as they were reported, for the export of what is held on a person.

use serde_json::{Map, Value, json};

use crate::fact::{Interaction, Receipt, Refund, RefundAmount};
use crate::money::{Currency, Money};

fn money(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).to_string()
}

/// Removes what is not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// A receipt and its refunds, in the fields in which they are reported.
pub fn held_receipt<'a>(receipt: &Receipt, refunds: impl Iterator<Item = &'a Refund>) -> Value {
    let currency = receipt.currency;
    let lines = receipt.lines.iter().map(|line| {
        without_nulls(json!({
            "id": line.id, "sku": line.sku, "product": line.product, "category": line.categories, "brand": line.brand,
            "quantity": line.quantity.to_string(), "amount": money(line.amount, currency), "attributes": line.attributes,
        }))
    });
    without_nulls(json!({
        "id": receipt.id, "occurred_at": receipt.occurred_at.to_string(), "store": receipt.store,
        "channel": receipt.channel, "currency": currency.code(),
        "fx_rate": receipt.fx_rate.map(|rate| rate.to_string()), "total": money(receipt.total, currency),
        "discount": money(receipt.discount, currency), "lines": lines.collect::<Vec<_>>(), "coupons": receipt.coupons,
        "referral_code": receipt.referral_code, "click": receipt.click,
        "refunds": refunds.map(|refund| held_refund(refund, currency)).collect::<Vec<_>>(),
    }))
}

fn held_refund(refund: &Refund, currency: Currency) -> Value {
    let (mut amount, mut lines) = (None, None);
    // What came before its receipt and has more decimals than its currency was never applied.
    let refund = refund.clone().in_currency(currency);
    let text = |minor: i64| if refund.is_raw { None } else { Some(money(minor, currency)) };
    match &refund.amount {
        RefundAmount::Net(net) => amount = text(*net),
        RefundAmount::Lines(returned) => {
            let returned = returned.iter().map(|line| {
                let quantity = line.quantity.map(|quantity| quantity.to_string());
                without_nulls(json!({ "line": line.line, "quantity": quantity, "amount": text(line.amount) }))
            });
            lines = Some(returned.collect::<Vec<_>>());
        }
    }
    without_nulls(
        json!({ "id": refund.id, "occurred_at": refund.occurred_at.to_string(), "amount": amount, "lines": lines }),
    )
}

/// An interaction, in the fields in which it is reported.
pub fn held_interaction(interaction: &Interaction) -> Value {
    json!({
        "id": interaction.id, "occurred_at": interaction.occurred_at.to_string(), "name": interaction.name,
        "properties": interaction.properties,
    })
}
