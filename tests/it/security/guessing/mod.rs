//! Rate limits: guessing codes, cards, addresses and credentials is slow.

mod floods;
mod routes;

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::StackOptions;

use crate::shop::{Response, Shop, per_euro, program, receipt, token};

/// Fifteen seconds into a minute.
const CLOCK: &str = "2026-03-01T12:00:15+01:00";
const NEXT_MINUTE: &str = "2026-03-01T12:01:00+01:00";
/// Misses allowed per minute.
const MISSES: usize = 30;

/// A client: a credential, a source address, and the name it gives in `Tessera-Client`.
struct Sender<'a> {
    shop: &'a Shop,
    credential: String,
    address: &'a str,
    client: Option<&'a str>,
}

impl<'a> Sender<'a> {
    fn new(shop: &'a Shop, credential: String, address: &'a str) -> Self {
        Self { shop, credential, address, client: None }
    }

    fn member(shop: &'a Shop, id: &str, address: &'a str) -> Self {
        let claims = json!({ "iss": shop.program, "sub": id, "exp": shop.stack.now().as_second() + 600 });
        Self::new(shop, token(&claims, &shop.secret), address)
    }

    fn at(&self, address: &'a str) -> Self {
        Self { credential: self.credential.clone(), address, ..*self }
    }

    fn naming(&self, client: &'a str) -> Self {
        Self { credential: self.credential.clone(), client: Some(client), ..*self }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let authorization = format!("Bearer {}", self.credential);
        let mut headers = vec![("authorization", authorization.as_str()), ("x-forwarded-for", self.address)];
        headers.extend(self.client.map(|client| ("tessera-client", client)));
        self.shop.request_with(method, path, body, &headers).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    async fn apply(&self, code: &str) -> Response {
        self.send(Method::POST, &format!("/v1/coupons/{code}/apply"), None).await
    }

    async fn check(&self, code: &str, member: Option<&str>) -> Response {
        let mut body = json!({ "total": "50.00" });
        if let Some(member) = member {
            body["member"] = json!({ "id": member });
        }
        self.send(Method::POST, &format!("/v1/coupons/{code}/check"), Some(&body)).await
    }
}

/// The `Retry-After` of a refusal.
fn refused(response: &Response) -> u32 {
    assert_eq!((response.status, response.problem()), (429, "too_many_requests"), "{}", response.body);
    response.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

async fn open() -> Shop {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    for (member, order) in [("c-1", "r-1"), ("c-2", "r-2")] {
        shop.post("/v1/members", &json!({ "id": member })).await;
        shop.post("/v1/receipts", &receipt(order, member, "500.00")).await;
    }
    shop.settle().await;
    shop
}

/// A coupon of a member.
async fn coupon(shop: &Shop, member: &str) -> String {
    let response = shop.post(&format!("/v1/members/{member}/redemptions"), &json!({ "reward": "five-off" })).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.body["code"].as_str().unwrap().to_owned()
}

/// An API key with `per_minute`.
async fn api_key(shop: &Shop, per_minute: Option<u32>) -> String {
    let mut body = json!({ "name": "till", "scopes": ["rewards:redeem", "members:read", "receipts:write"] });
    body["per_minute"] = per_minute.map_or(Value::Null, Value::from);
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let response = shop.post("/v1/api-keys", &body).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.body["key"].as_str().unwrap().to_owned()
}

/// A function's DynamoDB requests and consumed write units so far.
async fn used(shop: &Shop, function: &str) -> (u64, f64) {
    let capacity = shop.get("/_local/capacity").await;
    let function = &capacity["functions"][function];
    (function["dynamodb_calls"].as_u64().unwrap_or(0), function["write_units"].as_f64().unwrap_or(0.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_thirty_misses_codes_are_refused_without_a_look_up() {
    let shop = open().await;
    let (own, foreign) = (coupon(&shop, "c-1").await, coupon(&shop, "c-2").await);
    let guesser = Sender::member(&shop, "c-1", "203.0.113.7");
    for number in 0..MISSES {
        let response = guesser.apply(&format!("ADA-0000{number:04}")).await;
        assert_eq!((response.status, response.problem()), (404, "not_found"), "{}", response.body);
    }
    // A valid code is refused too, without a read.
    let before = used(&shop, "reward-redemption").await;
    assert_eq!(refused(&guesser.apply(&own).await), 45);
    assert_eq!(refused(&guesser.apply("ADA-00000000").await), 45);
    assert_eq!(used(&shop, "reward-redemption").await, before);
    // Other routes and other members are not blocked.
    assert_eq!(guesser.at("203.0.113.8").apply(&own).await.status, 200);
    assert_eq!(Sender::member(&shop, "c-2", "203.0.113.9").apply(&foreign).await.status, 200);
    shop.clock(NEXT_MINUTE).await;
    assert_eq!(Sender::member(&shop, "c-1", "203.0.113.7").apply(&own).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_shoppers_typos_do_not_lock_out_the_till() {
    let shop = open().await;
    let code = coupon(&shop, "c-2").await;
    let till = Sender::new(&shop, api_key(&shop, None).await, "203.0.113.7");
    let clumsy = till.naming("shopper-1");
    for number in 0..MISSES {
        assert_eq!(clumsy.check(&format!("ADA-0000{number:04}"), None).await.status, 404);
    }
    assert_eq!(refused(&clumsy.check(&code, None).await), 45);
    // A shopper is the same from another address.
    assert_eq!(refused(&clumsy.at("198.51.100.1").check(&code, None).await), 45);
    assert_eq!(till.naming("shopper-2").check(&code, None).await.status, 200);
    assert_eq!(till.check(&code, None).await.status, 200);

    // A member in the body counts like a named client.
    for number in 0..MISSES {
        assert_eq!(till.check(&format!("ADA-0001{number:04}"), Some("c-1")).await.status, 404);
    }
    assert_eq!(refused(&till.check(&code, Some("c-1")).await), 45);
    assert_ne!(till.check(&code, Some("c-2")).await.status, 429);
    assert_eq!(till.check(&code, None).await.status, 200);

    // Without a member or client, the till's address counts.
    for number in 0..MISSES {
        assert_eq!(till.get(&format!("/v1/coupons/ADA-0002{number:04}")).await.status, 404);
    }
    assert_eq!(refused(&till.get(&format!("/v1/coupons/{code}")).await), 45);
    assert_eq!(till.at("198.51.100.1").get(&format!("/v1/coupons/{code}")).await.status, 200);
    assert_eq!(till.naming("shopper-2").get(&format!("/v1/coupons/{code}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessed_cards_addresses_and_ids_are_refused_after_thirty_misses() {
    let shop = open().await;
    shop.post("/v1/members", &json!({ "id": "c-3", "card": "2000000000008" })).await;
    let till = Sender::new(&shop, api_key(&shop, None).await, "203.0.113.7");
    let guesser = till.naming("shopper-1");
    for number in 0..MISSES {
        let named = match number % 4 {
            0 => format!("card:10000000{number:05}"),
            1 => format!("email:ada{number}@example.com"),
            2 => format!("phone:%2B3902{number:08}"),
            _ => format!("m_{number:032}"),
        };
        let path = ["", "/coupons", "/entries"][number % 3];
        let response = guesser.get(&format!("/v1/members/{named}{path}")).await;
        assert_eq!(response.status, 404, "{named}{path}: {}", response.body);
    }
    assert_eq!(refused(&guesser.get("/v1/members/card:2000000000008").await), 45);
    let redemption = json!({ "reward": "five-off" });
    let redeem = async |sender: &Sender<'_>, member: &str| {
        sender.send(Method::POST, &format!("/v1/members/{member}/redemptions"), Some(&redemption)).await
    };
    // Each function notices at its own next miss.
    assert_eq!(refused(&redeem(&guesser, "card:9").await), 45);
    assert_eq!(refused(&redeem(&guesser, "c-1").await), 45);
    assert_eq!(till.naming("shopper-2").get("/v1/members/card:2000000000008").await.status, 200);
    // Without `Tessera-Client`, the member in the path counts: another member is still found.
    for _ in 0..MISSES {
        assert_eq!(till.get("/v1/members/card:9").await.status, 404);
    }
    assert_eq!(refused(&till.get("/v1/members/card:9").await), 45);
    assert_eq!(till.get("/v1/members/card:2000000000008").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_that_find_nobody_are_misses_and_beginnings_of_names_are_not() {
    let shop = open().await;
    let known = json!({ "id": "c-3", "card": "2000000000008", "email": "ada@example.com", "first_name": "Ada" });
    shop.post("/v1/members", &known).await;
    let till = Sender::new(&shop, api_key(&shop, None).await, "203.0.113.7");
    let guesser = till.naming("shopper-1");
    let search = async |sender: &Sender<'_>, query: &str| {
        sender.get(&format!("/v1/members?query={}", query.replace('+', "%2B"))).await
    };
    // Whoever is found, and whoever types a name, guesses nothing.
    for _ in 0..MISSES {
        for query in ["c-3", "2000000000008", "ada@example.com", "card:2000000000008", "Ad", "Nobody", ""] {
            assert_eq!(search(&guesser, query).await.status, 200, "{query}");
        }
        assert_eq!(guesser.get("/v1/members?query=c-3&status=excluded").await.status, 200);
    }
    for number in 0..MISSES {
        let query = match number % 5 {
            0 => format!("card:10000000{number:05}"),
            1 => format!("ada{number}@example.com"),
            2 => format!("+3902{number:08}"),
            3 => format!("c-9{number}"),
            _ => format!("m_{number:032}"),
        };
        let response = search(&guesser, &query).await;
        assert_eq!((response.status, &response.body["items"]), (200, &json!([])), "{query}");
    }
    // Refused before anything is read, whoever is looked for and by whichever route.
    let before = used(&shop, "members").await;
    assert_eq!(refused(&search(&guesser, "2000000000008").await), 45);
    assert_eq!(refused(&guesser.get("/v1/members/card:2000000000008").await), 45);
    assert_eq!(used(&shop, "members").await, before);
    assert_eq!(search(&till.naming("shopper-2"), "2000000000008").await.status, 200);
    // Without `Tessera-Client`, the query counts as the member named: another one is still found.
    for _ in 0..MISSES {
        assert_eq!(search(&till, "card:9").await.status, 200);
    }
    assert_eq!(refused(&search(&till, "card:9").await), 45);
    assert_eq!(search(&till, "2000000000008").await.body["items"].as_array().unwrap().len(), 1);
    shop.clock(NEXT_MINUTE).await;
    assert_eq!(search(&guesser, "card:9").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shops_own_codes_beside_a_coupon_are_no_misses() {
    let shop = open().await;
    let code = coupon(&shop, "c-1").await;
    let till = Sender::new(&shop, api_key(&shop, None).await, "203.0.113.7");
    for number in 0..=MISSES {
        let body = json!({ "total": "50.00", "with": [format!("SUMMER-{number}")] });
        let checked = till.send(Method::POST, &format!("/v1/coupons/{code}/check"), Some(&body)).await;
        assert_eq!((checked.status, &checked.body["valid"]), (200, &json!(true)), "{}", checked.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessed_credentials_are_refused_by_source() {
    let shop = open().await;
    let good = api_key(&shop, None).await;
    let from = |credential: &str| Sender::new(&shop, credential.to_owned(), "203.0.113.7");
    assert_eq!(from(&good).get("/v1/members/c-1").await.status, 200);
    // A malformed credential is not looked up and does not count.
    let before = used(&shop, "authorizer").await;
    for garbage in ["x", "tsk_", "tsk_no spaces allowed in a key, nor commas......", "eyJ.eyJ.x"] {
        for _ in 0..MISSES {
            assert_eq!(from(garbage).get("/v1/members/c-1").await.status, 401, "{garbage}");
        }
    }
    assert_eq!(used(&shop, "authorizer").await, before);

    let bad = |number: usize| {
        if number.is_multiple_of(2) {
            return format!("tsk_{number:040}");
        }
        let claims = json!({ "iss": shop.program, "sub": "c-1", "exp": shop.stack.now().as_second() + 600 });
        token(&claims, &format!("guess {number}"))
    };
    for number in 0..MISSES {
        let response = from(&bad(number)).get("/v1/members/c-1/hub").await;
        assert_eq!((response.status, response.problem()), (401, "unauthorized"));
    }
    let before = used(&shop, "authorizer").await;
    // The gateway may repeat the refusal for a minute.
    assert_eq!(refused(&from(&bad(MISSES)).get("/v1/members/c-1/hub").await), 60);
    let fresh = api_key(&shop, None).await;
    assert_eq!(refused(&from(&fresh).get("/v1/members/c-1").await), 60);
    assert_eq!(used(&shop, "authorizer").await, before);
    // A key that was valid before stays valid: a worker with an old key does not lock its shop out.
    assert_eq!(from(&good).get("/v1/members/c-1").await.status, 200);
    let elsewhere = Sender::new(&shop, fresh.clone(), "203.0.113.8");
    assert_eq!(elsewhere.get("/v1/members/c-1").await.status, 200);
    // The hub authenticates its own callers and counts separately.
    assert_eq!(refused(&from(&bad(MISSES + 1)).get("/v1/hub").await), 45);
    shop.clock(NEXT_MINUTE).await;
    assert_eq!(from(&fresh).get("/v1/members/c-1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessed_programs_are_refused_by_source() {
    let shop = open().await;
    let hub = async |program: &str, address: &str| {
        shop.request_with(Method::GET, &format!("/v1/hub?program={program}"), None, &[("x-forwarded-for", address)])
            .await
    };
    for number in 0..MISSES {
        assert_eq!(hub(&format!("prg_{number}"), "203.0.113.7").await.status, 404);
    }
    assert_eq!(refused(&hub(&shop.program, "203.0.113.7").await), 45);
    assert_eq!(hub(&shop.program, "203.0.113.8").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ipv6_source_is_its_64_bit_prefix() {
    let shop = open().await;
    let code = coupon(&shop, "c-1").await;
    let member = Sender::member(&shop, "c-1", "");
    for number in 0..MISSES {
        let address = format!("2001:db8:1:2:{number:x}::1");
        assert_eq!(Sender::at(&member, &address).apply(&format!("ADA-0000{number:04}")).await.status, 404);
    }
    assert_eq!(refused(&member.at("2001:db8:1:2:ffff::9").apply(&code).await), 45);
    assert_eq!(member.at("2001:db8:1:3::9").apply(&code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_forwarded_for_is_ignored_without_trusted_proxies() {
    let parameters = HashMap::from([("TrustedProxies".to_owned(), String::new())]);
    let options = StackOptions { clock: Some(CLOCK.parse().unwrap()), parameters, ..StackOptions::default() };
    let shop = Shop::with(&program(&per_euro()), options).await;
    let member = Sender::member(&shop, "c-1", "");
    for number in 0..MISSES {
        let address = format!("203.0.113.{number}");
        assert_eq!(Sender::at(&member, &address).apply(&format!("ADA-0000{number:04}")).await.status, 404);
    }
    assert_eq!(refused(&member.at("198.51.100.1").apply("ADA-00000000").await), 45);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_coupons_and_members_of_receipts_are_no_misses() {
    let shop = open().await;
    let code = coupon(&shop, "c-1").await;
    let till = Sender::new(&shop, api_key(&shop, None).await, "203.0.113.7");
    for number in 0..=MISSES {
        let mut order = receipt(&format!("o-{number}"), &format!("new-{number}"), "10.00");
        order["coupons"] = json!([format!("ADA-0000{number:04}")]);
        assert_eq!(till.send(Method::POST, "/v1/receipts", Some(&order)).await.status, 202);
        let mut basket = json!({ "currency": "EUR", "total": "10.00", "coupons": order["coupons"] });
        basket["member"] = order["member"].clone();
        assert_eq!(till.send(Method::POST, "/v1/receipts/preview", Some(&basket)).await.status, 200);
    }
    assert_eq!(till.check(&code, None).await.status, 200);
    assert_eq!(till.get("/v1/members/c-1").await.status, 200);
}
