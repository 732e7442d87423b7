//! A coupon is used once, and a return restores its points once.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A shop with members who have 100 points each, from a receipt.
async fn shop(members: &[&str]) -> Shop {
    let mut document = program(&json!([]));
    document["points"]["returned_redemption"] = json!("prorata");
    document["rewards"].as_array_mut().unwrap().push(json!({
        "id": "bound", "name": "Bound", "type": "amount_off", "value": "5.00", "cost": 100, "bind": "member",
        "code": { "pattern": "MINE-########" } }));
    let shop = Shop::open(&document, CLOCK).await;
    for member in members {
        shop.post("/v1/members", &json!({ "id": member })).await;
        award(&shop, member, 100).await;
    }
    shop
}

async fn award(shop: &Shop, member: &str, points: i64) {
    let path = format!("/v1/members/{member}/adjustments");
    let awarded = shop.post(&path, &json!({ "award": points, "reason": "opening" })).await;
    assert!([200, 201].contains(&awarded.status), "{}", awarded.body);
}

async fn redeem(shop: &Shop, member: &str, reward: &str) -> String {
    let created = shop.post(&format!("/v1/members/{member}/redemptions"), &json!({ "reward": reward })).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["code"].as_str().unwrap().to_owned()
}

async fn act(shop: &Shop, code: &str, action: &str, body: Value) -> Response {
    shop.post(&format!("/v1/coupons/{code}/{action}"), &body).await
}

async fn buy(shop: &Shop, id: &str, member: &str, codes: &[&str]) -> Value {
    let mut body = receipt(id, member, "80.00");
    body["coupons"] = json!(codes);
    let sent = shop.post("/v1/receipts", &body).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    shop.settle().await;
    let stored = shop.get(&format!("/v1/receipts/{id}")).await;
    assert_eq!(stored["status"], "evaluated", "{stored}");
    stored
}

async fn give_back(shop: &Shop, receipt: &str, id: &str, amount: &str) {
    let body = json!({ "id": id, "occurred_at": "2026-03-01T11:30:00+01:00", "amount": amount });
    assert_eq!(shop.post(&format!("/v1/receipts/{receipt}/refunds"), &body).await.status, 202);
    shop.settle().await;
}

async fn available(shop: &Shop, member: &str) -> i64 {
    shop.member(member).await["points"]["available"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_till_learns_when_the_coupon_was_used() {
    let shop = shop(&["c-1"]).await;
    let code = redeem(&shop, "c-1", "five-off").await;
    let path = format!("/v1/coupons/{code}/use");
    let first = shop.request_with(Method::POST, &path, Some(&json!({})), &till("till-1")).await;
    assert_eq!((first.status, &first.body["status"]), (200, &json!("used")), "{}", first.body);
    shop.clock("2026-03-01T12:10:00+01:00").await;
    let repeated = shop.request_with(Method::POST, &path, Some(&json!({})), &till("till-1")).await;
    assert_eq!(repeated.status, 200);
    for body in [json!({}), json!({ "receipt": "r-1" })] {
        let second = act(&shop, &code, "use", body).await;
        assert_eq!((second.status, second.problem()), (409, "coupon_state"));
        assert_eq!(second.body["used_at"], "2026-03-01T11:00:00Z", "{}", second.body);
    }
    let other = shop.request_with(Method::POST, &path, Some(&json!({})), &till("till-2")).await;
    assert_eq!((other.status, other.problem()), (409, "coupon_state"));
    // The same receipt may report the use again, from any till.
    award(&shop, "c-1", 100).await;
    let code = redeem(&shop, "c-1", "five-off").await;
    for _ in 0..2 {
        assert_eq!(act(&shop, &code, "use", json!({ "receipt": "r-7" })).await.status, 200);
    }
    assert_eq!(act(&shop, &code, "use", json!({ "receipt": "r-8" })).await.status, 409);
    shop.verify().await;
}

fn till(key: &str) -> [(&str, &str); 2] {
    const BEARER: &str = "Bearer tsk_tests_admin";
    [("authorization", BEARER), ("idempotency-key", key)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tills_use_one_coupon_once() {
    let shop = shop(&["c-1"]).await;
    let code = redeem(&shop, "c-1", "five-off").await;
    let uses = join_all((0..64).map(|_| act(&shop, &code, "use", json!({})))).await;
    assert_eq!(uses.iter().filter(|till| till.status == 200).count(), 1);
    for till in uses.iter().filter(|till| till.status != 200) {
        assert!(till.status == 503 || till.body["used_at"].is_string(), "{till:?}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_code_twice_on_a_receipt_is_one_use() {
    let shop = shop(&["c-1"]).await;
    let code = redeem(&shop, "c-1", "five-off").await;
    let spelled = code.to_lowercase().replace('-', "");
    let stored = buy(&shop, "r-1", "c-1", &[&code, &code, &spelled]).await;
    assert!(stored["decision"].get("coupons_ignored").is_none_or(|ignored| *ignored == json!([])), "{stored}");
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["receipt"], "r-1");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_compared_without_case_dashes_and_spaces_everywhere() {
    let shop = shop(&["c-1"]).await;
    let code = redeem(&shop, "c-1", "five-off").await;
    let typed = code.to_lowercase().replace('0', "o").replace('1', "i").replace('-', "%20");
    assert_eq!(shop.get(&format!("/v1/coupons/{typed}")).await["code"], code);
    let checked = act(&shop, &typed, "check", json!({ "total": "42.00" })).await;
    assert_eq!(checked.body["valid"], true, "{}", checked.body);
    assert_eq!(act(&shop, &typed, "apply", json!({})).await.body["status"], "applied");
    assert_eq!(act(&shop, &typed, "use", json!({ "receipt": "r-1" })).await.body["code"], code);
    let again = buy(&shop, "r-2", "c-1", &[&code.to_lowercase()]).await;
    assert!(again.to_string().contains("\"used\""), "{again}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_before_the_reported_use_restores_the_points() {
    let shop = shop(&["c-1", "c-2"]).await;
    let (half, whole) = (redeem(&shop, "c-1", "five-off").await, redeem(&shop, "c-2", "five-off").await);
    buy(&shop, "r-1", "c-1", &[]).await;
    give_back(&shop, "r-1", "f-1", "40.00").await;
    assert_eq!(act(&shop, &half, "use", json!({ "receipt": "r-1" })).await.status, 200);
    assert_eq!(available(&shop, "c-1").await, 50);
    assert_eq!(act(&shop, &half, "use", json!({ "receipt": "r-1" })).await.status, 200);
    give_back(&shop, "r-1", "f-2", "40.00").await;
    assert_eq!(available(&shop, "c-1").await, 100);

    buy(&shop, "r-2", "c-2", &[]).await;
    give_back(&shop, "r-2", "f-1", "80.00").await;
    assert_eq!(act(&shop, &whole, "use", json!({ "receipt": "r-2" })).await.status, 200);
    assert_eq!(available(&shop, "c-2").await, 100);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_without_a_receipt_is_tied_to_the_first_receipt_that_names_it() {
    let shop = shop(&["c-1"]).await;
    let code = redeem(&shop, "c-1", "five-off").await;
    assert_eq!(act(&shop, &code, "use", json!({})).await.status, 200);
    buy(&shop, "r-1", "c-1", &[&code]).await;
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["receipt"], "r-1");
    give_back(&shop, "r-1", "f-1", "80.00").await;
    assert_eq!(available(&shop, "c-1").await, 100);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_by_another_member_restores_to_the_owner() {
    let shop = shop(&["c-1", "c-2", "c-3"]).await;
    // Reported by a till before the receipt is known.
    let reported = redeem(&shop, "c-1", "five-off").await;
    assert_eq!(act(&shop, &reported, "use", json!({ "receipt": "r-1" })).await.status, 200);
    buy(&shop, "r-1", "c-3", &[]).await;
    // Named by the receipt.
    let named = redeem(&shop, "c-2", "five-off").await;
    buy(&shop, "r-2", "c-3", &[&named]).await;
    assert_eq!(shop.get(&format!("/v1/coupons/{named}")).await["status"], "used");
    for receipt in ["r-1", "r-2"] {
        give_back(&shop, receipt, "f-1", "20.00").await;
        give_back(&shop, receipt, "f-2", "60.00").await;
    }
    for member in ["c-1", "c-2", "c-3"] {
        assert_eq!(available(&shop, member).await, 100, "{member}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_coupon_is_refused_on_another_members_receipt() {
    let shop = shop(&["c-1", "c-2"]).await;
    let code = redeem(&shop, "c-1", "bound").await;
    let stored = buy(&shop, "r-1", "c-2", &[&code]).await;
    assert!(stored.to_string().contains("\"foreign\""), "{stored}");
    let refused = act(&shop, &code, "use", json!({ "receipt": "r-1" })).await;
    assert_eq!((refused.status, refused.problem()), (422, "other_member"));
    buy(&shop, "r-2", "c-1", &[]).await;
    let used = act(&shop, &code, "use", json!({ "receipt": "r-2" })).await;
    assert_eq!((used.status, &used.body["discount"]["bind"]), (200, &json!("member")), "{}", used.body);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_receipt_uses_a_cancelled_coupon_and_takes_its_points_again() {
    let shop = shop(&["c-1", "c-2"]).await;
    let (own, anothers) = (redeem(&shop, "c-1", "five-off").await, redeem(&shop, "c-2", "five-off").await);
    shop.clock("2026-03-31T09:00:00+02:00").await;
    for code in [&own, &anothers] {
        assert_eq!(act(&shop, code, "cancel", json!({})).await.body["status"], "cancelled");
    }
    shop.post("/v1/members/c-1/adjustments", &json!({ "deduct": 70, "reason": "spent" })).await;
    // The first member's receipt names both coupons and is dated a month before the cancellations.
    buy(&shop, "r-1", "c-1", &[&own, &anothers]).await;
    for code in [&own, &anothers] {
        assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["status"], "used");
    }
    let points = shop.member("c-1").await["points"].clone();
    assert_eq!((&points["available"], &points["debt"]), (&json!(0), &json!(70)), "{points}");
    assert_eq!(available(&shop, "c-2").await, 0);
    let hub = shop.get("/v1/members/c-1/hub").await;
    assert_eq!(hub["next_reward"]["missing"], 80, "the debt is missing too: {hub}");
    shop.verify().await;
}

/// The headers of a member token.
fn bearer(shop: &Shop, member: &str, now: &str) -> String {
    let now: jiff::Timestamp = now.parse().unwrap();
    let claims = json!({ "iss": shop.program, "sub": member, "exp": now.as_second() + 600 });
    format!("Bearer {}", crate::shop::token(&claims, &shop.secret))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_token_cannot_distinguish_unknown_foreign_and_used_codes() {
    let shop = shop(&["c-1", "c-2"]).await;
    let foreign = redeem(&shop, "c-2", "five-off").await;
    let spent = redeem(&shop, "c-1", "five-off").await;
    act(&shop, &spent, "use", json!({})).await;
    award(&shop, "c-1", 100).await;
    let own = redeem(&shop, "c-1", "five-off").await;
    let token = bearer(&shop, "c-1", CLOCK);
    let headers = [("authorization", token.as_str())];

    let capacity = async || {
        let metered = shop.get("/_local/capacity").await;
        let of = metered["functions"]["reward-redemption"].clone();
        (of["read_units"].as_f64().unwrap(), of["dynamodb_calls"].as_f64().unwrap())
    };
    // Warm up: the program and the member are cached, and the rate limiter has a chunk of tokens.
    for _ in 0..6 {
        shop.request_with(Method::GET, &format!("/v1/coupons/{own}"), None, &headers).await;
    }
    let mut seen = Vec::new();
    for code in ["ADA-7K2M9QXT", &foreign, &spent] {
        for (method, action) in [(Method::GET, ""), (Method::POST, "/apply"), (Method::POST, "/cancel")] {
            let before = capacity().await;
            let path = format!("/v1/coupons/{code}{action}");
            let body = (method == Method::POST).then(|| json!({}));
            let mut refused = shop.request_with(method, &path, body.as_ref(), &headers).await;
            let after = capacity().await;
            assert_eq!((refused.status, refused.problem()), (404, "not_found"), "{path}: {}", refused.body);
            refused.body.as_object_mut().unwrap().remove("request_id");
            seen.push((refused.body.to_string(), after.0 - before.0, after.1 - before.1));
        }
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    let found = shop.request_with(Method::GET, &format!("/v1/coupons/{own}"), None, &headers).await;
    assert_eq!((found.status, &found.body["code"]), (200, &json!(own)), "{}", found.body);
    for action in ["use", "check"] {
        let path = format!("/v1/coupons/{own}/{action}");
        let refused = shop.request_with(Method::POST, &path, Some(&json!({ "total": "9.00" })), &headers).await;
        assert_eq!(refused.status, 403, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_token_cancels_only_available_coupons() {
    let shop = shop(&["c-1"]).await;
    award(&shop, "c-1", 100).await;
    let token = bearer(&shop, "c-1", CLOCK);
    let headers = [("authorization", token.as_str())];
    let act = async |code: &str, action: &str| {
        shop.request_with(Method::POST, &format!("/v1/coupons/{code}/{action}"), Some(&json!({})), &headers).await
    };
    let code = redeem(&shop, "c-1", "five-off").await;
    act(&code, "apply").await;
    let applied = act(&code, "cancel").await;
    assert_eq!((applied.status, applied.problem()), (409, "coupon_state"));
    act(&code, "release").await;
    for _ in 0..2 {
        assert_eq!(act(&code, "cancel").await.body["status"], "cancelled");
    }
    let redemption = json!({ "reward": "five-off", "reserve": true });
    let reserved = shop.request_with(Method::POST, "/v1/members/c-1/redemptions", Some(&redemption), &headers).await;
    let code = reserved.body["code"].as_str().unwrap().to_owned();
    assert_eq!(act(&code, "cancel").await.status, 409);
    assert_eq!(act(&code, "commit").await.body["status"], "available");
    assert_eq!(available(&shop, "c-1").await, 100);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_commit_says_what_became_of_the_coupon_since() {
    let shop = shop(&["c-1"]).await;
    award(&shop, "c-1", 100).await;
    let act =
        async |code: &str, action: &str, body: Value| shop.post(&format!("/v1/coupons/{code}/{action}"), &body).await;
    let reserved = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off", "reserve": true })).await;
    let code = reserved.body["code"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        assert_eq!(act(&code, "commit", json!({})).await.body["status"], "available");
    }
    act(&code, "cancel", json!({})).await;
    let again = act(&code, "commit", json!({})).await;
    assert_eq!((again.status, again.problem()), (409, "coupon_state"));
    assert_eq!(available(&shop, "c-1").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_code_patterns_are_refused_with_the_reason() {
    let shop = shop(&[]).await;
    let mut document = program(&per_euro());
    document["rewards"][0]["code"]["pattern"] = json!("ADA-#######");
    let refused = shop.request(Method::PUT, "/v1/program", Some(&document)).await;
    assert_eq!((refused.status, refused.problem()), (400, "invalid"));
    let fault = &refused.body["errors"][0];
    assert_eq!(fault["pointer"], "/rewards/0/code/pattern", "{fault}");
    assert!(fault["detail"].as_str().unwrap().contains("35 bits"), "{fault}");
}
