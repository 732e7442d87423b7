//! Identifiers that Klaviyo knows by another profile: `409 duplicate_profile`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::klaviyo::connected;
use super::server::{Reaction, Received, Server};
use super::{buy, shop};
use crate::shop::{Shop, receipt};

const IDENTIFIERS: [&str; 2] = ["external_id", "email"];

fn duplicate(id: &Value) -> Reaction {
    let error = json!({ "id": "e-1", "status": 409, "code": "duplicate_profile", "title": "Conflict.",
                        "detail": "A profile already exists with one of these identifiers.",
                        "source": { "pointer": "/data/attributes" }, "meta": { "duplicate_profile_id": id } });
    Reaction::Respond(409, Vec::new(), json!({ "errors": [error] }).to_string())
}

/// Takes a profile as Klaviyo would: each identifier belongs to one profile. Returns its name in `profiles`.
pub(super) fn place(profiles: &mut BTreeMap<String, Value>, resource: &Value) -> Result<String, Reaction> {
    let attributes = &resource["attributes"];
    let is_owner = |profile: &Value, name: &str| attributes[name].is_string() && profile[name] == attributes[name];
    let found = match resource["id"].as_str() {
        Some(id) => profiles.iter().find(|(_, profile)| profile["id"] == id),
        None => profiles.iter().find(|(_, profile)| is_owner(profile, "external_id")),
    };
    let (key, known) = found.map(|(key, profile)| (key.clone(), profile.clone())).unzip();
    let others = profiles.iter().filter(|(other, _)| Some(*other) != key.as_ref());
    let owner = others.map(|(_, profile)| profile).find(|other| IDENTIFIERS.iter().any(|name| is_owner(other, name)));
    if let Some(owner) = owner {
        return Err(duplicate(&owner["id"]));
    }
    let mut profile = known.unwrap_or_else(|| json!({ "id": format!("K{}", profiles.len() + 1) }));
    for (name, value) in attributes.as_object().unwrap() {
        profile[name] = value.clone();
    }
    if let Some(key) = key {
        profiles.remove(&key);
    }
    let name = profile["external_id"].as_str().unwrap().to_owned();
    profiles.insert(name.clone(), profile);
    Ok(name)
}

async fn buy_as_a_guest(shop: &Shop) -> String {
    let mut bought = receipt("r-guest", "c-1", "10.00");
    bought["member"] = json!({ "email": "ada@example.com", "verified": ["email"] });
    assert_eq!(shop.post("/v1/receipts", &bought).await.status, 202);
    shop.settle().await;
    shop.member("email:ada@example.com").await["inner_id"].as_str().unwrap().to_owned()
}

async fn join(shop: &Shop) {
    let ada = json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] });
    assert!(shop.post("/v1/members", &ada).await.status < 300);
    shop.settle().await;
}

async fn dead(shop: &Shop) -> Value {
    shop.get("/v1/integrations/klaviyo").await["health"]["dead"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_who_joins_keeps_the_profile_and_its_events() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    let inner = buy_as_a_guest(&shop).await;
    assert_eq!(account.lock().unwrap().profiles[&inner]["id"], "K1");
    join(&shop).await;
    buy(&shop, "r-1", "10.00").await;
    {
        let account = account.lock().unwrap();
        assert_eq!(account.profiles.keys().collect::<Vec<_>>(), ["c-1"]);
        let profile = &account.profiles["c-1"];
        assert_eq!((&profile["id"], &profile["properties"]["Loyalty Points Balance"]), (&json!("K1"), &json!(20)));
        assert!(account.events.keys().any(|(profile, metric, _)| profile == "c-1" && metric == "Points Earned"));
        assert_eq!(account.faults, Vec::<String>::new());
    }
    let named =
        server.take().iter().filter(|request| request.body.windows(9).any(|part| part == b"\"id\":\"K1\"")).count();
    assert_eq!(named, 1, "the profile has the shop's id from then on");
    buy(&shop, "r-2", "10.00").await;
    assert_eq!(server.take().len(), 1);
    assert_eq!(dead(&shop).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifiers_of_two_profiles_reach_one_of_them() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    buy(&shop, "r-1", "10.00").await;
    let inner = buy_as_a_guest(&shop).await;
    join(&shop).await;
    server.take();
    buy(&shop, "r-2", "10.00").await;
    let sent: Vec<Value> = server.take().iter().map(Received::json).collect();
    let profiles: Vec<&Value> = sent.iter().map(|body| &body["data"]["attributes"]["profile"]["data"]).collect();
    let ids: Vec<&Value> = profiles.iter().map(|profile| &profile["id"]).collect();
    assert_eq!(ids, [&Value::Null, &json!("K2"), &json!("K2")], "{profiles:?}");
    assert_eq!(profiles[1]["attributes"]["external_id"], "c-1");
    assert_eq!(profiles[2]["attributes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["properties"]);
    {
        let account = account.lock().unwrap();
        assert_eq!(account.profiles[&inner]["properties"]["Loyalty Points Balance"], 30);
        assert_eq!(account.faults, Vec::<String>::new());
    }
    assert_eq!(dead(&shop).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_that_stays_one_is_a_dead_letter() {
    let (shop, server) = (shop().await, Server::start().await);
    let account = connected(&shop, &server, json!({})).await;
    server.react(|_| duplicate(&json!("K9")));
    buy(&shop, "r-1", "10.00").await;
    assert_eq!(server.take().len(), 3);
    let letters = shop.get("/v1/integrations/klaviyo/dead-letters").await["items"].clone();
    let reason = letters[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("409 A profile already exists"), "{letters}");
    // Sent again, it has its attempts anew.
    let taking = Arc::clone(&account);
    server.react(move |request| taking.lock().unwrap().take(request));
    shop.post("/v1/integrations/klaviyo/redrive", &json!({})).await;
    shop.clock("2026-03-01T12:01:00+01:00").await;
    assert_eq!(account.lock().unwrap().events.len(), 1);
}
