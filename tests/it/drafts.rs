//! Versions and drafts: what changed and by whom, return to an earlier version, two persons, publishing at a time.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{KEY, Response, Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A program with another name.
fn named(name: &str) -> Value {
    let mut named = program(&per_euro());
    named["name"] = json!(name);
    named
}

/// A program that is changed by two persons.
fn guarded(name: &str) -> Value {
    let mut guarded = named(name);
    guarded["publishing"] = json!({ "two_person": true });
    guarded
}

async fn send(shop: &Shop, key: &str, method: Method, path: &str, body: &Value) -> Response {
    let authorization = format!("Bearer {key}");
    let has_body = [Method::POST, Method::PUT].contains(&method);
    let headers = [("authorization", authorization.as_str())];
    shop.request_with(method, path, has_body.then_some(body), &headers).await
}

async fn post(shop: &Shop, key: &str, path: &str, body: &Value) -> Response {
    send(shop, key, Method::POST, path, body).await
}

/// Creates a draft, and returns its path.
async fn draft(shop: &Shop, key: &str, body: &Value) -> String {
    let made = post(shop, key, "/v1/program/drafts", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    format!("/v1/program/drafts/{}", made.body["id"].as_str().unwrap())
}

async fn key(shop: &Shop, by: &str, name: &str, scope: &str) -> String {
    let made = post(shop, by, "/v1/api-keys", &json!({ "name": name, "scopes": [scope] })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["key"].as_str().unwrap().to_owned()
}

async fn name(shop: &Shop) -> Value {
    shop.get("/v1/program").await["name"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_changes_nothing_until_it_is_published() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    let made = shop.post("/v1/program/drafts", &json!({ "program": named("Two"), "note": "a new name" })).await;
    assert_eq!((made.status, &made.body["status"]), (201, &json!("draft")), "{}", made.body);
    assert_eq!((&made.body["author"], &made.body["base_version"]), (&json!("admin"), &json!(1)));
    let diff = json!([{ "pointer": "/name", "change": "changed", "before": "One", "after": "Two" }]);
    assert_eq!((&made.body["diff"], &made.body["changes_publishing"]), (&diff, &json!(false)));
    assert_eq!(name(&shop).await, "One");

    let path = format!("/v1/program/drafts/{}", made.body["id"].as_str().unwrap());
    let whole = shop.get(&path).await;
    assert_eq!(
        (&whole["program"]["name"], &whole["diff"], &whole["note"]),
        (&json!("Two"), &diff, &json!("a new name"))
    );
    let published = shop.post(&format!("{path}/publish"), &json!({})).await;
    assert_eq!((published.status, &published.body["status"]), (200, &json!("published")), "{}", published.body);
    assert_eq!((name(&shop).await, &published.body["version"]), (json!("Two"), &json!(2)));
    // Again, it stays as it is.
    let again = shop.post(&format!("{path}/publish"), &json!({})).await;
    assert_eq!((again.status, &again.body), (200, &published.body));
    assert_eq!(send(&shop, KEY, Method::DELETE, &path, &json!({})).await.problem(), "draft_published");
    assert_eq!(shop.get("/v1/program/drafts").await["items"], json!([published.body]));

    let versions = shop.get("/v1/program/versions").await["items"].clone();
    assert_eq!(
        (&versions[0]["version"], &versions[0]["actor"], &versions[0]["diff"]),
        (&json!(2), &json!("admin"), &diff)
    );
    assert_eq!((&versions[0]["author"], &versions[0]["draft"]), (&json!("admin"), &published.body["id"]));
    assert_eq!((&versions[1]["version"], &versions[1]["actor"]), (&json!(1), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_of_an_old_version_is_stale() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    let path = draft(&shop, KEY, &json!({ "program": named("Two") })).await;
    shop.request(Method::PUT, "/v1/program", Some(&named("Three"))).await;
    let stale = shop.post(&format!("{path}/publish"), &json!({})).await;
    assert_eq!((stale.status, stale.problem()), (409, "stale_version"));
    assert_eq!(stale.body["diff"][0]["after"], "Three");
    assert_eq!(name(&shop).await, "Three");
    let headers = [("authorization", &*format!("Bearer {KEY}")), ("if-match", "\"1\"")];
    let body = json!({ "program": named("Four") });
    let late = shop.request_with(Method::POST, "/v1/program/drafts", Some(&body), &headers).await;
    assert_eq!((late.status, late.problem()), (409, "stale_version"));
    assert_eq!(send(&shop, KEY, Method::DELETE, &path, &json!({})).await.status, 204);
    assert_eq!(send(&shop, KEY, Method::GET, &path, &json!({})).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_version_comes_back_as_a_draft() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    shop.request(Method::PUT, "/v1/program", Some(&named("Two"))).await;
    let restored = shop.post("/v1/program/versions/1/restore", &json!({})).await;
    assert_eq!((restored.status, &restored.body["diff"][0]["after"]), (201, &json!("One")), "{}", restored.body);
    assert_eq!(name(&shop).await, "Two");
    let path = format!("/v1/program/drafts/{}/publish", restored.body["id"].as_str().unwrap());
    assert_eq!(shop.post(&path, &json!({})).await.status, 200);
    assert_eq!(name(&shop).await, "One");
    let version = shop.get("/v1/program/versions/2").await;
    assert_eq!((&version["program"]["name"], &version["diff"][0]["before"]), (&json!("Two"), &json!("One")));
    for missing in ["9", "0", "x"] {
        let response = shop.post(&format!("/v1/program/versions/{missing}/restore"), &json!({})).await;
        assert_eq!(response.status, 404, "{missing}");
    }
    // The current version changes nothing.
    let same = shop.post("/v1/program/versions/3/restore", &json!({})).await;
    assert_eq!((same.status, &same.body["diff"]), (201, &json!([])));
    let path = format!("/v1/program/drafts/{}/publish", same.body["id"].as_str().unwrap());
    assert_eq!(shop.post(&path, &json!({})).await.body["version"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_members_may_hold_does_not_leave_by_a_restore() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    let tier = json!({ "id": "platinum", "name": "Platinum", "threshold": 9_000 });
    assert_eq!(shop.post("/v1/tiers", &tier).await.status, 201);
    let path = shop.post("/v1/program/versions/1/restore", &json!({})).await.body["id"].clone();
    // The program comes into use after the draft was made.
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let refused = shop.post(&format!("/v1/program/drafts/{}/publish", path.as_str().unwrap()), &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (422, "in_use"));
    assert_eq!(shop.post("/v1/program/versions/1/restore", &json!({})).await.problem(), "in_use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_persons_change_a_guarded_program() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    // The operator's key created anna's and carl's, and anna's created bea's and dora's.
    let anna = key(&shop, KEY, "anna", "admin").await;
    let carl = key(&shop, KEY, "carl", "publisher").await;
    let bea = key(&shop, &anna, "bea", "admin").await;
    let dora = key(&shop, &anna, "dora", "publisher").await;
    let eve = key(&shop, &bea, "eve", "publisher").await;
    let switched = shop.post("/v1/program/drafts", &json!({ "program": guarded("One") })).await;
    assert_eq!(switched.body["changes_publishing"], true);
    assert_eq!(switched.body["diff"][0]["publishing"], true, "{}", switched.body);
    let switched = format!("/v1/program/drafts/{}/publish", switched.body["id"].as_str().unwrap());
    assert_eq!(shop.post(&switched, &json!({})).await.status, 200);

    let rule = json!({ "id": "gift", "name": "Gift", "status": "draft", "starts_at": "2026-01-01T00:00:00",
                       "on": { "enrollment": {} }, "then": [{ "credit": { "points": 5 } }] });
    for (method, path, body) in [
        (Method::PUT, "/v1/program", guarded("Two")),
        (Method::POST, "/v1/rules", rule),
        (Method::DELETE, "/v1/rules/per-euro", json!({})),
        (Method::DELETE, "/v1/rewards/five-off", json!({})),
        (Method::DELETE, "/v1/tiers/gold", json!({})),
    ] {
        let refused = send(&shop, KEY, method.clone(), path, &body).await;
        assert_eq!((refused.status, refused.problem()), (403, "two_person"), "{method} {path}");
    }
    assert_eq!(send(&shop, KEY, Method::PUT, "/v1/program?dry_run=true", &guarded("Two")).await.status, 200);

    let path = draft(&shop, &bea, &json!({ "program": guarded("Two") })).await;
    let publish = format!("{path}/publish");
    for (who, key) in [("the author", &bea), ("her sister", &dora), ("her child", &eve)] {
        let refused = post(&shop, key, &publish, &json!({})).await;
        assert_eq!((refused.status, refused.problem()), (403, "two_person"), "{who}");
    }
    assert_eq!(name(&shop).await, "One");
    // A key that may only publish reads no draft, but sees what it would publish.
    assert_eq!(send(&shop, &carl, Method::GET, &path, &json!({})).await.status, 403);
    let refused = post(&shop, &dora, &format!("{publish}?dry_run=true"), &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (403, "two_person"));
    let refused = post(&shop, &carl, &format!("{publish}?dry_run=perhaps"), &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (400, "invalid"));
    let tried = post(&shop, &carl, &format!("{publish}?dry_run=true"), &json!({})).await;
    let change = json!({ "pointer": "/name", "change": "changed", "before": "One", "after": "Two" });
    assert_eq!((tried.status, &tried.body["status"], &tried.body["diff"]), (200, &json!("draft"), &json!([change])));
    assert_eq!((name(&shop).await, tried.body.get("program")), (json!("One"), None));
    assert_eq!(post(&shop, &carl, &publish, &json!({})).await.status, 200);
    assert_eq!(name(&shop).await, "Two");
    let version = shop.get("/v1/program/versions?limit=1").await["items"][0].clone();
    assert_eq!((&version["actor"], &version["author"]), (&json!("carl"), &json!("bea")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_draft_waits_for_its_time() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    let body = json!({ "program": named("Two"), "publish_at": "2026-03-02T00:00:00" });
    let path = draft(&shop, KEY, &body).await;
    shop.clock("2026-03-01T13:00:00+01:00").await;
    assert_eq!(name(&shop).await, "One", "nobody approved it");
    let scheduled = shop.post(&format!("{path}/publish"), &json!({})).await;
    assert_eq!(scheduled.body["status"], "scheduled", "{}", scheduled.body);
    assert_eq!(scheduled.body["publish_at"], "2026-03-01T23:00:00Z", "midnight in Rome");
    shop.clock("2026-03-01T23:30:00+01:00").await;
    assert_eq!(name(&shop).await, "One");
    shop.clock("2026-03-02T00:30:00+01:00").await;
    assert_eq!(name(&shop).await, "Two");
    assert_eq!(shop.get(&path).await["status"], "published");
    // Once.
    shop.clock("2026-03-02T02:00:00+01:00").await;
    assert_eq!(shop.get("/v1/program").await["version"], 2);
    let audit = shop.get("/v1/audit?action=draft").await["items"].clone();
    let actions: Vec<&str> = audit.as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["draft.publish", "draft.publish", "draft.create"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_draft_that_is_stale_at_its_time_returns_to_its_author() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    let at = |name: &str| json!({ "program": named(name), "publish_at": "2026-03-02T00:00:00" });
    let (path, deleted) = (draft(&shop, KEY, &at("Two")).await, draft(&shop, KEY, &at("Never")).await);
    for path in [&path, &deleted] {
        assert_eq!(shop.post(&format!("{path}/publish"), &json!({})).await.body["status"], "scheduled");
    }
    assert_eq!(send(&shop, KEY, Method::DELETE, &deleted, &json!({})).await.status, 204);
    shop.request(Method::PUT, "/v1/program", Some(&named("Three"))).await;
    shop.clock("2026-03-02T01:00:00+01:00").await;
    assert_eq!(name(&shop).await, "Three");
    let returned = shop.get(&path).await;
    assert_eq!((&returned["status"], &returned["refused"]), (&json!("draft"), &json!("stale_version")), "{returned}");
    let tried = post(&shop, KEY, &format!("{path}/publish?dry_run=true"), &json!({})).await;
    assert_eq!((tried.status, tried.problem()), (409, "stale_version"));
    assert_eq!(shop.get("/v1/audit?action=draft.refuse").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faulty_drafts_are_refused_and_their_number_is_bounded() {
    let shop = Shop::open(&named("One"), CLOCK).await;
    let mut faulty = named("Two");
    faulty["currency"] = json!("EURO");
    for (pointer, body) in [
        ("/program", json!({})),
        ("/program/currency", json!({ "program": faulty })),
        ("/publish_at", json!({ "program": named("Two"), "publish_at": "soon" })),
        ("/note", json!({ "program": named("Two"), "note": "x".repeat(501) })),
        ("/author", json!({ "program": named("Two"), "author": "somebody else" })),
    ] {
        let refused = shop.post("/v1/program/drafts", &body).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!(pointer)), "{}", refused.body);
    }
    for number in 0..100 {
        draft(&shop, KEY, &json!({ "program": named(&format!("Name {number}")) })).await;
    }
    let refused = shop.post("/v1/program/drafts", &json!({ "program": named("One more") })).await;
    assert_eq!((refused.status, refused.problem()), (422, "limit_reached"));
    let page = shop.get("/v1/program/drafts?limit=60").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = shop.get(&format!("/v1/program/drafts?limit=60&cursor={cursor}")).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 40);
}
