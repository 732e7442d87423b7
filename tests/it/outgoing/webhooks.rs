//! Deliveries to webhook endpoints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::server::{Reaction, Received, Server};
use super::{CLOCK, buy, deliveries, endpoint, patch, shop};
use crate::shop::{Shop, receipt};

/// Whether a request carries a signature by this secret.
fn is_signed_by(request: &Received, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    let header = |name: &str| request.headers[name].clone();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&request.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_the_line_of_the_ledger_signed_and_listed() {
    let (shop, server) = (shop().await, Server::start().await);
    let (id, secret) = endpoint(&shop, &server, &["*"]).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "620.00").await;

    let received = server.received();
    let kinds: Vec<String> = received.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["tessera.entry.earn", "tessera.tier.changed"]);
    for request in &received {
        assert!(is_signed_by(request, &secret), "{request:?}");
        let event = request.json();
        assert_eq!(request.headers["webhook-id"], event["id"].as_str().unwrap());
        assert_eq!(request.path, "/hook");
        assert_eq!((&event["specversion"], &event["subject"]), (&json!("1.0"), &json!("c-1")));
        assert_eq!(event["source"], format!("urn:tessera:program:{}", shop.program));
        assert!(event.get("test").is_none());
    }
    let mut line = shop.entries("c-1").await.remove(0);
    line["member"] = json!("c-1");
    let earned = received[0].json();
    // The API's language is the request's, the event's the program's.
    for field in ["id", "at", "type", "points", "moved", "balance", "source", "member"] {
        assert_eq!(earned["data"][field], line[field], "{field}");
    }
    assert_eq!(earned["id"], line["id"]);
    let tier = received[1].json();
    assert_eq!(tier["id"], format!("{}:1", line["id"].as_str().unwrap()));
    assert_eq!((&tier["data"]["before"], &tier["data"]["after"]), (&json!("base"), &json!("silver")));

    let listed = deliveries(&shop, &id).await;
    assert_eq!(listed.len(), 2);
    for delivery in &listed {
        assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
        assert_eq!(delivery["response"], "200");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_receives_the_types_that_it_wants() {
    let (shop, tiers, coupons) = (shop().await, Server::start().await, Server::start().await);
    endpoint(&shop, &tiers, &["tessera.tier.changed"]).await;
    endpoint(&shop, &coupons, &["tessera.coupon.available", "tessera.coupon.used", "tessera.coupon.applied"]).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let mut gift = receipt("r-1", "c-1", "620.00");
    gift["store"] = json!("outlet");
    shop.post("/v1/receipts", &gift).await;
    shop.settle().await;
    let kinds = |server: &Server| -> Vec<String> {
        server.take().iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&tiers), ["tessera.tier.changed"]);
    let given = coupons.received();
    assert_eq!(kinds(&coupons), ["tessera.coupon.available"]);
    // A till applies and uses the coupon: no entry is written.
    let code = given[0].json()["data"]["code"].as_str().unwrap().to_owned();
    for action in ["apply", "use"] {
        assert_eq!(shop.post(&format!("/v1/coupons/{code}/{action}"), &json!({})).await.status, 200);
        shop.settle().await;
    }
    let changes = coupons.received();
    assert_eq!(kinds(&coupons), ["tessera.coupon.applied", "tessera.coupon.used"]);
    assert_eq!(changes[1].json()["data"]["code"], code.as_str());
    assert_eq!(changes[1].json()["data"]["member"], "c-1");
    assert!(kinds(&tiers).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_endpoint_is_tried_for_days_and_holds_nobody_up() {
    let (shop, failing, other) = (shop().await, Server::start().await, Server::start().await);
    let (id, _) = endpoint(&shop, &failing, &["tessera.entry.earn"]).await;
    endpoint(&shop, &other, &["tessera.entry.earn"]).await;
    failing.react(|_| Reaction::Respond(500, Vec::new(), "try later".to_owned()));
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "10.00").await;
    buy(&shop, "r-2", "10.00").await;
    assert_eq!((failing.received().len(), other.received().len()), (2, 2));
    let pending = deliveries(&shop, &id).await;
    assert_eq!((&pending[0]["status"], &pending[0]["response"]), (&json!("pending"), &json!("500 try later")));
    let due = pending[0]["due"].as_str().unwrap();
    assert!(due > "2026-03-01T11:00:05" && due < "2026-03-01T11:00:06", "{due}");

    // Five seconds later both are tried again, with the same ids.
    shop.clock("2026-03-01T12:01:00+01:00").await;
    let ids = |requests: Vec<Received>| {
        let mut ids: Vec<String> = requests.into_iter().map(|one| one.headers["webhook-id"].clone()).collect();
        ids.sort();
        ids
    };
    let tried = ids(failing.take());
    assert_eq!(tried.len(), 4);
    assert_eq!((&tried[0], &tried[2]), (&tried[1], &tried[3]));
    assert_eq!(ids(other.take()).len(), 2);
    // Before the five minutes of the next wait are over, nothing is sent.
    shop.clock("2026-03-01T12:03:00+01:00").await;
    assert!(failing.take().is_empty());
    failing.respond(204);
    shop.clock("2026-03-01T12:10:00+01:00").await;
    assert_eq!(ids(failing.take()).len(), 2);
    let delivered = deliveries(&shop, &id).await;
    assert_eq!((&delivered[1]["status"], &delivered[1]["attempts"]), (&json!("delivered"), &json!(3)));
    shop.clock("2026-03-05T12:00:00+01:00").await;
    assert!(failing.take().is_empty() && other.take().is_empty());
}

/// Moves the clock on until every attempt was made.
async fn days_pass(shop: &Shop) {
    let mut now: jiff::Timestamp = CLOCK.parse().unwrap();
    for hours in [1, 1, 3, 6, 11, 16, 23, 27] {
        now = now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        shop.clock(&now.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_for_days_is_disabled_with_an_event_and_resends_later() {
    let (shop, failing, other) = (shop().await, Server::start().await, Server::start().await);
    let (id, _) = endpoint(&shop, &failing, &["tessera.entry.earn"]).await;
    endpoint(&shop, &other, &["tessera.notice.webhook_disabled"]).await;
    failing.respond(503);
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "10.00").await;
    for minutes in ["01", "07", "50"] {
        shop.clock(&format!("2026-03-01T12:{minutes}:00+01:00")).await;
    }
    days_pass(&shop).await;
    assert_eq!(failing.take().len(), 10);
    let seen = shop.get(&format!("/v1/webhook-endpoints/{id}")).await;
    assert_eq!(
        (&seen["status"], &seen["disabled_because"]),
        (&json!("disabled"), &json!("every delivery failed for three days"))
    );
    let [notice] = other.take().try_into().unwrap();
    assert_eq!(
        (&notice.json()["type"], &notice.json()["data"]["endpoint"]),
        (&json!("tessera.notice.webhook_disabled"), &json!(id))
    );
    let [dead] = deliveries(&shop, &id).await.try_into().unwrap();
    assert_eq!((&dead["status"], &dead["attempts"]), (&json!("failed"), &json!(10)));

    // Enabled again, it can have what it missed.
    assert_eq!(patch(&shop, &id, json!({ "status": "enabled" })).await.body["status"], "enabled");
    failing.respond(200);
    let path = format!("/v1/webhook-endpoints/{id}/deliveries/{}/resend", dead["id"].as_str().unwrap());
    assert_eq!(shop.post(&path, &json!({})).await.status, 202);
    shop.settle().await;
    let [resent] = failing.take().try_into().unwrap();
    assert_eq!(resent.headers["webhook-id"], dead["event"].as_str().unwrap());
    assert_eq!(deliveries(&shop, &id).await[0]["status"], "delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_410_disables_at_once() {
    let (shop, gone) = (shop().await, Server::start().await);
    let (id, _) = endpoint(&shop, &gone, &["tessera.entry.earn"]).await;
    gone.respond(410);
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "10.00").await;
    buy(&shop, "r-2", "10.00").await;
    assert_eq!(gone.take().len(), 1);
    assert_eq!(shop.get(&format!("/v1/webhook-endpoints/{id}")).await["status"], "disabled");
    let test = shop.post(&format!("/v1/webhook-endpoints/{id}/test"), &json!({})).await;
    assert_eq!((test.status, test.problem()), (422, "endpoint_disabled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_misbehaves_gets_the_event_again() {
    let (shop, server) = (shop().await, Server::start().await);
    let (elsewhere, huge) = (Server::start().await, "x".repeat(10 * 1024 * 1024));
    let (id, _) = endpoint(&shop, &server, &["tessera.entry.earn"]).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let location = elsewhere.url("/");
    let reactions = [
        Reaction::Respond(302, vec![("location", location)], String::new()),
        Reaction::Close,
        Reaction::CloseHalfWay,
        Reaction::Respond(200, Vec::new(), huge),
    ];
    for (number, reaction) in reactions.into_iter().enumerate() {
        server.react(move |_| reaction.clone());
        buy(&shop, &format!("r-{number}"), "10.00").await;
        let latest = deliveries(&shop, &id).await;
        let pending = latest.iter().filter(|delivery| delivery["status"] == "pending").count();
        assert_eq!(pending, number + 1, "{latest:?}");
        let answered = latest.iter().map(|delivery| delivery["response"].as_str().unwrap().len()).max();
        assert!(answered < Some(400), "{answered:?}");
    }
    assert!(elsewhere.received().is_empty(), "no redirect is followed");
    server.take();
    server.respond(200);
    shop.clock("2026-03-01T12:01:00+01:00").await;
    assert_eq!(server.take().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_secrets_sign_for_a_day_after_a_rotation() {
    let (shop, server) = (shop().await, Server::start().await);
    let (id, old) = endpoint(&shop, &server, &["tessera.entry.earn"]).await;
    let rotated = shop.post(&format!("/v1/webhook-endpoints/{id}/rotate"), &json!({})).await;
    let new = rotated.body["secret"].as_str().unwrap().to_owned();
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "10.00").await;
    let [request] = server.take().try_into().unwrap();
    assert!(is_signed_by(&request, &old) && is_signed_by(&request, &new) && old != new);
    shop.clock("2026-03-02T12:00:01+01:00").await;
    buy(&shop, "r-2", "10.00").await;
    let [request] = server.take().try_into().unwrap();
    assert!(!is_signed_by(&request, &old) && is_signed_by(&request, &new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_and_replays_are_marked() {
    let (shop, server) = (shop().await, Server::start().await);
    let (id, secret) = endpoint(&shop, &server, &["tessera.tier.changed", "tessera.entry.earn"]).await;
    let sent = shop.post(&format!("/v1/webhook-endpoints/{id}/test"), &json!({})).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    shop.settle().await;
    let [test] = server.take().try_into().unwrap();
    assert_eq!((&test.json()["test"], &test.json()["id"]), (&json!(true), &sent.body["event"]));
    assert!(is_signed_by(&test, &secret));

    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "r-1", "620.00").await;
    let original: Vec<Value> = server.take().iter().map(Received::json).collect();
    for event in &original {
        let path = format!("/v1/events/{}/replay", event["id"].as_str().unwrap());
        let replayed = shop.post(&path, &json!({ "target": id })).await;
        assert_eq!(replayed.status, 202, "{}", replayed.body);
        shop.settle().await;
        let [again] = server.take().try_into().unwrap();
        let mut expected = event.clone();
        expected["test"] = json!(true);
        assert_eq!(again.json(), expected);
    }
    let of = |event: &str, target: &str| (format!("/v1/events/{event}/replay"), json!({ "target": target }));
    let first = original[0]["id"].as_str().unwrap();
    for (path, body) in [of("nothing~0", &id), of(&format!("{first}9"), &id), of(first, "klaviyo")] {
        assert_eq!(shop.post(&path, &body).await.status, 404, "{path} {body}");
    }
    let marked = deliveries(&shop, &id).await.iter().filter(|delivery| delivery["test"] == true).count();
    assert_eq!(marked, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cost_of_an_event() {
    const RECEIPTS: u32 = 20;
    let (shop, server) = (shop().await, Server::start().await);
    endpoint(&shop, &server, &["*"]).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "warm", "1.00").await;
    server.take();
    let before = shop.get("/_local/capacity").await;
    for number in 0..RECEIPTS {
        buy(&shop, &format!("r-{number}"), "1.00").await;
    }
    let after = shop.get("/_local/capacity").await;
    assert_eq!(server.take().len(), RECEIPTS as usize);
    let cost = |function: &str, field: &str| {
        let of = |capacity: &Value| capacity["functions"][function][field].as_f64().unwrap_or(0.0);
        (of(&after) - of(&before)) / f64::from(RECEIPTS)
    };
    let (relay, sender) = ("event-relay", "notifications");
    println!(
        "an event that is delivered alone: {} write units, {} read units, {} SQS requests",
        cost(sender, "write_units"),
        cost(sender, "read_units") + cost(relay, "read_units"),
        cost(sender, "sqs_requests") + cost(relay, "sqs_requests") - 1.0,
    );
    assert!(cost(sender, "write_units") <= 2.0, "{after}");
    assert!(cost(sender, "read_units") + cost(relay, "read_units") <= 3.5, "{after}");
}
