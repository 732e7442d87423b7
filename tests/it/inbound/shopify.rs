//! Deliveries of Shopify, from the webhook to the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    SECRET, connect_shopify, health, points, shop, shopify, shopify_bytes, shopify_order, shopify_refund, signature,
};
use crate::shop::Shop;

const BUYER: &str = "207119551";

/// An order with one line of an amount.
fn order(id: u64, amount: &str, updated: &str) -> Value {
    let mut order = shopify_order();
    order["id"] = json!(id);
    order["updated_at"] = json!(updated);
    order["discount_codes"] = json!([]);
    let mut line = order["line_items"][0].clone();
    line["discount_allocations"] = json!([]);
    line["price_set"]["shop_money"]["amount"] = json!(amount);
    order["line_items"] = json!([line]);
    order
}

async fn deliver(shop: &Shop, topic: &str, payload: &Value) {
    let response = shopify(shop, topic, payload).await;
    assert_eq!(response.status, 200, "{topic}: {}", response.body);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_gives_points_and_a_tier_and_its_refund_takes_them_back() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    shop.post("/v1/members", &json!({ "id": BUYER })).await;
    let paid = order(1, "620.00", "2026-03-01T10:15:07+01:00");
    deliver(&shop, "orders/paid", &paid).await;
    let member = shop.member(BUYER).await;
    assert_eq!((&member["points"]["available"], &member["tier"]["id"]), (&json!(620), &json!("silver")));
    assert_eq!(member["email"], "ada@example.com");
    assert_eq!(shop.get("/v1/receipts/shopify:1").await["status"], "evaluated");

    let mut refund = shopify_refund();
    refund["order_id"] = json!(1);
    refund["refund_line_items"][0]["line_item_id"] = paid["line_items"][0]["id"].clone();
    refund["refund_line_items"][0]["subtotal_set"]["shop_money"]["amount"] = json!("620.00");
    for _ in 0..2 {
        deliver(&shop, "refunds/create", &refund).await;
    }
    let member = shop.member(BUYER).await;
    assert_eq!((&member["points"]["available"], &member["tier"]["id"]), (&json!(0), &json!("base")));
    let health = health(&shop, "shopify").await;
    assert_eq!((&health["delivered"], &health["dead"], &health["last_error"]), (&json!(3), &json!(0), &Value::Null));
    assert!(health["last_success_at"].is_string());
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_by_the_shop_changes_nothing() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let body = shopify_order().to_string().into_bytes();
    let right = signature(SECRET, &[&body]);
    let forged = signature("another secret", &[&body]);
    let path = format!("/v1/webhooks/shopify/{}", shop.program);
    let send = async |signature: Option<&str>, domain: &str, path: &str, body: &[u8]| {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("x-shopify-topic", "orders/paid"),
            ("x-shopify-shop-domain", domain),
        ];
        headers.extend(signature.map(|signature| ("x-shopify-hmac-sha256", signature)));
        shop.deliver(path, &headers, body.to_vec()).await.status
    };
    let own = "ada.myshopify.com";
    assert_eq!(send(None, own, &path, &body).await, 401);
    assert_eq!(send(Some("no base64"), own, &path, &body).await, 401);
    assert_eq!(send(Some(&forged), own, &path, &body).await, 401);
    assert_eq!(send(Some(&right), own, &path, &body[..body.len() - 1]).await, 401);
    assert_eq!(send(Some(&right), own, &path, b"").await, 401);
    assert_eq!(send(Some(&right), own, "/v1/webhooks/shopify/prg_other", &body).await, 404);
    assert_eq!(send(Some(&right), own, &path.replace("shopify", "square"), &body).await, 404);
    // Signed with the app's secret, by another shop that has the app.
    assert_eq!(send(Some(&right), "eve.myshopify.com", &path, &body).await, 200);
    // Signed and cut off.
    let cut = &body[..body.len() / 2];
    assert_eq!(send(Some(&signature(SECRET, &[cut])), own, &path, cut).await, 200);
    shop.settle().await;
    let missing = shop.request(reqwest::Method::GET, "/v1/receipts/shopify:450789469", None).await;
    assert_eq!(missing.status, 404);
    let health = health(&shop, "shopify").await;
    assert_eq!((&health["delivered"], &health["skipped"], &health["dead"]), (&json!(0), &json!(1), &json!(1)));
    assert!(health["errors"][0].as_str().unwrap().contains("not JSON"), "{health}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_of_a_signature_are_limited_by_source() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let path = format!("/v1/webhooks/shopify/{}", shop.program);
    let guess = signature("guess", &[b"{}"]);
    let mut last = 0;
    for _ in 0..32 {
        last = shop.deliver(&path, &[("x-shopify-hmac-sha256", &guess)], b"{}".to_vec()).await.status;
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_order_is_followed_and_a_late_retry_of_an_older_state_is_not() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let states = [
        order(1, "100.00", "2026-03-01T10:15:07+01:00"),
        order(1, "150.00", "2026-03-01T10:20:00+01:00"),
        order(1, "120.00", "2026-03-01T10:25:00+01:00"),
    ];
    deliver(&shop, "orders/paid", &states[0]).await;
    for (state, expected) in [(1, 150), (0, 150), (2, 120), (1, 120), (2, 120)] {
        deliver(&shop, "orders/updated", &states[state]).await;
        assert_eq!(points(&shop, BUYER).await, expected, "{state}");
    }
    assert_eq!(shop.get("/v1/receipts/shopify:1:edit-1").await["status"], "evaluated");
    // The update came before the payment, whose retry resends the original payload.
    deliver(&shop, "orders/updated", &order(2, "70.00", "2026-03-01T10:30:00+01:00")).await;
    deliver(&shop, "orders/paid", &order(2, "90.00", "2026-03-01T10:15:00+01:00")).await;
    assert_eq!(points(&shop, BUYER).await, 190);
    assert_eq!(health(&shop, "shopify").await["edits"], json!({ "increases": 1, "decreases": 1 }));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_that_come_first_or_with_the_order_and_cancellations_count_once() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    deliver(&shop, "refunds/create", &shopify_refund()).await;
    deliver(&shop, "orders/paid", &shopify_order()).await;
    // 105.00 less 8.75.
    assert_eq!(points(&shop, BUYER).await, 96);
    let mut updated = shopify_order();
    updated["refunds"] = json!([shopify_refund()]);
    updated["line_items"][1]["current_quantity"] = json!(1);
    updated["financial_status"] = json!("partially_refunded");
    updated["updated_at"] = json!("2026-03-05T09:00:01+01:00");
    deliver(&shop, "orders/updated", &updated).await;
    assert_eq!(points(&shop, BUYER).await, 96);
    updated["cancelled_at"] = json!("2026-03-06T09:00:00+01:00");
    for topic in ["orders/cancelled", "orders/updated"] {
        deliver(&shop, topic, &updated).await;
    }
    assert_eq!(points(&shop, BUYER).await, 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_of_five_megabytes_and_one_that_is_too_large() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let mut large = shopify_order();
    large["note"] = json!("x".repeat(4_900_000));
    deliver(&shop, "orders/paid", &large).await;
    assert_eq!(points(&shop, BUYER).await, 105);
    large["note"] = json!("x".repeat(5_300_000));
    assert_eq!(shopify(&shop, "orders/paid", &large).await.status, 413);
    // More lines than a receipt has.
    let mut long = shopify_order();
    long["id"] = json!(2);
    let lines: Vec<Value> = (0..1_001)
        .map(|n| {
            let mut line = long["line_items"][0].clone();
            line["id"] = json!(n);
            line
        })
        .collect();
    long["line_items"] = json!(lines);
    deliver(&shop, "orders/paid", &long).await;
    assert_eq!(points(&shop, BUYER).await, 105);
    assert_eq!(health(&shop, "shopify").await["dead"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_versions_are_counted_and_a_shop_that_leaves_takes_its_secrets() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let body = shopify_order().to_string().into_bytes();
    let signed = signature(SECRET, &[&body]);
    let headers = [
        ("x-shopify-topic", "orders/paid"),
        ("x-shopify-hmac-sha256", signed.as_str()),
        ("x-shopify-shop-domain", "ada.myshopify.com"),
        ("x-shopify-api-version", "2027-01"),
    ];
    let path = format!("/v1/webhooks/shopify/{}", shop.program);
    assert_eq!(shop.deliver(&path, &headers, body).await.status, 200);
    let health = health(&shop, "shopify").await;
    assert_eq!((&health["unknown_versions"], &health["version"]), (&json!(1), &json!("2027-01")));
    let leaving = json!({ "shop_id": 954_889, "shop_domain": "ada.myshopify.com" });
    deliver(&shop, "shop/redact", &leaving).await;
    let connection = shop.get("/v1/integrations/shopify").await;
    assert_eq!(connection["enabled"], false);
    assert!(connection["health"]["last_error"].as_str().unwrap().contains("shop/redact"), "{connection}");
    assert_eq!(shopify_bytes(&shop, "orders/paid", b"{}".to_vec()).await.status, 404);
    let again = json!({ "enabled": true });
    let refused = shop.request(reqwest::Method::PUT, "/v1/integrations/shopify", Some(&again)).await;
    assert_eq!(refused.problem(), "credentials_required");
}

/// 50 deliveries at a time. The times are printed, never asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_deliveries_at_once_are_stored_once_each() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let mut times = Vec::new();
    for round in 0..4_u64 {
        let sent = (0..50).map(|n| {
            let (payload, shop) = (order(round * 100 + n, "1.00", "2026-03-01T10:15:07+01:00"), &shop);
            async move {
                let started = Instant::now();
                assert_eq!(shopify(shop, "orders/paid", &payload).await.status, 200);
                started.elapsed()
            }
        });
        times.extend(futures::future::join_all(sent).await);
    }
    times.sort();
    println!("responses to 200 webhooks, 50 at once: median {:?}, p99 {:?}", times[100], times[197]);
    assert_eq!(points(&shop, BUYER).await, 200);
}

/// 50 deliveries a second for twenty seconds, sent at their times whether or not earlier ones were responded to. The times are
/// printed, never asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark of twenty seconds"]
async fn fifty_deliveries_a_second() {
    const DELIVERIES: u32 = 1_000;
    const APART: Duration = Duration::from_millis(20);
    let shop = Arc::new(shop().await);
    connect_shopify(&shop).await;
    let mut ticks = tokio::time::interval(APART);
    let mut sent = tokio::task::JoinSet::new();
    for number in 0..DELIVERIES {
        ticks.tick().await;
        let (shop, payload) = (Arc::clone(&shop), order(number.into(), "1.00", "2026-03-01T10:15:07+01:00"));
        sent.spawn(async move {
            let started = Instant::now();
            assert_eq!(shopify(&shop, "orders/paid", &payload).await.status, 200);
            started.elapsed()
        });
    }
    let mut times = sent.join_all().await;
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!(
        "responses to {DELIVERIES} webhooks at 50 a second: median {:?}, p99 {:?}, longest {:?}",
        at(50),
        at(99),
        at(100)
    );
    assert_eq!(points(&shop, BUYER).await, DELIVERIES);
}
