//! Events go out: webhooks and Klaviyo, against servers on this machine.

mod backfill;
mod by_time;
mod duplicates;
mod erasure;
pub mod faults;
mod klaviyo;
mod log;
mod mails;
mod profiles;
mod rates;
mod referrals;
pub mod server;
mod settings;
mod types;
mod webhooks;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, per_euro, program, receipt};
use server::Server;

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A shop with a point per euro and a coupon for each purchase.
async fn shop() -> Shop {
    Shop::open(&program(&rules()), CLOCK).await
}

fn rules() -> Value {
    let mut rules = per_euro();
    rules.as_array_mut().unwrap().push(json!({
        "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": { "where": { "stores": ["outlet"] } } }, "then": [{ "reward": { "reward": "five-off" } }] }));
    rules
}

/// Adds an endpoint and returns its id and secret.
pub async fn endpoint(shop: &Shop, server: &Server, events: &[&str]) -> (String, String) {
    let body = json!({ "url": server.url("/hook"), "events": events });
    let added = shop.post("/v1/webhook-endpoints", &body).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let text = |field: &str| added.body[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn buy(shop: &Shop, id: &str, total: &str) {
    let bought = shop.post("/v1/receipts", &receipt(id, "c-1", total)).await;
    assert_eq!(bought.status, 202, "{}", bought.body);
    shop.settle().await;
}

async fn deliveries(shop: &Shop, endpoint: &str) -> Vec<Value> {
    let page = shop.get(&format!("/v1/webhook-endpoints/{endpoint}/deliveries")).await;
    page["items"].as_array().unwrap().clone()
}

async fn patch(shop: &Shop, endpoint: &str, body: Value) -> crate::shop::Response {
    shop.request(Method::PATCH, &format!("/v1/webhook-endpoints/{endpoint}"), Some(&body)).await
}
