//! Bad programs and settings, and what the health shows while a pool is filled.

use reqwest::Method;
use serde_json::json;

use super::fake_shopify::{FakeShopify, Misbehaviour};
use super::{codes, connected, look, offering, open, reward};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discounts_that_a_checkout_cannot_give_are_refused_by_name() {
    let shop = open(vec![]).await;
    for (change, pointer) in [
        (json!({ "type": "free_product", "value": "SKU-1" }), "/rewards/0/type"),
        (json!({ "skus": ["SKU-1"] }), "/rewards/0/skus"),
        (json!({ "bind": "member" }), "/rewards/0/bind"),
        (json!({ "code": { "provider": "square" } }), "/rewards/0/code/provider"),
    ] {
        let body = offering(&[reward("five", "shopify", &change)]);
        let refused = shop.request(Method::PUT, "/v1/program", Some(&body)).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!(pointer)), "{}", refused.body);
    }
    assert_eq!(shop.get("/v1/program").await["rewards"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_that_are_being_created_are_shown_as_filling() {
    let fake = FakeShopify::start().await;
    // The job takes longer than the worker waits.
    fake.misbehave(Misbehaviour { polls: 1_000, ..Misbehaviour::default() });
    let shop = connected(&fake, 7, vec![reward("five", "shopify", &json!({}))]).await;
    let seen = codes(&shop, "shopify", "five").await;
    let expected = json!({ "reward": "five", "ready": 0, "filling": 7, "failed": 0, "dead": 0, "spent": 0,
                           "error": "the shop has not finished the job yet" });
    assert_eq!(seen, expected);
    fake.finish_jobs();
    shop.clock("2026-03-01T12:20:00+01:00").await;
    look(&shop).await;
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["filling"], fake.count("AddCodes")), (&json!(7), &json!(0), 1), "{seen}");
    fake.check();
}
