//! Events of Square, and the orders that are fetched.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{SECRET, connect, health, points, shop, signature};
use crate::outgoing::server::{Reaction, Received, Server};
use crate::shop::{Response, Shop};

const URL: &str = "https://api.example/v1/webhooks/square/prg";
const SALE: &str = "CAISENgvlJ6jLWAzERDzjyHVybY";
const BUYER: &str = "JDKYHBWT1D4F8MFH63DBMEN8Y4";

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../shared/shops/src/square/fixtures/", $name)))
            .unwrap()
    };
}

type Orders = Arc<Mutex<Vec<Value>>>;

/// A fake of Square's Orders API that checks the token and the version.
async fn fake(orders: &Orders) -> Server {
    let server = Server::start().await;
    let orders = Arc::clone(orders);
    server.react(move |request| respond(request, &orders.lock().unwrap()));
    server
}

fn respond(request: &Received, orders: &[Value]) -> Reaction {
    assert_eq!(request.headers["square-version"], "2026-09-16");
    if request.headers.get("authorization").map(String::as_str) != Some("Bearer token-1") {
        return Reaction::status(401);
    }
    let number = request.path.strip_prefix("/v2/orders/").unwrap();
    let found = orders.iter().find(|order| order["order"]["id"] == number);
    let missing = json!({ "errors": [{ "category": "INVALID_REQUEST_ERROR", "code": "NOT_FOUND" }] });
    let status = if found.is_some() { 200 } else { 404 };
    Reaction::Respond(status, Vec::new(), found.unwrap_or(&missing).to_string())
}

async fn connected(server: &Server) -> Shop {
    let shop = shop().await;
    let settings = json!({ "notification_url": URL, "base_url": server.url("") });
    let credentials = json!({ "access_token": "token-1", "signature_key": SECRET });
    connect(&shop, "square", &json!({ "enabled": true, "settings": settings, "credentials": credentials })).await;
    shop
}

async fn deliver(shop: &Shop, event: &Value) -> Response {
    let body = event.to_string().into_bytes();
    let signature = signature(SECRET, &[URL.as_bytes(), &body]);
    let headers = [("content-type", "application/json"), ("x-square-hmacsha256-signature", signature.as_str())];
    let response = shop.deliver(&format!("/v1/webhooks/square/{}", shop.program), &headers, body).await;
    shop.settle().await;
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_fetched_until_it_is_whole_and_its_return_finds_the_sale() {
    let mut partial = fixture!("order.json");
    partial["order"]["line_items"].as_array_mut().unwrap().truncate(1);
    let orders: Orders = Arc::new(Mutex::new(vec![partial]));
    let server = fake(&orders).await;
    let shop = connected(&server).await;
    assert_eq!(deliver(&shop, &fixture!("payment-updated.json")).await.status, 200);
    let waiting = health(&shop, "square").await;
    assert!(waiting["last_error"].as_str().unwrap().contains("do not add up"), "{waiting}");
    *orders.lock().unwrap() = vec![fixture!("order.json"), fixture!("return.json")];
    shop.clock("2026-03-01T12:02:00+01:00").await;
    assert_eq!(points(&shop, BUYER).await, 22);
    for event in [fixture!("order-updated.json"), fixture!("refund-updated.json"), fixture!("refund-updated.json")] {
        assert_eq!(deliver(&shop, &event).await.status, 200);
    }
    // 22.20 less 5.00 of a line and 2.00 of none.
    assert_eq!(points(&shop, BUYER).await, 15);
    let receipt = shop.get(&format!("/v1/receipts/square:{SALE}")).await;
    assert_eq!(receipt["refunds"].as_array().unwrap().len(), 2);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_that_comes_first_brings_its_sale() {
    let orders: Orders = Arc::new(Mutex::new(vec![fixture!("order.json"), fixture!("return.json")]));
    let server = fake(&orders).await;
    let shop = connected(&server).await;
    deliver(&shop, &fixture!("refund-updated.json")).await;
    assert_eq!(points(&shop, BUYER).await, 15);
    deliver(&shop, &fixture!("order-updated.json")).await;
    assert_eq!(points(&shop, BUYER).await, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_cannot_be_fetched_is_a_dead_letter_after_days_and_can_be_tried_again() {
    let orders: Orders = Arc::default();
    let server = fake(&orders).await;
    let shop = connected(&server).await;
    let unsigned = shop.deliver(&format!("/v1/webhooks/square/{}", shop.program), &[], b"{}".to_vec()).await;
    assert_eq!(unsigned.status, 401);
    deliver(&shop, &fixture!("order-updated.json")).await;
    let mut now: jiff::Timestamp = super::CLOCK.parse().unwrap();
    for hours in [1, 1, 1, 3, 6, 11, 16, 23, 27, 30] {
        now = now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        shop.clock(&now.to_string()).await;
    }
    let dead = shop.get("/v1/integrations/square/dead-letters").await;
    assert_eq!(dead["items"].as_array().unwrap().len(), 1, "{dead}");
    assert!(dead["items"][0]["reason"].as_str().unwrap().starts_with("404"), "{dead}");
    *orders.lock().unwrap() = vec![fixture!("order.json")];
    let redriven = shop.post("/v1/integrations/square/redrive", &json!({})).await;
    assert_eq!(redriven.body["redriven"], 1);
    shop.clock(&now.checked_add(jiff::SignedDuration::from_mins(2)).unwrap().to_string()).await;
    assert_eq!(points(&shop, BUYER).await, 22);
    assert_eq!(shop.get("/v1/integrations/square/dead-letters").await["items"], json!([]));
}
