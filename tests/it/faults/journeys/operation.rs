//! Journeys of those who run a program.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{buy, enrol, full_program};
use crate::faults::sender::Sender;

/// Changes of the program, and a backtest.
pub async fn admin(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "10.00").await;
    sender.begin();
    let mut changed = full_program();
    changed["name"] = json!("Club Bea");
    let put = sender.request(Method::PUT, "/v1/program", Some(&changed), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["receipts:write"] }), Some("k-1")).await;
    sender.post("/v1/storefront-secret/rotate", &json!({}), Some("k-2")).await;
    let asked = sender.post("/v1/rules/backtest", &json!({ "rules": changed["rules"] }), Some("k-3")).await;
    audited(sender, &["api_key.create", "program.replace", "storefront_secret.rotate"]).await;
    sender.settle().await;
    let created = sender.get(&format!("/v1/rules/backtest/{}", asked["id"].as_str().unwrap())).await;
    assert_eq!((&created["status"], &created["report"]["facts"]["receipts"]), (&json!("done"), &json!(1)), "{created}");
    buy(sender, "r-2", "c-1", "20.00").await;
    vec!["c-1"]
}

/// The audit has these actions, each as often as the change was made.
async fn audited(sender: &mut Sender, expected: &[&str]) {
    let audit = sender.get("/v1/audit?limit=250").await["items"].clone();
    let actions = audit.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned());
    let mut actions: Vec<String> = actions.collect();
    actions.sort_unstable();
    assert_eq!(actions, expected, "{audit}");
}

/// Drafts are published by hand, by a restore and at their time, and deleted.
pub async fn drafts(sender: &mut Sender) -> Vec<&'static str> {
    sender.begin();
    let draft = |name: &str, at: Option<&str>| {
        let mut program = full_program();
        program["name"] = json!(name);
        json!({ "program": program, "publish_at": at })
    };
    let path = |draft: &Value| format!("/v1/program/drafts/{}", draft["id"].as_str().unwrap());
    let publish = |draft: &Value| format!("{}/publish", path(draft));
    let bea = sender.post("/v1/program/drafts", &draft("Club Bea", None), Some("k-1")).await;
    sender.post(&publish(&bea), &json!({}), Some("k-2")).await;
    let ada = sender.post("/v1/program/versions/1/restore", &json!({}), Some("k-3")).await;
    sender.post(&publish(&ada), &json!({}), Some("k-4")).await;
    let [later, never] = ["Club Cleo", "Club Dora"].map(|name| draft(name, Some("2026-03-02T08:00:00")));
    let never = sender.post("/v1/program/drafts", &never, Some("k-5")).await;
    let later = sender.post("/v1/program/drafts", &later, Some("k-6")).await;
    for (draft, key) in [(&never, "k-7"), (&later, "k-8")] {
        sender.post(&publish(draft), &json!({}), Some(key)).await;
    }
    let deleted = sender.request(Method::DELETE, &path(&never), None, None).await;
    assert!([204, 404].contains(&deleted.status), "{}", deleted.body);
    // A failed run is repeated.
    sender.clock("2026-03-02T09:00:00+01:00").await;
    sender.job("inactivity").await;
    sender.end();
    let versions = sender.get("/v1/program/versions").await["items"].clone();
    let names = versions.as_array().unwrap().iter().map(|version| version["diff"][0]["after"].clone());
    assert_eq!(json!(names.collect::<Vec<_>>()), json!(["Club Cleo", "Club Ada", "Club Bea", null]), "{versions}");
    let create = ["draft.create"; 3].into_iter().chain(["draft.delete"]);
    let expected: Vec<&str> = create.chain(["draft.publish"; 5]).chain(["version.restore"]).collect();
    audited(sender, &expected).await;
    vec![]
}

/// A file of another program is uploaded and imported; `undo`: and undone. Returns what the import says at the end.
async fn import(sender: &mut Sender, kind: &str, file: &str, undo: bool) -> Value {
    let body = json!({ "kind": kind, "key": format!("{kind} of the old shop") });
    let created = sender.post("/v1/imports", &body, None).await;
    let path = format!("/v1/imports/{}", created["id"].as_str().unwrap());
    sender.put_text(&format!("{path}/parts/1"), file).await;
    let mut state = finish(sender, &path, "start").await;
    if undo {
        state = finish(sender, &path, "undo").await;
    }
    state
}

/// Starts a pass over an import, and starts it again when its message was lost with the process.
async fn finish(sender: &mut Sender, path: &str, pass: &str) -> Value {
    for _ in 0..10 {
        sender.post(&format!("{path}/{pass}"), &json!({}), None).await;
        sender.settle().await;
        let state = sender.get(path).await;
        if state["state"] != "running" {
            return state;
        }
    }
    panic!("{path} is never over");
}

/// Members, a tier, a coupon and an order of another program are imported; one import is undone.
pub async fn importing(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    let members = "id,email,points,birthday,expires\nc-1,c-1@example.com,300,,2026-12-31\n\
                   c-2,c-2@example.com,40,1990-03-02,\nc-1,c-1@example.com,-50,,\nc-3,no address,1,,\n";
    let state = import(sender, "members", members, false).await;
    assert_eq!((&state["state"], &state["done"], &state["failed"]), (&json!("done"), &json!(4), &json!(1)), "{state}");
    let state = import(sender, "tiers", "id,tier,until\nc-2,Gold,2027-12-31\nc-1,Silver,\n", true).await;
    assert_eq!((&state["state"], &state["failed"]), (&json!("undone"), &json!(0)), "{state}");
    let state = import(sender, "coupons", "id,code,reward\nc-1,OLD-1,five-off\nc-2,OLD-1,five-off\n", false).await;
    assert_eq!((&state["done"], &state["failed"]), (&json!(2), &json!(1)), "{state}");
    let orders = "id,order,date,total\nc-1,o-1,2026-02-01 10:00,60.00\nc-2,o-2,2026-02-02 10:00,20.00\n";
    let state = import(sender, "orders", orders, true).await;
    assert_eq!((&state["state"], &state["failed"]), (&json!("undone"), &json!(0)), "{state}");
    for kind in ["program", "members", "receipts"] {
        sender.request(Method::GET, &format!("/v1/export?kind={kind}"), None, None).await;
    }
    sender.end();
    vec!["c-1", "c-2"]
}

/// API keys are created and deleted, and the storefront secret is replaced.
pub async fn access(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    sender.begin();
    let grant = |name: &str, scope: &str| json!({ "name": name, "scopes": [scope] });
    let till = sender.post("/v1/api-keys", &grant("till", "receipts:write"), Some("k-1")).await;
    sender.post("/v1/api-keys", &grant("second", "admin"), Some("k-2")).await;
    let path = format!("/v1/api-keys/{}", till["id"].as_str().unwrap());
    let deleted = sender.request(Method::DELETE, &path, None, None).await;
    // A deletion whose response was lost finds nothing to delete.
    assert!([204, 404].contains(&deleted.status), "{}", deleted.body);
    sender.post("/v1/storefront-secret/rotate", &json!({}), Some("k-3")).await;
    sender.end();
    let keys = sender.get("/v1/api-keys").await;
    let names = keys["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), ["admin", "second"].into(), "{keys}");
    audited(sender, &["api_key.create", "api_key.create", "api_key.delete", "storefront_secret.rotate"]).await;
    vec!["c-1"]
}
