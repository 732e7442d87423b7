//! Interactions, enrolment, lists and attributes through the API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rule(id: &str, on: &Value, points: i64) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on,
            "then": [{ "credit": { "points": points, "kind": "both" } }] })
}

fn interaction(id: &str, member: &str, name: &str, properties: &Value) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": member }, "name": name,
            "properties": properties })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interaction_is_stored_and_decided_once() {
    let pass =
        json!({ "interaction": { "name": "wallet_pass_added", "where": { "properties": { "city": ["Milano"] } } } });
    let shop = Shop::open(&program(&json!([rule("pass", &pass, 15)])), CLOCK).await;
    let added = interaction("i-1", "c-1", "wallet_pass_added", &json!({ "city": "Milano" }));
    let taken = shop.post("/v1/interactions", &added).await;
    assert_eq!((taken.status, &taken.body), (202, &json!({ "id": "i-1", "status": "accepted" })));
    shop.settle().await;
    let shown = shop.get("/v1/interactions/i-1").await;
    assert_eq!((&shown["status"], &shown["name"]), (&json!("evaluated"), &json!("wallet_pass_added")));
    assert_eq!(shown["decision"]["points"], json!({ "redeemable": 15, "qualifying": 15 }));
    // An unknown customer is a visitor now, with the points.
    let member = shop.member("c-1").await;
    assert_eq!((&member["status"], &member["points"]["available"]), (&json!("visitor"), &json!(15)));
    let entries = shop.entries("c-1").await;
    assert_eq!(entries[0]["source"]["interaction"], "i-1");

    let again = shop.post("/v1/interactions", &added).await;
    assert_eq!((again.status, again.body), (200, taken.body));
    for (field, value) in [("name", json!("other")), ("member", json!({ "id": "c-2" })), ("properties", json!({}))] {
        let mut other = added.clone();
        other[field] = value;
        let refused = shop.post("/v1/interactions", &other).await;
        assert_eq!((refused.status, refused.problem()), (422, "different_content"), "{field}");
    }
    // A refused request creates no member.
    assert_eq!(shop.request(Method::GET, "/v1/members/c-2", None).await.status, 404);
    let elsewhere = interaction("i-2", "c-1", "wallet_pass_added", &json!({ "city": "Roma" }));
    assert_eq!(shop.post("/v1/interactions", &elsewhere).await.status, 202);
    let late = json!({ "id": "i-3", "occurred_at": "2030-01-01T00:00:00Z", "member": {}, "name": "" });
    let faults = shop.post("/v1/interactions", &late).await;
    assert_eq!(faults.status, 400);
    let mut pointers: Vec<&str> =
        faults.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/member", "/name", "/occurred_at"]);
    assert_eq!(shop.request(Method::GET, "/v1/interactions/i-9", None).await.status, 404);

    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 15);
    let report = shop.verify().await;
    assert_eq!((report.members, report.facts), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interactions_need_their_scope() {
    let shop = Shop::open(&program(&json!([])), CLOCK).await;
    let key = async |scope: &str| {
        let created = shop.post("/v1/api-keys", &json!({ "name": scope, "scopes": [scope] })).await;
        format!("Bearer {}", created.body["key"].as_str().unwrap())
    };
    let (sends, receipts) = (key("interactions:write").await, key("receipts:write").await);
    let body = interaction("i-1", "c-1", "visit", &json!({}));
    let call = async |method: Method, path: &str, body: Option<&Value>, key: &str| {
        shop.request_with(method, path, body, &[("authorization", key)]).await.status
    };
    assert_eq!(call(Method::POST, "/v1/interactions", Some(&body), &receipts).await, 403);
    assert_eq!(call(Method::POST, "/v1/interactions", Some(&body), &sends).await, 202);
    assert_eq!(call(Method::POST, "/v1/receipts", Some(&receipt("r-1", "c-1", "5.00")), &sends).await, 403);
    assert_eq!(call(Method::GET, "/v1/interactions/i-1", None, &sends).await, 403);
    assert_eq!(call(Method::GET, "/v1/interactions/i-1", None, &receipts).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_opens_of_a_message_count_once() {
    let shop = Shop::open(&program(&json!([rule("open", &json!({ "email_opened": {} }), 5)])), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let bodies: Vec<Value> = (0..12)
        .map(|n| {
            let properties = json!({ "message": format!("m-{}", n % 3), "machine_open": n % 4 == 3 });
            interaction(&format!("i-{n}"), "c-1", "email_opened", &properties)
        })
        .collect();
    let sent = futures::future::join_all(bodies.iter().map(|body| shop.post("/v1/interactions", body))).await;
    assert!(sent.iter().all(|response| response.status == 202));
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 15);
    let refused = shop.post("/v1/interactions", &interaction("i-x", "c-1", "email_opened", &json!({}))).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!("/properties")));
    assert_eq!(shop.verify().await.facts, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrolment_lists_and_attributes_fire_their_rules_before_the_response() {
    let rules = json!([
        rule("welcome", &json!({ "enrollment": {} }), 100),
        rule("newsletter", &json!({ "list_subscription": { "list": "newsletter" } }), 10),
        rule("favourite", &json!({ "profile": { "attribute": "favourite_store", "in": ["milano", "roma"] } }), 7),
    ]);
    let shop = Shop::open(&program(&rules), CLOCK).await;
    let enrolled =
        shop.post("/v1/members", &json!({ "id": "c-1", "attributes": { "favourite_store": "milano" } })).await;
    assert_eq!((enrolled.status, &enrolled.body["points"]["available"]), (201, &json!(107)), "{}", enrolled.body);
    let patch = async |body: Value| {
        let response = shop.request(Method::PATCH, "/v1/members/c-1", Some(&body)).await;
        assert_eq!(response.status, 200, "{}", response.body);
        response.body["points"]["available"].as_i64().unwrap()
    };
    assert_eq!(patch(json!({ "lists": ["newsletter"] })).await, 117);
    // Each value counts once, ever: repeating a change or returning to a value gives nothing.
    assert_eq!(patch(json!({ "lists": ["newsletter"] })).await, 117);
    assert_eq!(patch(json!({ "lists": [] })).await, 117);
    assert_eq!(patch(json!({ "lists": ["newsletter"], "first_name": "Ada" })).await, 117);
    assert_eq!(patch(json!({ "attributes": { "favourite_store": "roma" } })).await, 124);
    assert_eq!(patch(json!({ "attributes": { "favourite_store": "milano" } })).await, 124);
    assert_eq!(patch(json!({ "attributes": { "favourite_store": "torino" } })).await, 124);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_rule_can_test_the_profile() {
    let mut tagged = rule("tagged", &json!({ "receipt": {} }), 9);
    tagged["if"] = json!([{ "tag": "friends" }]);
    let mut greeted = rule("greeted", &json!({ "interaction": { "name": "visit" } }), 4);
    greeted["if"] = json!([{ "list": "newsletter" }]);
    let shop = Shop::open(&program(&json!([tagged, greeted])), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1", "tags": ["friends"], "lists": ["newsletter"] })).await;
    shop.post("/v1/members", &json!({ "id": "c-2" })).await;
    for (place, member) in ["c-1", "c-2"].into_iter().enumerate() {
        shop.post("/v1/receipts", &receipt(&format!("r-{place}"), member, "5.00")).await;
        shop.post("/v1/interactions", &interaction(&format!("i-{place}"), member, "visit", &json!({}))).await;
    }
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 13);
    assert_eq!(shop.member("c-2").await["points"]["available"], 0);
    let basket = json!({ "member": { "id": "c-1" }, "currency": "EUR", "total": "5.00" });
    assert_eq!(shop.post("/v1/receipts/preview", &basket).await.body["points"]["redeemable"], 9);
    let skipped = &shop.get("/v1/receipts/r-1").await["decision"]["skipped"];
    assert_eq!(skipped[0]["reason"], "predicate_not_met", "{skipped}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_has_its_own_entry_in_the_same_transaction() {
    let rules = json!([
        rule("big", &json!({ "interaction": { "name": "big" } }), 600),
        { "id": "risen", "name": "risen", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "tier_change": { "direction": "upgrade", "to": ["silver"] } },
          "then": [{ "credit": { "points": 50 } }] },
    ]);
    let shop = Shop::open(&program(&rules), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/interactions", &interaction("i-1", "c-1", "big", &json!({}))).await;
    shop.settle().await;
    let member = shop.member("c-1").await;
    assert_eq!((&member["tier"]["id"], &member["points"]["available"]), (&json!("silver"), &json!(650)));
    assert_eq!(shop.get("/v1/interactions/i-1").await["decision"]["points"]["redeemable"], 600);
    let report = shop.verify().await;
    assert_eq!((report.facts, report.entries), (1, 3));
}
