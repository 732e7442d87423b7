//! Deliveries of WooCommerce, its refunds, and the poll that catches up.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{SECRET, connect, health, points, shop, woocommerce, woocommerce_order as order};
use crate::outgoing::server::{Reaction, Received, Server};
use crate::shop::{Response, Shop};

const BASIC: &str = "Basic Y2tfMTpjc18x";

fn refunds() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/woocommerce/fixtures/refunds.json")).unwrap()
}

/// What the fake shop has.
#[derive(Debug, Clone, Default)]
struct Content {
    orders: Vec<Value>,
    refunds: Value,
    webhooks: Value,
}

/// A fake of WooCommerce's REST API that checks the credentials and the paths.
async fn fake(content: &Arc<Mutex<Content>>) -> Server {
    let server = Server::start().await;
    serve(&server, content);
    server
}

fn serve(server: &Server, content: &Arc<Mutex<Content>>) {
    let content = Arc::clone(content);
    server.react(move |request| respond(request, &content.lock().unwrap()));
}

fn respond(request: &Received, content: &Content) -> Reaction {
    if request.headers.get("authorization").map(String::as_str) != Some(BASIC) {
        return Reaction::status(401);
    }
    let (path, query) = request.path.split_once('?').unwrap();
    let body = match path.strip_prefix("/wp-json/wc/v3").unwrap() {
        "/orders/727/refunds" => content.refunds.clone(),
        "/orders/728/refunds" => return Reaction::status(500),
        "/webhooks" if content.webhooks.is_null() => return Reaction::status(403),
        "/orders" => {
            assert!(query.contains("modified_after=") && query.contains("dates_are_gmt=true"), "{query}");
            let page: usize = query.rsplit("page=").next().unwrap().parse().unwrap();
            let size = 50;
            content.orders.iter().skip((page - 1) * size).take(size).cloned().collect()
        }
        "/webhooks" => content.webhooks.clone(),
        other => panic!("{other}"),
    };
    Reaction::Respond(200, Vec::new(), body.to_string())
}

async fn connected(server: &Server) -> Shop {
    let shop = shop().await;
    let credentials = json!({ "consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": SECRET });
    let settings = json!({ "base_url": server.url("") });
    connect(&shop, "woocommerce", &json!({ "enabled": true, "settings": settings, "credentials": credentials })).await;
    shop
}

async fn deliver(shop: &Shop, payload: &Value) -> Response {
    let response = woocommerce(shop, payload).await;
    shop.settle().await;
    response
}

fn with(mut order: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        order[*name] = value.clone();
    }
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_earns_once_and_its_refunds_are_fetched() {
    let content = Arc::new(Mutex::new(Content { refunds: refunds(), ..Content::default() }));
    let server = fake(&content).await;
    let shop = connected(&server).await;
    let ping = [("content-type", "application/x-www-form-urlencoded")];
    let path = format!("/v1/webhooks/woocommerce/{}", shop.program);
    assert_eq!(shop.deliver(&path, &ping, b"webhook_id=7".to_vec()).await.status, 200);
    assert_eq!(shop.deliver(&path, &ping, b"webhook_id=7&x=1".to_vec()).await.status, 401);

    for status in ["pending", "processing", "processing", "completed"] {
        let state = with(order(), &[("status", json!(status))]);
        assert_eq!(deliver(&shop, &state).await.status, 200);
    }
    assert_eq!(points(&shop, "42").await, 135);
    let returned = with(
        order(),
        &[("refunds", json!([{ "id": 726, "total": "-9.00" }])), ("date_modified_gmt", json!("2026-03-06T08:00:00"))],
    );
    for _ in 0..2 {
        assert_eq!(deliver(&shop, &returned).await.status, 200);
    }
    // 135.00 less 9.00 of a line and 5.00 of none; shipping alone is nothing.
    assert_eq!(points(&shop, "42").await, 121);
    let cancelled =
        with(order(), &[("status", json!("cancelled")), ("date_modified_gmt", json!("2026-03-07T08:00:00"))]);
    deliver(&shop, &cancelled).await;
    assert_eq!(points(&shop, "42").await, 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_down_for_a_day_throttles_or_responds_with_nonsense_is_asked_again() {
    let content = Arc::new(Mutex::new(Content { refunds: refunds(), ..Content::default() }));
    let server = fake(&content).await;
    let shop = connected(&server).await;
    deliver(&shop, &order()).await;
    let returned =
        with(order(), &[("refunds", json!([{ "id": 726 }])), ("date_modified_gmt", json!("2026-03-06T08:00:00"))]);
    server.respond(503);
    deliver(&shop, &returned).await;
    let waiting = health(&shop, "woocommerce").await;
    assert_eq!(waiting["last_error"], "503");
    shop.clock("2026-03-01T12:05:00+01:00").await;
    server.react(|_| Reaction::Respond(429, vec![("retry-after", "7200".to_owned())], String::new()));
    shop.clock("2026-03-01T13:00:00+01:00").await;
    server.react(|_| Reaction::Respond(200, Vec::new(), "<html>maintenance</html>".to_owned()));
    shop.clock("2026-03-01T16:00:00+01:00").await;
    let waiting = health(&shop, "woocommerce").await;
    assert!(waiting["queue_age_seconds"].as_u64().unwrap() > 3 * 3_600, "{waiting}");
    assert!(waiting["errors"][0].as_str().unwrap().contains("maintenance"), "{waiting}");
    assert_eq!(points(&shop, "42").await, 135);
    serve(&server, &content);
    shop.clock("2026-03-02T14:00:00+01:00").await;
    assert_eq!(points(&shop, "42").await, 121);
    let healed = health(&shop, "woocommerce").await;
    assert_eq!((&healed["queue_age_seconds"], &healed["last_error"]), (&json!(0), &Value::Null));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_poll_brings_what_was_not_delivered_and_notices_a_disabled_webhook() {
    let orders: Vec<Value> = (0..120)
        .map(|n| with(order(), &[("id", json!(1_000 + n)), ("date_created_gmt", json!("2026-03-01T11:00:00"))]))
        .collect();
    let webhooks = json!([{ "id": 7, "topic": "order.updated", "status": "disabled" }]);
    let content = Arc::new(Mutex::new(Content { orders, refunds: json!([]), webhooks }));
    let server = fake(&content).await;
    let shop = connected(&server).await;
    shop.post("/_local/jobs/inbound-poll", &json!({})).await;
    assert_eq!(points(&shop, "42").await, 120 * 135);
    let seen = health(&shop, "woocommerce").await;
    assert_eq!(seen["delivered"], 120);
    assert!(seen["errors"][0].as_str().unwrap().contains("has disabled the webhook"), "{seen}");
    let dead = shop.get("/v1/integrations/woocommerce/dead-letters").await;
    assert_eq!((dead["items"].as_array().unwrap().len(), &dead["items"][0]["type"]), (1, &json!("webhook")));
    // Once a day, and the orders once.
    content.lock().unwrap().webhooks = json!([{ "id": 7, "topic": "order.updated", "status": "active" }]);
    shop.post("/_local/jobs/inbound-poll", &json!({})).await;
    assert_eq!(points(&shop, "42").await, 120 * 135);
    let redriven = shop.post("/v1/integrations/woocommerce/redrive", &json!({})).await;
    assert_eq!((redriven.status, &redriven.body["redriven"]), (202, &json!(1)));
    shop.clock("2026-03-01T12:05:00+01:00").await;
    assert_eq!(shop.get("/v1/integrations/woocommerce/dead-letters").await["items"], json!([]));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_refunds_cannot_be_fetched_holds_up_no_other() {
    let polled = |id: u64, refunds: Value| {
        let changes = [("id", json!(id)), ("date_created_gmt", json!("2026-03-01T11:00:00")), ("refunds", refunds)];
        with(order(), &changes)
    };
    let orders = vec![polled(728, json!([{ "id": 1 }])), polled(727, json!([{ "id": 726 }])), polled(729, json!([]))];
    // The key may not read webhooks either.
    let content = Arc::new(Mutex::new(Content { orders, refunds: refunds(), webhooks: Value::Null }));
    let server = fake(&content).await;
    let shop = connected(&server).await;
    shop.post("/_local/jobs/inbound-poll", &json!({})).await;
    // 135.00 less 14.00, and 135.00; the one in the middle waits.
    assert_eq!(points(&shop, "42").await, 121 + 135);
    let seen = health(&shop, "woocommerce").await;
    assert_eq!((&seen["delivered"], &seen["dead"], &seen["errors"]), (&json!(2), &json!(0), &json!(["500"])), "{seen}");
    let polls = |server: &Server| {
        let paths = server.take().into_iter().map(|request| request.path);
        paths.filter(|path| path.contains("modified_after")).collect::<Vec<_>>()
    };
    let first = polls(&server);
    content.lock().unwrap().orders.clear();
    // The next poll begins where this one ended.
    shop.clock("2026-03-01T13:00:00+01:00").await;
    shop.post("/_local/jobs/inbound-poll", &json!({})).await;
    shop.settle().await;
    let next = polls(&server);
    assert!(first.len() == 1 && !next.is_empty() && !next.contains(&first[0]), "{first:?} {next:?}");
    // Given up, it is listed and can be tried again.
    for day in 2..8 {
        for hour in [2, 6, 10, 14, 18, 22] {
            shop.clock(&format!("2026-03-0{day}T{hour:02}:00:00+01:00")).await;
        }
    }
    let dead = shop.get("/v1/integrations/woocommerce/dead-letters").await["items"].clone();
    assert!(dead.as_array().unwrap().iter().any(|one| one["type"] == "order" && one["reason"] == "500"), "{dead}");
    assert_eq!(points(&shop, "42").await, 121 + 135);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_is_deleted_in_the_shop_is_reported_once() {
    let content = Arc::new(Mutex::new(Content { refunds: refunds(), ..Content::default() }));
    let server = fake(&content).await;
    let shop = connected(&server).await;
    let at =
        |refunds: Value, modified: &str| with(order(), &[("refunds", refunds), ("date_modified_gmt", json!(modified))]);
    deliver(&shop, &at(json!([{ "id": 726 }]), "2026-03-06T08:00:00")).await;
    assert_eq!(points(&shop, "42").await, 121);
    let stored = shop.get("/v1/receipts/woocommerce:727").await["refunds"].clone();
    let ids: Vec<String> =
        stored.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 2, "{stored}");
    let mut left = refunds();
    left.as_array_mut().unwrap().retain(|one| format!("woocommerce:{}", one["id"]) != ids[0]);
    content.lock().unwrap().refunds = left;
    for modified in ["2026-03-07T08:00:00", "2026-03-07T09:00:00"] {
        assert_eq!(deliver(&shop, &at(json!([{ "id": 726 }]), modified)).await.status, 200);
    }
    let seen = health(&shop, "woocommerce").await;
    let reason = format!("the refund {} of woocommerce:727 was deleted in the shop: what it took stays taken", ids[0]);
    assert_eq!((&seen["errors"], &seen["dead"]), (&json!([reason]), &json!(1)), "{seen}");
    // Without any refund left, the payload alone says so.
    deliver(&shop, &at(json!([]), "2026-03-08T08:00:00")).await;
    assert_eq!(health(&shop, "woocommerce").await["dead"], 2);
    assert_eq!(points(&shop, "42").await, 121);
    // Seen by a person, it is listed no more.
    shop.post("/v1/integrations/woocommerce/redrive", &json!({})).await;
    shop.clock("2026-03-01T12:05:00+01:00").await;
    assert_eq!(health(&shop, "woocommerce").await["dead"], 0);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_restored_from_the_trash_earns_again() {
    let server = fake(&Arc::new(Mutex::new(Content::default()))).await;
    let shop = connected(&server).await;
    for (status, minute, expected) in [
        ("processing", 20, 135),
        ("trash", 21, 0),
        ("processing", 22, 135),
        ("processing", 22, 135),
        ("cancelled", 23, 0),
        ("trash", 24, 0),
        ("completed", 25, 135),
        // Its times are whole seconds.
        ("cancelled", 25, 0),
        ("processing", 25, 135),
    ] {
        let modified = json!(format!("2026-03-01T10:{minute}:00"));
        deliver(&shop, &with(order(), &[("status", json!(status)), ("date_modified_gmt", modified)])).await;
        assert_eq!(points(&shop, "42").await, expected, "{status} at {minute}");
    }
    let seen = health(&shop, "woocommerce").await;
    assert_eq!((&seen["edits"]["increases"], &seen["dead"]), (&json!(3), &json!(0)), "{seen}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_order_earns_nothing_by_a_delivery_or_a_poll() {
    let old = with(order(), &[("date_created_gmt", json!("2025-02-01T10:00:00"))]);
    let webhooks = json!([{ "id": 7, "topic": "order.updated", "status": "active" }]);
    let content = Arc::new(Mutex::new(Content { orders: vec![old.clone()], refunds: json!([]), webhooks }));
    let server = fake(&content).await;
    let shop = connected(&server).await;
    deliver(&shop, &old).await;
    shop.post("/_local/jobs/inbound-poll", &json!({})).await;
    shop.settle().await;
    assert_eq!(shop.get("/v1/members").await["items"], json!([]));
    let seen = health(&shop, "woocommerce").await;
    assert_eq!(
        (&seen["old_orders"], &seen["skipped"], &seen["delivered"]),
        (&json!(2), &json!(2), &json!(0)),
        "{seen}"
    );
}
