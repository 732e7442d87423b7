//! Receipts that were booked on the wrong person: reversed at one member, decided anew for the other.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::{FaultPlan, InjectedFault, StackOptions};

use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

async fn open(document: &Value) -> Shop {
    let shop = Shop::open(document, CLOCK).await;
    for member in ["c-1", "c-2", "c-3"] {
        let body = json!({ "id": member, "email": format!("{member}@example.com"), "verified": ["email"] });
        assert_eq!(shop.post("/v1/members", &body).await.status, 201);
    }
    shop
}

async fn buy(shop: &Shop, body: &Value) {
    assert_eq!(shop.post("/v1/receipts", body).await.status, 202);
    shop.settle().await;
}

async fn refund(shop: &Shop, receipt: &str, id: &str, amount: &str) {
    let body = json!({ "id": id, "occurred_at": "2026-03-01T11:30:00+01:00", "amount": amount });
    assert_eq!(shop.post(&format!("/v1/receipts/{receipt}/refunds"), &body).await.status, 202);
    shop.settle().await;
}

async fn move_to(shop: &Shop, receipt: &str, member: &str) -> Response {
    let body = json!({ "member": { "id": member }, "reason": "wrong card" });
    let moved = shop.post(&format!("/v1/receipts/{receipt}/move"), &body).await;
    shop.settle().await;
    moved
}

/// Available points and debt.
async fn points(shop: &Shop, member: &str) -> (i64, i64) {
    let points = &shop.member(member).await["points"];
    (points["available"].as_i64().unwrap(), points["debt"].as_i64().unwrap())
}

async fn receipts(shop: &Shop, member: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/members/{member}/receipts?limit={limit}{cursor}")).await;
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_receipt_is_owed_by_one_and_earned_by_the_other() {
    let mut document = program(&per_euro());
    document["points"]["negative_balance"] = json!("write_off");
    let shop = open(&document).await;
    buy(&shop, &receipt("r-1", "c-1", "600.00")).await;
    assert_eq!(shop.member("c-1").await["tier"]["id"], "silver");
    let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    assert_eq!(redeemed.status, 201, "{}", redeemed.body);
    for _ in 0..2 {
        let moved = move_to(&shop, "r-1", "c-2").await;
        assert_eq!((moved.status, &moved.body["status"]), (200, &json!("evaluated")), "{}", moved.body);
        assert_eq!(moved.body["decision"]["points"]["redeemable"], 600);
        // A debt, whatever the policy; the tier goes with the points.
        assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((0, 100), (600, 0)));
        assert_eq!(shop.member("c-1").await["tier"]["id"], "base");
        assert_eq!(shop.member("c-2").await["tier"]["id"], "silver");
    }
    let [source, target] = [shop.entries("c-1").await, shop.entries("c-2").await];
    let of = |entries: &[Value], kind: &str| -> Vec<Value> {
        let found = entries.iter().filter(|entry| entry["type"] == kind && entry["source"]["actor"].is_string());
        found.map(|entry| json!([entry["source"]["receipt"], entry["points"]["redeemable"]])).collect()
    };
    // Qualifying points have a line of their own.
    assert_eq!(of(&source, "reverse"), [json!(["r-1", 0]), json!(["r-1", -600])]);
    assert_eq!(of(&target, "earn"), [json!(["r-1", 600])]);
    assert!(source.iter().all(|entry| entry["type"] != "write_off"));
    assert_eq!((receipts(&shop, "c-1", 50).await, receipts(&shop, "c-2", 50).await), (vec![], vec![json!("r-1")]));
    // The sender goes on naming the first member.
    assert_eq!(shop.post("/v1/receipts", &receipt("r-1", "c-1", "600.00")).await.status, 200);
    let other = shop.post("/v1/receipts", &receipt("r-1", "c-3", "600.00")).await;
    assert_eq!(other.status, 422, "{}", other.body);
    let overview = shop.get("/v1/overview?from=2026-03-01&to=2026-03-02").await;
    assert_eq!(overview["totals"]["average_order_value"]["member"], "600.00", "{overview}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_follow_their_receipt() {
    let shop = open(&program(&per_euro())).await;
    buy(&shop, &receipt("r-1", "c-1", "120.00")).await;
    refund(&shop, "r-1", "f-1", "20.00").await;
    assert_eq!(move_to(&shop, "r-1", "c-2").await.status, 200);
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((0, 0), (100, 0)));
    refund(&shop, "r-1", "f-2", "30.00").await;
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((0, 0), (70, 0)));
    let seen = shop.get("/v1/receipts/r-1").await;
    let refunds: Vec<&Value> =
        seen["refunds"].as_array().unwrap().iter().map(|one| &one["points"]["redeemable"]).collect();
    assert_eq!(refunds, [-20, -30]);
    refund(&shop, "r-1", "f-3", "70.00").await;
    assert_eq!(move_to(&shop, "r-1", "c-1").await.status, 200);
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((0, 0), (0, 0)));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_decided_by_its_own_version_wherever_it_goes() {
    let shop = open(&program(&per_euro())).await;
    for n in 1..=3 {
        buy(&shop, &receipt(&format!("r-{n}"), "c-1", "50.00")).await;
    }
    let mut doubled = program(&per_euro());
    doubled["rules"][0]["then"][0]["credit"]["per_unit"] = json!("2");
    doubled["rules"][0]["starts_at"] = json!("2026-02-01T00:00:00");
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&doubled)).await.status, 200);
    shop.clock("2026-03-01T13:00:00+01:00").await;
    for target in ["c-2", "c-3", "c-1", "c-2", "c-1"] {
        assert_eq!(move_to(&shop, "r-2", target).await.status, 200);
        let at = if target == "c-1" { 150 } else { 100 };
        assert_eq!(
            (points(&shop, "c-1").await, points(&shop, target).await.0 % 150),
            ((at, 0), if at == 150 { 0 } else { 50 })
        );
    }
    refund(&shop, "r-2", "f-1", "20.00").await;
    assert_eq!(points(&shop, "c-1").await, (130, 0));
    // Each receipt is listed once, however short the pages.
    for limit in [1, 2, 3, 50] {
        let mut found = receipts(&shop, "c-1", limit).await;
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, ["r-1", "r-2", "r-3"], "{limit}");
        assert_eq!(receipts(&shop, "c-2", limit).await, Vec::<Value>::new());
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coupons_of_a_moved_receipt() {
    let mut rules = per_euro();
    let gives = json!({ "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
                        "on": { "receipt": { "spend": { "per_receipt_at_least": "50.00" } } },
                        "then": [{ "reward": "last-one" }] });
    rules.as_array_mut().unwrap().push(gives);
    let shop = open(&program(&rules)).await;
    shop.post("/v1/members/c-1/adjustments", &json!({ "award": 100, "reason": "test" })).await;
    let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let code = redeemed.body["code"].as_str().unwrap();
    let mut body = receipt("r-1", "c-1", "60.00");
    body["coupons"] = json!([code]);
    buy(&shop, &body).await;
    assert_eq!(move_to(&shop, "r-1", "c-2").await.status, 200);
    // The coupon that it used stays used, and its owner's; the one that it gave is cancelled and given anew.
    let used = shop.get(&format!("/v1/coupons/{code}")).await;
    assert_eq!((&used["status"], &used["receipt"]), (&json!("used"), &json!("r-1")), "{used}");
    let statuses = async |member: &str| -> Vec<Value> {
        let page = shop.get(&format!("/v1/members/{member}/coupons")).await;
        let coupons = page["items"].as_array().unwrap().iter();
        coupons.map(|coupon| json!([coupon["reward"], coupon["status"]])).collect()
    };
    let mut source = statuses("c-1").await;
    source.sort_by_key(ToString::to_string);
    assert_eq!(source, [json!(["five-off", "used"]), json!(["last-one", "cancelled"])]);
    assert_eq!(statuses("c-2").await, [json!(["last-one", "available"])]);
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((0, 0), (60, 0)));
    // A return of the goods restores the coupon's points to its owner.
    refund(&shop, "r-1", "f-1", "60.00").await;
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((100, 0), (0, 0)));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_cannot_be_changes_nothing() {
    let shop = open(&program(&per_euro())).await;
    buy(&shop, &receipt("r-1", "c-1", "50.00")).await;
    let mut anonymous = receipt("r-2", "", "50.00");
    anonymous["member"] = Value::Null;
    buy(&shop, &anonymous).await;
    assert_eq!(move_to(&shop, "r-2", "c-2").await.problem(), "not_claimed");
    assert_eq!(move_to(&shop, "r-9", "c-2").await.status, 404);
    assert_eq!(move_to(&shop, "r-1", "c-9").await.status, 404);
    for body in [
        json!({ "member": { "id": "c-2" } }),
        json!({ "member": { "id": "c-2" }, "reason": " " }),
        json!({ "member": {}, "reason": "x" }),
        json!({ "member": { "id": "c-2" }, "reason": "x", "to": "c-2" }),
    ] {
        assert_eq!(shop.post("/v1/receipts/r-1/move", &body).await.status, 400, "{body}");
    }
    // The same member, also by another name, and by that of an alias.
    assert_eq!(shop.post("/v1/members/c-3/merge", &json!({ "into": "c-1" })).await.status, 200);
    for same in ["c-1", "c-3", "email:c-1@example.com"] {
        let body = json!({ "member": same, "reason": "x" });
        let moved = shop.post("/v1/receipts/r-1/move", &body).await;
        assert_eq!((moved.status, &moved.body["id"]), (200, &json!("r-1")), "{same}: {}", moved.body);
    }
    let excluded = json!({ "excluded": true, "reason": "resells coupons" });
    assert_eq!(shop.request(Method::PUT, "/v1/members/c-2/exclusion", Some(&excluded)).await.status, 200);
    assert_eq!(move_to(&shop, "r-1", "c-2").await.problem(), "member_excluded");
    let inner = shop.member("c-2").await["inner_id"].clone();
    assert_eq!(shop.request(Method::DELETE, "/v1/members/c-2", None).await.status, 204);
    if let Some(inner) = inner.as_str() {
        let body = json!({ "member": inner, "reason": "x" });
        assert_eq!(shop.post("/v1/receipts/r-1/move", &body).await.status, 404);
    }
    assert_eq!(points(&shop, "c-1").await, (50, 0));
    assert_eq!(shop.get("/v1/audit?action=receipt.move").await["items"], json!([]));
    // What an erased member bought stays where it is.
    shop.post("/v1/members", &json!({ "id": "c-4" })).await;
    assert_eq!(shop.request(Method::DELETE, "/v1/members/c-1", None).await.status, 204);
    shop.settle().await;
    assert_eq!(move_to(&shop, "r-1", "c-4").await.problem(), "erased");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_without_a_decision_is_not_moved_yet() {
    let faults = Arc::new(FaultPlan::new());
    let options = StackOptions {
        clock: Some(CLOCK.parse().unwrap()),
        faults: Some(Arc::clone(&faults)),
        ..StackOptions::default()
    };
    let shop = Shop::with(&program(&per_euro()), options).await;
    for member in ["c-1", "c-2"] {
        shop.post("/v1/members", &json!({ "id": member })).await;
    }
    faults.inject("rule-evaluation", "TransactWriteItems", .., InjectedFault::Unavailable);
    buy(&shop, &receipt("r-1", "c-1", "50.00")).await;
    assert_eq!(move_to(&shop, "r-1", "c-2").await.problem(), "not_decided");
    faults.clear();
    shop.redrive().await;
    shop.settle().await;
    assert_eq!(points(&shop, "c-1").await, (50, 0));
    // The evaluation of the stream's record completes a move whose request died at its first step.
    faults.inject("members", "TransactWriteItems", 2.., InjectedFault::Unavailable);
    let failed = move_to(&shop, "r-1", "c-2").await;
    assert!(failed.status >= 500, "{}", failed.body);
    assert_eq!((points(&shop, "c-1").await, points(&shop, "c-2").await), ((0, 0), (50, 0)));
    faults.clear();
    assert_eq!(move_to(&shop, "r-1", "c-2").await.status, 200);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_goes_to_one_of_those_who_move_it_at_once() {
    let shop = open(&program(&per_euro())).await;
    buy(&shop, &receipt("r-1", "c-1", "50.00")).await;
    refund(&shop, "r-1", "f-1", "10.00").await;
    let moves = (0..16).map(|n| {
        let body = json!({ "member": { "id": if n % 2 == 0 { "c-2" } else { "c-3" } }, "reason": "wrong card" });
        let shop = &shop;
        async move { shop.post("/v1/receipts/r-1/move", &body).await }
    });
    for moved in futures::future::join_all(moves).await {
        assert!(matches!(moved.status, 200 | 409 | 422 | 503), "{}", moved.body);
    }
    shop.settle().await;
    let all = [points(&shop, "c-1").await, points(&shop, "c-2").await, points(&shop, "c-3").await];
    assert_eq!(
        (all.iter().map(|points| points.0).sum::<i64>(), all.iter().map(|points| points.1).sum::<i64>()),
        (40, 0)
    );
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_friends_conversion_goes_with_the_order() {
    let mut document = program(&json!([]));
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30, "hold_days": 0,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    let shop = open(&document).await;
    let code = shop.member("c-1").await["referral_code"].clone();
    let mut bought = receipt("r-1", "c-friend", "70.00");
    bought["referral_code"] = code;
    buy(&shop, &bought).await;
    assert_eq!((points(&shop, "c-1").await.0, points(&shop, "c-friend").await.0), (10, 50));
    assert_eq!(move_to(&shop, "r-1", "c-2").await.status, 200);
    // The code stands on the receipt: the other member is the friend now.
    let rewarded =
        async || [points(&shop, "c-1").await.0, points(&shop, "c-2").await.0, points(&shop, "c-friend").await.0];
    assert_eq!(rewarded().await, [10, 50, 0]);
    assert_eq!(move_to(&shop, "r-1", "c-friend").await.status, 200);
    assert_eq!(rewarded().await, [10, 0, 50]);
    shop.verify().await;
}
