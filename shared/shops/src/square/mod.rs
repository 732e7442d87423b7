//! Square: `order.updated`, `payment.updated`, `refund.*`. Its events are thin; the orders are fetched.
//!
//! Never run against the vendor: the fields are those of its documentation.
//!
//! - What earns: `total_money` of the lines, less `total_tax_money` where tax is additive. Gift cards and service charges
//!   earn nothing. An order counts once it is `COMPLETED`.
//! - A refund's order is a return order of its own. The sale is `returns[].source_order_id`.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::payload::{Payload, PayloadError};
use crate::signature::{SignatureError, verify_base64};
use crate::terms::{AmountBasis, Amounts, Terms, decimal, member, short};
use crate::{Delivered, RefundedLine, ShopOrder, ShopRefund};

/// The header with the signature.
pub const SIGNATURE: &str = "x-square-hmacsha256-signature";
/// The version of the API that orders are fetched in.
pub const VERSION: &str = "2026-09-16";

/// What a fetched order says.
#[derive(Debug, Clone, PartialEq)]
pub enum FetchedOrder {
    /// Its lines do not add up to its total yet: it is to be fetched again.
    NotWhole,
    /// It is whole.
    Whole {
        /// The sale, when it is one and completed.
        sale: Option<Box<ShopOrder>>,
        /// What it returns: the number of the sale, and the refund.
        returns: Vec<(String, ShopRefund)>,
    },
}

/// Checks the signature of a delivery to a notification URL.
///
/// # Errors
/// When it has another form, or no secret produces it.
pub fn verify(secrets: &[&str], url: &str, body: &[u8], signature: &str) -> Result<(), SignatureError> {
    verify_base64(secrets, &[url.as_bytes(), body], signature)
}

/// Reads an event: the number of the order that is to be fetched.
///
/// # Errors
/// When the payload has no type.
pub fn read(payload: &Value) -> Result<Delivered, PayloadError> {
    let payload = Payload::new(payload);
    let kind = payload.required("/type")?;
    let order = if kind.starts_with("order.") {
        let object = kind.replace('.', "_");
        payload.text(&format!("/data/object/{object}/order_id")).or(payload.text("/data/id"))
    } else if kind.starts_with("payment.") {
        payload.text("/data/object/payment/order_id")
    } else if kind.starts_with("refund.") {
        if payload.text("/data/object/refund/status") != Some("COMPLETED") {
            return Ok(Delivered::Nothing("a refund that is not completed"));
        }
        payload.text("/data/object/refund/order_id")
    } else {
        return Ok(Delivered::Nothing("a type of event that is not used"));
    };
    Ok(order.map_or(Delivered::Nothing("an event without an order"), |order| Delivered::OrderNumber(order.to_owned())))
}

/// Reads the response to `GET /v2/orders/{id}`.
///
/// # Errors
/// When a field is missing or no amount.
pub fn order(response: &Value, terms: &Terms<'_>) -> Result<FetchedOrder, PayloadError> {
    let order = response.get("order").ok_or_else(|| PayloadError::missing("/order"))?;
    let order = Payload::new(order);
    let is_complete = order.text("/state") == Some("COMPLETED");
    if is_complete && !is_whole(order)? {
        return Ok(FetchedOrder::NotWhole);
    }
    let is_sale = order.has_items("/line_items") && is_complete;
    let sale = if is_sale { sale(order, terms)?.map(Box::new) } else { None };
    // An exchange returns nothing before it is completed.
    let is_returned = is_complete || (!order.has_items("/line_items") && order.text("/state") != Some("CANCELED"));
    let returns = if is_returned { returns(order, terms)? } else { Vec::new() };
    Ok(FetchedOrder::Whole { sale, returns })
}

/// True when the lines add up to the total. Right after a payment some may be missing.
fn is_whole(order: Payload<'_>) -> Result<bool, PayloadError> {
    if order.has_items("/returns") && !order.has_items("/line_items") {
        return Ok(true);
    }
    let money = |pointer: &str| decimal(order.text(pointer).unwrap_or("0"));
    let mut sum = money("/total_tip_money/amount")? + money("/total_service_charge_money/amount")?;
    for line in order.list("/line_items") {
        sum += decimal(line.text("/total_money/amount").unwrap_or("0"))?;
    }
    let total = money("/total_money/amount")?;
    // Rounding of cash may make the total a little smaller than its parts; a missing line makes it larger.
    Ok(sum >= total)
}

fn sale(order: Payload<'_>, terms: &Terms<'_>) -> Result<Option<ShopOrder>, PayloadError> {
    let code = order.text("/total_money/currency");
    let code = code.or_else(|| order.list("/line_items").find_map(|line| line.text("/total_money/currency")));
    let amounts = Amounts::of(code.ok_or_else(|| PayloadError::missing("/total_money/currency"))?)?;
    let additive: Vec<&str> = additive_taxes(order);
    let (mut lines, mut total) = (Vec::new(), 0_i64);
    for line in order.list("/line_items").filter(|line| line.text("/item_type") != Some("GIFT_CARD")) {
        let id = line.required("/uid")?;
        let amount = minor(amount(line, terms.basis, &additive)?)?;
        total = total.saturating_add(amount);
        let mut body = json!({ "id": id, "amount": amounts.text(amount) });
        if let Some(quantity) = line.text("/quantity") {
            body["quantity"] = json!(quantity);
        }
        if let Some(sku) = line.text("/catalog_object_id") {
            body["sku"] = json!(short(sku, 128));
        }
        if let Some(name) = line.text("/name") {
            body["product"] = json!(short(name, 256));
        }
        lines.push(body);
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let closed = time(order, "/closed_at").or_else(|_| time(order, "/created_at"))?;
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(format!("square:{}", order.required("/id")?)));
    body.insert("occurred_at".to_owned(), json!(closed.to_string()));
    body.insert("member".to_owned(), member(order.text("/customer_id").or(payer(order)), None, None, false));
    body.insert("channel".to_owned(), json!("pos"));
    if let Some(location) = order.text("/location_id") {
        body.insert("store".to_owned(), json!(short(location, 128)));
    }
    body.insert("currency".to_owned(), json!(amounts.0.code()));
    terms.add_rate(&mut body, amounts.0)?;
    body.insert("total".to_owned(), json!(amounts.text(total)));
    body.insert("lines".to_owned(), json!(lines));
    Ok(Some(ShopOrder {
        receipt: Value::Object(body),
        is_paid: true,
        updated_at: time(order, "/updated_at").unwrap_or(closed),
        cancelled_at: None,
        refunds: Vec::new(),
    }))
}

/// The customer of a payment, where the order itself names none.
fn payer(order: Payload<'_>) -> Option<&str> {
    order.list("/tenders").find_map(|tender| tender.text("/customer_id"))
}

/// What an order returns. Lines without a line of the sale, such as those of type `CUSTOM_AMOUNT`, are bare amounts.
fn returns(order: Payload<'_>, terms: &Terms<'_>) -> Result<Vec<(String, ShopRefund)>, PayloadError> {
    let id = order.required("/id")?;
    let at = time(order, "/closed_at").or_else(|_| time(order, "/created_at"));
    let additive: Vec<&str> = additive_taxes(order);
    let mut found: Vec<(String, ShopRefund)> = Vec::new();
    for returned in order.list("/returns") {
        let Some(source) = returned.text("/source_order_id") else { continue };
        if !found.iter().any(|(known, _)| known == source) {
            let refund =
                ShopRefund { id: format!("square:{id}"), occurred_at: at.clone()?, lines: Vec::new(), amount: 0 };
            found.push((source.to_owned(), refund));
        }
        let Some((_, refund)) = found.iter_mut().find(|(known, _)| known == source) else { continue };
        for line in returned.list("/return_line_items") {
            let kind = line.text("/item_type");
            if kind == Some("GIFT_CARD") {
                continue;
            }
            let amount = minor(amount(line, terms.basis, &additive)?)?;
            let of = line.text("/source_line_item_uid").filter(|_| kind != Some("CUSTOM_AMOUNT"));
            let Some(of) = of else {
                refund.amount += amount;
                continue;
            };
            let quantity =
                line.text("/quantity").map(decimal).transpose()?.filter(|quantity| *quantity > Decimal::ZERO);
            match refund.lines.iter_mut().find(|known| known.line == of) {
                Some(known) => {
                    known.amount += amount;
                    known.quantity = known.quantity.zip(quantity).map(|(one, other)| one + other);
                }
                None => refund.lines.push(RefundedLine { line: of.to_owned(), quantity, amount }),
            }
        }
    }
    found.retain(|(_, refund)| !refund.lines.is_empty() || refund.amount > 0);
    Ok(found)
}

/// The taxes of an order that are added to prices, by their uid.
fn additive_taxes(order: Payload<'_>) -> Vec<&str> {
    let returned = order.list("/returns").flat_map(|one| one.list("/return_taxes"));
    let taxes = order.list("/taxes").chain(returned);
    taxes.filter(|tax| tax.text("/type") == Some("ADDITIVE")).filter_map(|tax| tax.text("/uid")).collect()
}

/// What earns of a line, in minor units. Its total includes every tax.
fn amount(line: Payload<'_>, basis: AmountBasis, additive: &[&str]) -> Result<Decimal, PayloadError> {
    let money = |pointer: &str| decimal(line.text(pointer).unwrap_or("0"));
    let total = decimal(line.required("/total_money/amount")?)?;
    let tax = money("/total_tax_money/amount")?;
    let mut applied = Decimal::ZERO;
    let mut names_taxes = false;
    for part in line.list("/applied_taxes") {
        names_taxes = true;
        if part.text("/tax_uid").is_some_and(|uid| additive.contains(&uid)) {
            applied += decimal(part.text("/applied_money/amount").unwrap_or("0"))?;
        }
    }
    // Without the taxes of the line, all of its tax is of the order's one kind.
    let added = if names_taxes {
        applied
    } else if additive.is_empty() {
        Decimal::ZERO
    } else {
        tax
    };
    Ok(match basis {
        AmountBasis::WithTax => total,
        AmountBasis::WithoutTax => total - tax,
        AmountBasis::AsPriced => total - added,
    })
}

/// Square's amounts are in minor units already.
fn minor(amount: Decimal) -> Result<i64, PayloadError> {
    let whole = i64::try_from(amount.trunc().mantissa()).ok().filter(|_| amount.is_integer());
    whole.filter(|minor| *minor >= 0).ok_or_else(|| PayloadError(format!("{amount} is not an amount of goods")))
}

fn time(order: Payload<'_>, pointer: &str) -> Result<Timestamp, PayloadError> {
    let text = order.required(pointer)?;
    text.parse().map_err(|_| PayloadError(format!("{pointer} is not a time with offset: {text:?}")))
}

#[cfg(test)]
mod tests;
