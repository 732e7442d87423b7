//! Requests about personal data that Shopify hands on.

use reqwest::Method;
use serde_json::{Value, json};

use super::{connect_shopify, health, shop, shopify, shopify_order};
use crate::outgoing::server::{Reaction, Server};
use crate::shop::Shop;

const BUYER: &str = "207119551";

fn request(customer: &Value) -> Value {
    json!({ "shop_id": 954_889, "shop_domain": "ada.myshopify.com",
            "customer": { "id": customer, "email": "ada@example.com", "phone": "555-625-1199" },
            "orders_requested": [299_938], "data_request": { "id": 9_999 } })
}

async fn deliver(shop: &Shop, topic: &str, payload: &Value) {
    let response = shopify(shop, topic, payload).await;
    assert_eq!(response.status, 200, "{topic}: {}", response.body);
    shop.settle().await;
}

async fn status(shop: &Shop, path: &str) -> u16 {
    shop.request(Method::GET, path, None).await.status
}

/// A shop with a buyer who has 105 points.
async fn shop_with_buyer() -> Shop {
    let shop = shop().await;
    connect_shopify(&shop).await;
    deliver(&shop, "orders/paid", &shopify_order()).await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_request_tells_the_merchant_once_where_the_data_is() {
    let shop = shop_with_buyer().await;
    for _ in 0..2 {
        deliver(&shop, "customers/data_request", &request(&json!(207_119_551))).await;
        // SQS drops a repetition for five minutes only.
        shop.clock("2026-03-01T13:00:00+01:00").await;
    }
    deliver(&shop, "customers/data_request", &request(&json!(1))).await;
    let notices = shop.get("/v1/notices?type=data_request").await;
    let [notice] = notices["items"].as_array().unwrap().as_slice() else { panic!("{notices}") };
    assert_eq!(notice["connection"], "shopify");
    let export = notice["export"].as_str().unwrap();
    assert_eq!(shop.get(export).await["member"]["id"], BUYER);
    assert_eq!(shop.get(&format!("/v1/notices?member={BUYER}")).await["items"], json!([notice]));
    let health = health(&shop, "shopify").await;
    assert_eq!((&health["skipped"], &health["dead"]), (&json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_erased_by_id_alone_and_every_target_hears_of_it() {
    let (shop, vendor) = (shop_with_buyer().await, Server::start().await);
    vendor.react(|request| match request.path.as_str() {
        "/api/profile-import" => Reaction::Respond(200, Vec::new(), json!({ "data": { "id": "01KL" } }).to_string()),
        _ => Reaction::status(202),
    });
    let klaviyo = json!({ "enabled": true, "settings": { "base_url": vendor.url("") },
                          "credentials": { "api_key": "pk_1" } });
    assert_eq!(shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&klaviyo)).await.status, 200);
    // An id that nobody has, the e-mail address of somebody, and what looks like the name of somebody in a path.
    let inner = shop.member(BUYER).await["inner_id"].clone();
    for other in [json!(1), json!("email:ada@example.com"), inner] {
        deliver(&shop, "customers/redact", &request(&other)).await;
        assert_eq!(status(&shop, &format!("/v1/members/{BUYER}")).await, 200, "{other}");
    }
    vendor.take();
    for _ in 0..2 {
        deliver(&shop, "customers/redact", &request(&json!(207_119_551))).await;
        shop.clock("2026-03-01T13:00:00+01:00").await;
    }
    for name in [BUYER, "email:ada@example.com"] {
        assert_eq!(status(&shop, &format!("/v1/members/{name}")).await, 404, "{name}");
    }
    let paths: Vec<String> = vendor.take().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/api/profile-import", "/api/data-privacy-deletion-jobs"]);
    let health = health(&shop, "shopify").await;
    // The three of nobody, and the repetition: nobody is left.
    assert_eq!((&health["skipped"], &health["dead"]), (&json!(4), &json!(0)));
    let report = shop.verify().await;
    let sums = report.programs.values().next().unwrap();
    assert_eq!((sums.issued, sums.balance, sums.removed), (105, 0, 105));
    // Whoever signs up again is somebody new.
    shop.post("/v1/members", &json!({ "id": BUYER })).await;
    assert_eq!(shop.member(BUYER).await["points"]["available"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_leaves_ends_its_connection_and_the_program_stays() {
    let shop = shop_with_buyer().await;
    let leaving = json!({ "shop_id": 954_889, "shop_domain": "ada.myshopify.com" });
    // The second may come before the first one is done, between the end of the secrets and that of the connection, or later.
    assert_eq!(shopify(&shop, "shop/redact", &leaving).await.status, 200);
    let second = shopify(&shop, "shop/redact", &leaving).await.status;
    assert!([200, 401, 404].contains(&second), "{second}");
    shop.settle().await;
    let connection = shop.get("/v1/integrations/shopify").await;
    assert_eq!(connection["enabled"], false);
    let notices = shop.get("/v1/notices?type=shop_left").await;
    let [notice] = notices["items"].as_array().unwrap().as_slice() else { panic!("{notices}") };
    assert_eq!(notice["connection"], "shopify");
    assert_eq!(shopify(&shop, "shop/redact", &leaving).await.status, 404);
    assert_eq!(shop.member(BUYER).await["points"]["available"], 105);
    assert_eq!(shop.get("/v1/integrations/shopify/dead-letters").await["items"], json!([]));
    // Connected again, it may leave again.
    connect_shopify(&shop).await;
    shop.clock("2026-03-02T13:00:00+01:00").await;
    deliver(&shop, "shop/redact", &leaving).await;
    assert_eq!(shop.get("/v1/notices?type=shop_left").await["items"].as_array().unwrap().len(), 2);
    shop.verify().await;
}
