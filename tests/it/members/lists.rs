//! The list of members, and searches in it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap()).collect()
}

async fn search(shop: &Shop, query: &str) -> Value {
    let url = reqwest::Url::parse_with_params("http://shop/v1/members", [("query", query)]).unwrap();
    shop.get(&format!("/v1/members?{}", url.query().unwrap())).await
}

async fn enrol(shop: &Shop, body: &Value) {
    let created = shop.post("/v1/members", body).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

/// A shop with members of several alphabets.
async fn shop() -> Shop {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    for body in [
        json!({ "id": "c-1", "first_name": "Ștefan", "last_name": "Țurcanu", "email": "stefan@example.com", "verified": ["email"] }),
        json!({ "id": "c-2", "first_name": "Алёна", "last_name": "Щукина", "phone": "+37369123456" }),
        json!({ "id": "c-3", "first_name": "Anna", "last_name": "D'Angelo", "card": "4006381333931" }),
        json!({ "id": "c-4", "first_name": "Stefania", "last_name": "Angeli", "email": "shared@example.com" }),
        json!({ "id": "c-5", "first_name": "Ana", "last_name": "Anastasi", "email": "shared@example.com", "verified": ["email"] }),
    ] {
        enrol(&shop, &body).await;
    }
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_found_by_every_identifier_and_every_spelling_of_the_name() {
    let shop = shop().await;
    let inner = shop.member("c-3").await["inner_id"].as_str().unwrap().to_owned();
    for (query, found) in [
        ("c-1", &["c-1"][..]),
        (&inner, &["c-3"]),
        ("STEFAN@example.com", &["c-1"]),
        ("email:stefan@example.com", &["c-1"]),
        ("4006381333931", &["c-3"]),
        ("card:4006381333931", &["c-3"]),
        ("+373 69 123-456", &["c-2"]),
        ("0037369123456", &["c-2"]),
        ("stefan", &["c-1", "c-4"]),
        ("ŞTEFAN Ţ", &["c-1"]),
        ("turcanu s", &["c-1"]),
        ("алена", &["c-2"]),
        ("АЛЁНА ЩУ", &["c-2"]),
        ("alena", &["c-2"]),
        ("щукина", &["c-2"]),
        ("dang", &["c-3"]),
        ("angel", &["c-4"]),
        ("ana", &["c-5"]),
        ("shared@example.com", &["c-5"]),
        ("nobody", &[]),
        ("nobody@example.com", &[]),
        ("#%_", &[]),
    ] {
        let page = search(&shop, query).await;
        let mut listed = ids(&page);
        listed.sort_unstable();
        assert_eq!(listed, found, "{query}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_says_whether_a_key_or_contact_data_matched() {
    let shop = shop().await;
    let matched = async |query: &str| search(&shop, query).await["items"][0]["matched"].clone();
    assert_eq!(matched("stefan@example.com").await, "key");
    assert_eq!(matched("c-2").await, "key");
    assert_eq!(matched("+37369123456").await, "contact_data");
    assert_eq!(matched("Țurcanu").await, "contact_data");
    assert!(shop.get("/v1/members").await["items"][0].get("matched").is_none());

    // A changed name is found, and the former one is not.
    let renamed = json!({ "last_name": "Вакуленко" });
    assert_eq!(shop.request(Method::PATCH, "/v1/members/c-1", Some(&renamed)).await.status, 200);
    assert_eq!(ids(&search(&shop, "vakul").await), ["c-1"]);
    assert!(ids(&search(&shop, "turcanu").await).is_empty());
}

/// A receipt on a day of March.
async fn buy(shop: &Shop, member: &str, day: u32, total: &str) {
    let mut bought = receipt(&format!("r-{member}-{day}"), member, total);
    bought["occurred_at"] = json!(format!("2026-03-{day:02}T10:00:00+01:00"));
    assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_sorted_by_the_week_of_the_last_activity_page_by_page() {
    let shop = Shop::open(&program(&per_euro()), "2026-03-01T12:00:00+01:00").await;
    for (id, status) in
        [("c-1", "member"), ("c-2", "member"), ("c-3", "member"), ("c-4", "visitor"), ("c-5", "pending")]
    {
        enrol(&shop, &json!({ "id": id, "status": status })).await;
    }
    shop.clock("2026-03-31T12:00:00+02:00").await;
    buy(&shop, "c-2", 10, "600.00").await;
    buy(&shop, "c-1", 20, "1200.00").await;
    buy(&shop, "c-6", 25, "10.00").await;

    let all = shop.get("/v1/members?sort=last_activity").await;
    assert_eq!(ids(&all)[..4], ["c-6", "c-1", "c-2", "c-3"], "{all}");
    assert_eq!(all["next_cursor"], Value::Null);
    assert_eq!(ids(&all).len(), 6, "those who were never active come last");
    for (filter, found) in [
        ("status=member", &["c-1", "c-2", "c-3"][..]),
        ("status=visitor", &["c-6", "c-4"]),
        ("status=pending", &["c-5"]),
        ("status=excluded", &[]),
        ("tier=gold", &["c-1"]),
        ("tier=silver", &["c-2"]),
        ("tier=base&status=visitor", &["c-6"]),
        ("tier=gold&status=visitor", &[]),
        ("query=c-1&tier=gold", &["c-1"]),
        ("query=c-1&status=visitor", &[]),
    ] {
        assert_eq!(ids(&shop.get(&format!("/v1/members?{filter}")).await), found, "{filter}");
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/members?limit=2{cursor}")).await;
        listed.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, ids(&all));

    for bad in [
        "status=gone",
        "tier=platinum",
        "sort=name",
        "limit=0",
        "limit=251",
        "cursor=x",
        &format!("query={}", "x".repeat(300)),
    ] {
        let refused = shop.request(Method::GET, &format!("/v1/members?{bad}"), None).await;
        assert_eq!((refused.status, refused.problem()), (400, "invalid"), "{bad}");
    }
    let elsewhere = shop.request(Method::GET, &format!("/v1/members?status=member{cursor}"), None).await;
    assert_eq!(elsewhere.status, 400, "a cursor works for its list alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_names_show_each_member_once() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    for n in 0..7 {
        enrol(&shop, &json!({ "id": format!("c-{n}"), "first_name": format!("Ana {}", "b".repeat(n + 1)), "last_name": "Anastasi" })).await;
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/members?query=ana&limit=3{cursor}")).await;
        listed.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    listed.sort_unstable();
    assert_eq!(listed, ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]);
}

/// What a request costs the function `members`, in calls of an operation.
async fn calls(shop: &Shop, path: &str) -> (u64, Value) {
    let of = |capacity: &Value, field: &str| capacity["functions"]["members"][field].as_u64().unwrap_or(0);
    let before = shop.get("/_local/capacity").await;
    let page = shop.get(path).await;
    let after = shop.get("/_local/capacity").await;
    (of(&after, "dynamodb_calls") - of(&before, "dynamodb_calls"), page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_whatever_the_number_of_members() {
    let shop = shop().await;
    let paths = [
        "/v1/members?limit=2",
        "/v1/members?status=member&limit=2",
        "/v1/members?tier=base&limit=2",
        "/v1/members?query=stefan@example.com",
        "/v1/members?query=%C8%9Aurcanu&limit=2",
    ];
    for path in paths {
        calls(&shop, path).await;
    }
    let mut few = Vec::new();
    for path in paths {
        few.push(calls(&shop, path).await.0);
    }
    for n in 0..60 {
        enrol(&shop, &json!({ "id": format!("many-{n}"), "first_name": format!("Maria {n}"), "last_name": "Rossi" }))
            .await;
    }
    for (path, few) in paths.iter().zip(few) {
        let (many, page) = calls(&shop, path).await;
        println!("{path}: {many} DynamoDB calls");
        assert_eq!(many, few, "{path}");
        assert!(!ids(&page).is_empty(), "{path}");
    }
}

/// The write units that decisions cost since a reading of the meter.
#[allow(clippy::float_arithmetic, reason = "capacity units are fractions")]
async fn decided_units(shop: &Shop, before: &Value) -> f64 {
    let after = shop.get("/_local/capacity").await;
    let of = |capacity: &Value| capacity["functions"]["rule-evaluation"]["write_units"].as_f64().unwrap_or(0.0);
    of(&after) - of(before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::float_cmp, reason = "whole units")]
async fn only_the_first_activity_of_a_week_moves_a_member_in_the_lists() {
    let mut flat = program(&json!([]));
    flat.as_object_mut().unwrap().remove("tiers");
    let shop = Shop::open(&flat, "2026-03-31T12:00:00+02:00").await;
    enrol(&shop, &json!({ "id": "c-1" })).await;
    shop.clock("2026-04-30T12:00:00+02:00").await;
    let mut units = Vec::new();
    for (id, day) in [("r-1", 20), ("r-2", 21), ("r-3", 26), ("r-4", 27)] {
        let before = shop.get("/_local/capacity").await;
        let mut bought = receipt(id, "c-1", "1.00");
        bought["occurred_at"] = json!(format!("2026-04-{day}T10:00:00+02:00"));
        shop.post("/v1/receipts", &bought).await;
        shop.settle().await;
        units.push(decided_units(&shop, &before).await);
    }
    println!("write units of decisions: {units:?}");
    // The entry and the account; the place and two entries of indexes, each removed and written.
    assert_eq!(units, [10.0, 4.0, 4.0, 10.0]);
}
