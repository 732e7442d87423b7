//! Every route that looks somebody or something up counts its misses.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_lambda::LOOKED_UP;
use tessera_local::platform::ROUTES;

use super::{CLOCK, MISSES, Sender};
use crate::shop::{KEY, Shop, per_euro, program, receipt};

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
