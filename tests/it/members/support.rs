//! Exclusion and notes.

use reqwest::Method;
use serde_json::json;

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_excluded_member_earns_and_redeems_nothing_until_the_exclusion_ends() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "150.00")).await;
    shop.settle().await;
    let exclude = async |excluded: bool| {
        let body = json!({ "excluded": excluded, "reason": "resells coupons" });
        shop.request(Method::PUT, "/v1/members/c-1/exclusion", Some(&body)).await
    };
    let member = exclude(true).await;
    assert_eq!((member.status, &member.body["status"]), (200, &json!("excluded")));
    let again = exclude(true).await;
    assert_eq!(again.body["version"], member.body["version"], "the same again changes nothing");

    shop.post("/v1/receipts", &receipt("r-2", "c-1", "100.00")).await;
    shop.settle().await;
    let decided = shop.get("/v1/receipts/r-2").await;
    assert_eq!(decided["decision"]["skipped"][0]["reason"], "member_excluded", "{decided}");
    assert_eq!(shop.member("c-1").await["points"]["available"], 150);
    let refused = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!((refused.status, refused.problem()), (422, "member_excluded"));
    assert_eq!(shop.get("/v1/members/c-1/hub").await["state"], "excluded");
    assert_eq!(shop.get("/v1/members?status=excluded").await["items"][0]["id"], "c-1");

    assert_eq!(exclude(false).await.body["status"], "member");
    shop.post("/v1/receipts", &receipt("r-3", "c-1", "10.00")).await;
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 160);
    // A visitor is a visitor again.
    shop.post("/v1/receipts", &receipt("r-4", "c-2", "10.00")).await;
    shop.settle().await;
    for (excluded, status) in [(true, "excluded"), (false, "visitor")] {
        let body = json!({ "excluded": excluded, "reason": "a mistake" });
        let member = shop.request(Method::PUT, "/v1/members/c-2/exclusion", Some(&body)).await;
        assert_eq!(member.body["status"], status);
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exclusion_needs_a_reason_and_a_member() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    for body in [
        json!({ "excluded": true }),
        json!({ "excluded": true, "reason": " " }),
        json!({ "excluded": "yes", "reason": "x" }),
        json!({ "excluded": true, "reason": "x".repeat(501) }),
        json!({ "excluded": true, "reason": "x", "until": "2027-01-01" }),
    ] {
        let refused = shop.request(Method::PUT, "/v1/members/c-1/exclusion", Some(&body)).await;
        assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{body}");
    }
    let nobody = json!({ "excluded": true, "reason": "x" });
    for member in ["c-9", "m_9"] {
        let refused = shop.request(Method::PUT, &format!("/v1/members/{member}/exclusion"), Some(&nobody)).await;
        assert_eq!(refused.status, 404, "{member}");
    }
    assert_eq!(shop.member("c-1").await["status"], "member");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_are_bounded_and_say_who_wrote_them() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let path = "/v1/members/c-1/notes";
    let key = shop.post("/v1/api-keys", &json!({ "name": "Help desk", "scopes": ["support"] })).await;
    let bearer = format!("Bearer {}", key.body["key"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "n-1")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let text = json!({ "text": "prefers\nthe evening" });
        let added = shop.request_with(Method::POST, path, Some(&text), &headers).await;
        assert_eq!((added.status, &added.body["actor"]), (201, &json!("Help desk")));
        ids.push(added.body["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids[0], ids[1], "a repeated request adds one note");
    for n in 2..=100 {
        assert_eq!(shop.post(path, &json!({ "text": format!("note {n}") })).await.status, 201);
    }
    let full = shop.post(path, &json!({ "text": "one more" })).await;
    assert_eq!((full.status, full.problem()), (422, "limit_reached"));
    let all = format!("{path}?limit=250");
    let listed = shop.get(&all).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 100);
    assert_eq!(listed["items"][0]["text"], "note 100");

    let one = format!("{path}/{}", ids[0]);
    assert_eq!(shop.request(Method::DELETE, &one, None).await.status, 204);
    assert_eq!(shop.request(Method::DELETE, &one, None).await.status, 404);
    assert_eq!(shop.get(&all).await["items"].as_array().unwrap().len(), 99);
    assert_eq!(shop.request(Method::DELETE, path, None).await.status, 204);
    assert!(shop.get(path).await["items"].as_array().unwrap().is_empty());
    for bad in [json!({}), json!({ "text": "" }), json!({ "text": "x".repeat(1_001) }), json!({ "text": "\u{7}" })] {
        assert_eq!(shop.post(path, &bad).await.status, 400, "{bad}");
    }
    assert_eq!(shop.request(Method::GET, "/v1/members/m_9/notes", None).await.status, 404);
}
