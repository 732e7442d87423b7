//! Deliveries of any other sender: a till with a mapping.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::{CLOCK, SECRET, connect, health, points, shop, signature};
use crate::shop::{Response, Shop};

/// The settings of a till: sales, returns and visits, signed in a header of its own.
fn till() -> Value {
    let member = json!({ "card": "/card", "verified": { "const": ["card"] } });
    json!({
        "signature": { "scheme": "hmac_sha256", "header": "X-Till-Signature", "encoding": "hex", "prefix": "sha256=" },
        "mappings": [
            { "when": { "/type": "sale" },
              "receipt": { "id": "/no", "occurred_at": "/at", "currency": { "const": "EUR" }, "total": "/sum",
                           "member": member, "channel": { "const": "pos" },
                           "lines": { "each": "/items", "sku": "/ean", "amount": "/sum" } } },
            { "when": { "/type": "return" },
              "refund": { "id": "/no", "receipt": "/of", "occurred_at": "/at", "amount": "/sum" } },
            { "when": { "/type": "visit" },
              "interaction": { "id": "/no", "occurred_at": "/at", "member": member, "name": { "const": "visit" } } },
        ],
    })
}

async fn connected(settings: &Value) -> Shop {
    let shop = shop().await;
    let body = json!({ "enabled": true, "settings": settings, "credentials": { "secret": SECRET } });
    connect(&shop, "generic/till-1", &body).await;
    shop
}

async fn deliver(shop: &Shop, payload: &Value) -> Response {
    deliver_text(shop, &payload.to_string()).await
}

async fn deliver_text(shop: &Shop, payload: &str) -> Response {
    let body = payload.as_bytes().to_vec();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    shop.deliver(&format!("/v1/hooks/{}/till-1", shop.program), &[("x-till-signature", &signature)], body).await
}

fn sale(number: u32, cents: u32) -> Value {
    let sum = format!("{}.{:02}", cents / 100, cents % 100);
    json!({ "type": "sale", "no": number, "at": "2026-03-01T10:00:00+01:00", "sum": sum, "card": 4711,
            "items": [{ "ean": "800", "sum": sum }] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_sends_sales_returns_and_visits() {
    let shop = connected(&till()).await;
    assert_eq!(deliver(&shop, &sale(1, 1_990)).await.status, 200);
    assert_eq!(points(&shop, "card:4711").await, 19);
    let back = json!({ "type": "return", "no": 2, "of": 1, "at": "2026-03-01T11:00:00+01:00", "sum": 9.9 });
    assert_eq!(deliver(&shop, &back).await.status, 200);
    assert_eq!(points(&shop, "card:4711").await, 10);
    let visit = json!({ "type": "visit", "no": 3, "at": "2026-03-01T11:00:00+01:00", "card": "4711" });
    assert_eq!(deliver(&shop, &visit).await.status, 200);
    assert_eq!(deliver(&shop, &json!({ "type": "drawer opened" })).await.status, 200);
    shop.settle().await;
    assert_eq!(shop.get("/v1/receipts/till-1:1").await["status"], "evaluated");
    assert_eq!(shop.get("/v1/interactions/till-1:3").await["status"], "evaluated");
    let health = health(&shop, "generic/till-1").await;
    assert_eq!((&health["delivered"], &health["skipped"]), (&json!(3), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_read_by_its_decimal_text() {
    let shop = connected(&till()).await;
    for (number, (sum, expected)) in (1..).zip([("1e1", 10), ("10.0e0", 20), ("19.900", 39)]) {
        let body = sale(number, 0).to_string().replace("\"0.00\"", sum);
        assert_eq!(deliver_text(&shop, &body).await.status, 200);
        assert_eq!(points(&shop, "card:4711").await, expected, "{sum}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_mapping_cannot_read_is_tried_again_when_it_is_right() {
    let mut settings = till();
    settings["mappings"][0]["receipt"]["total"] = json!("/total");
    let shop = connected(&settings).await;
    assert_eq!(deliver(&shop, &sale(1, 1_990)).await.status, 200);
    let dead = shop.get("/v1/integrations/generic/till-1/dead-letters").await;
    assert_eq!(dead["items"][0]["reason"], "/total is missing");
    connect(&shop, "generic/till-1", &json!({ "enabled": true, "settings": till() })).await;
    let redriven = shop.post("/v1/integrations/generic/till-1/redrive", &json!({})).await;
    assert_eq!(redriven.body["redriven"], 1);
    shop.clock("2026-03-01T12:02:00+01:00").await;
    assert_eq!(points(&shop, "card:4711").await, 19);
    // Another sale under the same number is refused, and listed.
    assert_eq!(deliver(&shop, &sale(1, 990)).await.status, 200);
    assert_eq!(points(&shop, "card:4711").await, 19);
    assert_eq!(health(&shop, "generic/till-1").await["dead"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_webhooks_are_refused_when_they_are_stale() {
    let mut settings = till();
    settings["signature"] = json!({ "scheme": "standard_webhooks" });
    let shop = connected(&settings).await;
    let body = sale(1, 1_000).to_string().into_bytes();
    let send = async |seconds: i64| {
        let now = CLOCK.parse::<jiff::Timestamp>().unwrap().as_second() + seconds;
        let (head, time) = (format!("msg_1.{now}."), now.to_string());
        let signed = format!("v1,{}", signature(SECRET, &[head.as_bytes(), &body]));
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &*time), ("webhook-signature", &*signed)];
        shop.deliver(&format!("/v1/hooks/{}/till-1", shop.program), &headers, body.clone()).await.status
    };
    assert_eq!((send(-301).await, send(301).await), (401, 401));
    assert_eq!((send(-300).await, send(0).await), (200, 200));
    assert_eq!(points(&shop, "card:4711").await, 10);
}

/// The offline receipts of a till, replayed in another order and twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_offline_receipts_count_once_in_any_order() {
    let shop = connected(&till()).await;
    let mut sent: Vec<Value> = (1..=500).map(|number| sale(number, 100 + number)).collect();
    sent.extend((1..=100).map(|number| {
        json!({ "type": "return", "no": 1_000 + number, "of": number, "at": "2026-03-01T11:00:00+01:00", "sum": "1.00" })
    }));
    fastrand::Rng::with_seed(7).shuffle(&mut sent);
    let again: Vec<Value> = sent.iter().step_by(3).cloned().collect();
    for chunk in sent.iter().chain(&again).collect::<Vec<_>>().chunks(50) {
        let delivered = futures::future::join_all(chunk.iter().map(|payload| deliver(&shop, payload))).await;
        assert!(delivered.iter().all(|response| response.status == 200));
    }
    // A point per whole euro of each receipt, less what was returned of the first hundred.
    let expected: u32 = (1..=500).map(|number| if number <= 100 { number / 100 } else { (100 + number) / 100 }).sum();
    assert_eq!(points(&shop, "card:4711").await, expected);
    assert_eq!(health(&shop, "generic/till-1").await["dead"], 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_tried_on_a_payload_and_stores_nothing() {
    let shop = connected(&till()).await;
    let examine = async |payload: Value| {
        shop.post("/v1/rules/examine", &json!({ "connection": "till-1", "payload": payload })).await
    };
    let tried = examine(sale(1, 1_990)).await;
    assert_eq!(tried.status, 200, "{}", tried.body);
    assert_eq!(tried.body["points"]["redeemable"], 19, "{}", tried.body);
    let mut faulty = sale(1, 1_990);
    faulty["sum"] = json!("19.999");
    let refused = examine(faulty).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!("/fact/receipt/total")));
    assert_eq!(examine(json!({ "type": "drawer opened" })).await.body["errors"][0]["pointer"], "/payload");
    let unknown = json!({ "connection": "nobody", "payload": {} });
    assert_eq!(shop.post("/v1/rules/examine", &unknown).await.body["errors"][0]["pointer"], "/connection");
    let without = shop.post("/v1/rules/examine", &json!({ "connection": "till-1" })).await;
    assert_eq!((without.status, &without.body["errors"][0]["pointer"]), (400, &json!("/payload")));
    assert_eq!(shop.request(reqwest::Method::GET, "/v1/receipts/till-1:1", None).await.status, 404);
}
