//! The settings of connections to shops.

use reqwest::Method;
use serde_json::{Value, json};

use super::{SECRET, connect, health, shop, shopify_bytes, signature};
use crate::outgoing::server::{Reaction, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_never_shown_and_do_not_go_elsewhere_by_themselves() {
    let (shop, one, other) = (shop().await, Server::start().await, Server::start().await);
    let put = async |body: Value| shop.request(Method::PUT, "/v1/integrations/woocommerce", Some(&body)).await;
    let settings = |server: &Server| json!({ "base_url": server.url(""), "amount": "without_tax" });
    let without = put(json!({ "enabled": true, "settings": settings(&one) })).await;
    assert_eq!((without.status, without.problem()), (422, "credentials_required"));
    let secrets = json!({ "consumer_key": "ck_secret", "consumer_secret": "cs_secret", "webhook_secret": "wh_secret" });
    let shown =
        connect(&shop, "woocommerce", &json!({ "enabled": true, "settings": settings(&one), "credentials": secrets }))
            .await;
    assert!(!shown.to_string().contains("_secret"), "{shown}");
    assert_eq!(shown["settings"]["codes"], json!({ "low_water": 200, "fill_to": 1000 }));
    // A response can be sent back.
    assert_eq!(put(shown.clone()).await.body["settings"], shown["settings"]);
    let elsewhere = put(json!({ "enabled": true, "settings": settings(&other) })).await;
    assert_eq!((elsewhere.status, elsewhere.problem()), (422, "credentials_required"));
    for url in ["http://10.0.0.1/", "https://169.254.169.254/", "http://shop.example/"] {
        let refused = put(json!({ "enabled": true, "settings": { "base_url": url }, "credentials": secrets })).await;
        assert_eq!((refused.status, refused.problem()), (422, "address_not_allowed"), "{url}");
    }
    assert_eq!(put(json!({ "enabled": false, "settings": settings(&one) })).await.body["enabled"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_secret_still_verifies_for_a_day() {
    let shop = shop().await;
    let with = |secret: &str| {
        json!({ "enabled": true,
                "credentials": { "shop": "ada.myshopify.com", "client_id": "id", "client_secret": secret } })
    };
    let shown = connect(&shop, "shopify", &with(SECRET)).await;
    assert_eq!(shown["settings"]["shop"], "ada.myshopify.com");
    connect(&shop, "shopify", &with("the next one")).await;
    assert_eq!(shopify_bytes(&shop, "app/uninstalled", b"{}".to_vec()).await.status, 200);
    shop.clock("2026-03-02T12:00:01+01:00").await;
    assert_eq!(shopify_bytes(&shop, "app/uninstalled", b"{}".to_vec()).await.status, 401);
    assert_ne!(signature(SECRET, &[b"{}"]), signature("the next one", &[b"{}"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_generic_connections_are_checked_and_bounded() {
    let shop = shop().await;
    let settings = json!({ "signature": { "scheme": "standard_webhooks" }, "mappings": [] });
    let body = json!({ "enabled": true, "settings": settings, "credentials": { "secret": "whsec_AAAA" } });
    let put = async |name: &str| {
        shop.request(Method::PUT, &format!("/v1/integrations/generic/{name}"), Some(&body)).await.status
    };
    for name in ["shopify", "woocommerce", "square", "klaviyo", "Till", "a%23b", "-a", &"x".repeat(41)] {
        assert_eq!(put(name).await, 404, "{name}");
    }
    assert_eq!(shop.request(Method::GET, "/v1/integrations/generic/till", None).await.status, 404);
    for n in 0..20 {
        assert_eq!(put(&format!("till-{n}")).await, 200);
    }
    assert_eq!((put("till-20").await, put("till-19").await), (422, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_asks_the_vendor_and_shows_its_words() {
    let (shop, vendor) = (shop().await, Server::start().await);
    let test = async |name: &str| {
        let tested = shop.post(&format!("/v1/integrations/{name}/test"), &json!({})).await;
        shop.settle().await;
        tested
    };
    assert_eq!(test("square").await.problem(), "not_connected");
    let credentials = json!({ "shop": "ada.myshopify.com", "client_id": "id", "client_secret": SECRET });
    let settings = json!({ "base_url": vendor.url("") });
    connect(&shop, "shopify", &json!({ "enabled": true, "settings": settings, "credentials": credentials })).await;
    vendor.react(|request| {
        assert_eq!(request.path, "/admin/oauth/access_token");
        assert_eq!(request.json()["grant_type"], "client_credentials");
        Reaction::Respond(400, Vec::new(), r#"{"error":"invalid_client"}"#.to_owned())
    });
    assert_eq!(test("shopify").await.status, 202);
    let seen = health(&shop, "shopify").await;
    assert!(seen["last_error"].as_str().unwrap().contains("invalid_client"), "{seen}");
    vendor.react(|_| Reaction::Respond(200, Vec::new(), r#"{"access_token":"shpat_1","expires_in":86399}"#.to_owned()));
    shop.clock("2026-03-01T12:01:00+01:00").await;
    assert_eq!(test("shopify").await.status, 202);
    let seen = health(&shop, "shopify").await;
    assert_eq!((&seen["last_error"], &seen["delivered"]), (&Value::Null, &json!(1)));
}
