//! What all lists have in common: `limit`, `cursor`, and pages that follow each other.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// The lists that a function has in memory as a whole.
const IN_MEMORY: [&str; 8] = [
    "/v1/rules",
    "/v1/rewards",
    "/v1/tiers",
    "/v1/api-keys",
    "/v1/rule-templates",
    "/v1/event-types",
    "/v1/webhook-endpoints",
    "/v1/members/c-1/notes",
];

/// A shop with 60 rules, and several items in every list.
async fn open() -> Shop {
    let rule = per_euro()[0].clone();
    let rules: Vec<Value> = (0..60)
        .map(|n| {
            let mut rule = rule.clone();
            rule["id"] = json!(format!("rule-{n}"));
            rule
        })
        .collect();
    let shop = Shop::open(&program(&json!(rules)), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    for n in 0..5 {
        let url = format!("http://127.0.0.1:9/{n}");
        for (path, body) in [
            ("/v1/api-keys", json!({ "name": format!("till {n}"), "scopes": ["receipts:write"] })),
            ("/v1/webhook-endpoints", json!({ "url": url })),
            ("/v1/members/c-1/notes", json!({ "text": format!("note {n}") })),
        ] {
            assert_eq!(shop.post(path, &body).await.status, 201, "{path}");
        }
    }
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_in_memory_come_in_pages() {
    let shop = open().await;
    for list in IN_MEMORY {
        let whole = shop.get(&format!("{list}?limit=250")).await;
        assert_eq!(whole["next_cursor"], Value::Null, "{list}");
        let whole = whole["items"].as_array().unwrap().clone();
        assert!(whole.len() > 1, "{list}");
        let (mut items, mut cursor, mut last) = (Vec::new(), String::new(), String::new());
        loop {
            let page = shop.get(&format!("{list}?limit=2{cursor}")).await;
            let shown = page["items"].as_array().unwrap();
            assert!((1..=2).contains(&shown.len()), "{list}: {page}");
            items.extend(shown.iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            last = next.to_owned();
            cursor = format!("&cursor={next}");
        }
        assert_eq!(items, whole, "{list}");
        if !last.is_empty() {
            let other = if list == "/v1/rules" { "/v1/rewards" } else { "/v1/rules" };
            let refused = shop.request(Method::GET, &format!("{other}?cursor={last}"), None).await;
            assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{list}: a cursor of another list");
        }
    }
    let usual = shop.get("/v1/rules").await;
    assert_eq!(usual["items"].as_array().unwrap().len(), 50);
    assert!(usual["next_cursor"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_goes_on_when_its_last_item_was_deleted() {
    let shop = open().await;
    let first = shop.get("/v1/members/c-1/notes?limit=2").await;
    let (shown, next) = (first["items"].as_array().unwrap(), first["next_cursor"].as_str().unwrap());
    let path = format!("/v1/members/c-1/notes/{}", shown[1]["id"].as_str().unwrap());
    assert_eq!(shop.request(Method::DELETE, &path, None).await.status, 204);
    let second = shop.get(&format!("/v1/members/c-1/notes?limit=2&cursor={next}")).await;
    let texts: Vec<&Value> = second["items"].as_array().unwrap().iter().map(|note| &note["text"]).collect();
    assert_eq!(texts, ["note 2", "note 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_checks_limit_and_cursor() {
    let shop = open().await;
    for list in IN_MEMORY {
        for (query, pointer) in [
            ("limit=0", "/limit"),
            ("limit=251", "/limit"),
            ("limit=x", "/limit"),
            ("cursor=zzz", "/cursor"),
            ("limit=250&cursor=", "/cursor"),
        ] {
            let refused = shop.request(Method::GET, &format!("{list}?{query}"), None).await;
            assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{list}?{query}: {}", refused.body);
            assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{list}?{query}");
        }
    }
    // The description says it of every list.
    let served = shop.get("/v1/openapi.json").await;
    for (path, methods) in served["paths"].as_object().unwrap() {
        let get = &methods["get"];
        let schema = &get["responses"]["200"]["content"]["application/json"]["schema"];
        if schema["properties"]["next_cursor"].is_null() || schema["properties"]["items"].is_null() {
            continue;
        }
        let text = get["parameters"].to_string();
        for parameter in ["limit", "cursor"] {
            assert!(text.contains(&format!("\"{parameter}\"")), "{path} has no {parameter}: {text}");
        }
    }
}
