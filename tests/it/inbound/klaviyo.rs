//! Opened and clicked e-mails, from Klaviyo's webhook to the points.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::CLOCK;
use crate::shop::{Response, Shop, program};

pub const SECRET: &str = "klaviyo-webhook-secret";
const NOW: &str = "2026-03-01T11:00:00+00:00";

pub fn rules() -> Value {
    let rule = |id: &str, on: Value, points: u32| {
        json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on,
                "then": [{ "credit": { "points": points } }] })
    };
    json!([rule("open", json!({ "email_opened": {} }), 5), rule("click", json!({ "email_clicked": {} }), 7),])
}

/// A shop that gives 5 points for an open and 7 for a click, connected with Klaviyo.
async fn connected() -> Shop {
    let shop = Shop::open(&program(&rules()), CLOCK).await;
    let body = json!({ "enabled": true, "settings": { "flow_header": "X-Tessera-Secret", "base_url": "http://127.0.0.1:9" },
                       "credentials": { "api_key": "pk_1", "webhook_secret": SECRET } });
    put(&shop, &body).await;
    shop.post("/v1/members", &json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] })).await;
    shop
}

async fn put(shop: &Shop, body: &Value) {
    let put = shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(body)).await;
    assert_eq!(put.status, 200, "{}", put.body);
}

pub fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/klaviyo/fixtures/system.json")).unwrap()
}

fn flow() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/klaviyo/fixtures/flow.json")).unwrap()
}

/// The body with its first event alone.
pub fn opened() -> Value {
    let mut body = fixture();
    body["data"].as_array_mut().unwrap().truncate(1);
    body
}

fn sign(secret: &str, body: &[u8], timestamp: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.update(timestamp.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

async fn send(shop: &Shop, body: &[u8], headers: &[(&str, &str)]) -> Response {
    let response = send_only(shop, body, headers).await;
    shop.settle().await;
    response
}

async fn send_only(shop: &Shop, body: &[u8], headers: &[(&str, &str)]) -> Response {
    let path = format!("/v1/webhooks/klaviyo/{}", shop.program);
    shop.deliver(&path, headers, body.to_vec()).await
}

/// Delivers a body of a system webhook, and does not wait for what follows.
pub async fn deliver_only(shop: &Shop, body: &Value) -> Response {
    let body = body.to_string().into_bytes();
    send_only(shop, &body, &[("Klaviyo-Signature", &sign(SECRET, &body, NOW)), ("Klaviyo-Timestamp", NOW)]).await
}

async fn deliver(shop: &Shop, body: &Value) -> Response {
    deliver_at(shop, body, NOW, SECRET).await
}

async fn deliver_at(shop: &Shop, body: &Value, timestamp: &str, secret: &str) -> Response {
    let body = body.to_string().into_bytes();
    let signature = sign(secret, &body, timestamp);
    let headers =
        [("Klaviyo-Webhook-Id", "whk_1"), ("Klaviyo-Signature", &*signature), ("Klaviyo-Timestamp", timestamp)];
    send(shop, &body, &headers).await
}

async fn points(shop: &Shop, member: &str) -> Value {
    shop.member(member).await["points"]["available"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_and_a_click_give_points_once_however_often_they_come() {
    let shop = connected().await;
    for timestamp in [NOW, "Sun, 01 Mar 2026 11:00:30 GMT", NOW] {
        assert_eq!(deliver_at(&shop, &fixture(), timestamp, SECRET).await.status, 200, "{timestamp}");
        assert_eq!(points(&shop, "c-1").await, 12);
    }
    let interaction = shop.get("/v1/interactions/klaviyo:4vRpBTEx9pL").await;
    assert_eq!((&interaction["name"], &interaction["status"]), (&json!("email_clicked"), &json!("evaluated")));
    // Another event about the same message.
    let mut again = opened();
    again["data"][0]["payload"]["data"]["id"] = json!("another");
    deliver(&shop, &again).await;
    assert_eq!(points(&shop, "c-1").await, 12);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_by_a_mail_program_gives_nothing_and_uses_up_nothing() {
    let shop = connected().await;
    let mut machine = opened();
    machine["data"][0]["payload"]["data"]["attributes"]["event_properties"]["Apple Privacy Open"] = json!(true);
    assert_eq!(deliver(&shop, &machine).await.status, 200);
    assert_eq!(points(&shop, "c-1").await, 0);
    let mut person = opened();
    person["data"][0]["payload"]["data"]["id"] = json!("another");
    deliver(&shop, &person).await;
    assert_eq!(points(&shop, "c-1").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forged_stale_or_truncated_changes_nothing() {
    let shop = connected().await;
    let body = opened().to_string().into_bytes();
    let right = sign(SECRET, &body, NOW);
    let forged = sign("guess", &body, NOW);
    let stale = "2026-03-01T10:50:00+00:00";
    let old = sign(SECRET, &body, stale);
    let (signed, at) = ("klaviyo-signature", "klaviyo-timestamp");
    let cut = &body[..body.len() - 1];
    for (body, headers) in [
        (&body[..], vec![]),
        (&body, vec![(signed, &*right)]),
        (&body, vec![(signed, &*forged), (at, NOW)]),
        (&body, vec![(signed, "no hex"), (at, NOW)]),
        (&body, vec![(signed, &*right), (at, stale)]),
        (&body, vec![(signed, &*old), (at, stale)]),
        (&body, vec![(signed, &*right), (at, "yesterday")]),
        (cut, vec![(signed, &*right), (at, NOW)]),
        (b"", vec![(signed, &*right), (at, NOW)]),
        (&body, vec![("x-tessera-secret", "guess")]),
        // A wrong signature is not made up for by the other way.
        (&body, vec![(signed, &*forged), (at, NOW), ("x-tessera-secret", SECRET)]),
    ] {
        assert_eq!(send(&shop, body, &headers).await.status, 401, "{headers:?}");
    }
    assert_eq!(points(&shop, "c-1").await, 0);
    let elsewhere = shop.deliver("/v1/webhooks/klaviyo/prg_other", &[(signed, &right), (at, NOW)], body).await;
    assert_eq!(elsewhere.status, 404);
    put(&shop, &json!({ "enabled": false, "settings": { "base_url": "http://127.0.0.1:9" } })).await;
    assert_eq!(deliver(&shop, &opened()).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_secret_verifies_for_a_day() {
    let shop = connected().await;
    let settings = json!({ "base_url": "http://127.0.0.1:9" });
    put(
        &shop,
        &json!({ "enabled": true, "settings": settings,
                        "credentials": { "api_key": "pk_1", "webhook_secret": "the-next-secret" } }),
    )
    .await;
    assert_eq!(deliver_at(&shop, &opened(), NOW, SECRET).await.status, 200);
    assert_eq!(deliver_at(&shop, &opened(), NOW, "the-next-secret").await.status, 200);
    shop.clock("2026-03-02T13:00:00+01:00").await;
    let later = "2026-03-02T12:00:00+00:00";
    assert_eq!(deliver_at(&shop, &opened(), later, SECRET).await.status, 401);
    assert_eq!(deliver_at(&shop, &opened(), later, "the-next-secret").await.status, 200);
    // The header is set no more.
    assert_eq!(
        send(&shop, flow().to_string().as_bytes(), &[("x-tessera-secret", "the-next-secret")]).await.status,
        401
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_webhook_of_a_flow_carries_the_secret_in_its_header() {
    let shop = connected().await;
    let headers = [("X-Tessera-Secret", SECRET)];
    for minute in 0..2 {
        assert_eq!(send(&shop, flow().to_string().as_bytes(), &headers).await.status, 200);
        assert_eq!(points(&shop, "c-1").await, 7);
        shop.clock(&format!("2026-03-01T12:1{minute}:00+01:00")).await;
    }
    // Without time and id, a repetition is the same click.
    let mut bare = flow();
    for field in ["event_id", "datetime"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    bare["properties"]["URL"] = json!("https://shop.example/other");
    for minute in 2..4 {
        assert_eq!(send(&shop, bare.to_string().as_bytes(), &headers).await.status, 200);
        assert_eq!(points(&shop, "c-1").await, 14);
        shop.clock(&format!("2026-03-01T12:1{minute}:00+01:00")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_is_found_by_id_by_our_id_or_by_a_key_and_makes_nobody_a_visitor() {
    let shop = connected().await;
    let contact = json!({ "email": "grace@example.com", "status": "visitor" });
    let grace = shop.post("/v1/members", &contact).await.body["inner_id"].as_str().unwrap().to_owned();
    let inner = shop.member("c-1").await["inner_id"].as_str().unwrap().to_owned();
    let about = |id: &str, profile: Value| {
        let mut body = opened();
        body["data"][0]["payload"]["data"]["id"] = json!(id);
        body["data"][0]["payload"]["data"]["attributes"]["event_properties"]["$message"] = json!(id);
        body["data"][0]["payload"]["included"][0]["attributes"] = profile;
        body
    };
    for (id, profile) in [
        ("e-1", json!({ "external_id": inner })),
        ("e-2", json!({ "external_id": "no-id-of-the-shop", "email": "ada@example.com" })),
        ("e-3", json!({ "external_id": grace })),
        ("e-4", json!({ "email": "grace@example.com" })),
        ("e-5", json!({ "external_id": "c-9", "email": "nobody@example.com", "phone_number": "+390212345678" })),
        ("e-6", json!({})),
    ] {
        assert_eq!(deliver(&shop, &about(id, profile)).await.status, 200, "{id}");
    }
    assert_eq!((points(&shop, "c-1").await, points(&shop, "email:grace@example.com").await), (json!(10), json!(10)));
    assert_eq!(shop.request(Method::GET, "/v1/members/c-9", None).await.status, 404);
    // Verified and of no use: two events about nobody, a body that is no JSON, one that says not which e-mail it was.
    let mut nameless = opened();
    nameless["data"][0]["payload"]["data"]["attributes"]["event_properties"] = json!({});
    assert_eq!(deliver(&shop, &nameless).await.status, 200);
    let broken = b"{\"data\": [";
    let headers = [("klaviyo-signature", &*sign(SECRET, broken, NOW)), ("klaviyo-timestamp", NOW)];
    assert_eq!(send(&shop, broken, &headers).await.status, 200);
    // The envelope's id, where the payload does not bring the profile.
    let mut bare = about("e-7", json!({}));
    bare["data"][0]["payload"].as_object_mut().unwrap().remove("included");
    bare["data"][0]["external_id"] = json!("c-1");
    assert_eq!(deliver(&shop, &bare).await.status, 200);
    assert_eq!(points(&shop, "c-1").await, 15);
    let health = shop.get("/v1/integrations/klaviyo").await["health"].clone();
    assert_eq!((&health["skipped"], &health["dead"]), (&json!(4), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_are_responded_to_after_one_write_and_no_more_are_taken() {
    let shop = connected().await;
    // One in ten is about somebody who is known. An id that no message can hold is no event.
    let many = |count: u32| {
        let mut body = opened();
        let event = body["data"][0].clone();
        let events = (0..count).map(|n| {
            let mut event = event.clone();
            let id = if n == 1 { "x".repeat(10_000) } else { format!("e-{n}") };
            event["payload"]["data"]["id"] = json!(id);
            event["payload"]["data"]["attributes"]["event_properties"]["$message"] = json!(format!("m-{}", n % 3));
            if n % 10 > 0 {
                event["payload"]["included"][0]["attributes"] = json!({ "external_id": format!("nobody-{n}") });
            }
            event
        });
        body["data"] = events.collect();
        body
    };
    assert_eq!(deliver(&shop, &many(1_001)).await.status, 200);
    assert_eq!(points(&shop, "c-1").await, 0);
    let hooks = async || shop.get("/_local/capacity").await["functions"]["hooks"].clone();
    let before = hooks().await;
    assert_eq!(deliver(&shop, &many(1_000)).await.status, 200);
    let after = hooks().await;
    let calls = |pointer: &str| {
        let of = |capacity: &Value| capacity.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        of(&after) - of(&before)
    };
    // The events are one batch of messages. The only other write counts the event that cannot be used.
    assert_eq!((calls("/sqs/SendMessageBatch"), calls("/sqs_requests")), (1, 1), "{after}");
    assert_eq!(calls("/dynamodb/UpdateItem/calls"), 1, "{after}");
    assert!(calls("/dynamodb_calls") <= 4, "targets, a secret, the health: {after}");
    assert_eq!(points(&shop, "c-1").await, 15);
    let health = shop.get("/v1/integrations/klaviyo").await["health"].clone();
    assert_eq!(health["skipped"], 1 + 900, "a delivery that is too large, and every event that is of no use");
    shop.verify().await;
}
