//! Bad input gets a precise 4xx response, never a 5xx, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn pointers(response: &Response) -> Vec<&str> {
    response.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_receipt_is_named_at_once() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let mut many = receipt("r", "c", "1.00");
    many["total"] = json!(1.0);
    many["currency"] = json!("XXQ");
    many["occurred_at"] = json!("0000-01-01T00:00:00Z");
    many["store"] = json!(7);
    many["colour"] = json!("red");
    many["lines"] = json!([{ "amount": "-1.00", "quantity": "-3" }, { "amount": "1e9", "sku": ["a"] }]);
    let response = shop.post("/v1/receipts", &many).await;
    assert_eq!((response.status, response.problem()), (400, "invalid"));
    let found = pointers(&response);
    for pointer in [
        "/total",
        "/currency",
        "/occurred_at",
        "/store",
        "/colour",
        "/lines/0/amount",
        "/lines/0/quantity",
        "/lines/1/amount",
        "/lines/1/sku",
    ] {
        assert!(found.contains(&pointer), "{pointer} is not in {found:?}");
    }
    assert_eq!(shop.verify().await.facts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absurd_receipts_are_refused() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let with = |field: &str, value: Value| {
        let mut body = receipt("r", "c", "100.00");
        body[field] = value;
        body
    };
    let lines = |n: usize| Value::Array(vec![json!({ "amount": "0.01" }); n]);
    let cases = [
        ("/total", with("lines", json!([{ "amount": "99.99" }]))),
        ("/occurred_at", with("occurred_at", json!("9999-12-31T23:59:59Z"))),
        ("/occurred_at", with("occurred_at", json!("2026-03-01T10:00:00"))),
        ("/occurred_at", with("occurred_at", json!("2028-03-01T10:00:00Z"))),
        ("/total", with("total", json!("100.001"))),
        ("/total", with("total", json!("99999999999999999999.00"))),
        ("/total", with("total", json!("-1.00"))),
        ("/fx_rate", with("currency", json!("USD"))),
        ("/lines", with("lines", lines(1001))),
        ("/lines", with("lines", json!([{ "id": "1", "amount": "50.00" }, { "id": "1", "amount": "50.00" }]))),
        ("/lines/0/quantity", with("lines", json!([{ "amount": "100.00", "quantity": "99999999999999999999999999" }]))),
        ("/member", with("member", json!({}))),
        ("/member/email", with("member", json!({ "email": "not an address" }))),
        ("/id", with("id", json!(""))),
        ("/id", with("id", json!("x".repeat(200)))),
    ];
    for (pointer, body) in cases {
        let response = shop.post("/v1/receipts", &body).await;
        assert_eq!((response.status, response.problem()), (400, "invalid"), "{pointer}: {}", response.body);
        let found = pointers(&response);
        assert!(
            found.iter().any(|found| found.starts_with(pointer) || (pointer == "/fx_rate" && found.is_empty())),
            "{pointer}: {found:?}"
        );
    }
    for (path, kind, body, status) in [
        ("/v1/receipts", "application/json", b"{\"id\": ".to_vec(), 400),
        ("/v1/receipts", "application/json", b"[1, 2]".to_vec(), 400),
        ("/v1/receipts", "application/json", vec![0xff, 0xfe], 400),
        ("/v1/receipts", "text/plain", b"{}".to_vec(), 415),
        ("/v1/receipts", "application/json", vec![b' '; 1024 * 1024], 413),
        ("/v1/receipts", "application/json", "[".repeat(10_000).into_bytes(), 400),
    ] {
        let response = shop.raw(path, kind, body).await;
        assert_eq!(response.status, status, "{}", response.body);
        response.problem();
    }
    assert_eq!(shop.verify().await.facts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_is_one_receipt() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    assert_eq!(shop.post("/v1/receipts", &receipt("r", "c", "10.00")).await.status, 202);
    assert_eq!(shop.post("/v1/receipts", &receipt("r", "c", "10.00")).await.status, 200);
    for other in [receipt("r", "c", "10.01"), receipt("r", "d", "10.00")] {
        let response = shop.post("/v1/receipts", &other).await;
        assert_eq!((response.status, response.problem()), (422, "different_content"));
    }
    assert_eq!(shop.verify().await.facts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_credentials_are_refused() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let other = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/members", &json!({ "id": "c-2" })).await;
    let now = shop.stack.now().as_second();
    let token = |program: &str, secret: &str, exp: i64, member: &str| {
        let claims = json!({ "iss": program, "sub": member, "exp": exp });
        format!("Bearer {}", crate::shop::token(&claims, secret))
    };
    let good = token(&shop.program, &shop.secret, now + 600, "c-1");
    let get = async |path: &str, credential: &str| {
        shop.request_with(Method::GET, path, None, &[("authorization", credential)]).await
    };
    assert_eq!(get("/v1/members/c-1/hub", &good).await.status, 200);
    assert_eq!(get("/v1/hub", &good).await.body["state"], "member");
    for (path, credential, status) in [
        ("/v1/members/c-2/hub", good.clone(), 403),
        ("/v1/program", good.clone(), 403),
        ("/v1/members/c-1/hub", token(&shop.program, "another secret", now + 600, "c-1"), 401),
        ("/v1/members/c-1/hub", token(&shop.program, &shop.secret, now - 61, "c-1"), 401),
        ("/v1/members/c-1/hub", token(&shop.program, &shop.secret, now + 7200, "c-1"), 401),
        ("/v1/members/c-1/hub", token(&other.program, &other.secret, now + 600, "c-1"), 401),
        ("/v1/members/c-1/hub", "Bearer tsk_nobody".to_owned(), 401),
        ("/v1/members/c-1/hub", "Bearer ".to_owned() + &"x".repeat(3000), 401),
        ("/v1/members/c-1/hub", "Basic abc".to_owned(), 401),
    ] {
        let response = get(path, &credential).await;
        assert_eq!(response.status, status, "{path} with {credential}: {}", response.body);
        response.problem();
    }
    let nothing = shop.request_with(Method::GET, "/v1/program", None, &[]).await;
    assert_eq!((nothing.status, nothing.problem()), (401, "unauthorized"));
    // A key with one scope is limited to that scope.
    let created = shop.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["receipts:write"] })).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let till = format!("Bearer {}", created.body["key"].as_str().unwrap());
    let headers = [("authorization", till.as_str())];
    let body = receipt("r-1", "c-1", "10.00");
    assert_eq!(shop.request_with(Method::POST, "/v1/receipts", Some(&body), &headers).await.status, 202);
    assert_eq!(shop.request_with(Method::GET, "/v1/members/c-1", None, &headers).await.status, 403);
    // A key of another program on the same tables sees no data of this one.
    let document = tessera_domain::program::SubmittedProgram::read(&program(&per_euro())).unwrap();
    let (store, now) = (shop.stack.store(), shop.stack.now());
    store.create_program(&document, Some("tsk_other_program"), shop.stack.secrets_key(), now).await.unwrap();
    assert_eq!(shop.get("/v1/receipts/r-1").await["id"], "r-1");
    for path in ["/v1/receipts/r-1", "/v1/members/c-1", "/v1/members/c-1/entries"] {
        let foreign = get(path, "Bearer tsk_other_program").await;
        assert_eq!((foreign.status, foreign.problem()), (404, "not_found"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contradictory_input_is_refused_not_ignored() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let rule = |on: Value, then: Value| json!({ "id": "x", "name": "x", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": then });
    let credit = json!([{ "credit": { "points": 1 } }]);
    let cases = [
        ("/rules/0/on", rule(json!({ "interaction": { "name": "email_opened" } }), credit.clone())),
        (
            "/rules/0/on/receipt/spend/up_to",
            rule(
                json!({ "receipt": { "spend": { "every": "5.00", "from": "9.00", "up_to": "9.00" } } }),
                credit.clone(),
            ),
        ),
        ("/rules/0/then/0", rule(json!({ "receipt": {} }), json!([{ "multiply": { "factor": "2", "rules": ["x"] } }]))),
        ("/rules/0/then/0", rule(json!({ "receipt": {} }), json!([{ "multiply": { "factor": "0" } }]))),
        ("/rules/0/then/0", rule(json!({ "receipt": {} }), json!([{ "reward": "none-such" }]))),
        ("/rules/0/tiers/0", {
            let mut rule = rule(json!({ "receipt": {} }), credit.clone());
            rule["tiers"] = json!(["platinum"]);
            rule
        }),
        ("/rules/0/ends_at", {
            let mut rule = rule(json!({ "receipt": {} }), credit.clone());
            rule["ends_at"] = json!("2025-12-31T00:00:00");
            rule
        }),
        ("/rules/0/limit/times", {
            let mut rule = rule(json!({ "receipt": {} }), credit.clone());
            rule["limit"] = json!({ "times": 0, "per": "day" });
            rule
        }),
        ("/rules/0/then/0", rule(json!({ "receipt": {} }), json!([{ "credit": { "points": 0 } }]))),
        ("/rules/0/starts_at", {
            let mut rule = rule(json!({ "receipt": {} }), credit);
            rule["starts_at"] = json!("yesterday");
            rule
        }),
    ];
    let before = shop.get("/v1/program").await;
    for (pointer, rule) in cases {
        let response = shop.request(Method::PUT, "/v1/program", Some(&program(&json!([rule])))).await;
        assert_eq!((response.status, response.problem()), (400, "invalid"), "{pointer}: {}", response.body);
        assert!(pointers(&response).iter().any(|found| found.starts_with(pointer)), "{pointer}: {}", response.body);
    }
    assert_eq!(shop.get("/v1/program").await, before);
}
