//! An erasure reaches the targets, with the name that only they know afterwards.

use reqwest::Method;
use serde_json::json;

use super::server::{Reaction, Server};
use super::{endpoint, shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_deletes_the_profile_at_klaviyo_and_tells_the_endpoints() {
    let (shop, vendor, hooked) = (shop().await, Server::start().await, Server::start().await);
    vendor.react(|request| match request.path.as_str() {
        "/api/profile-import" => Reaction::Respond(200, Vec::new(), json!({ "data": { "id": "01KL" } }).to_string()),
        _ => Reaction::status(202),
    });
    let settings = json!({ "base_url": vendor.url("") });
    let body = json!({ "enabled": true, "settings": settings, "credentials": { "api_key": "pk_1" } });
    assert_eq!(shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&body)).await.status, 200);
    endpoint(&shop, &hooked, &["tessera.entry.erase"]).await;
    endpoint(&shop, &hooked, &["tessera.coupon.used"]).await;
    shop.post("/v1/members", &json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] })).await;
    shop.settle().await;
    vendor.take();

    assert_eq!(shop.request(Method::DELETE, "/v1/members/c-1", None).await.status, 204);
    shop.settle().await;
    let sent: Vec<_> = vendor.take().into_iter().map(|request| (request.path.clone(), request.json())).collect();
    let import = json!({ "data": { "type": "profile", "attributes": { "external_id": "c-1" } } });
    let profile = json!({ "data": { "type": "profile", "id": "01KL", "attributes": {} } });
    let job = json!({ "data": { "type": "data-privacy-deletion-job", "attributes": { "profile": profile } } });
    let expected = [("/api/profile-import".to_owned(), import), ("/api/data-privacy-deletion-jobs".to_owned(), job)];
    assert_eq!(sent, expected);
    let told = hooked.take();
    assert_eq!(told.len(), 1, "{told:?}");
    let event = told[0].json();
    assert_eq!((&event["type"], &event["subject"]), (&json!("tessera.entry.erase"), &json!("c-1")));
    assert_eq!(event["data"]["member"], "c-1");
    assert!(!event.to_string().contains("ada@example.com"), "{event}");

    // Sent again as a test, it deletes nobody.
    let id = event["data"]["id"].as_str().unwrap();
    let replay = shop.post(&format!("/v1/events/{id}/replay"), &json!({ "target": "klaviyo" })).await;
    assert!(replay.status < 500, "{}", replay.body);
    shop.settle().await;
    assert!(vendor.take().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_fails_is_tried_again() {
    let (shop, vendor) = (shop().await, Server::start().await);
    vendor.respond(503);
    let settings = json!({ "base_url": vendor.url("") });
    let body = json!({ "enabled": true, "settings": settings, "credentials": { "api_key": "pk_1" } });
    assert_eq!(shop.request(Method::PUT, "/v1/integrations/klaviyo", Some(&body)).await.status, 200);
    shop.post("/v1/members", &json!({ "email": "ada@example.com", "status": "visitor" })).await;
    let inner = shop.member("email:ada@example.com").await["inner_id"].as_str().unwrap().to_owned();
    shop.settle().await;
    assert_eq!(shop.request(Method::DELETE, "/v1/members/email:ada@example.com", None).await.status, 204);
    shop.settle().await;
    vendor.take();
    vendor.react(|request| match request.path.as_str() {
        "/api/profile-import" => Reaction::Respond(201, Vec::new(), json!({ "data": { "id": "01KM" } }).to_string()),
        _ => Reaction::status(202),
    });
    shop.clock("2026-03-03T12:00:00+01:00").await;
    shop.settle().await;
    let paths: Vec<_> = vendor.received().into_iter().map(|request| (request.path.clone(), request.json())).collect();
    let deleted = paths.iter().any(|(path, body)| {
        path == "/api/data-privacy-deletion-jobs"
            && body.pointer("/data/attributes/profile/data/id") == Some(&json!("01KM"))
    });
    assert!(deleted, "{paths:?}");
    assert!(
        paths.iter().any(|(_, body)| body.pointer("/data/attributes/external_id") == Some(&json!(inner))),
        "{paths:?}"
    );
}
