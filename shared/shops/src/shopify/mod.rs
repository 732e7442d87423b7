//! Shopify: `orders/paid`, `orders/updated`, `orders/cancelled`, `refunds/create`, and the privacy topics.
//!
//! Never run against the vendor: the fields are those of its documentation, with a fixture for each version of the API.
//!
//! - What earns: price × quantity less discounts, of the lines that are no gift cards and no tips, in the shop's own money.
//! - Shipping never earns. Paying with a gift card is paying.

mod order;
mod refund;

pub use order::order;
pub use refund::refund;

use serde_json::Value;

use crate::payload::{Payload, PayloadError};
use crate::signature::{SignatureError, verify_base64};
use crate::terms::Terms;
use crate::{AmountBasis, Delivered, PrivacyRequest, ShopOrder};

/// The header with the signature.
pub const SIGNATURE: &str = "x-shopify-hmac-sha256";
/// The header with the topic.
pub const TOPIC: &str = "x-shopify-topic";
/// The header with the shop's domain.
pub const SHOP: &str = "x-shopify-shop-domain";
/// The header with the version of the API.
pub const VERSION: &str = "x-shopify-api-version";
/// The newest version that there is a fixture of.
pub const NEWEST_VERSION: &str = "2026-10";

/// Checks the signature of a delivery.
///
/// # Errors
/// When it has another form, or no secret produces it.
pub fn verify(secrets: &[&str], body: &[u8], signature: &str) -> Result<(), SignatureError> {
    verify_base64(secrets, &[body], signature)
}

/// True for a version of the API that is newer than every fixture: versions are quarters, such as `2026-10`.
pub fn is_newer(version: &str) -> bool {
    version == "unstable" || version > NEWEST_VERSION
}

/// Reads a delivery.
///
/// # Errors
/// When the payload lacks what its topic needs.
pub fn read(topic: &str, payload: &Value, terms: &Terms<'_>) -> Result<Delivered, PayloadError> {
    let payload = Payload::new(payload);
    match topic {
        "orders/paid" => read_order(payload, terms).map(|delivered| match delivered {
            // An order that has changed since is compared.
            Delivered::Order(order) if order.refunds.is_empty() && order.cancelled_at.is_none() => {
                Delivered::Paid(Box::new(ShopOrder { is_paid: true, ..*order }))
            }
            Delivered::Order(order) => Delivered::Order(Box::new(ShopOrder { is_paid: true, ..*order })),
            other => other,
        }),
        "orders/updated" | "orders/cancelled" => read_order(payload, terms),
        // The payload does not say whether prices include tax. `orders/updated` does, and has the refund too.
        "refunds/create" if terms.basis != AmountBasis::AsPriced => {
            Ok(Delivered::Nothing("refunds come with orders/updated while the amount is not as_priced"))
        }
        "refunds/create" => {
            let receipt = format!("shopify:{}", payload.required("/order_id")?);
            let (refund, currency) = refund(payload, None, &[])?;
            if refund.lines.is_empty() && refund.amount == 0 {
                return Ok(Delivered::Nothing("a refund without goods"));
            }
            Ok(Delivered::Refund { receipt, refund, currency })
        }
        "customers/data_request" => {
            let customer = payload.required("/customer/id")?.to_owned();
            let request = payload.text("/data_request/id").map(str::to_owned);
            Ok(Delivered::Privacy(PrivacyRequest::CustomerData { customer, request }))
        }
        "customers/redact" => {
            let customer = payload.required("/customer/id")?.to_owned();
            Ok(Delivered::Privacy(PrivacyRequest::CustomerErasure { customer }))
        }
        "shop/redact" => Ok(Delivered::Privacy(PrivacyRequest::ShopErasure)),
        _ => Ok(Delivered::Nothing("a topic that is not used")),
    }
}

fn read_order(payload: Payload<'_>, terms: &Terms<'_>) -> Result<Delivered, PayloadError> {
    if payload.is_true("/test") {
        return Ok(Delivered::Nothing("a test order"));
    }
    let order = order(payload, terms)?;
    Ok(order
        .map_or(Delivered::Nothing("an order of gift cards or tips alone"), |order| Delivered::Order(Box::new(order))))
}

#[cfg(test)]
mod tests;
