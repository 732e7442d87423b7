//! WooCommerce, REST v3: `order.updated`. Its refunds are fetched, because the payload has their totals alone.
//!
//! Never run against the vendor: the fields are those of its documentation.
//!
//! - What earns: the lines' `total`, with `total_tax` where prices include tax. Fees and shipping never earn.
//! - An order earns in `processing` and `completed`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use tessera_domain::money::Currency;

use crate::payload::{Payload, PayloadError};
use crate::signature::{SignatureError, verify_base64};
use crate::terms::{AmountBasis, Amounts, Terms, decimal, member, short};
use crate::{Delivered, RefundedLine, ShopOrder, ShopRefund};

/// The header with the signature.
pub const SIGNATURE: &str = "x-wc-webhook-signature";
/// The header with the topic.
pub const TOPIC: &str = "x-wc-webhook-topic";

/// In which status an order earns.
const EARNING: [&str; 2] = ["processing", "completed"];
/// The most codes of an order that are looked at, as of every receipt.
const MOST_CODES: usize = 20;

/// Checks the signature of a delivery.
///
/// # Errors
/// When it has another form, or no secret produces it.
pub fn verify(secrets: &[&str], body: &[u8], signature: &str) -> Result<(), SignatureError> {
    verify_base64(secrets, &[body], signature)
}

/// True for the ping with which WooCommerce tests a new webhook: form-encoded and not signed.
pub fn is_ping(content_type: &str, body: &[u8]) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let number = body.strip_prefix(b"webhook_id=");
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Reads an order that was delivered or listed.
///
/// # Errors
/// When a field is missing or no amount.
pub fn read(payload: &Value, terms: &Terms<'_>) -> Result<Delivered, PayloadError> {
    let payload = Payload::new(payload);
    let status = payload.required("/status")?;
    let amounts = Amounts::of(payload.required("/currency")?)?;
    let is_taxed = payload.is_true("/prices_include_tax");
    let (mut lines, mut total) = (Vec::new(), 0_i64);
    for line in payload.list("/line_items") {
        let id = line.required("/id")?;
        let amount = amounts.minor(amount(line, terms.basis, is_taxed)?)?;
        total = total.saturating_add(amount);
        lines.push(body_of(line, id, &amounts.text(amount)));
    }
    let created = gmt(payload, "/date_created_gmt")?;
    let number = payload.required("/id")?;
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(format!("woocommerce:{number}")));
    // The date of the payment comes later for an order that is paid on delivery; this one never changes.
    body.insert("occurred_at".to_owned(), json!(created.to_string()));
    // 0 is a guest. Nobody has proven the address of a bill.
    let id = payload.text("/customer_id").filter(|id| *id != "0");
    let buyer = member(id, payload.text("/billing/email"), payload.text("/billing/phone"), false);
    body.insert("member".to_owned(), buyer);
    body.insert("channel".to_owned(), json!("web"));
    body.insert("currency".to_owned(), json!(amounts.0.code()));
    terms.add_rate(&mut body, amounts.0)?;
    body.insert("total".to_owned(), json!(amounts.text(total)));
    body.insert("lines".to_owned(), json!(lines));
    let codes: Vec<&str> =
        payload.list("/coupon_lines").filter_map(|line| line.text("/code")).take(MOST_CODES).collect();
    if !codes.is_empty() {
        body.insert("coupons".to_owned(), json!(codes));
    }
    let updated = gmt(payload, "/date_modified_gmt").unwrap_or(created);
    let order = ShopOrder {
        receipt: Value::Object(body),
        is_paid: EARNING.contains(&status),
        updated_at: updated,
        cancelled_at: matches!(status, "cancelled" | "trash").then_some(updated),
        refunds: Vec::new(),
    };
    if payload.has_items("/refunds") || status == "refunded" {
        // An order that is wholly refunded was paid before.
        let is_paid = order.is_paid || status == "refunded";
        let (order, number) = (Box::new(ShopOrder { is_paid, ..order }), number.to_owned());
        return Ok(Delivered::OrderWithoutRefunds { order, number, is_taxed });
    }
    match status {
        "processing" | "completed" => Ok(Delivered::Paid(Box::new(order))),
        "cancelled" | "trash" => Ok(Delivered::Order(Box::new(order))),
        _ => Ok(Delivered::Nothing("an order in a status that does not earn")),
    }
}

/// Reads the refunds of an order, as `GET /wc/v3/orders/{id}/refunds` returns them.
///
/// Lines are matched by `_refunded_item_id`. A refund without lines is a bare amount, unless it is shipping alone.
/// `is_taxed`: whether the order's prices include tax.
///
/// # Errors
/// When a field is missing or no amount.
pub fn refunds(
    refunds: &Value,
    currency: Currency,
    is_taxed: bool,
    basis: AmountBasis,
) -> Result<Vec<ShopRefund>, PayloadError> {
    let amounts = Amounts(currency);
    let read = Payload::new(refunds).list("").map(|refund| {
        let mut lines: Vec<RefundedLine> = Vec::new();
        for line in refund.list("/line_items") {
            let of = line.list("/meta_data").find(|meta| meta.text("/key") == Some("_refunded_item_id"));
            let of = of.and_then(|meta| meta.text("/value"));
            let of = of.ok_or_else(|| PayloadError::missing("_refunded_item_id of a line"))?;
            // Amounts and quantities of refunds are negative.
            let amount = amounts.minor(amount(line, basis, is_taxed)?)?.abs();
            let quantity = line.text("/quantity").map(decimal).transpose()?.map(|quantity| quantity.abs());
            let quantity = quantity.filter(|quantity| !quantity.is_zero());
            if amount == 0 && quantity.is_none() {
                continue;
            }
            match lines.iter_mut().find(|known| known.line == of) {
                Some(known) => {
                    known.amount += amount;
                    known.quantity = known.quantity.zip(quantity).map(|(one, other)| one + other);
                }
                None => lines.push(RefundedLine { line: of.to_owned(), quantity, amount }),
            }
        }
        let mut bare = 0;
        if lines.is_empty() {
            let mut left = decimal(refund.text("/amount").unwrap_or("0"))?.abs();
            for part in refund.list("/shipping_lines").chain(refund.list("/fee_lines")) {
                for field in ["/total", "/total_tax"] {
                    left -= decimal(part.text(field).unwrap_or("0"))?.abs();
                }
            }
            bare = amounts.minor(left.max(Decimal::ZERO))?;
        }
        Ok(ShopRefund {
            id: format!("woocommerce:{}", refund.required("/id")?),
            occurred_at: gmt(refund, "/date_created_gmt")?,
            lines,
            amount: bare,
        })
    });
    let read = read.collect::<Result<Vec<_>, PayloadError>>()?;
    Ok(read.into_iter().filter(|refund| !refund.lines.is_empty() || refund.amount > 0).collect())
}

/// What earns of a line. Its `total` never includes tax.
fn amount(line: Payload<'_>, basis: AmountBasis, is_taxed: bool) -> Result<Decimal, PayloadError> {
    let total = decimal(line.required("/total")?)?;
    let tax = decimal(line.text("/total_tax").unwrap_or("0"))?;
    Ok(match (basis, is_taxed) {
        (AmountBasis::AsPriced, true) | (AmountBasis::WithTax, _) => total + tax,
        (AmountBasis::AsPriced, false) | (AmountBasis::WithoutTax, _) => total,
    })
}

fn body_of(line: Payload<'_>, id: &str, amount: &str) -> Value {
    let mut body = json!({ "id": id, "amount": amount });
    if let Some(quantity) = line.text("/quantity").filter(|quantity| *quantity != "0") {
        body["quantity"] = json!(quantity);
    }
    if let Some(sku) = line.text("/sku") {
        body["sku"] = json!(short(sku, 128));
    }
    if let Some(name) = line.text("/name") {
        body["product"] = json!(short(name, 256));
    }
    body
}

/// A time of WooCommerce, which is written without offset.
fn gmt(payload: Payload<'_>, pointer: &str) -> Result<Timestamp, PayloadError> {
    let text = payload.required(pointer)?;
    let wrong = || PayloadError(format!("{pointer} is not a time: {text:?}"));
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil: DateTime = text.parse().map_err(|_| wrong())?;
    civil.to_zoned(TimeZone::UTC).map(|at| at.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
