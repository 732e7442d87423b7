//! Shops come in: deliveries of Shopify, WooCommerce, Square and any other sender, with fakes of their APIs on this machine.

pub mod faults;
mod files;
mod generic;
mod klaviyo;
mod privacy;
mod settings;
mod shopify;
mod square;
mod woocommerce;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
const SECRET: &str = "signing-secret-1";

/// A shop with a point per euro, and a tier from 500 points.
async fn shop() -> Shop {
    Shop::open(&program(&per_euro()), CLOCK).await
}

fn signature(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Connects a shop.
pub async fn connect(shop: &Shop, connection: &str, body: &Value) -> Value {
    let path = format!("/v1/integrations/{connection}");
    let connected = shop.request(Method::PUT, &path, Some(body)).await;
    assert_eq!(connected.status, 200, "{}", connected.body);
    connected.body
}

pub async fn health(shop: &Shop, connection: &str) -> Value {
    shop.get(&format!("/v1/integrations/{connection}")).await["health"].clone()
}

/// Connects Shopify.
pub async fn connect_shopify(shop: &Shop) {
    let credentials = json!({ "shop": "ada.myshopify.com", "client_id": "id", "client_secret": SECRET });
    connect(shop, "shopify", &json!({ "enabled": true, "credentials": credentials })).await;
}

/// Delivers a payload of Shopify.
pub async fn shopify(shop: &Shop, topic: &str, payload: &Value) -> Response {
    shopify_bytes(shop, topic, payload.to_string().into_bytes()).await
}

async fn shopify_bytes(shop: &Shop, topic: &str, body: Vec<u8>) -> Response {
    let signature = signature(SECRET, &[&body]);
    let headers = [
        ("content-type", "application/json"),
        ("X-Shopify-Topic", topic),
        ("X-Shopify-Hmac-Sha256", signature.as_str()),
        ("X-Shopify-Shop-Domain", "ada.myshopify.com"),
        ("X-Shopify-Api-Version", "2026-10"),
    ];
    shop.deliver(&format!("/v1/webhooks/shopify/{}", shop.program), &headers, body).await
}

/// The documented order of Shopify, of 105 euros.
pub fn shopify_order() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/shopify/fixtures/2026-10-order.json")).unwrap()
}

/// The documented refund of Shopify, of 8.75 euros.
pub fn shopify_refund() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/shopify/fixtures/2026-10-refund.json")).unwrap()
}

/// Delivers an order of WooCommerce.
pub async fn woocommerce(shop: &Shop, payload: &Value) -> Response {
    let body = payload.to_string().into_bytes();
    let signature = signature(SECRET, &[&body]);
    let headers = [
        ("content-type", "application/json"),
        ("X-WC-Webhook-Topic", "order.updated"),
        ("X-WC-Webhook-Signature", signature.as_str()),
    ];
    shop.deliver(&format!("/v1/webhooks/woocommerce/{}", shop.program), &headers, body).await
}

/// The documented order of WooCommerce.
pub fn woocommerce_order() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/woocommerce/fixtures/order.json")).unwrap()
}

async fn points(shop: &Shop, member: &str) -> Value {
    shop.settle().await;
    shop.member(member).await["points"]["available"].clone()
}
