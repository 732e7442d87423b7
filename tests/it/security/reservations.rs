//! A reservation holds a unit of stock, and only its lapse frees it. Sold-out rewards are offered nowhere.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A shop with members who have points, a reward with one unit for 10 points, and one with 48 units.
async fn stocked(members: &[&str]) -> Shop {
    let mut document = program(&json!([{
        "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": {} }, "then": [{ "reward": { "reward": "single" } }] }]));
    for (id, stock) in [("single", 1), ("many", 48)] {
        document["rewards"].as_array_mut().unwrap().push(json!({
            "id": id, "name": id, "type": "amount_off", "value": "5.00", "cost": 10, "stock": stock, "rank": 1,
            "code": { "pattern": "UNIT-########" } }));
    }
    let shop = Shop::open(&document, CLOCK).await;
    for member in members {
        shop.post("/v1/members", &json!({ "id": member })).await;
        let award = json!({ "award": 1_000, "reason": "opening" });
        shop.post(&format!("/v1/members/{member}/adjustments"), &award).await;
    }
    shop
}

fn reserve(reward: &str, minutes: u32) -> Value {
    json!({ "reward": reward, "reserve": true, "reserve_minutes": minutes })
}

async fn reward_in_hub(shop: &Shop, member: &str, reward: &str) -> Value {
    let hub = shop.get(&format!("/v1/members/{member}/hub")).await;
    let rewards = hub["rewards"].as_array().unwrap();
    rewards.iter().find(|shown| shown["id"] == reward).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_reservations_at_once_are_at_most_twenty() {
    let shop = stocked(&["c-1"]).await;
    let redemption = json!({ "reward": "many", "reserve": true });
    let mut created = 0;
    for _ in 0..20 {
        let sent = join_all((0..64).map(|_| shop.post("/v1/members/c-1/redemptions", &redemption))).await;
        created += sent.iter().filter(|response| response.status == 201).count();
        let limited =
            |response: &&crate::shop::Response| response.status == 422 && response.problem() == "reservation_limit";
        assert!(sent.iter().all(|response| [201, 422, 503].contains(&response.status)), "{sent:?}");
        if sent.iter().filter(limited).count() == 64 {
            break;
        }
    }
    assert_eq!(created, 20);
    assert_eq!(shop.member("c-1").await["points"]["reserved"], 200);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_token_reserves_one_unit_for_half_an_hour() {
    let shop = stocked(&["c-1"]).await;
    let now: jiff::Timestamp = CLOCK.parse().unwrap();
    let claims = json!({ "iss": shop.program, "sub": "c-1", "exp": now.as_second() + 600 });
    let token = format!("Bearer {}", crate::shop::token(&claims, &shop.secret));
    let headers = [("authorization", token.as_str())];
    let ask = async |redemption: Value| {
        shop.request_with(Method::POST, "/v1/members/c-1/redemptions", Some(&redemption), &headers).await
    };
    let longer = ask(reserve("many", 31)).await;
    assert_eq!((longer.status, longer.problem()), (422, "reservation_limit"));
    assert_eq!(ask(reserve("many", 30)).await.status, 201);
    let second = ask(reserve("many", 30)).await;
    assert_eq!((second.status, second.problem()), (422, "reservation_limit"));
    assert_eq!(ask(reserve("five-off", 30)).await.status, 201, "a reward without stock has no such limit");
    assert_eq!(ask(reserve("five-off", 30)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_lapse_frees_the_unit_that_a_reservation_holds() {
    let shop = stocked(&["c-1", "c-2"]).await;
    let created = shop.post("/v1/members/c-1/redemptions", &reserve("single", 5)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let redemption = json!({ "reward": "single" });
    let held = shop.post("/v1/members/c-2/redemptions", &redemption).await;
    assert_eq!((held.status, held.problem()), (422, "out_of_stock"));
    // The first member is not loaded again, and no job has run.
    shop.clock("2026-03-01T12:06:00+01:00").await;
    let taken = join_all((0..8).map(|_| shop.post("/v1/members/c-2/redemptions", &redemption))).await;
    assert_eq!(taken.iter().filter(|response| response.status == 201).count(), 1, "freed once: {taken:?}");
    let code = created.body["code"].as_str().unwrap();
    let late = shop.post(&format!("/v1/coupons/{code}/commit"), &json!({})).await;
    assert_eq!((late.status, late.problem()), (409, "coupon_state"));
    assert_eq!(shop.member("c-1").await["points"]["available"], 1_000);
    // A cancelled coupon does not free its unit: the stock limits what is ever issued.
    let code = taken.iter().find(|response| response.status == 201).unwrap().body["code"].as_str().unwrap();
    assert_eq!(shop.post(&format!("/v1/coupons/{code}/cancel"), &json!({})).await.status, 200);
    let still = shop.post("/v1/members/c-1/redemptions", &redemption).await;
    assert_eq!((still.status, still.problem()), (422, "out_of_stock"));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_concurrent_lapse_and_commit_one_wins() {
    let shop = stocked(&["c-1", "c-2"]).await;
    let created = shop.post("/v1/members/c-1/redemptions", &reserve("single", 5)).await;
    let code = created.body["code"].as_str().unwrap();
    let commit = format!("/v1/coupons/{code}/commit");
    // All requests start one millisecond before the lapse, and the clock moves meanwhile.
    shop.clock("2026-03-01T12:04:59.999+01:00").await;
    let (nothing, redemption) = (json!({}), json!({ "reward": "single" }));
    let tick = json!({ "now": "2026-03-01T12:05:00+01:00" });
    let commits = join_all((0..8).map(|_| shop.post(&commit, &nothing)));
    let takers = join_all((0..8).map(|_| shop.post("/v1/members/c-2/redemptions", &redemption)));
    let (commits, takers, _) = tokio::join!(commits, takers, shop.post("/_local/clock", &tick));
    let committed = commits.iter().any(|response| response.status == 200);
    let taken = takers.iter().filter(|response| response.status == 201).count();
    assert_eq!(taken, usize::from(!committed), "{commits:?} {takers:?}");
    let status = shop.get(&format!("/v1/coupons/{code}")).await["status"].clone();
    assert_eq!(status, if committed { "available" } else { "lapsed" });
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sold_out_reward_is_offered_nowhere() {
    let shop = stocked(&["c-1", "c-2"]).await;
    assert_eq!(reward_in_hub(&shop, "c-2", "single").await["redeemable"], true);
    let basket = json!({ "member": { "id": "c-2" }, "currency": "EUR", "total": "5.00" });
    let promised = shop.post("/v1/receipts/preview", &basket).await;
    assert!(!promised.body.to_string().contains("out_of_stock"), "{}", promised.body);
    assert_eq!(shop.post("/v1/members/c-1/redemptions", &reserve("single", 5)).await.status, 201);

    let shown = reward_in_hub(&shop, "c-2", "single").await;
    assert_eq!((&shown["redeemable"], &shown["reason"]), (&json!(false), &json!("out_of_stock")), "{shown}");
    let hub = shop.get("/v1/members/c-2/hub").await;
    assert_eq!(hub["best_reward"]["id"], "many", "{hub}");
    for path in ["/v1/receipts/preview", "/v1/rules/examine"] {
        let fact = if path.ends_with("examine") { json!({ "fact": { "receipt": basket } }) } else { basket.clone() };
        let decided = shop.post(path, &fact).await;
        assert!(decided.body.to_string().contains("out_of_stock"), "{path}: {}", decided.body);
    }
    // The job frees the unit without a request for the reward.
    shop.clock("2026-03-01T12:05:30+01:00").await;
    shop.post("/_local/jobs/inactivity", &json!({})).await;
    assert_eq!(reward_in_hub(&shop, "c-2", "single").await["redeemable"], true);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_the_last_unit_marks_the_reward_as_sold_out() {
    let shop = stocked(&["c-1", "c-2", "c-3"]).await;
    let redemption = json!({ "reward": "many" });
    let paths: Vec<String> = (1..=3).map(|n| format!("/v1/members/c-{n}/redemptions")).collect();
    let mut created = 0;
    while created < 48 {
        let sent = join_all(paths.iter().map(|path| shop.post(path, &redemption))).await;
        created += sent.iter().filter(|response| response.status == 201).count();
        assert!(sent.iter().all(|response| [201, 422, 503].contains(&response.status)), "{sent:?}");
        if created < 46 {
            assert_eq!(reward_in_hub(&shop, "c-1", "many").await["redeemable"], true, "after {created}");
        }
    }
    assert_eq!(created, 48);
    assert_eq!(reward_in_hub(&shop, "c-1", "many").await["reason"], "out_of_stock");
    // A raised stock has units again.
    let mut document = shop.get("/v1/program").await;
    let rewards = document["rewards"].as_array_mut().unwrap();
    rewards.iter_mut().find(|reward| reward["id"] == "many").unwrap()["stock"] = json!(49);
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&document)).await.status, 200);
    assert_eq!(reward_in_hub(&shop, "c-1", "many").await["redeemable"], true);
    assert_eq!(shop.post("/v1/members/c-1/redemptions", &redemption).await.status, 201);
    assert_eq!(reward_in_hub(&shop, "c-1", "many").await["redeemable"], false);
    shop.verify().await;
}

/// The program with another stock of a reward.
async fn with_stock(shop: &Shop, reward: &str, stock: u32) -> Value {
    let mut document = shop.get("/v1/program").await;
    let rewards = document["rewards"].as_array_mut().unwrap();
    rewards.iter_mut().find(|shown| shown["id"] == reward).unwrap()["stock"] = json!(stock);
    document
}

async fn put_stock(shop: &Shop, reward: &str, stock: u32) {
    let put = shop.request(Method::PUT, "/v1/program", Some(&with_stock(shop, reward, stock).await)).await;
    assert_eq!(put.status, 200, "{}", put.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lowered_stock_that_is_used_up_is_offered_no_more() {
    let shop = stocked(&["c-1"]).await;
    let redemption = json!({ "reward": "many" });
    for _ in 0..2 {
        assert_eq!(shop.post("/v1/members/c-1/redemptions", &redemption).await.status, 201);
    }
    let is_offered = async || reward_in_hub(&shop, "c-1", "many").await["redeemable"] == true;
    for (stock, expected) in
        [(3, true), (2, false), (1, false), (2, false), (3, true), (0, false), (1, false), (48, true)]
    {
        put_stock(&shop, "many", stock).await;
        assert_eq!(is_offered().await, expected, "{stock}");
    }
    // By the part.
    let mut part = shop.get("/v1/rewards/many").await;
    part["stock"] = json!(2);
    assert_eq!(shop.request(Method::PUT, "/v1/rewards/many", Some(&part)).await.status, 200);
    assert!(!is_offered().await);
    let refused = shop.post("/v1/members/c-1/redemptions", &redemption).await;
    assert_eq!((refused.status, refused.problem()), (422, "out_of_stock"));
    // By drafts: one at once, one at its time.
    for (stock, at, expected) in
        [(5, Value::Null, true), (2, Value::Null, false), (6, json!("2026-03-02T08:00:00"), true)]
    {
        let body = json!({ "program": with_stock(&shop, "many", stock).await, "publish_at": at });
        let draft = shop.post("/v1/program/drafts", &body).await;
        let path = format!("/v1/program/drafts/{}/publish", draft.body["id"].as_str().unwrap());
        assert_eq!(shop.post(&path, &json!({})).await.status, 200, "{}", draft.body);
        if !at.is_null() {
            assert!(!is_offered().await);
            shop.clock("2026-03-02T09:00:00+01:00").await;
            shop.post("/_local/jobs/inactivity", &json!({})).await;
        }
        assert_eq!(is_offered().await, expected, "{stock}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapse_does_not_offer_what_a_lowered_stock_has_used_up() {
    let shop = stocked(&["c-1"]).await;
    for minutes in [5, 10, 15] {
        let reserved = shop.post("/v1/members/c-1/redemptions", &reserve("many", minutes)).await;
        assert_eq!(reserved.status, 201, "{}", reserved.body);
    }
    put_stock(&shop, "many", 2).await;
    for (clock, expected) in [("2026-03-01T12:06:00+01:00", false), ("2026-03-01T12:11:00+01:00", true)] {
        shop.clock(clock).await;
        shop.post("/_local/jobs/inactivity", &json!({})).await;
        assert_eq!(reward_in_hub(&shop, "c-1", "many").await["redeemable"], expected, "{clock}");
    }
    shop.verify().await;
}
