//! The export of what is held on a person.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{KEY, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

async fn shop() -> Shop {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let person = json!({ "id": "c-1", "email": "ada@example.com", "phone": "+393331234567", "verified": ["email"],
                         "first_name": "Ada", "last_name": "<b>Lovelace</b>", "birth_date": "1990-03-02", "locale": "ro",
                         "attributes": { "size": "M" }, "lists": ["news"], "tags": ["friends"], "consent": { "email": true } });
    shop.post("/v1/members", &person).await;
    let mut bought = receipt("r-1", "c-1", "150.00");
    bought["lines"] = json!([{ "id": "1", "sku": "SW-1", "product": "Sweater", "quantity": "2", "amount": "150.00" }]);
    shop.post("/v1/receipts", &bought).await;
    let back = json!({ "id": "f-1", "occurred_at": "2026-03-04T11:00:00+01:00", "amount": "10.00" });
    shop.post("/v1/receipts/r-1/refunds", &back).await;
    let review = json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" }, "name": "review",
                         "properties": { "stars": 5 } });
    shop.post("/v1/interactions", &review).await;
    shop.settle().await;
    shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    shop.post("/v1/members/c-1/notes", &json!({ "text": "rings twice" })).await;
    shop.post("/v1/members/c-1/adjustments", &json!({ "award": 5, "reason": "late parcel" })).await;
    let body = json!({ "excluded": true, "reason": "resells" });
    shop.request(Method::PUT, "/v1/members/c-1/exclusion", Some(&body)).await;
    shop.settle().await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_everything_that_is_held() {
    let shop = shop().await;
    let held = shop.get("/v1/members/c-1/export").await;
    let member = shop.member("c-1").await;
    for (name, value) in member.as_object().unwrap() {
        assert_eq!(held["member"][name], *value, "{name}");
    }
    assert_eq!(held["entries"].as_array().unwrap().len(), shop.entries("c-1").await.len());
    let receipt = &held["receipts"][0];
    assert_eq!((&receipt["total"], &receipt["refunds"][0]["amount"]), (&json!("150.00"), &json!("10.00")));
    assert_eq!((&receipt["lines"][0]["product"], &receipt["lines"][0]["quantity"]), (&json!("Sweater"), &json!("2")));
    assert_eq!(held["interactions"][0]["properties"], json!({ "stars": 5 }));
    assert_eq!(held["coupons"][0]["reward"], "five-off");
    assert_eq!(held["notes"][0]["text"], "rings twice");
    let reasons: Vec<&str> =
        held["corrections"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.iter().filter(|reason| ["resells", "late parcel"].contains(reason)).count(), 2, "{held}");
    let lots: i64 = held["account"]["lots"].as_array().unwrap().iter().map(|lot| lot["points"].as_i64().unwrap()).sum();
    assert_eq!(json!(lots), member["points"]["available"]);
    assert_eq!(held["next_cursor"], Value::Null);
    assert_eq!(shop.request(Method::GET, "/v1/members/c-9/export", None).await.status, 404);
    assert_eq!(shop.request(Method::GET, "/v1/members/c-1/export?format=pdf", None).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_in_the_persons_language_and_runs_nothing() {
    let shop = shop().await;
    let page = async |query: &str| {
        let client = reqwest::Client::new();
        let url = format!("{}/v1/members/c-1/export?format=html{query}", shop.stack.url());
        let response = client.get(url).bearer_auth(KEY).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type"), header("cache-control")),
            ("text/html; charset=utf-8".into(), "no-store".into())
        );
        assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
        response.text().await.unwrap()
    };
    for (query, lang, word) in [
        ("", "ro", "Prenume"),
        ("&locale=it", "it", "Data di nascita"),
        ("&locale=en", "en", "Date of birth"),
        ("&locale=ru", "ru", "Дата рождения"),
    ] {
        let page = page(query).await;
        assert!(page.contains(&format!("<html lang=\"{lang}\">")) && page.contains(word), "{query}: {page}");
        for held in ["ada@example.com", "+393331234567", "Sweater", "rings twice", "late parcel", "&lt;b&gt;Lovelace"] {
            assert!(page.contains(held), "{held}");
        }
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_ledger_comes_in_pages() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    for n in 0..450 {
        let mut bought = receipt(&format!("r-{n}"), "c-1", "1.00");
        bought["occurred_at"] = json!(format!("2026-03-01T{:02}:{:02}:00+01:00", 1 + n / 60, n % 60));
        assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
    }
    shop.settle().await;
    let (mut receipts, mut entries, mut pages, mut cursor) = (Vec::new(), 0, 0, String::new());
    loop {
        let held = shop.get(&format!("/v1/members/c-1/export?format=json{cursor}")).await;
        assert_eq!(held["member"].is_object(), pages == 0);
        let page = held["receipts"].as_array().unwrap();
        receipts.extend(page.iter().map(|receipt| receipt["id"].as_str().unwrap().to_owned()));
        entries += held["entries"].as_array().unwrap().len();
        pages += 1;
        let Some(next) = held["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((entries, pages), (450, 2));
    receipts.sort_unstable();
    receipts.dedup();
    assert_eq!(receipts.len(), 450);
}
