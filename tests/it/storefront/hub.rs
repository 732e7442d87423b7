//! The hub over HTTP: its states, its size and what it costs.

use reqwest::Method;
use serde_json::{Value, json};

use super::get;
use crate::shop::{Shop, per_euro, program, receipt, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
/// The number of requests that the costs are averaged over.
const REQUESTS: u32 = 10;

/// A crowded program: 20 rewards and 15 ways to earn, with texts of ordinary length.
fn crowded() -> Value {
    let rules = (0..15).map(|n| {
        json!({ "id": format!("rule-{n}"), "name": format!("Rule {n}"), "status": "active",
                "starts_at": "2026-01-01T00:00:00", "on": { "receipt": { "spend": { "every": format!("{}.00", 40 + n) } } },
                "then": [{ "credit": { "points": 10, "kind": "both" } }],
                "storefront": { "visible": true, "title": format!("10 points for every {} €", 40 + n) } })
    });
    let mut document = program(&Value::Array(rules.collect()));
    let rewards = (0..20).map(|n| {
        json!({ "id": format!("reward-{n}"), "name": format!("{n} € off your next order"), "type": "amount_off",
                "value": "5.00", "cost": 10 + n, "stock": 50, "code": { "pattern": "ADA-########" } })
    });
    document["rewards"] = Value::Array(rewards.collect());
    document["storefront"] = json!({ "colours": { "accent": "#aa3300" }, "logo_url": "https://shop.example/l.svg" });
    document
}

fn bearer(shop: &Shop, claims: &Value) -> String {
    let mut all = json!({ "iss": shop.program, "exp": shop.stack.now().as_second() + 600 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    format!("Bearer {}", token(&all, &shop.secret))
}

async fn hub(shop: &Shop, claims: &Value) -> Value {
    let response = get(shop, "/v1/hub?locale=it", &[("authorization", &bearer(shop, claims))]).await;
    assert_eq!((response.status, response.header("cache-control")), (200, "no-store"));
    serde_json::from_slice(&response.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowded_hub_costs_three_units_and_has_eight_kilobytes() {
    let shop = Shop::open(&crowded(), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    for n in 0..4 {
        shop.post("/v1/receipts", &receipt(&format!("r-{n}"), "c-1", "900.00")).await;
    }
    shop.settle().await;
    for n in 0..12 {
        let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": format!("reward-{n}") })).await;
        assert_eq!(redeemed.status, 201, "{}", redeemed.body);
    }
    let claims = json!({ "sub": "c-1" });
    let view = hub(&shop, &claims).await;
    assert_eq!((&view["program"]["currency"], &view["program"]["theme"]["accent"]), (&json!("EUR"), &json!("#aa3300")));
    assert_eq!((&view["coupons"]["available"], view["coupons"]["items"].as_array().unwrap().len()), (&json!(12), 10));
    assert!(view["ways_to_earn"].as_array().unwrap().iter().all(|way| way["missing"].is_string()));
    let bytes = view.to_string().len();

    let before = shop.get("/_local/capacity").await;
    for _ in 0..REQUESTS {
        hub(&shop, &claims).await;
    }
    let after = shop.get("/_local/capacity").await;
    let cost = |field: &str| {
        let of = |capacity: &Value| capacity["functions"]["customer-hub"][field].as_f64().unwrap_or(0.0);
        (of(&after) - of(&before)) / f64::from(REQUESTS)
    };
    println!("a crowded hub has {bytes} bytes, {} read units, {} calls", cost("read_units"), cost("dynamodb_calls"));
    // A re-check of the configuration may fall into the run once.
    let slack = 1.0 / f64::from(REQUESTS);
    assert!(cost("read_units") <= 3.0 + slack, "{after}");
    // The guard of the id first; then profile, account, coupons and sold-out rewards at once.
    assert!(cost("dynamodb_calls") <= 5.0 + 2.0 * slack, "{after}");
    assert!(bytes <= 8 * 1024, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_has_its_hub() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let anonymous = get(&shop, &format!("/v1/hub?program={}", shop.program), &[]).await;
    assert_eq!((anonymous.status, anonymous.header("cache-control")), (200, "public, max-age=60"));
    let view: Value = serde_json::from_slice(&anonymous.body).unwrap();
    assert_eq!(
        (&view["state"], &view["prompt"], &view["points"]),
        (&json!("anonymous"), &json!("sign_in"), &Value::Null)
    );
    assert_eq!(view["rewards"][0]["value"], "5.00");

    let nobody = hub(&shop, &json!({ "sub": "c-9" })).await;
    assert_eq!((&nobody["state"], &nobody["points"]["available"]), (&json!("visitor"), &json!(0)));

    // A guest bought by e-mail: whoever proves the address sees the points, whoever does not sees none.
    let mut guest = receipt("r-1", "x", "40.00");
    guest["member"] = json!({ "email": "ada@example.com" });
    assert_eq!(shop.post("/v1/receipts", &guest).await.status, 202);
    shop.settle().await;
    let proven = json!({ "sub": "c-1", "email": "ada@example.com", "email_verified": true });
    assert_eq!(hub(&shop, &proven).await["points"]["available"], 40);
    let claimed = json!({ "sub": "c-1", "email": "ada@example.com", "email_verified": false });
    assert_eq!(hub(&shop, &claimed).await["points"]["available"], 0);

    shop.post("/v1/members", &json!({ "id": "c-2" })).await;
    let empty = hub(&shop, &json!({ "sub": "c-2" })).await;
    assert_eq!((&empty["state"], &empty["prompt"]), (&json!("member"), &json!("start_earning")));
    assert_eq!(empty["rewards"][0]["reason"], "insufficient_points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_of_a_token_show_the_same_person_as_the_hub() {
    let mut rules = per_euro();
    rules.as_array_mut().unwrap().push(json!({
        "id": "gift", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": {} }, "then": [{ "reward": "five-off" }] }));
    let shop = Shop::open(&program(&rules), CLOCK).await;
    let list = async |path: &str, claims: &Value| {
        let authorization = bearer(&shop, claims);
        let headers = [("authorization", authorization.as_str())];
        shop.request_with(Method::GET, &format!("/v1/members/{path}"), None, &headers).await
    };
    let empty = json!({ "items": [], "next_cursor": null });
    let unknown = json!({ "sub": "t-1" });
    for name in ["entries", "coupons", "referrals"] {
        let own = list(&format!("t-1/{name}"), &unknown).await;
        assert_eq!((own.status, &own.body), (200, &empty), "{name}");
        assert_eq!(list(&format!("t-1/{name}?limit=0"), &unknown).await.status, 400, "{name}");
        assert_eq!(list(&format!("t-2/{name}"), &unknown).await.status, 403, "{name}");
        assert_eq!(shop.request(Method::GET, &format!("/v1/members/t-1/{name}"), None).await.status, 404);
    }
    for name in ["entries", "coupons"] {
        assert_eq!(list(&format!("t-1/{name}?cursor=zzz"), &unknown).await.status, 400, "{name}");
    }

    // A contact with points and a coupon.
    let mut guest = receipt("r-1", "x", "140.00");
    guest["member"] = json!({ "email": "ada@example.com" });
    assert_eq!(shop.post("/v1/receipts", &guest).await.status, 202);
    shop.settle().await;
    let proven = json!({ "sub": "t-1", "email": "ada@example.com", "email_verified": true });
    let shown = hub(&shop, &proven).await;
    let entries = list("t-1/entries", &proven).await.body["items"].clone();
    assert_eq!(entries[0]["balance"], shown["points"]["available"], "{entries}");
    let coupons = list("t-1/coupons", &proven).await.body["items"].clone();
    assert_eq!(coupons.as_array().unwrap().len(), shown["coupons"]["items"].as_array().unwrap().len());
    assert_eq!((coupons.as_array().unwrap().len(), &entries[0]["balance"]), (1, &json!(140)), "{coupons}");
    // Unproven, it leads to nobody.
    let claimed = json!({ "sub": "t-1", "email": "ada@example.com", "email_verified": false });
    for name in ["entries", "coupons"] {
        assert_eq!(list(&format!("t-1/{name}"), &claimed).await.body, empty, "{name}");
    }
}
