//! Pools of codes: loading, drawing, running low, running out.

use std::collections::BTreeSet;
use std::io::Write as _;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::outgoing::endpoint;
use crate::outgoing::server::{Received, Server};
use crate::shop::{KEY, Response, Shop, program, receipt, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A program with a reward from a pool, one that also has a stock, and a rule that gives one.
pub fn pooled() -> Value {
    let mut with_pool = program(&json!([{
        "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": { "where": { "stores": ["outlet"] }, "spend": { "every_per_receipt": "10.00" } } },
        "then": [{ "reward": "pooled" }],
    }]));
    let pooled = |id: &str, more: Value| {
        let mut reward = json!({ "id": id, "name": id, "type": "amount_off", "value": "5.00", "cost": 10,
                                 "code": { "pool": true } });
        reward.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        reward
    };
    let rewards = with_pool["rewards"].as_array_mut().unwrap();
    rewards.push(pooled("pooled", json!({ "low_stock": 2 })));
    rewards.push(pooled("few", json!({ "stock": 10, "low_stock": 3, "code": { "pattern": "FEW-########" } })));
    with_pool
}

async fn open(members: usize) -> Shop {
    let shop = Shop::open(&pooled(), CLOCK).await;
    for n in 1..=members {
        shop.post("/v1/members", &json!({ "id": format!("c-{n}") })).await;
        let award = json!({ "award": 1000, "reason": "opening" });
        assert_eq!(shop.post(&format!("/v1/members/c-{n}/adjustments"), &award).await.status, 201);
    }
    shop
}

fn codes(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n:05}")).collect()
}

async fn load(shop: &Shop, codes: &[String]) -> (i64, i64, i64) {
    let loaded = shop.post("/v1/rewards/pooled/codes", &json!({ "codes": codes })).await;
    assert_eq!(loaded.status, 200, "{}", loaded.body);
    let number = |name: &str| loaded.body[name].as_i64().unwrap();
    (number("added"), number("duplicates"), number("remaining"))
}

async fn redeem(shop: &Shop, member: usize, body: &Value) -> Response {
    shop.post(&format!("/v1/members/c-{member}/redemptions"), body).await
}

async fn coupon(shop: &Shop, member: usize, body: &Value) -> Value {
    let created = redeem(shop, member, body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body
}

fn taken(body: &Value) -> String {
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_loaded_once_in_any_spelling() {
    let shop = open(1).await;
    assert_eq!(load(&shop, &codes("SALE", 120)).await, (120, 0, 120));
    // Again, in another spelling, with one new code twice.
    let mut again: Vec<String> = codes("sale", 120).iter().map(|code| code.replace('-', " ")).collect();
    again.extend(["NEW-1".to_owned(), "new 1".to_owned()]);
    assert_eq!(load(&shop, &again).await, (1, 121, 121));
    // A code that the program generated is not loaded a second time.
    let generated = taken(&coupon(&shop, 1, &json!({ "reward": "five-off" })).await);
    assert_eq!(load(&shop, &[generated]).await, (0, 1, 121));
    // A free code is nobody's coupon.
    let free = shop.request(Method::GET, "/v1/coupons/NEW-1", None).await;
    assert_eq!((free.status, free.problem()), (404, "not_found"));
    // A drawn code keeps its spelling.
    let drawn = coupon(&shop, 1, &json!({ "reward": "pooled" })).await;
    assert!(taken(&drawn).starts_with("SALE-") || taken(&drawn) == "NEW-1", "{drawn}");
    assert_eq!(shop.get(&format!("/v1/coupons/{}", taken(&drawn).to_lowercase())).await["status"], "available");
    assert_eq!(load(&shop, &[taken(&drawn)]).await, (0, 1, 120));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_codes_are_named_and_none_is_loaded() {
    let shop = open(1).await;
    let path = "/v1/rewards/pooled/codes";
    let bad = shop.post(path, &json!({ "codes": ["GOOD-1", "x".repeat(300), "-", "é"] })).await;
    assert_eq!((bad.status, bad.problem()), (400, "invalid"), "{}", bad.body);
    let pointers: Vec<&str> =
        bad.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/codes/1", "/codes/2", "/codes/3"]);
    for body in [json!({}), json!({ "codes": [] }), json!({ "codes": codes("C", 10_001) })] {
        assert_eq!(shop.post(path, &body).await.status, 400);
    }
    let generated = shop.post("/v1/rewards/five-off/codes", &json!({ "codes": ["A-1"] })).await;
    assert_eq!((generated.status, generated.problem()), (422, "no_pool"));
    assert_eq!(shop.post("/v1/rewards/nothing/codes", &json!({ "codes": ["A-1"] })).await.status, 404);
    assert_eq!(load(&shop, &["GOOD-1".to_owned()]).await, (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_pool_takes_no_points_and_is_shown_as_sold_out() {
    let shop = open(1).await;
    let wanted = json!({ "reward": "pooled" });
    let reason = async || {
        let hub = shop.get("/v1/members/c-1/hub").await;
        let reward = hub["rewards"].as_array().unwrap().iter().find(|reward| reward["id"] == "pooled").unwrap().clone();
        (reward["redeemable"].clone(), reward["reason"].clone())
    };
    assert_eq!(reason().await, (json!(false), json!("out_of_stock")), "before anybody finds the pool empty");
    let refused = redeem(&shop, 1, &wanted).await;
    assert_eq!((refused.status, refused.problem()), (503, "codes_unavailable"), "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(shop.member("c-1").await["points"]["available"], 1000);
    assert_eq!(reason().await, (json!(false), json!("out_of_stock")));
    load(&shop, &codes("SALE", 1)).await;
    assert_eq!(reason().await, (json!(true), Value::Null));
    assert_eq!(taken(&coupon(&shop, 1, &wanted).await), "SALE-00000");
    assert_eq!(redeem(&shop, 1, &wanted).await.status, 503);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reward_is_offered_once_its_new_pool_has_codes() {
    let shop = open(1).await;
    let wanted =
        |id: &str, code: Value| json!({ "id": id, "name": id, "type": "custom", "cost": 9, "rank": 1, "code": code });
    let offered = async |id: &str| {
        let hub = shop.get("/v1/members/c-1/hub").await;
        let reward = hub["rewards"].as_array().unwrap().iter().find(|reward| reward["id"] == id).unwrap().clone();
        (reward["redeemable"] == true, hub["best_reward"]["id"] == id)
    };
    // A reward that is added, and one that gets a pool.
    let pool = json!({ "pool": true });
    assert_eq!(shop.post("/v1/rewards", &wanted("added", pool.clone())).await.status, 201);
    assert_eq!(offered("added").await, (false, false));
    assert_eq!(shop.post("/v1/rewards", &wanted("changed", json!({ "pattern": "NEW-########" }))).await.status, 201);
    assert!(offered("changed").await.0);
    let put = async |code: &Value| {
        let body = wanted("changed", code.clone());
        let put = shop.request(Method::PUT, "/v1/rewards/changed", Some(&body)).await;
        assert_eq!(put.status, 200, "{}", put.body);
    };
    put(&pool).await;
    assert!(!offered("changed").await.0);
    assert_eq!(redeem(&shop, 1, &json!({ "reward": "changed" })).await.problem(), "codes_unavailable");
    let loaded = shop.post("/v1/rewards/changed/codes", &json!({ "codes": ["CODE-1"] })).await;
    assert_eq!(loaded.status, 200, "{}", loaded.body);
    assert!(offered("changed").await.0);
    // With its codes, the pool may come back.
    put(&json!({ "pattern": "NEW-########" })).await;
    put(&pool).await;
    assert!(offered("changed").await.0);
    assert_eq!(taken(&coupon(&shop, 1, &json!({ "reward": "changed" })).await), "CODE-1");
    // Without its pool, nothing is missing.
    assert_eq!(redeem(&shop, 1, &json!({ "reward": "changed" })).await.status, 503);
    assert!(!offered("changed").await.0);
    put(&json!({ "pattern": "NEW-########" })).await;
    assert!(offered("changed").await.0);
    assert_eq!(redeem(&shop, 1, &json!({ "reward": "changed" })).await.status, 201);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_gets_its_code_when_it_is_committed() {
    let shop = open(1).await;
    let reserved = coupon(&shop, 1, &json!({ "reward": "pooled", "reserve": true })).await;
    let handle = taken(&reserved);
    let commit = format!("/v1/coupons/{handle}/commit");
    let refused = shop.post(&commit, &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (503, "codes_unavailable"));
    assert_eq!(shop.member("c-1").await["points"]["reserved"], 10);
    load(&shop, &codes("SALE", 1)).await;
    for _ in 0..2 {
        let committed = shop.post(&commit, &json!({})).await;
        assert_eq!((committed.status, taken(&committed.body)), (200, "SALE-00000".to_owned()), "{}", committed.body);
        assert_eq!(committed.body["status"], "available");
    }
    // Both lead to the coupon; only the drawn code is used on a receipt.
    assert_eq!(taken(&shop.get(&format!("/v1/coupons/{handle}")).await), "SALE-00000");
    let mut bought = receipt("r-1", "c-1", "40.00");
    bought["coupons"] = json!([handle, "sale 00000"]);
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    let stored = shop.get("/v1/receipts/r-1").await;
    assert_eq!(shop.get("/v1/coupons/SALE-00000").await["receipt"], "r-1", "{stored}");
    // Nobody's token cancels a code that a checkout accepts.
    load(&shop, &["SALE-9".to_owned()]).await;
    let code = taken(&coupon(&shop, 1, &json!({ "reward": "pooled" })).await);
    let claims = json!({ "iss": shop.program, "sub": "c-1", "exp": 1_772_366_400 });
    let bearer = format!("Bearer {}", token(&claims, &shop.secret));
    let path = format!("/v1/coupons/{code}/cancel");
    let refused = shop.request_with(Method::POST, &path, Some(&json!({})), &[("authorization", &bearer)]).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(shop.post(&path, &json!({})).await.body["status"], "cancelled");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drawn_code_is_no_shoppers_to_cancel_whatever_its_reward_does_now() {
    let shop = open(1).await;
    load(&shop, &codes("SALE", 2)).await;
    let at_once = coupon(&shop, 1, &json!({ "reward": "pooled" })).await;
    let reserved = taken(&coupon(&shop, 1, &json!({ "reward": "pooled", "reserve": true })).await);
    let committed = shop.post(&format!("/v1/coupons/{reserved}/commit"), &json!({})).await;
    let mut program = pooled();
    let rewards = program["rewards"].as_array_mut().unwrap();
    let reward = rewards.iter_mut().find(|reward| reward["id"] == "pooled").unwrap();
    reward["code"] = json!({ "pattern": "NEW-########" });
    reward.as_object_mut().unwrap().remove("low_stock");
    let put = shop.request(Method::PUT, "/v1/program", Some(&program)).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let generated = coupon(&shop, 1, &json!({ "reward": "pooled" })).await;
    let claims = json!({ "iss": shop.program, "sub": "c-1", "exp": 1_772_366_400 });
    let bearer = format!("Bearer {}", token(&claims, &shop.secret));
    for (coupon, status, now) in
        [(&at_once, 403, "available"), (&committed.body, 403, "available"), (&generated, 200, "cancelled")]
    {
        let (code, cancellable) = (taken(coupon), json!(status == 200));
        assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["cancellable"], cancellable, "{coupon}");
        let path = format!("/v1/coupons/{code}/cancel");
        let cancel = shop.request_with(Method::POST, &path, Some(&json!({})), &[("authorization", &bearer)]).await;
        assert_eq!(cancel.status, status, "{}", cancel.body);
        let after = shop.get(&format!("/v1/coupons/{code}")).await;
        assert_eq!((&after["status"], &after["cancellable"]), (&json!(now), &json!(false)));
    }
    let hub = shop.get("/v1/members/c-1/hub").await;
    assert!(hub["coupons"]["items"].as_array().unwrap().iter().all(|coupon| coupon["cancellable"] == false), "{hub}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_redemptions_of_a_pool_get_sixty_four_codes() {
    let shop = open(8).await;
    load(&shop, &codes("SALE", 60)).await;
    let wanted = json!({ "reward": "pooled" });
    let mut drawn = BTreeSet::new();
    for _ in 0..20 {
        let answers = join_all((0..64).map(|n| redeem(&shop, n % 8 + 1, &wanted))).await;
        for answer in answers.iter().filter(|answer| answer.status == 201) {
            assert!(drawn.insert(taken(&answer.body)), "{} was drawn twice", answer.body["code"]);
        }
        assert!(answers.iter().all(|answer| [201, 503].contains(&answer.status)), "{answers:?}");
        if drawn.len() == 60 {
            break;
        }
    }
    assert_eq!(drawn, codes("SALE", 60).into_iter().collect());
    assert_eq!(redeem(&shop, 1, &wanted).await.problem(), "codes_unavailable");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_give_codes_of_a_pool_as_far_as_they_go() {
    let shop = open(1).await;
    load(&shop, &codes("SALE", 3)).await;
    let mut bought = receipt("r-1", "c-1", "50.00");
    bought["store"] = json!("outlet");
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    let stored = shop.get("/v1/receipts/r-1").await;
    assert_eq!(stored["decision"]["outcomes"][0]["firings"], 5, "{stored}");
    let skipped = stored["decision"]["skipped"].as_array().unwrap();
    assert!(skipped.iter().any(|skipped| skipped["reason"] == "out_of_stock"), "{stored}");
    let coupons = shop.get("/v1/members/c-1/coupons").await;
    let given: BTreeSet<String> = coupons["items"].as_array().unwrap().iter().map(taken).collect();
    assert_eq!(given, codes("SALE", 3).into_iter().collect());
    // More than one transaction holds: three writes for each.
    load(&shop, &codes("MORE", 80)).await;
    let mut bought = receipt("r-2", "c-1", "600.00");
    bought["store"] = json!("outlet");
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    let stored = shop.get("/v1/receipts/r-2").await;
    let skipped = stored["decision"]["skipped"].as_array().unwrap();
    assert!(skipped.iter().any(|skipped| skipped["reason"] == "reward_limit"), "{stored}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notice_is_given_once_of_what_runs_low() {
    let shop = open(1).await;
    let server = Server::start().await;
    endpoint(&shop, &server, &["tessera.notice.low_stock"]).await;
    let given = async || {
        let notices = shop.get("/v1/notices?type=low_stock").await;
        let items = notices["items"].as_array().unwrap().clone();
        items.iter().map(|notice| (notice["reward"].clone(), notice["left"].clone())).collect::<Vec<_>>()
    };
    load(&shop, &codes("SALE", 5)).await;
    let pooled = json!({ "reward": "pooled" });
    let pool = (json!("pooled"), json!(2));
    for expected in [vec![], vec![], vec![pool.clone()], vec![pool.clone()]] {
        coupon(&shop, 1, &pooled).await;
        assert_eq!(given().await, expected);
    }
    // Filled again, it can run low again.
    shop.clock("2026-03-02T12:00:00+01:00").await;
    load(&shop, &codes("MORE", 2)).await;
    coupon(&shop, 1, &pooled).await;
    assert_eq!(given().await, [pool.clone(), pool.clone()]);
    let few = (json!("few"), json!(3));
    for units in 1..=10 {
        coupon(&shop, 1, &json!({ "reward": "few" })).await;
        assert_eq!(given().await.contains(&few), units >= 7, "{units}");
    }
    assert_eq!(given().await.len(), 3);
    assert_eq!(redeem(&shop, 1, &json!({ "reward": "few" })).await.problem(), "out_of_stock");
    // Each notice is an event, with the notice's id.
    shop.settle().await;
    let events: Vec<Value> = server.received().iter().map(Received::json).collect();
    let mut notices = shop.get("/v1/notices").await["items"].as_array().unwrap().clone();
    notices.sort_by_key(|notice| notice["id"].to_string());
    let mut sent: Vec<Value> = events.iter().map(|event| event["data"].clone()).collect();
    sent.sort_by_key(|notice| notice["id"].to_string());
    assert_eq!(sent, notices);
    assert!(events.iter().all(|event| event["id"] == event["data"]["id"] && event.get("subject").is_none()));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_codes_is_loaded_from_the_command_line() {
    let shop = open(1).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let lines = codes("SALE", 10_100).join("\r\n");
    write!(file, "code\n\n{lines}\nsale-00000\n").unwrap();
    let loading = tessera_local::codes::Loading {
        url: shop.stack.url().to_owned(),
        key: KEY.to_owned(),
        reward: "pooled".to_owned(),
    };
    let loaded = tessera_local::codes::load(file.path(), &loading).await.unwrap();
    assert_eq!((loaded.added, loaded.duplicates, loaded.remaining), (10_100, 1, 10_100));
    std::fs::write(file.path(), format!("OK-1\n{}\n", "x".repeat(300))).unwrap();
    let refused = tessera_local::codes::load(file.path(), &loading).await.unwrap_err();
    assert!(format!("{refused:#}").contains("line 2"), "{refused:#}");
}
