//! A request that is refused neither creates nor changes a member: the table of the members is the same afterwards.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// Every item of the members table.
async fn members(shop: &Shop) -> BTreeSet<String> {
    shop.settle().await;
    let scan = shop.stack.stack().clients("operator").dynamodb.scan().table_name("tessera-members");
    let found = scan.consistent_read(true).send().await.unwrap();
    assert!(found.last_evaluated_key().is_none(), "more than one page");
    let text = |item: &std::collections::HashMap<_, _>| {
        format!("{:?}", item.iter().collect::<std::collections::BTreeMap<_, _>>())
    };
    found.items().iter().map(text).collect()
}

async fn refused(shop: &Shop, method: Method, path: &str, body: &Value, problem: &str) {
    let before = members(shop).await;
    let response = shop.request(method, path, Some(body)).await;
    assert_eq!(response.problem(), problem, "{path} {body}: {}", response.body);
    let after = members(shop).await;
    let changed: Vec<_> = after.symmetric_difference(&before).collect();
    assert!(changed.is_empty(), "{path} {body} was refused and changed {changed:?}");
}

fn document() -> Value {
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00" } }, "attribution_days": 30, "hold_days": 0,
        "code": { "length": 8, "valid_days": 10 },
        "friend": { "on": "attributed", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    document
}

async fn enrol(shop: &Shop, id: &str) -> String {
    let body = json!({ "id": id, "email": format!("{id}@example.com"), "verified": ["email"] });
    let enrolled = shop.post("/v1/members", &body).await;
    assert_eq!(enrolled.status, 201, "{}", enrolled.body);
    enrolled.body["referral_code"].as_str().unwrap().to_owned()
}

/// A guest who bought by phone: whoever verifies the number gets the points.
async fn guest(shop: &Shop, phone: &str) {
    let mut bought = receipt(&format!("r-{phone}"), "", "10.00");
    bought["member"] = json!({ "phone": phone });
    assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_cannot_be_taken_creates_and_changes_nobody() {
    let shop = Shop::open(&document(), CLOCK).await;
    let (ada, out) = (enrol(&shop, "c-ada").await, enrol(&shop, "c-out").await);
    enrol(&shop, "c-friend").await;
    guest(&shop, "+390212345678").await;
    let excluded = json!({ "excluded": true, "reason": "resells coupons" });
    assert_eq!(shop.request(Method::PUT, "/v1/members/c-out/exclusion", Some(&excluded)).await.status, 200);
    let friends = [
        json!({ "id": "c-new" }),
        json!({ "email": "new@example.com", "verified": ["email"] }),
        json!({ "id": "c-friend", "phone": "+390212345678", "verified": ["phone"] }),
    ];
    for friend in &friends {
        let body = json!({ "code": out, "friend": friend, "context": { "ip": "203.0.113.7" } });
        refused(&shop, Method::POST, "/v1/referrals", &body, "advocate_not_eligible").await;
        let body = json!({ "code": "NOBODY", "friend": friend });
        refused(&shop, Method::POST, "/v1/referrals", &body, "unknown_code").await;
    }
    // A friend who has named ten codes names another one, and is not even joined by a guest.
    for n in 0..10 {
        let code = enrol(&shop, &format!("c-{n}")).await;
        let named = shop.post("/v1/referrals", &json!({ "code": code, "friend": { "id": "c-friend" } })).await;
        assert_eq!(named.status, 201, "{}", named.body);
    }
    let body = json!({ "code": ada, "friend": friends[2] });
    refused(&shop, Method::POST, "/v1/referrals", &body, "limit_reached").await;
    shop.clock("2026-03-12T12:00:00+01:00").await;
    for friend in &friends {
        refused(&shop, Method::POST, "/v1/referrals", &json!({ "code": ada, "friend": friend }), "code_expired").await;
    }
    // Receipts and enrolments are taken without the code, and nobody gets a referral.
    let mut bought = receipt("r-1", "c-buyer", "70.00");
    bought["referral_code"] = json!(out);
    assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
    assert_eq!(shop.post("/v1/members", &json!({ "id": "c-joins", "referral_code": out })).await.status, 201);
    shop.settle().await;
    assert_eq!(shop.get("/v1/members/c-out/referrals").await["items"], json!([]));
    let mut off = document();
    off["referral"]["enabled"] = json!(false);
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&off)).await.status, 200);
    for friend in &friends {
        refused(&shop, Method::POST, "/v1/referrals", &json!({ "code": ada, "friend": friend }), "no_referrals").await;
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_enrolment_or_change_verifies_nothing() {
    let shop = Shop::open(&document(), CLOCK).await;
    for id in ["c-1", "c-2", "c-out"] {
        enrol(&shop, id).await;
    }
    guest(&shop, "+390212345678").await;
    let excluded = json!({ "excluded": true, "reason": "resells coupons" });
    assert_eq!(shop.request(Method::PUT, "/v1/members/c-out/exclusion", Some(&excluded)).await.status, 200);
    let proven = |more: Value| {
        let mut body = json!({ "phone": "+390212345678", "verified": ["phone"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let long = "x".repeat(1000);
    let attributes = json!({ "a": long, "b": long, "c": long, "d": long, "e": long });
    let too_long = proven(json!({ "id": "c-new", "attributes": attributes }));
    refused(&shop, Method::POST, "/v1/members", &too_long, "invalid").await;
    refused(&shop, Method::POST, "/v1/members", &proven(json!({ "id": "c-out" })), "member_excluded").await;
    let taken = proven(json!({ "id": "c-2" }));
    refused(&shop, Method::PATCH, "/v1/members/c-1", &taken, "id_taken").await;
    let too_long = proven(json!({ "attributes": attributes }));
    refused(&shop, Method::PATCH, "/v1/members/c-1", &too_long, "invalid").await;
    // Ten cards are the most: the guest does not join either.
    for n in 0..10 {
        let card = json!({ "card": format!("C-{n}"), "verified": ["card"] });
        assert_eq!(shop.request(Method::PATCH, "/v1/members/c-1", Some(&card)).await.status, 200);
    }
    let mut eleventh = receipt("r-2", "c-1", "5.00");
    eleventh["member"] =
        json!({ "id": "c-1", "card": "C-10", "phone": "+390212345678", "verified": ["card", "phone"] });
    refused(&shop, Method::POST, "/v1/receipts", &eleventh, "limit_reached").await;
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_fact_creates_nobody() {
    let shop = Shop::open(&document(), CLOCK).await;
    enrol(&shop, "c-1").await;
    let mut anonymous = receipt("r-1", "", "10.00");
    anonymous["member"] = json!(null);
    for body in [anonymous, receipt("r-2", "c-1", "10.00")] {
        assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
    }
    let happened =
        json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" }, "name": "x" });
    assert_eq!(shop.post("/v1/interactions", &happened).await.status, 202);
    assert_eq!(shop.post("/v1/receipts/r-1/claim", &json!({ "member": { "id": "c-1" } })).await.status, 202);
    let new = json!({ "id": "c-new", "email": "new@example.com", "verified": ["email"] });
    let claim = json!({ "member": new });
    refused(&shop, Method::POST, "/v1/receipts/r-1/claim", &claim, "already_claimed").await;
    refused(&shop, Method::POST, "/v1/receipts/r-9/claim", &claim, "not_found").await;
    let mut other = receipt("r-2", "c-1", "10.00");
    other["member"] = new.clone();
    refused(&shop, Method::POST, "/v1/receipts", &other, "different_content").await;
    let mut other = happened;
    other["member"] = new.clone();
    refused(&shop, Method::POST, "/v1/interactions", &other, "different_content").await;
    let moving = json!({ "member": new, "reason": "wrong card" });
    refused(&shop, Method::POST, "/v1/receipts/r-2/move", &moving, "not_found").await;
    shop.verify().await;
}
