//! A program that consists of the rule templates, added one by one as a merchant would.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

/// A Sunday; the next full weekend begins on the 7th.
const CLOCK: &str = "2026-03-01T12:00:00+01:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_template_is_accepted_unchanged_and_works() {
    let shop = Shop::open(&program(&json!([])), CLOCK).await;
    let templates = shop.get("/v1/rule-templates").await;
    assert_eq!(templates["next_cursor"], Value::Null);
    let templates = templates["items"].as_array().unwrap().clone();
    assert_eq!(templates.len(), 14);
    for template in &templates {
        assert_eq!(template["rule"]["name"], template["name"]["it"]);
        for need in template["needs"].as_array().unwrap() {
            let part = format!("/v1/{}", need["part"].as_str().unwrap());
            let refused = shop.post("/v1/rules", &template["rule"]).await;
            assert_eq!(refused.status, 400, "{}", refused.body);
            let created = shop.post(&part, &need["document"]).await;
            assert_eq!(created.status, 201, "{}", created.body);
        }
        let created = shop.post("/v1/rules", &template["rule"]).await;
        assert_eq!(created.status, 201, "{}", created.body);
    }
    let weekend = shop.get("/v1/rules/double-points-weekend").await;
    assert_eq!(
        (&weekend["starts_at"], &weekend["ends_at"]),
        (&json!("2026-03-07T00:00:00"), &json!("2026-03-09T00:00:00"))
    );

    let available = async |expected: i64| {
        shop.settle().await;
        assert_eq!(shop.member("c-1").await["points"]["available"], expected);
    };
    // Welcome and newsletter.
    shop.post("/v1/members", &json!({ "id": "c-1", "lists": ["newsletter"] })).await;
    available(150).await;
    // A point per euro, twice 50, and the first purchase.
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "120.00")).await;
    available(150 + 120 + 20 + 50).await;
    for (name, expected) in [("wallet_pass_added", 390), ("review_written", 410)] {
        let body =
            json!({ "id": name, "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" }, "name": name });
        assert_eq!(shop.post("/v1/interactions", &body).await.status, 202);
        available(expected).await;
    }
    let vip = json!({ "vip": "vip", "reason": "a good customer" });
    assert_eq!(shop.post("/v1/members/c-1/adjustments", &vip).await.status, 201);
    available(910).await;
    // Winter counts three times on its own line, and the third coffee is rewarded.
    let mut lines = receipt("r-2", "c-1", "19.00");
    lines["lines"] = json!([{ "id": "1", "category": "winter", "amount": "10.00" },
                            { "id": "2", "category": "coffee", "quantity": "3", "amount": "9.00" }]);
    shop.post("/v1/receipts", &lines).await;
    available(910 + 19 + 20).await;
    let coupons = shop.get("/v1/members/c-1/coupons").await;
    let rewards: Vec<&Value> = coupons["items"].as_array().unwrap().iter().map(|coupon| &coupon["reward"]).collect();
    assert_eq!(rewards, ["free-coffee"]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_need_the_admin_scope() {
    let shop = Shop::open(&program(&json!([])), CLOCK).await;
    let created = shop.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["receipts:write"] })).await;
    let key = format!("Bearer {}", created.body["key"].as_str().unwrap());
    let refused = shop.request_with(Method::GET, "/v1/rule-templates", None, &[("authorization", &key)]).await;
    assert_eq!((refused.status, refused.problem()), (403, "forbidden"));
}
