//! Responses match the OpenAPI description. `tests/contract` compares many more, with each kind of key.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{KEY, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// The operations of the description: method, path template, description.
async fn operations(shop: &Shop) -> Vec<(Method, String, Value)> {
    let document = shop.get("/v1/openapi.json").await;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push((method, path.clone(), operation.clone()));
        }
    }
    operations
}

/// A shop with at least one resource for each path template.
async fn busy_shop() -> Shop {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    assert_eq!(shop.post("/v1/members", &json!({ "id": "c-1" })).await.status, 201);
    assert_eq!(shop.post("/v1/receipts", &receipt("r-1", "c-1", "620.50")).await.status, 202);
    shop.settle().await;
    shop
}

fn filled(path: &str) -> String {
    let id = match path.split('/').nth(2) {
        Some("receipts") => "r-1",
        Some("rewards") => "five-off",
        Some("tiers") => "base",
        _ => "nothing",
    };
    path.replace("{member}", "c-1").replace("{id}", id).replace("{code}", "ADA-UNKNOWN")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_sends_the_documented_statuses_and_headers() {
    let shop = busy_shop().await;
    let operations = operations(&shop).await;
    let mut found = BTreeSet::new();
    for (method, path, operation) in &operations {
        // The gateway rejects a request without credentials; the function rejects an invalid document.
        for body in [None, Some(json!(["not an object"]))] {
            let response = shop.request(method.clone(), &filled(path), body.as_ref()).await;
            let (status, name) = (response.status, format!("{method} {path}"));
            assert!(operation["responses"].get(status.to_string()).is_some(), "{name}: {status} {}", response.body);
            let header = |name: &str| response.headers.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(header("x-content-type-options"), Some("nosniff"), "{name}");
            let is_public = status == 200 && ["/v1/hub", "/v1/openapi.json"].contains(&path.as_str());
            let expected = if is_public { "public, max-age=60" } else { "no-store" };
            assert_eq!(header("cache-control"), Some(expected), "{name}: {status}");
            found.insert(status);
        }
    }
    assert!(BTreeSet::from([200, 400, 404]).is_subset(&found), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifiers_of_10_kb_or_of_strange_characters_are_4xx_in_every_path() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let long = "a".repeat(10_000);
    let bearer = format!("Bearer {KEY}");
    for (method, path, operation) in operations(&shop).await {
        for value in [long.as_str(), "%00", "%F0%9F%98%80", "%E2%80%AE"] {
            let Some((before, after)) = path.split_once('{') else { continue };
            let full = format!("{before}{value}{}", after.split_once('}').unwrap().1);
            // Each request names another client, because misses count per client.
            let client = format!("{method} {path} {}", &value[..3]);
            let headers = [("authorization", bearer.as_str()), ("tessera-client", client.as_str())];
            let response = shop.request_with(method.clone(), &full, Some(&json!({})), &headers).await;
            let name = format!("{method} {path}: {} {}", response.status, response.body);
            assert!(operation["responses"].get(response.status.to_string()).is_some(), "{name}");
            assert!((400..500).contains(&response.status), "{name}");
            assert!(method != Method::GET || value != long || response.status == 404, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_documents_its_scope() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let mut weak = Vec::new();
    for scope in ["referrals:write", "members:read"] {
        let key = shop.post("/v1/api-keys", &json!({ "name": scope, "scopes": [scope] })).await;
        weak.push((scope, format!("Bearer {}", key.body["key"].as_str().unwrap())));
    }
    for (method, path, operation) in operations(&shop).await {
        let security = operation["security"].as_array().unwrap();
        let scopes: Vec<&Value> = security.iter().filter_map(|one| one.get("api_key")).collect();
        let needs_scope = scopes.iter().any(|scopes| scopes.as_array().is_some_and(|scopes| !scopes.is_empty()));
        // A key whose only scope is another one.
        let has = |scope: &str| scopes.iter().any(|scopes| scopes.as_array().unwrap().iter().any(|one| one == scope));
        let (_, weak) = weak.iter().find(|(scope, _)| !has(scope)).unwrap();
        let response = shop.request_with(method.clone(), &filled(&path), None, &[("authorization", weak)]).await;
        assert_eq!(response.status == 403, needs_scope, "{method} {path}: {} {}", response.status, response.body);
        let nobody = shop.request_with(method.clone(), &filled(&path), None, &[]).await;
        let needs_credentials = !(security.is_empty());
        assert_eq!(nobody.status == 401, needs_credentials, "{method} {path}: {}", nobody.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_anonymous_hub_may_be_cached() {
    let shop = busy_shop().await;
    let anonymous = shop.request_with(Method::GET, &format!("/v1/hub?program={}", shop.program), None, &[]).await;
    assert_eq!(anonymous.headers["cache-control"], "public, max-age=60");
    assert!(anonymous.headers["vary"].to_str().unwrap().contains("authorization"));
    let own = shop.request(Method::GET, "/v1/members/c-1/hub", None);
    assert_eq!(own.await.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_language_tag_is_a_locale_and_texts_fall_back() {
    let mut document = program(&per_euro());
    document["locale"] = json!("ja");
    document["points"]["name"] = json!({ "ja": { "other": "ポイント" }, "ar": { "one": "نقطة", "other": "نقاط" } });
    document["tiers"]["ladder"][0]["name"] = json!({ "ja": "基本", "pt-BR": "Básico" });
    let shop = Shop::open(&document, CLOCK).await;
    let member = shop.post("/v1/members", &json!({ "id": "c-1", "locale": "pt-PT" })).await;
    assert_eq!(member.body["tier"]["name"], "Básico", "{}", member.body);
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "10.00")).await;
    shop.settle().await;
    let entries = shop.get("/v1/members/c-1/entries").await;
    let sentence = entries["items"][0]["explanation"][0]["text"].as_str().unwrap();
    assert!(sentence.contains("giving") && sentence.contains("ポイント"), "{sentence}");
    let italian = shop.get("/v1/members/c-1/entries?locale=it-CH").await;
    assert!(italian["items"][0]["explanation"][0]["text"].as_str().unwrap().contains("dà"), "{italian}");
}
