//! The states of a coupon and their transitions.

use reqwest::Method;
use serde_json::json;

use crate::shop::{Shop, per_euro, program, receipt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_changes_state_only_along_allowed_transitions() {
    let shop = Shop::open(&program(&per_euro()), "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "500.00")).await;
    shop.settle().await;
    let redeem = async || {
        let created = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
        assert_eq!(created.status, 201, "{}", created.body);
        created.body["code"].as_str().unwrap().to_owned()
    };
    let act = async |code: &str, action: &str| shop.post(&format!("/v1/coupons/{code}/{action}"), &json!({})).await;

    let code = redeem().await;
    for (action, status, state) in [
        ("commit", 200, "available"),
        ("release", 200, "available"),
        ("apply", 200, "applied"),
        ("apply", 200, "applied"),
        ("release", 200, "available"),
        ("apply", 200, "applied"),
        ("use", 200, "used"),
        ("use", 409, ""),
        ("cancel", 409, ""),
        ("apply", 409, ""),
    ] {
        let response = act(&code, action).await;
        assert_eq!(response.status, status, "{action}: {}", response.body);
        if status == 409 {
            assert_eq!(response.problem(), "coupon_state");
        } else {
            assert_eq!(response.body["status"], state, "{action}");
        }
    }
    assert_eq!(shop.member("c-1").await["points"]["available"], 400);

    let code = redeem().await;
    assert_eq!(act(&code, "cancel").await.body["status"], "cancelled");
    assert_eq!(act(&code, "cancel").await.status, 200);
    assert_eq!(shop.member("c-1").await["points"]["available"], 400);

    let code = redeem().await;
    let check = shop.post(&format!("/v1/coupons/{code}/check"), &json!({ "total": "19.99" })).await;
    assert_eq!((check.status, &check.body["valid"]), (200, &json!(false)), "{}", check.body);
    let check = shop.post(&format!("/v1/coupons/{code}/check"), &json!({ "total": "20.00" })).await;
    assert_eq!(check.body["valid"], true);
    assert_eq!(check.body["discount"]["amount"], "5.00");
    act(&code, "apply").await;
    // A coupon applied to an abandoned cart becomes available again.
    shop.clock("2026-03-01T13:00:01+01:00").await;
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["status"], "available");
    let unknown = shop.request(Method::GET, "/v1/coupons/NO-SUCH-CODE", None).await;
    assert_eq!((unknown.status, unknown.problem()), (404, "not_found"));
    shop.verify().await;
}
