//! Faults at the calls of the functions that take orders in: no order is lost, and none counts twice.

use serde_json::{Value, json};

use super::{SECRET, klaviyo, shopify, shopify_order, shopify_refund, signature};
use crate::faults::plans::{Run, every_plan, plans_of};
use crate::faults::sender::{Planned, Sender};
use crate::outgoing::server::{Reaction, Server};
use crate::shop::{Shop, per_euro, program};

const FUNCTIONS: [&str; 2] = ["hooks", "inbound"];
/// Stacks that run at once.
const PARALLEL: usize = 12;

fn woocommerce_order() -> Value {
    serde_json::from_str(include_str!("../../../shared/shops/src/woocommerce/fixtures/order.json")).unwrap()
}

/// Delivers until the response is definite, as the shop does.
async fn deliver(sender: &mut Sender, send: impl AsyncFn(&Shop) -> crate::shop::Response) {
    for _ in 0..60 {
        let response = sender.with(async |shop| send(shop).await).await;
        if response.status < 500 {
            assert_eq!(response.status, 200, "{}", response.body);
            return;
        }
    }
    panic!("a delivery never gets through");
}

/// A fake of WooCommerce with one order and its refunds.
async fn fake() -> Server {
    let server = Server::start().await;
    let refunds = include_str!("../../../shared/shops/src/woocommerce/fixtures/refunds.json");
    server.react(move |request| {
        let body = if request.path.contains("/refunds") {
            refunds.to_owned()
        } else if request.path.contains("/webhooks") {
            json!([{ "topic": "order.updated", "status": "active" }]).to_string()
        } else {
            let mut order = woocommerce_order();
            order["id"] = json!(900);
            json!([order]).to_string()
        };
        Reaction::Respond(200, Vec::new(), body)
    });
    server
}

async fn connect(sender: &mut Sender, server: &Server) {
    let shopify = json!({ "enabled": true, "credentials": {
        "shop": "ada.myshopify.com", "client_id": "id", "client_secret": SECRET } });
    let woocommerce = json!({ "enabled": true, "settings": { "base_url": server.url("") }, "credentials": {
        "consumer_key": "ck", "consumer_secret": "cs", "webhook_secret": SECRET } });
    for (name, body) in [("shopify", shopify), ("woocommerce", woocommerce)] {
        let path = format!("/v1/integrations/{name}");
        let put = sender.request(reqwest::Method::PUT, &path, Some(&body), None).await;
        assert_eq!(put.status, 200, "{}", put.body);
    }
}

/// An order is paid, edited, refunded and cancelled in Shopify; in WooCommerce one is refunded, and one comes by the poll.
async fn journey(sender: &mut Sender, server: &Server) -> Vec<Value> {
    connect(sender, server).await;
    sender.begin();
    let mut edited = shopify_order();
    edited["line_items"][0]["quantity"] = json!(2);
    edited["line_items"][0]["current_quantity"] = json!(2);
    edited["updated_at"] = json!("2026-03-01T10:40:00+01:00");
    let mut other = shopify_order();
    other["id"] = json!(7);
    other["cancelled_at"] = json!("2026-03-01T10:50:00+01:00");
    for (topic, payload) in [
        ("orders/paid", shopify_order()),
        ("orders/updated", edited),
        ("refunds/create", shopify_refund()),
        ("orders/cancelled", other),
    ] {
        deliver(sender, async |shop: &Shop| shopify(shop, topic, &payload).await).await;
        sender.settle().await;
    }
    let mut refunded = woocommerce_order();
    refunded["refunds"] = json!([{ "id": 726 }]);
    let body = refunded.to_string().into_bytes();
    deliver(sender, async |shop: &Shop| {
        let signed = signature(SECRET, &[&body]);
        let headers = [("x-wc-webhook-topic", "order.updated"), ("x-wc-webhook-signature", signed.as_str())];
        shop.deliver(&format!("/v1/webhooks/woocommerce/{}", shop.program), &headers, body.clone()).await
    })
    .await;
    sender.settle().await;
    sender.job("inbound-poll").await;
    sender.settle().await;
    sender.end();
    // A poll or a retry that failed is made up for.
    for now in ["2026-03-01T14:30:00+01:00", "2026-03-01T16:30:00+01:00"] {
        sender.clock(now).await;
    }
    let mut end = Vec::new();
    for member in ["207119551", "42"] {
        end.push(sender.get(&format!("/v1/members/{member}")).await["points"].clone());
        let entries = sender.get(&format!("/v1/members/{member}/entries")).await;
        end.push(json!(entries["items"].as_array().unwrap().len()));
    }
    end
}

/// A buyer's data is asked for and erased, each delivered twice, and then the shop leaves.
async fn privacy_journey(sender: &mut Sender, server: &Server) -> Vec<Value> {
    connect(sender, server).await;
    let klaviyo = json!({ "enabled": true, "settings": { "base_url": server.url("") },
                          "credentials": { "api_key": "pk_1" } });
    let put = sender.request(reqwest::Method::PUT, "/v1/integrations/klaviyo", Some(&klaviyo), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.post("/v1/members", &json!({ "id": "207119551" }), None).await;
    deliver(sender, async |shop: &Shop| shopify(shop, "orders/paid", &shopify_order()).await).await;
    sender.settle().await;
    let redemption = json!({ "reward": "five-off" });
    sender.post("/v1/members/207119551/redemptions", &redemption, None).await;
    sender.settle().await;
    sender.begin();
    let customer = json!({ "customer": { "id": 207_119_551 }, "data_request": { "id": 1 } });
    for topic in ["customers/data_request", "customers/redact", "shop/redact"] {
        for _ in 0..2 {
            let response = sender.with(async |shop| shopify(shop, topic, &customer).await).await;
            let is_known = response.status == 200 || response.status >= 500 || topic == "shop/redact";
            assert!(is_known, "{topic}: {}", response.body);
        }
        deliver_or_gone(sender, topic, &customer).await;
        sender.settle().await;
    }
    sender.end();
    for now in ["2026-03-01T14:30:00+01:00", "2026-03-01T16:30:00+01:00"] {
        sender.clock(now).await;
    }
    let gone = sender.request(reqwest::Method::GET, "/v1/members/207119551", None, None).await;
    let notices = sender.get("/v1/notices").await;
    let kinds = notices["items"].as_array().unwrap().iter().map(|notice| notice["type"].clone());
    let mut end: Vec<Value> = kinds.collect();
    end.push(json!(gone.status));
    end.push(sender.get("/v1/integrations/shopify").await["enabled"].clone());
    end.push(sender.get("/v1/integrations/shopify/dead-letters").await["items"].clone());
    let report = sender.shop().verify().await;
    end.push(json!(report.programs.values().map(|sums| (sums.issued, sums.balance)).collect::<Vec<_>>()));
    end
}

/// Delivers until the response is definite: 404 once the shop has left.
async fn deliver_or_gone(sender: &mut Sender, topic: &str, payload: &Value) {
    for _ in 0..60 {
        let response = sender.with(async |shop| shopify(shop, topic, payload).await).await;
        if response.status < 500 {
            // Its secrets are gone before its connection is.
            assert!([200, 401, 404].contains(&response.status), "{}", response.body);
            return;
        }
    }
    panic!("{topic} never gets through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_about_personal_data_are_done_once_whatever_call_fails() {
    let run = async |planned: Option<Planned>| {
        let has_faults = planned.is_some();
        let server = Server::start().await;
        server.react(|request| match request.path.as_str() {
            "/api/profile-import" => Reaction::Respond(200, Vec::new(), json!({ "data": { "id": "1" } }).to_string()),
            _ => Reaction::status(202),
        });
        let mut sender = Sender::open(&program(&per_euro()), super::CLOCK, planned).await;
        let end = privacy_journey(&mut sender, &server).await;
        let deletions = server.received().iter().filter(|one| one.path == "/api/data-privacy-deletion-jobs").count();
        // Under faults Klaviyo may be asked twice to delete one profile, never not at all.
        assert!(deletions == 1 || has_faults && deletions > 1, "{deletions}");
        Run::new(end, &sender)
    };
    let end = every_plan("personal data", PARALLEL, |calls| plans_of(calls, &["inbound"]), run).await;
    let told = [json!("shop_left"), json!("data_request"), json!(404), json!(false), json!([]), json!([[105, 0]])];
    assert_eq!(end, told);
}

async fn run(planned: Option<Planned>) -> Run<Vec<Value>> {
    let server = fake().await;
    let mut sender = Sender::open(&program(&per_euro()), super::CLOCK, planned).await;
    let end = journey(&mut sender, &server).await;
    Run::new(end, &sender)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_counts_once_whatever_call_fails() {
    let end = every_plan("orders", PARALLEL, |calls| plans_of(calls, &FUNCTIONS), run).await;
    // 105.00 less 8.75, and 100.00 more by the edit; 135.00 less 14.00, and 135.00.
    assert_eq!(end[0]["available"], 196, "{end:?}");
    assert_eq!(end[2]["available"], 256, "{end:?}");
}

/// An e-mail is opened, and then others are opened and clicked, which come in one delivery.
async fn emails_journey(sender: &mut Sender, server: &Server) -> Vec<Value> {
    let connection = json!({ "enabled": true, "settings": { "base_url": server.url("") },
                             "credentials": { "api_key": "pk_1", "webhook_secret": klaviyo::SECRET } });
    sender.request(reqwest::Method::PUT, "/v1/integrations/klaviyo", Some(&connection), None).await;
    let member = json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] });
    sender.post("/v1/members", &member, None).await;
    sender.begin();
    let mut other = klaviyo::opened();
    other["data"][0]["payload"]["data"]["id"] = json!("other");
    other["data"][0]["payload"]["data"]["attributes"]["event_properties"]["$message"] = json!("other");
    for body in [other, klaviyo::fixture()] {
        deliver(sender, async |shop: &Shop| klaviyo::deliver_only(shop, &body).await).await;
        sender.settle().await;
    }
    sender.end();
    sender.settle().await;
    let entries = sender.get("/v1/members/c-1/entries").await;
    let points = sender.get("/v1/members/c-1").await["points"]["available"].clone();
    vec![points, json!(entries["items"].as_array().unwrap().len())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_open_and_click_counts_once_whatever_call_fails() {
    let run = async |planned: Option<Planned>| {
        let server = Server::start().await;
        server.respond(202);
        let mut sender = Sender::open(&program(&klaviyo::rules()), super::CLOCK, planned).await;
        let end = emails_journey(&mut sender, &server).await;
        Run::new(end, &sender)
    };
    let end = every_plan("e-mails", PARALLEL, |calls| plans_of(calls, &FUNCTIONS), run).await;
    assert_eq!(end, [json!(17), json!(3)]);
}

/// Uses every permission of the functions that take orders in, besides those of intake.
pub async fn every_permission(sender: &mut Sender) -> Vec<&'static str> {
    let server = fake().await;
    journey(sender, &server).await;
    server.respond(503);
    let mut refunded = woocommerce_order();
    // Another order: SQS drops the same message within five minutes.
    refunded["id"] = json!(728);
    refunded["refunds"] = json!([{ "id": 726 }]);
    let body = refunded.to_string().into_bytes();
    deliver(sender, async |shop: &Shop| {
        let signed = signature(SECRET, &[&body]);
        let headers = [("x-wc-webhook-topic", "order.updated"), ("x-wc-webhook-signature", signed.as_str())];
        shop.deliver(&format!("/v1/webhooks/woocommerce/{}", shop.program), &headers, body.clone()).await
    })
    .await;
    sender.settle().await;
    server.react(|_| Reaction::Respond(200, Vec::new(), "[]".to_owned()));
    sender.clock("2026-03-01T16:40:00+01:00").await;
    let full: Vec<Value> = (0..50)
        .map(|n| {
            let mut order = woocommerce_order();
            order["id"] = json!(2_000 + n);
            order
        })
        .collect();
    let full = json!(full).to_string();
    server.react(move |request| {
        let is_first = request.path.ends_with("&page=1");
        Reaction::Respond(200, Vec::new(), if is_first { full.clone() } else { "[]".to_owned() })
    });
    sender.job("inbound-poll").await;
    sender.settle().await;
    sender.post("/v1/integrations/woocommerce/test", &json!({}), None).await;
    // Signed, and of no use: it is listed.
    deliver(sender, async |shop: &Shop| shopify(shop, "orders/paid", &json!({})).await).await;
    sender.get("/v1/integrations/shopify").await;
    sender.get("/v1/integrations/shopify/dead-letters").await;
    sender.post("/v1/integrations/shopify/redrive", &json!({}), Some("k-redrive")).await;
    // A customer whose coupon and profile at Klaviyo go too.
    let klaviyo = json!({ "enabled": true, "settings": { "base_url": server.url("") },
                          "credentials": { "api_key": "pk_1" } });
    sender.request(reqwest::Method::PUT, "/v1/integrations/klaviyo", Some(&klaviyo), None).await;
    let customer = json!({ "customer": { "id": 207_119_551 } });
    for topic in ["customers/data_request", "customers/redact", "shop/redact"] {
        deliver(sender, async |shop: &Shop| shopify(shop, topic, &customer).await).await;
        sender.settle().await;
    }
    vec![]
}
