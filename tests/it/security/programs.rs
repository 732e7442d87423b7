//! A program document cannot make deciding slow, wrong or impossible.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": then })
}

async fn put(shop: &Shop, program: &Value) -> Response {
    shop.request(Method::PUT, "/v1/program", Some(program)).await
}

fn pointers(response: &Response) -> Vec<&str> {
    assert_eq!((response.status, response.problem()), (400, "invalid"), "{}", response.body);
    response.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect()
}

/// Rules that each multiply everything by ten.
fn tens(count: usize) -> Vec<Value> {
    let ten =
        |n: usize| rule(&format!("ten-{n}"), &json!({ "receipt": {} }), &json!([{ "multiply": { "factor": "10" } }]));
    (0..count).map(ten).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stacked_multipliers_are_bounded_at_put() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let stacked = |count: usize| {
        let mut rules = per_euro();
        rules.as_array_mut().unwrap().extend(tens(count));
        let mut stacked = program(&rules);
        stacked["points"]["multiplier_stacking"] = json!("product");
        stacked
    };
    assert_eq!(pointers(&put(&shop, &stacked(27)).await), ["/rules/7/then/0/multiply/factor"]);
    assert_eq!(put(&shop, &stacked(6)).await.status, 200);
    shop.post("/v1/receipts", &receipt("r", "c", "2.00")).await;
    shop.settle().await;
    assert_eq!(shop.get("/v1/receipts/r").await["decision"]["points"]["redeemable"], 2_000_000);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_tier_rules_are_refused_whatever_their_number() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let vip = |n: usize| json!({ "id": format!("v{n}"), "name": "V" });
    let gives = |n: usize| {
        let on = json!({ "tier_change": { "to": [format!("v{}", n % 20)] } });
        rule(&format!("g{n}"), &on, &json!([{ "vip": format!("v{}", (n + 1) % 20) }]))
    };
    let mut document = program(&(0..760).map(gives).collect());
    document["tiers"]["vip"] = (0..20).map(vip).collect();
    assert_eq!(pointers(&put(&shop, &document).await).len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_above_four_megabytes_is_refused() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let mut large = program(&per_euro());
    large["name"] = json!("x".repeat(4 * 1024 * 1024));
    let response = put(&shop, &large).await;
    assert_eq!((response.status, response.problem()), (413, "too_large"));
    // With many quotes, the escaped event is too large: the gateway measures the event.
    large["name"] = json!("\"".repeat(1_800_000));
    let response = put(&shop, &large).await;
    assert_eq!((response.status, response.problem()), (413, "too_large"));
    // Just below the limit, the document is parsed and its faults are reported.
    large["name"] = json!("x".repeat(4_000_000));
    assert_eq!(pointers(&put(&shop, &large).await), ["/name"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_receipt_can_raise_a_member_by_twenty_tiers() {
    let tier = |n: usize| json!({ "id": format!("t{n}"), "name": "T", "threshold": n * 10 });
    let credit = json!([{ "credit": { "points": 10, "kind": "both" } }]);
    let rise = |n: usize| rule(&format!("rise-{n}"), &json!({ "tier_change": { "to": [format!("t{n}")] } }), &credit);
    let start = rule("start", &json!({ "receipt": {} }), &credit);
    let mut document = program(&[start].into_iter().chain((1..20).map(rise)).collect());
    document["tiers"]["ladder"] = (0..20).map(tier).collect();
    let shop = Shop::open(&document, CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c" })).await;
    shop.post("/v1/receipts", &receipt("r", "c", "1.00")).await;
    shop.settle().await;
    let member = shop.member("c").await;
    assert_eq!((&member["tier"]["id"], &member["points"]["available"]), (&json!("t19"), &json!(200)));
    shop.verify().await;
}
