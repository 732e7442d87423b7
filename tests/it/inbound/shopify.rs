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
}

/// An order of lines of one euro each, with names as long as they may be.
fn long_order(id: u64, lines: usize) -> Value {
    let mut long = order(id, "1.00", "2026-03-01T10:15:07+01:00");
    let line = long["line_items"][0].clone();
    let name = |n: usize, length: usize| {
        format!("{n:x}-").chars().chain("ж\"𝄞 ".chars().cycle()).take(length).collect::<String>()
    };
    let lines = (0..lines).map(|n| {
        let mut line = line.clone();
        (line["id"], line["title"], line["sku"]) = (json!(n + 1), json!(name(n, 1_000)), json!(name(n, 50)));
        line["properties"] = json!([{ "name": "engraving", "value": "x".repeat(1_000) }]);
        line
    });
    long["line_items"] = lines.collect();
    long
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_order_is_followed_whatever_its_topic() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let mut large = long_order(1, 1_000);
    let rest = 5_200_000_usize.checked_sub(large.to_string().len()).unwrap();
    large["note"] = json!("x".repeat(rest));
    deliver(&shop, "orders/updated", &large).await;
    assert_eq!(points(&shop, BUYER).await, 1_000);
    large["updated_at"] = json!("2026-03-01T10:20:00+01:00");
    large["line_items"][0]["price_set"]["shop_money"]["amount"] = json!("31.00");
    deliver(&shop, "orders/updated", &large).await;
    assert_eq!(points(&shop, BUYER).await, 1_030);
    large["cancelled_at"] = json!("2026-03-01T10:30:00+01:00");
    large["updated_at"] = large["cancelled_at"].clone();
    deliver(&shop, "orders/cancelled", &large).await;
    assert_eq!(points(&shop, BUYER).await, 0);
    let health = health(&shop, "shopify").await;
    assert_eq!((&health["delivered"], &health["dead"]), (&json!(3), &json!(0)), "{health}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_more_lines_than_a_receipt_has_is_listed_whatever_its_topic() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    for (id, topic) in [(1, "orders/paid"), (2, "orders/updated")] {
        deliver(&shop, topic, &long_order(id, 1_100)).await;
    }
    let mut long = order(3, "1.00", "2026-03-01T10:15:07+01:00");
    long["line_items"] = vec![long["line_items"][0].clone(); 2_500].into();
    deliver(&shop, "orders/updated", &long).await;
    assert_eq!(shop.get("/v1/members").await["items"], json!([]));
    let health = health(&shop, "shopify").await;
    assert_eq!((&health["delivered"], &health["dead"]), (&json!(0), &json!(3)), "{health}");
    let dead = shop.get("/v1/integrations/shopify/dead-letters").await;
    let reasons: Vec<&str> =
        dead["items"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&"the order has 2500 lines; a receipt has at most 1000"), "{reasons:?}");
    // What was stored before the order grew is returned when it is cancelled.
    deliver(&shop, "orders/paid", &order(3, "50.00", "2026-03-01T10:10:00+01:00")).await;
    assert_eq!(points(&shop, BUYER).await, 50);
    long["cancelled_at"] = json!("2026-03-01T10:30:00+01:00");
    deliver(&shop, "orders/cancelled", &long).await;
    assert_eq!(points(&shop, BUYER).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_stored_is_not_counted_as_delivered() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    deliver(&shop, "orders/paid", &order(1, "-5.00", "2026-03-01T10:15:07+01:00")).await;
    let seen = health(&shop, "shopify").await;
    assert_eq!((&seen["delivered"], &seen["dead"], &seen["last_success_at"]), (&json!(0), &json!(1), &Value::Null));
    let mut guest = order(2, "5.00", "2026-03-01T10:15:07+01:00");
    for topic in ["orders/paid", "orders/paid"] {
        deliver(&shop, topic, &guest).await;
    }
    // Changed without a word of it, the paid order is compared by the worker: one delivery, counted once.
    guest["line_items"][0]["sku"] = json!("OTHER");
    deliver(&shop, "orders/paid", &guest).await;
    let seen = health(&shop, "shopify").await;
    assert_eq!((&seen["delivered"], &seen["dead"]), (&json!(3), &json!(1)), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_an_order_from_before_the_connection_earns_nothing() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    let old = |id: u64, amount: &str| {
        let mut old = order(id, amount, "2026-03-01T10:15:07+01:00");
        (old["created_at"], old["processed_at"]) = (json!("2026-02-01T10:00:00Z"), json!("2026-02-01T10:00:00Z"));
        old
    };
    deliver(&shop, "orders/updated", &old(1, "80.00")).await;
    let seen = health(&shop, "shopify").await;
    assert_eq!(
        (&seen["old_orders"], &seen["skipped"], &seen["delivered"], &seen["dead"]),
        (&json!(1), &json!(1), &json!(0), &json!(0)),
        "{seen}"
    );
    assert_eq!(shop.get("/v1/members").await["items"], json!([]));
    // Paid now, it earns; and what is known is followed.
    deliver(&shop, "orders/paid", &old(2, "30.00")).await;
    let mut edited = old(2, "50.00");
    edited["updated_at"] = json!("2026-03-01T10:20:00+01:00");
    deliver(&shop, "orders/updated", &edited).await;
    assert_eq!(points(&shop, BUYER).await, 50);
    let settings = json!({ "enabled": true, "settings": { "orders_since": "2026-01-01T00:00:00Z" } });
    let set = super::connect(&shop, "shopify", &settings).await;
    assert_eq!(set["settings"]["orders_since"], "2026-01-01T00:00:00Z");
    shop.clock("2026-03-01T12:10:00+01:00").await;
    deliver(&shop, "orders/updated", &old(3, "80.00")).await;
    assert_eq!(points(&shop, BUYER).await, 130);
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

/// An order with these lines: id, amount and current quantity.
fn order_of(id: u64, lines: &[(u64, &str, u32)], updated: &str, refunds: &[&Value]) -> Value {
    let mut shown = order(id, "1.00", updated);
    let line = shown["line_items"][0].clone();
    let lines = lines.iter().map(|(id, amount, current)| {
        let mut line = line.clone();
        (line["id"], line["quantity"], line["current_quantity"]) = (json!(id), json!(1), json!(current));
        line["price_set"]["shop_money"]["amount"] = json!(amount);
        line
    });
    shown["line_items"] = lines.collect();
    shown["refunds"] = json!(refunds);
    shown
}

/// A refund of whole lines: id and amount. It does not say what the lines are.
fn refund_of(id: u64, order: u64, lines: &[(u64, &str)]) -> Value {
    let mut refund = shopify_refund();
    (refund["id"], refund["order_id"], refund["order_adjustments"]) = (json!(id), json!(order), json!([]));
    let mut item = refund["refund_line_items"][0].clone();
    item.as_object_mut().unwrap().remove("line_item");
    let items = lines.iter().map(|(line, amount)| {
        let mut item = item.clone();
        (item["line_item_id"], item["quantity"]) = (json!(line), json!(1));
        item["subtotal_set"]["shop_money"]["amount"] = json!(amount);
        item
    });
    refund["refund_line_items"] = items.collect();
    refund
}

fn at(minute: u32) -> String {
    format!("2026-03-01T10:{minute}:00+01:00")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exchanged_lines_are_returned_one_by_one() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    deliver(&shop, "orders/paid", &order_of(1, &[(1, "10.00", 1), (2, "7.00", 1)], &at(20), &[])).await;
    let exchanged = [(1, "10.00", 1), (2, "7.00", 0), (3, "9.00", 1)];
    deliver(&shop, "orders/updated", &order_of(1, &exchanged, &at(21), &[])).await;
    assert_eq!(points(&shop, BUYER).await, 19);
    let (first, second) = (refund_of(11, 1, &[(3, "9.00")]), refund_of(12, 1, &[(1, "10.00")]));
    deliver(&shop, "refunds/create", &first).await;
    let returned = [(1, "10.00", 1), (2, "7.00", 0), (3, "9.00", 0)];
    deliver(&shop, "orders/updated", &order_of(1, &returned, &at(22), &[&first])).await;
    assert_eq!(points(&shop, BUYER).await, 10);
    deliver(&shop, "refunds/create", &second).await;
    let returned = [(1, "10.00", 0), (2, "7.00", 0), (3, "9.00", 0)];
    deliver(&shop, "orders/updated", &order_of(1, &returned, &at(23), &[&first, &second])).await;
    assert_eq!(points(&shop, BUYER).await, 0);
    assert_eq!(health(&shop, "shopify").await["edits"], json!({ "increases": 1, "decreases": 1 }));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_state_changes_nothing_after_a_newer_one_that_changed_nothing() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    deliver(&shop, "orders/paid", &order_of(1, &[(1, "10.00", 1)], &at(20), &[])).await;
    for (current, minute) in [(0, 23), (1, 22), (0, 23)] {
        let state = order_of(1, &[(1, "10.00", 1), (2, "5.00", current)], &at(minute), &[]);
        deliver(&shop, "orders/updated", &state).await;
        assert_eq!(points(&shop, BUYER).await, 10, "{minute}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_of_a_line_that_is_not_known_yet_waits_for_the_order() {
    let shop = shop().await;
    connect_shopify(&shop).await;
    // Before the order, which had two of the first line and not yet the other.
    let early = refund_of(11, 1, &[(1, "10.00"), (3, "5.00")]);
    deliver(&shop, "refunds/create", &early).await;
    let mut paid = order_of(1, &[(1, "10.00", 2)], &at(20), &[]);
    paid["line_items"][0]["quantity"] = json!(2);
    deliver(&shop, "orders/paid", &paid).await;
    let mut edited = order_of(1, &[(1, "10.00", 1), (3, "5.00", 0)], &at(23), &[&early]);
    edited["line_items"][0]["quantity"] = json!(2);
    for _ in 0..2 {
        deliver(&shop, "orders/updated", &edited).await;
        assert_eq!(points(&shop, BUYER).await, 10);
    }
    // Between the order and its edit, with a gift card that never earned.
    deliver(&shop, "orders/paid", &order_of(2, &[(1, "10.00", 1)], &at(20), &[])).await;
    let between = refund_of(21, 2, &[(1, "10.00"), (3, "5.00")]);
    deliver(&shop, "refunds/create", &between).await;
    assert_eq!(points(&shop, BUYER).await, 10);
    let edited = order_of(2, &[(1, "10.00", 0), (3, "5.00", 0)], &at(23), &[&between]);
    deliver(&shop, "orders/updated", &edited).await;
    assert_eq!(points(&shop, BUYER).await, 10);
    let mut gift = order_of(3, &[(1, "50.00", 1), (2, "12.00", 1)], &at(20), &[]);
    gift["line_items"][0]["gift_card"] = json!(true);
    deliver(&shop, "orders/paid", &gift).await;
    deliver(&shop, "refunds/create", &refund_of(31, 3, &[(1, "50.00")])).await;
    assert_eq!(points(&shop, BUYER).await, 22);
    shop.verify().await;
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
