//! Floods of requests that guess nothing get 429, too.

use reqwest::Method;

use super::{NEXT_MINUTE, Sender, api_key, open, refused, used};
use crate::shop::receipt;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_by_an_api_key_is_refused_and_a_hit_writes_nothing_between_chunks() {
    let shop = open().await;
    let key = api_key(&shop, Some(100)).await;
    let till = Sender::new(&shop, key, "203.0.113.7");
    let write_units = async || used(&shop, "members").await.1;
    let before = write_units().await;
    assert_eq!(till.get("/v1/members/c-1").await.status, 200);
    let one_chunk = write_units().await;
    assert!((one_chunk - before - 1.0).abs() < 0.01, "the first request takes a chunk of ten");
    for _ in 1..10 {
        assert_eq!(till.get("/v1/members/c-1").await.status, 200);
    }
    assert!((write_units().await - one_chunk).abs() < 0.01);
    for _ in 10..100 {
        assert_eq!(till.get("/v1/members/c-1").await.status, 200);
    }
    assert!((write_units().await - before - 10.0).abs() < 0.01, "ten chunks in all");

    // In every function, and without further writes.
    assert_eq!(refused(&till.get("/v1/members/c-1").await), 45);
    let spent = used(&shop, "members").await;
    for _ in 0..10 {
        assert_eq!(refused(&till.get("/v1/members/c-1").await), 45);
    }
    assert_eq!(used(&shop, "members").await, spent);
    assert_eq!(refused(&till.send(Method::POST, "/v1/receipts", Some(&receipt("r-9", "c-1", "1.00"))).await), 45);
    // Another key has its own budget; the admin key has none.
    let other = Sender::new(&shop, api_key(&shop, Some(10)).await, "203.0.113.7");
    assert_eq!(other.get("/v1/members/c-1").await.status, 200);
    assert_eq!(shop.request(Method::GET, "/v1/members/c-1", None).await.status, 200);
    shop.clock(NEXT_MINUTE).await;
    assert_eq!(till.get("/v1/members/c-1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repetitions_under_an_idempotency_key_count_as_requests() {
    let shop = open().await;
    let key = api_key(&shop, Some(10)).await;
    let authorization = format!("Bearer {key}");
    let body = receipt("r-9", "c-1", "1.00");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", "once")];
    let send = async || shop.request_with(Method::POST, "/v1/receipts", Some(&body), &headers).await;
    assert_eq!(send().await.status, 202);
    for _ in 1..10 {
        assert_eq!(send().await.headers["idempotency-replayed"], "true");
    }
    refused(&send().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_by_a_member_is_refused_and_a_normal_visit_writes_nothing() {
    let shop = open().await;
    let member = Sender::member(&shop, "c-1", "203.0.113.7");
    let write_units = async || used(&shop, "customer-hub").await.1;
    let before = write_units().await;
    for _ in 0..5 {
        assert_eq!(member.get("/v1/members/c-1/hub").await.status, 200);
    }
    assert!((write_units().await - before).abs() < 0.01);
    for _ in 5..120 {
        assert_eq!(member.get("/v1/hub").await.status, 200);
    }
    // Eleven chunks; the first also covers the five requests before.
    assert!(write_units().await - before < 11.0);
    assert_eq!(refused(&member.get("/v1/hub").await), 45);
    assert_eq!(refused(&member.get("/v1/members/c-1/hub").await), 45);
    assert_eq!(Sender::member(&shop, "c-2", "203.0.113.7").get("/v1/hub").await.status, 200);
}
