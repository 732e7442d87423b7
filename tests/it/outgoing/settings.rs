//! The API of webhook endpoints and of the connection to Klaviyo.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_lambda::TargetCache;
use tessera_store::TargetId;

use super::server::Server;
use super::{endpoint, patch, shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_added_once_shown_without_its_secret_changed_and_deleted() {
    let (shop, server) = (shop().await, Server::start().await);
    let headers = [("authorization", "Bearer tsk_tests_admin"), ("idempotency-key", "k-1")];
    let body = json!({ "url": server.url("/hook"), "events": ["*"], "description": "CRM" });
    let add = || shop.request_with(Method::POST, "/v1/webhook-endpoints", Some(&body), &headers);
    let (added, replayed) = (add().await, add().await);
    assert_eq!((added.status, replayed.status), (201, 201));
    assert!(added.body["secret"].as_str().unwrap().starts_with("whsec_"));
    assert!(replayed.body.get("secret").is_none() && replayed.body["id"] == added.body["id"]);
    let id = added.body["id"].as_str().unwrap();

    let listed = shop.get("/v1/webhook-endpoints").await;
    let mut shown = added.body.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(listed, json!({ "items": [shown], "next_cursor": null }));
    let path = format!("/v1/webhook-endpoints/{id}");
    let changed = patch(&shop, id, json!({ "events": ["tessera.tier.changed"], "url": server.url("/other") })).await;
    assert_eq!((changed.status, &changed.body["url"]), (200, &json!(server.url("/other"))));
    assert!(changed.body.get("secret").is_none());
    assert_eq!(shop.request(Method::DELETE, &path, None).await.status, 204);
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/rotate")),
        (Method::GET, format!("{path}/deliveries")),
        (Method::POST, format!("{path}/deliveries/dlv_1/resend")),
        (Method::GET, "/v1/webhook-endpoints/klaviyo".to_owned()),
    ] {
        assert_eq!(shop.request(method, &path, None).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_refused_here_too() {
    let shop = shop().await;
    let urls = [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "http://shop.example/",
        "https://2130706433/",
        "https://user:secret@shop.example/",
    ];
    for url in urls {
        let refused = shop.post("/v1/webhook-endpoints", &json!({ "url": url })).await;
        assert_eq!((refused.status, refused.problem()), (422, "address_not_allowed"), "{url}");
        let klaviyo = json!({ "enabled": true, "credentials": { "api_key": "pk" }, "settings": { "base_url": url } });
        let refused = shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&klaviyo)).await;
        assert_eq!((refused.status, refused.problem()), (422, "address_not_allowed"), "{url}");
    }
    assert_eq!(shop.get("/v1/webhook-endpoints").await["items"], json!([]));
    assert_eq!(shop.get("/v1/integrations/klaviyo").await["enabled"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_host_needs_the_secret_and_gets_a_new_one() {
    let (shop, one, other) = (shop().await, Server::start().await, Server::start().await);
    let (id, secret) = endpoint(&shop, &one, &["*"]).await;
    for given in [json!({}), json!({ "secret": "whsec_AAAA" })] {
        let mut body = given;
        body["url"] = json!(other.url("/hook"));
        let refused = patch(&shop, &id, body).await;
        assert_eq!((refused.status, refused.problem()), (422, "credentials_required"));
    }
    let moved = patch(&shop, &id, json!({ "url": other.url("/hook"), "secret": secret })).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let new = moved.body["secret"].as_str().unwrap();
    assert!(new.starts_with("whsec_") && new != secret);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_has_at_most_twenty_endpoints() {
    let (shop, server) = (shop().await, Server::start().await);
    for _ in 0..20 {
        endpoint(&shop, &server, &["*"]).await;
    }
    let refused = shop.post("/v1/webhook-endpoints", &json!({ "url": server.url("/") })).await;
    assert_eq!((refused.status, refused.problem()), (422, "limit_reached"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_to_klaviyo_keeps_its_credentials_to_itself() {
    let (shop, one, other) = (shop().await, Server::start().await, Server::start().await);
    let put = async |body: Value| shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&body)).await;
    let without = put(json!({ "enabled": true })).await;
    assert_eq!((without.status, without.problem()), (422, "credentials_required"));
    let settings = json!({ "prefix": "Smile ", "base_url": one.url("") });
    let connected =
        put(json!({ "enabled": true, "settings": settings, "credentials": { "api_key": "pk_secret_1" } })).await;
    assert_eq!(connected.status, 200, "{}", connected.body);
    let seen = shop.get("/v1/integrations/klaviyo").await;
    assert!(!seen.to_string().contains("pk_secret"), "{seen}");
    assert_eq!((&seen["enabled"], &seen["settings"]), (&json!(true), &settings));
    assert_eq!(seen["health"]["delivered"], 0);
    // A response can be sent back.
    assert_eq!(put(seen.clone()).await.status, 200);
    // The credentials do not go to another host by themselves.
    let elsewhere = json!({ "enabled": true, "settings": { "base_url": other.url("") } });
    for body in [elsewhere, json!({ "enabled": true, "settings": {} })] {
        let refused = put(body).await;
        assert_eq!((refused.status, refused.problem()), (422, "credentials_required"));
    }
    assert_eq!(put(json!({ "enabled": false, "settings": settings })).await.body["enabled"], false);
}

/// What sends a message may know of an endpoint before what handles it does: dropping the message would lose the event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_about_a_new_target_finds_it_whatever_is_remembered() {
    let (shop, server) = (shop().await, Server::start().await);
    let (store, remembered) = (shop.stack.store(), TargetCache::new(Duration::from_hours(1)));
    let program = ProgramId::new(shop.program.clone()).unwrap();
    assert!(remembered.get(store, &program).await.unwrap().is_empty());
    let (id, _) = endpoint(&shop, &server, &["*"]).await;
    let id = TargetId::parse(&id).unwrap();
    assert!(remembered.get(store, &program).await.unwrap().is_empty());
    for _ in 0..2 {
        let known = remembered.for_message(store, &program, &id).await.unwrap();
        assert_eq!(known.iter().map(|target| &target.id).collect::<Vec<_>>(), [&id]);
    }
}
