//! Codes that a shop's own checkout accepts: filling, drawing, deleting, cancelling, with fakes of the shops on this machine.

mod anonymous;
mod fake_shopify;
mod fake_woocommerce;
pub mod faults;
mod health;
mod other_shop;
mod shopify;
mod trouble;
mod woocommerce;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::StackOptions;

use self::fake_shopify::FakeShopify;
use crate::inbound;
use crate::shop::{Response, Shop, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
const SECRET: &str = "signing-secret-1";
const BUYER: &str = "207119551";

/// A reward whose codes a shop creates.
fn reward(id: &str, provider: &str, more: &Value) -> Value {
    let mut reward = json!({ "id": id, "name": id, "type": "amount_off", "value": "5.00", "cost": 10,
                             "code": { "provider": provider } });
    reward.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    reward.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    reward
}

/// A program with these rewards.
fn offering(rewards: &[Value]) -> Value {
    let mut program = program(&json!([]));
    program["points"]["returned_redemption"] = json!("prorata");
    program["rewards"] = json!(rewards);
    program
}

/// A shop with one member who has 1,000 points.
async fn open(rewards: Vec<Value>) -> Shop {
    open_with(rewards, StackOptions::default()).await
}

async fn open_with(rewards: Vec<Value>, options: StackOptions) -> Shop {
    let options = StackOptions { clock: Some(CLOCK.parse().unwrap()), ..options };
    let shop = Shop::with(&offering(&rewards), options).await;
    shop.post("/v1/members", &json!({ "id": BUYER })).await;
    let award = json!({ "award": 1000, "reason": "opening" });
    assert_eq!(shop.post(&format!("/v1/members/{BUYER}/adjustments"), &award).await.status, 201);
    shop
}

/// What connects a fake of Shopify that keeps so many codes ready.
fn connection(fake: &FakeShopify, low_water: u32, fill_to: u32) -> Value {
    json!({
        "enabled": true,
        "settings": { "base_url": fake.url(), "codes": { "low_water": low_water, "fill_to": fill_to } },
        "credentials": { "shop": "ada.myshopify.com", "client_id": "id", "client_secret": SECRET },
    })
}

/// A shop that is connected to a fake of Shopify, its pools filled.
async fn connected(fake: &FakeShopify, fill_to: u32, rewards: Vec<Value>) -> Shop {
    let shop = open(rewards).await;
    inbound::connect(&shop, "shopify", &connection(fake, fill_to, fill_to)).await;
    shop.settle().await;
    shop
}

/// What the connection says of the codes of a reward.
async fn codes(shop: &Shop, connection: &str, reward: &str) -> Value {
    let health = inbound::health(shop, connection).await;
    let of = health["codes"].as_array().unwrap().iter().find(|codes| codes["reward"] == reward);
    of.cloned().unwrap_or_default()
}

async fn redeem(shop: &Shop, reward: &str) -> Response {
    shop.post(&format!("/v1/members/{BUYER}/redemptions"), &json!({ "reward": reward })).await
}

/// Redeems a reward; its code.
async fn drawn(shop: &Shop, reward: &str) -> String {
    let coupon = redeem(shop, reward).await;
    assert_eq!(coupon.status, 201, "{}", coupon.body);
    coupon.body["code"].as_str().unwrap().to_owned()
}

async fn status(shop: &Shop, code: &str) -> Value {
    shop.get(&format!("/v1/coupons/{code}")).await["status"].clone()
}

async fn points(shop: &Shop) -> Value {
    shop.settle().await;
    shop.member(BUYER).await["points"]["available"].clone()
}

async fn cancel(shop: &Shop, code: &str) -> Response {
    let cancelled = shop.post(&format!("/v1/coupons/{code}/cancel"), &json!({})).await;
    shop.settle().await;
    cancelled
}

/// Looks at every pool, as the schedule does.
async fn look(shop: &Shop) {
    shop.post("/_local/jobs/inactivity", &json!({})).await;
    shop.settle().await;
}

/// An order that names a code, paid at a time.
fn order(id: u64, code: &str, at: &str) -> Value {
    let mut order = inbound::shopify_order();
    order["id"] = json!(id);
    for name in ["created_at", "processed_at", "updated_at"] {
        order[name] = json!(at);
    }
    order["discount_codes"] = json!([{ "code": code, "amount": "5.00", "type": "fixed_amount" }]);
    order
}

/// The order as nobody's: without a customer, and without an address.
fn nobody(mut order: Value) -> Value {
    for name in ["customer", "email", "contact_email", "phone"] {
        order[name] = Value::Null;
    }
    order
}

async fn deliver(shop: &Shop, topic: &str, payload: &Value) {
    let response = inbound::shopify(shop, topic, payload).await;
    assert_eq!(response.status, 200, "{}", response.body);
    shop.settle().await;
}

/// Replaces the program's rewards.
async fn publish(shop: &Shop, rewards: Vec<Value>) {
    let put = shop.request(Method::PUT, "/v1/program", Some(&offering(&rewards))).await;
    assert_eq!(put.status, 200, "{}", put.body);
    shop.settle().await;
}
