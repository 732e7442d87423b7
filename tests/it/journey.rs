//! The main journey: a customer buys, enrols, reaches a tier, redeems and returns goods.

use reqwest::Method;
use serde_json::json;

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_become_points_a_tier_and_a_reward() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let enrolled =
        shop.post("/v1/members", &json!({ "id": "c-1", "email": "Ada@Example.com", "verified": ["email"] })).await;
    assert_eq!(enrolled.status, 201, "{}", enrolled.body);
    assert_eq!(enrolled.body["tier"]["id"], "base");

    let taken = shop.post("/v1/receipts", &receipt("r-1", "c-1", "620.50")).await;
    assert_eq!((taken.status, &taken.body["status"]), (202, &json!("accepted")));
    shop.settle().await;
    let stored = shop.get("/v1/receipts/r-1").await;
    assert_eq!(stored["status"], "evaluated");
    assert_eq!(stored["decision"]["points"], json!({ "redeemable": 620, "qualifying": 620 }));
    assert_eq!(stored["decision"]["tier"], json!({ "before": "base", "after": "silver" }));
    let member = shop.member("email:ada@example.com").await;
    assert_eq!(member["points"]["available"], 620);
    assert_eq!(member["tier"]["id"], "silver");
    assert_eq!((&member["tier"]["next"]["id"], &member["tier"]["next"]["missing"]), (&json!("gold"), &json!(380)));

    let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!((redeemed.status, &redeemed.body["status"]), (201, &json!("available")), "{}", redeemed.body);
    let code = redeemed.body["code"].as_str().unwrap().to_owned();
    let hub = shop.get("/v1/members/c-1/hub").await;
    assert_eq!(hub["state"], "member");
    assert_eq!(hub["points"]["available"], 520);
    assert_eq!(hub["coupons"]["available"], 1);
    assert_eq!(hub["best_reward"]["id"], "five-off");

    let mut second = receipt("r-2", "c-1", "15.00");
    second["coupons"] = json!([code, "ADA-UNKNOWN"]);
    shop.post("/v1/receipts", &second).await;
    shop.settle().await;
    let stored = shop.get("/v1/receipts/r-2").await;
    assert_eq!(stored["decision"]["coupons_ignored"], json!([{ "code": "ADA-UNKNOWN", "reason": "unknown" }]));
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["status"], "used");

    let refund = json!({ "id": "f-1", "occurred_at": "2026-03-01T11:30:00+01:00", "amount": "600.00" });
    let refunded = shop.post("/v1/receipts/r-1/refunds", &refund).await;
    assert_eq!(refunded.status, 202, "{}", refunded.body);
    shop.settle().await;
    let member = shop.member("c-1").await;
    assert_eq!(member["points"]["available"], 0);
    assert_eq!(member["points"]["debt"], 65);
    assert_eq!(member["tier"]["id"], "base");
    let too_much = json!({ "id": "f-2", "occurred_at": "2026-03-01T11:40:00+01:00", "amount": "20.51" });
    let refused = shop.post("/v1/receipts/r-1/refunds", &too_much).await;
    assert_eq!((refused.status, refused.problem()), (422, "more_than_remains"));

    let entries = shop.entries("c-1").await;
    let types: Vec<&str> = entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    for expected in ["earn", "redeem", "reverse"] {
        assert!(types.contains(&expected), "{types:?}");
    }
    let report = shop.verify().await;
    assert_eq!((report.members, report.facts), (1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_keeps_their_points_on_enrolment() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let mut body = receipt("r-1", "", "150.00");
    body["member"] = json!({ "email": "ada@example.com" });
    assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
    shop.settle().await;
    let visitor = shop.member("email:ada@example.com").await;
    assert_eq!((&visitor["status"], &visitor["points"]["available"]), (&json!("visitor"), &json!(150)));
    let refused = shop.post("/v1/members/email:ada@example.com/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!((refused.status, refused.problem()), (422, "not_a_member"));

    let proven = json!({ "id": "c-9", "email": "ada@example.com", "verified": ["email"] });
    let joined = shop.post("/v1/members", &proven).await;
    assert_eq!((joined.status, &joined.body["points"]["available"]), (201, &json!(150)), "{}", joined.body);
    let again = shop.post("/v1/members", &proven).await;
    assert_eq!(again.status, 200);
    assert_eq!(shop.member("c-9").await["points"]["available"], 150);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anonymous_receipt_is_evaluated_when_it_is_claimed() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let mut body = receipt("r-1", "", "30.00");
    body["member"] = json!(null);
    assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
    shop.settle().await;
    assert_eq!(shop.get("/v1/receipts/r-1").await["status"], "accepted");
    // A refund that arrives before the claim is decided after it.
    let refund = json!({ "id": "f-1", "occurred_at": "2026-03-01T11:30:00+01:00", "amount": "10.00" });
    assert_eq!(shop.post("/v1/receipts/r-1/refunds", &refund).await.status, 202);
    shop.settle().await;
    let claim = json!({ "member": { "id": "c-1" } });
    assert_eq!(shop.post("/v1/receipts/r-1/claim", &claim).await.status, 202);
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 20);
    assert_eq!(shop.post("/v1/receipts/r-1/claim", &claim).await.status, 200);
    let other = shop.post("/v1/receipts/r-1/claim", &json!({ "member": { "id": "c-2" } })).await;
    assert_eq!((other.status, other.problem()), (409, "already_claimed"));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_is_a_document_with_versions() {
    let document = program(&per_euro());
    let shop = Shop::open(&document, CLOCK).await;
    let first = shop.request(Method::GET, "/v1/program", None).await;
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    // A program that is sent back unchanged changes nothing.
    let same = shop.request(Method::PUT, "/v1/program", Some(&first.body)).await;
    assert_eq!((same.status, &same.headers["etag"]), (200, &first.headers["etag"]));
    let mut changed = document.clone();
    changed["name"] = json!("Club Bea");
    let put = shop.request(Method::PUT, "/v1/program", Some(&changed)).await;
    assert_eq!((put.status, &put.body["name"]), (200, &json!("Club Bea")));
    let authorization = format!("Bearer {}", crate::shop::KEY);
    let headers = [("authorization", authorization.as_str()), ("if-match", etag.as_str())];
    let stale = shop.request_with(Method::PUT, "/v1/program", Some(&document), &headers).await;
    assert_eq!((stale.status, stale.problem()), (409, "stale_version"));

    let rule = json!({ "id": "bonus", "name": "Bonus", "status": "active", "starts_at": "2026-01-01T00:00:00",
                       "on": { "receipt": {} }, "then": [{ "credit": { "points": 5 } }] });
    assert_eq!(shop.post("/v1/rules", &rule).await.status, 201);
    assert_eq!(shop.post("/v1/rules", &rule).await.status, 409);
    assert_eq!(shop.get("/v1/rules/bonus").await["name"], "Bonus");
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "10.00")).await;
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 15);
    assert_eq!(shop.request(Method::DELETE, "/v1/rules/bonus", None).await.status, 204);
    let mut other = document.clone();
    other["currency"] = json!("USD");
    let in_use = shop.request(Method::PUT, "/v1/program", Some(&other)).await;
    assert_eq!((in_use.status, in_use.problem()), (422, "in_use"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adjustment_is_a_difference_with_a_reason() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let key = format!("Bearer {}", crate::shop::KEY);
    let headers = [("authorization", key.as_str()), ("idempotency-key", "\"award-1\"")];
    let award = json!({ "award": 100, "reason": "sorry for the wait" });
    let path = "/v1/members/c-1/adjustments";
    let first = shop.request_with(Method::POST, path, Some(&award), &headers).await;
    assert!(first.status < 300, "{}", first.body);
    let again = shop.request_with(Method::POST, path, Some(&award), &headers).await;
    assert_eq!((again.status, &again.headers["idempotency-replayed"]), (first.status, &"true".parse().unwrap()));
    assert_eq!(again.body, first.body);
    let other = shop.request_with(Method::POST, path, Some(&json!({ "award": 1, "reason": "x" })), &headers).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_key_reused"));
    assert_eq!(shop.member("c-1").await["points"]["available"], 100);
    let refused = shop.post(path, &json!({ "deduct": 101, "reason": "x" })).await;
    assert_eq!((refused.status, refused.problem()), (422, "insufficient_points"));
    let entry = &shop.entries("c-1").await[0];
    assert_eq!(entry["type"], "adjust");
    shop.verify().await;
}
