//! Rate limits: guessing codes, cards, addresses and credentials is slow, and floods get 429.

use std::collections::{BTreeSet, HashMap};

use reqwest::Method;
use serde_json::{Value, json};
use tessera_lambda::LOOKED_UP;
use tessera_local::platform::ROUTES;
use tessera_local::stack::StackOptions;

use crate::shop::{KEY, Response, Shop, per_euro, program, receipt, token};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_by_an_api_key_is_refused_and_a_hit_writes_nothing_between_chunks() {
    let shop = open().await;
    let key = api_key(&shop, Some(100)).await;
    let till = Sender::new(&shop, key, "203.0.113.7");
    let write_units = async || used(&shop, "members").await.1;
    let before = write_units().await;
    assert_eq!(till.get("/v1/members/c-1").await.status, 200);
    let one_chunk = write_units().await;
    assert!((one_chunk - before - 1.0).abs() < 0.01, "the first request takes a chunk of ten");
    for _ in 1..10 {
        assert_eq!(till.get("/v1/members/c-1").await.status, 200);
    }
    assert!((write_units().await - one_chunk).abs() < 0.01);
    for _ in 10..100 {
        assert_eq!(till.get("/v1/members/c-1").await.status, 200);
    }
    assert!((write_units().await - before - 10.0).abs() < 0.01, "ten chunks in all");

    // In every function, and without further writes.
    assert_eq!(refused(&till.get("/v1/members/c-1").await), 45);
    let spent = used(&shop, "members").await;
    for _ in 0..10 {
        assert_eq!(refused(&till.get("/v1/members/c-1").await), 45);
    }
    assert_eq!(used(&shop, "members").await, spent);
    assert_eq!(refused(&till.send(Method::POST, "/v1/receipts", Some(&receipt("r-9", "c-1", "1.00"))).await), 45);
    // Another key has its own budget; the admin key has none.
    let other = Sender::new(&shop, api_key(&shop, Some(10)).await, "203.0.113.7");
    assert_eq!(other.get("/v1/members/c-1").await.status, 200);
    assert_eq!(shop.request(Method::GET, "/v1/members/c-1", None).await.status, 200);
    shop.clock(NEXT_MINUTE).await;
    assert_eq!(till.get("/v1/members/c-1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repetitions_under_an_idempotency_key_count_as_requests() {
    let shop = open().await;
    let key = api_key(&shop, Some(10)).await;
    let authorization = format!("Bearer {key}");
    let body = receipt("r-9", "c-1", "1.00");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", "once")];
    let send = async || shop.request_with(Method::POST, "/v1/receipts", Some(&body), &headers).await;
    assert_eq!(send().await.status, 202);
    for _ in 1..10 {
        assert_eq!(send().await.headers["idempotency-replayed"], "true");
    }
    refused(&send().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_by_a_member_is_refused_and_a_normal_visit_writes_nothing() {
    let shop = open().await;
    let member = Sender::member(&shop, "c-1", "203.0.113.7");
    let write_units = async || used(&shop, "customer-hub").await.1;
    let before = write_units().await;
    for _ in 0..5 {
        assert_eq!(member.get("/v1/members/c-1/hub").await.status, 200);
    }
    assert!((write_units().await - before).abs() < 0.01);
    for _ in 5..120 {
        assert_eq!(member.get("/v1/hub").await.status, 200);
    }
    // Eleven chunks; the first also covers the five requests before.
    assert!(write_units().await - before < 11.0);
    assert_eq!(refused(&member.get("/v1/hub").await), 45);
    assert_eq!(refused(&member.get("/v1/members/c-1/hub").await), 45);
    assert_eq!(Sender::member(&shop, "c-2", "203.0.113.7").get("/v1/hub").await.status, 200);
}

/// The parameters of paths that name neither a member nor a code: nobody is found by guessing one.
const NOT_GUESSED: [&str; 11] = [
    "{block}",
    "{connection}",
    "{delivery}",
    "{entry}",
    "{id}",
    "{kind}",
    "{locale}",
    "{n}",
    "{path+}",
    "{program}",
    "{version}",
];

#[test]
fn every_parameter_of_a_path_is_counted_or_names_nobody() {
    let routes = ROUTES.iter().flat_map(|(_, tables)| tables.iter()).flat_map(|table| table.iter());
    let segments = routes.flat_map(|route| route.path.split('/'));
    let parameters: BTreeSet<&str> = segments.filter(|segment| segment.starts_with('{')).collect();
    let undeclared: Vec<&&str> =
        parameters.iter().filter(|name| !LOOKED_UP.contains(name) && !NOT_GUESSED.contains(name)).collect();
    assert!(undeclared.is_empty(), "{undeclared:?}: say in LOOKED_UP or NOT_GUESSED whether somebody may guess it");
    assert!(LOOKED_UP.iter().all(|name| parameters.contains(name)), "{parameters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_looks_up_a_member_or_a_code_counts_its_misses() {
    let mut document = program(&per_euro());
    document["referral"] = json!({
        "conversion": { "receipt": { "first_only": true } }, "attribution_days": 30, "hold_days": 0,
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    let shop = Shop::open(&document, CLOCK).await;
    for (member, order) in [("c-1", "r-1"), ("c-2", "r-2")] {
        shop.post("/v1/members", &json!({ "id": member })).await;
        shop.post("/v1/receipts", &receipt(order, member, "5.00")).await;
    }
    shop.settle().await;
    let admin = Sender::new(&shop, KEY.to_owned(), "203.0.113.7");

    let served = shop.get("/v1/openapi.json").await;
    let example = |method: &str, path: &str| {
        let operation = &served["paths"][path][method.to_lowercase()];
        operation.pointer("/requestBody/content/application~1json/example").cloned()
    };
    let mut requests: Vec<(Method, String, Option<Value>)> = Vec::new();
    let mut of_bodies = BTreeSet::new();
    for route in ROUTES.iter().flat_map(|(_, tables)| tables.iter()).flat_map(|table| table.iter()) {
        if !route.access.needs_credentials() || !route.looks_up() {
            continue;
        }
        if route.names_in_body {
            of_bodies.insert(format!("{} {}", route.method, route.path));
            continue;
        }
        let path = LOOKED_UP.iter().fold(route.path.to_owned(), |path, name| path.replace(name, "NONE-SUCH"));
        let body = example(route.method, route.path).or_else(|| (route.method == "POST").then(|| json!({})));
        requests.push((route.method.parse().unwrap(), path.replace("{id}", "none"), body));
    }
    assert!(requests.len() > 25, "{requests:?}");
    let unknown = json!({ "member": { "id": "c-9" }, "reason": "wrong card" });
    let code = json!({ "code": "NONESUCH234", "friend": { "id": "c-1" } });
    let examined = json!({ "fact": { "birthday": { "on": "2026-03-02" } }, "member": { "id": "c-9" } });
    let bodies = [
        ("GET /v1/members", "/v1/members?query=card:9", None),
        ("GET /v1/notices", "/v1/notices?member=c-9", None),
        ("POST /v1/receipts/{id}/move", "/v1/receipts/r-1/move", Some(unknown)),
        ("POST /v1/referrals", "/v1/referrals", Some(code)),
        ("POST /v1/rules/examine", "/v1/rules/examine", Some(examined)),
    ];
    assert_eq!(of_bodies, bodies.iter().map(|(key, ..)| (*key).to_owned()).collect::<BTreeSet<_>>());
    requests.extend(
        bodies
            .into_iter()
            .map(|(key, path, body)| (key.split(' ').next().unwrap().parse().unwrap(), path.to_owned(), body)),
    );
    // The body of a merge names a member too.
    requests.push((Method::POST, "/v1/members/c-1/merge".to_owned(), Some(json!({ "into": "c-9" }))));

    for (method, path, body) in &requests {
        let response = admin.naming("typo").send(method.clone(), path, body.as_ref()).await;
        // A search that finds nobody is no problem.
        let is_search = path.starts_with("/v1/members?");
        assert!(matches!(response.status, 404 | 422 | 429) || is_search, "{method} {path}: {}", response.body);
    }
    let guesser = admin.naming("guesser");
    for _ in 0..MISSES {
        assert_eq!(guesser.get("/v1/coupons/NONE-SUCH").await.status, 404);
    }
    // The misses of one route count on every other one.
    for (method, path, body) in &requests {
        let response = guesser.send(method.clone(), path, body.as_ref()).await;
        assert_eq!(response.status, 429, "{method} {path}: {}", response.body);
    }
    // Others are served.
    assert_eq!(admin.naming("another").get("/v1/members/c-1").await.status, 200);
}
