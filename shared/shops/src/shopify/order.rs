//! Orders of Shopify.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::refund::refund;
use crate::ShopOrder;
use crate::payload::{Payload, PayloadError};
use crate::terms::{AmountBasis, Amounts, Terms, decimal, member, short};

/// What the financial status of an order is once it was paid.
const PAID: [&str; 3] = ["paid", "partially_refunded", "refunded"];
/// The most codes of an order that are looked at, as of every receipt.
const MOST_CODES: usize = 20;

/// Reads an order; `None` for one of gift cards and tips alone.
///
/// # Errors
/// When a field is missing or no amount.
pub fn order(payload: Payload<'_>, terms: &Terms<'_>) -> Result<Option<ShopOrder>, PayloadError> {
    let amounts = Amounts::of(payload.required("/currency")?)?;
    let refunds: Vec<Payload<'_>> = payload.list("/refunds").collect();
    let is_taxed = payload.is_true("/taxes_included");
    let (mut lines, mut total, mut has_goods) = (Vec::new(), 0_i64, false);
    for line in payload.list("/line_items").filter(|line| earns(*line)) {
        has_goods = true;
        let id = line.required("/id")?;
        let quantity = decimal(line.text("/quantity").unwrap_or("1"))?;
        let ordered = ordered(line, quantity, refunded(&refunds, id)?)?;
        // Removed before it was paid.
        if ordered <= Decimal::ZERO {
            continue;
        }
        let net = net(line, quantity, terms.basis, is_taxed)?;
        let share = if ordered == quantity { net } else { net.checked_mul(ordered / quantity).unwrap_or(net) };
        let amount = amounts.minor(share)?;
        total = total.saturating_add(amount);
        lines.push(body_of(line, id, ordered, &amounts.text(amount)));
    }
    if !has_goods && payload.has_items("/line_items") {
        return Ok(None);
    }
    let created = payload.text("/processed_at").or(payload.text("/created_at"));
    let created = time("/created_at", created)?;
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(format!("shopify:{}", payload.required("/id")?)));
    body.insert("occurred_at".to_owned(), json!(created.to_string()));
    body.insert("member".to_owned(), buyer(payload));
    let is_pos = payload.text("/source_name") == Some("pos");
    body.insert("channel".to_owned(), json!(if is_pos { "pos" } else { "web" }));
    if let Some(location) = payload.text("/location_id") {
        body.insert("store".to_owned(), json!(short(location, 128)));
    }
    body.insert("currency".to_owned(), json!(amounts.0.code()));
    terms.add_rate(&mut body, amounts.0)?;
    body.insert("total".to_owned(), json!(amounts.text(total)));
    body.insert("lines".to_owned(), json!(lines));
    let codes: Vec<&str> =
        payload.list("/discount_codes").filter_map(|code| code.text("/code")).take(MOST_CODES).collect();
    if !codes.is_empty() {
        body.insert("coupons".to_owned(), json!(codes));
    }
    // The lines of a refund need not say what they are.
    let others: Vec<&str> =
        payload.list("/line_items").filter(|line| !earns(*line)).filter_map(|line| line.text("/id")).collect();
    let taxes = Some((terms.basis, is_taxed));
    let refunds = refunds.iter().map(|one| refund(*one, taxes, &others).map(|(refund, _)| refund));
    let refunds = refunds.collect::<Result<Vec<_>, _>>()?;
    let status = payload.text("/financial_status").unwrap_or_default();
    Ok(Some(ShopOrder {
        receipt: Value::Object(body),
        is_paid: PAID.contains(&status),
        updated_at: time("/updated_at", payload.text("/updated_at")).unwrap_or(created),
        cancelled_at: payload.text("/cancelled_at").map(|at| time("/cancelled_at", Some(at))).transpose()?,
        refunds: refunds.into_iter().filter(|one| !one.lines.is_empty() || one.amount > 0).collect(),
    }))
}

/// True for a line of goods: neither a gift card nor a tip, which a point of sale adds as a line.
pub(super) fn earns(line: Payload<'_>) -> bool {
    let is_tip = line.value().get("tip").is_some_and(Value::is_object) || line.text("/tip_payment_gateway").is_some();
    !is_tip && !line.is_true("/gift_card")
}

/// How many items of a line were ordered and not removed by an edit; refunded ones count.
fn ordered(line: Payload<'_>, quantity: Decimal, refunded: Decimal) -> Result<Decimal, PayloadError> {
    match line.text("/current_quantity") {
        Some(current) => Ok((decimal(current)? + refunded).min(quantity)),
        None => Ok(quantity),
    }
}

/// How many items of a line the refunds of a payload return.
fn refunded(refunds: &[Payload<'_>], line: &str) -> Result<Decimal, PayloadError> {
    let mut sum = Decimal::ZERO;
    for refund in refunds {
        for returned in refund.list("/refund_line_items").filter(|item| item.text("/line_item_id") == Some(line)) {
            sum += decimal(returned.text("/quantity").unwrap_or("0"))?;
        }
    }
    Ok(sum)
}

/// The amount of a field in the shop's money: `…_set.shop_money.amount`, else the field itself.
pub(super) fn shop_money(at: Payload<'_>, field: &str) -> Result<Option<Decimal>, PayloadError> {
    let set = format!("/{field}_set/shop_money/amount");
    at.text(&set).or_else(|| at.text(&format!("/{field}"))).map(decimal).transpose()
}

/// The price of a line, less discounts, for its whole quantity.
pub(super) fn net(
    line: Payload<'_>,
    quantity: Decimal,
    basis: AmountBasis,
    is_taxed: bool,
) -> Result<Decimal, PayloadError> {
    let price = shop_money(line, "price")?.ok_or_else(|| PayloadError::missing("/line_items/price"))?;
    let gross = price.checked_mul(quantity).ok_or_else(|| PayloadError("an amount is too large".to_owned()))?;
    let mut net = gross;
    for allocation in line.list("/discount_allocations") {
        net -= shop_money(allocation, "amount")?.unwrap_or_default();
    }
    let mut tax = Decimal::ZERO;
    for part in line.list("/tax_lines") {
        tax += shop_money(part, "price")?.unwrap_or_default();
    }
    let adjusted = match (basis, is_taxed) {
        (AmountBasis::WithTax, false) => net + tax,
        (AmountBasis::WithoutTax, true) => net - tax,
        (AmountBasis::AsPriced, _) | (AmountBasis::WithTax, true) | (AmountBasis::WithoutTax, false) => net,
    };
    Ok(adjusted)
}

fn body_of(line: Payload<'_>, id: &str, quantity: Decimal, amount: &str) -> Value {
    let mut body = json!({ "id": id, "quantity": quantity.normalize().to_string(), "amount": amount });
    let texts = [("sku", "/sku", 128), ("product", "/title", 256), ("brand", "/vendor", 128)];
    for (name, pointer, most) in texts {
        if let Some(text) = line.text(pointer) {
            body[name] = json!(short(text, most));
        }
    }
    body
}

/// The buyer: the customer's id, and the e-mail address of a guest.
fn buyer(payload: Payload<'_>) -> Value {
    let email = payload.text("/customer/email").or(payload.text("/email")).or(payload.text("/contact_email"));
    // Of another address than the customer's own, Shopify has proven nothing.
    let is_own = payload.text("/customer/email").is_some();
    let is_verified = is_own && payload.is_true("/customer/verified_email");
    let phone = payload.text("/customer/phone").or(payload.text("/phone"));
    member(payload.text("/customer/id"), email, phone, is_verified)
}

pub(super) fn time(pointer: &str, text: Option<&str>) -> Result<Timestamp, PayloadError> {
    let text = text.ok_or_else(|| PayloadError::missing(pointer))?;
    text.parse().map_err(|_| PayloadError(format!("{pointer} is not a time with offset: {text:?}")))
}
