//! The audit: every administrative route records what it changed, once, and nothing personal or secret.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_lambda::{Access, Route, Scope};
use tessera_local::platform::ROUTES;

use crate::shop::{KEY, Response, Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// Administrative routes that change nothing: they try something out, send a test, or send again what was decided before.
const CHANGE_NOTHING: &[&str] = &[
    "POST /v1/rules/examine",
    "POST /v1/rules/backtest",
    "POST /v1/webhook-endpoints/{id}/test",
    "POST /v1/webhook-endpoints/{id}/deliveries/{delivery}/resend",
    "POST /v1/events/{entry}/replay",
    "POST /v1/integrations/klaviyo/redrive",
    "POST /v1/integrations/klaviyo/backfill",
    "POST /v1/integrations/klaviyo/test",
    "POST /v1/integrations/shopify/redrive",
    "POST /v1/integrations/shopify/test",
    "POST /v1/integrations/woocommerce/redrive",
    "POST /v1/integrations/woocommerce/test",
    "POST /v1/integrations/square/redrive",
    "POST /v1/integrations/square/test",
    "POST /v1/integrations/generic/{connection}/redrive",
    // An import books nothing before its start.
    "POST /v1/imports",
    "PUT /v1/imports/{id}/parts/{n}",
    // What is restored has its audit with it, and comes back as it was exported.
    "PUT /v1/restore/{kind}/{n}",
    "POST /v1/restore/seal",
];

fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().flat_map(|(_, routes)| routes.iter().copied().flatten())
}

fn audited() -> BTreeSet<&'static str> {
    routes().filter_map(|route| route.audited).collect()
}

#[test]
fn every_administrative_route_is_audited_or_changes_nothing() {
    let is_administrative = |route: &&Route| {
        let is_by_staff = matches!(route.access, Access::Scope(Scope::Admin | Scope::Support | Scope::Publisher));
        is_by_staff && route.method != "GET"
    };
    let forgotten: Vec<String> = routes()
        .filter(is_administrative)
        .filter(|route| route.audited.is_some() == CHANGE_NOTHING.contains(&route.key().as_str()))
        .map(Route::key)
        .collect();
    assert!(forgotten.is_empty(), "declare as `.audited(…)`, or name in CHANGE_NOTHING: {forgotten:?}");
    for key in CHANGE_NOTHING {
        assert!(routes().any(|route| route.key() == *key), "there is no {key}");
    }
}

/// A shop that sends administrative requests.
struct Desk(Shop);

impl Desk {
    async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        self.send_for(method, path, body, "spring clean").await
    }

    async fn send_for(&self, method: Method, path: &str, body: &Value, reason: &str) -> Response {
        let authorization = format!("Bearer {KEY}");
        let headers = [("authorization", authorization.as_str()), ("tessera-reason", reason)];
        let has_body = method != Method::DELETE;
        let response = self.0.request_with(method.clone(), path, has_body.then_some(body), &headers).await;
        assert!(response.status < 300, "{method} {path}: {} {}", response.status, response.body);
        response
    }

    async fn audit(&self, query: &str) -> Vec<Value> {
        self.0.get(&format!("/v1/audit?{query}")).await["items"].as_array().unwrap().clone()
    }

    /// Reviews two referrals that look suspicious: seven friends from one address.
    async fn refer_and_review(&self) {
        let ada = self.0.post("/v1/members", &json!({ "id": "c-ada" })).await;
        let code = &ada.body["referral_code"];
        for friend in 0..7 {
            let body = json!({ "code": code, "friend": { "id": format!("c-f{friend}") },
                               "context": { "ip": "203.0.113.7" } });
            self.0.post("/v1/referrals", &body).await;
        }
        let flagged = self.0.get("/v1/referrals?status=flagged").await["items"].clone();
        for (place, review) in [(0, "reject"), (1, "approve")] {
            let path = format!("/v1/referrals/{}/{review}", flagged[place]["id"].as_str().unwrap());
            self.send(Method::POST, &path, &json!({ "reason": "one household" })).await;
        }
    }

    /// Imports a member and undoes it.
    async fn import_and_undo(&self) {
        let import = self.0.post("/v1/imports", &json!({ "kind": "members" })).await;
        let path = format!("/v1/imports/{}", import.body["id"].as_str().unwrap());
        let file = b"email,points\nnew@example.com,100\n".to_vec();
        assert_eq!(self.0.send_raw(Method::PUT, &format!("{path}/parts/1"), "text/csv", file).await.status, 200);
        for step in ["start", "undo"] {
            self.send(Method::POST, &format!("{path}/{step}"), &json!({})).await;
            self.0.settle().await;
        }
    }

    /// Creates, publishes, restores and deletes drafts.
    async fn draft_and_publish(&self) {
        let mut program = self.0.get("/v1/program").await;
        program["name"] = json!("Club Dora");
        let path = |draft: &Response| format!("/v1/program/drafts/{}", draft.body["id"].as_str().unwrap());
        let draft = self.send(Method::POST, "/v1/program/drafts", &json!({ "program": program })).await;
        self.send(Method::POST, &format!("{}/publish", path(&draft)), &json!({})).await;
        let restored = self.send(Method::POST, "/v1/program/versions/2/restore", &json!({})).await;
        self.send(Method::DELETE, &path(&restored), &json!({})).await;
    }

    /// Makes every administrative change once, and returns the actions in their order.
    #[allow(clippy::too_many_lines, reason = "one journey through every change")]
    async fn change_everything(&self) -> Vec<&'static str> {
        let (post, put, delete, patch) = (Method::POST, Method::PUT, Method::DELETE, Method::PATCH);
        let mut renamed = program(&per_euro());
        renamed["name"] = json!("Club Bea");
        renamed["storefront"] = json!({ "shop_url": "https://shop.example/it" });
        let rule = json!({ "id": "gift", "name": "Gift", "status": "draft", "starts_at": "2026-01-01T00:00:00",
                           "on": { "enrollment": {} }, "then": [{ "credit": { "points": 5 } }] });
        let reward = json!({ "id": "pooled", "name": "Pooled", "type": "amount_off", "value": "5.00", "cost": 10,
                             "code": { "pool": true } });
        let tier = json!({ "id": "platinum", "name": "Platinum", "threshold": 90_000 });
        let but = |part: &Value, field: &str, value: Value| {
            let mut changed = part.clone();
            changed[field] = value;
            changed
        };
        self.send(put.clone(), "/v1/program", &renamed).await;
        self.send(put.clone(), "/v1/referral-program", &referral_program()).await;
        for (kind, id, part) in [("rules", "gift", &rule), ("rewards", "pooled", &reward), ("tiers", "platinum", &tier)]
        {
            self.send(post.clone(), &format!("/v1/{kind}"), part).await;
            self.send(put.clone(), &format!("/v1/{kind}/{id}"), &but(part, "name", json!("Other"))).await;
        }
        self.send(post.clone(), "/v1/rewards/pooled/codes", &json!({ "codes": ["SALE-1"] })).await;
        for (kind, id) in [("rules", "gift"), ("rewards", "pooled"), ("tiers", "platinum")] {
            self.send(delete.clone(), &format!("/v1/{kind}/{id}"), &json!({})).await;
        }
        let key = self.send(post.clone(), "/v1/api-keys", &json!({ "name": "till", "scopes": ["support"] })).await;
        let key = key.body["id"].as_str().unwrap();
        self.send(delete.clone(), &format!("/v1/api-keys/{key}"), &json!({})).await;
        self.send(post.clone(), "/v1/storefront-secret/rotate", &json!({})).await;
        let endpoint = json!({ "url": "http://127.0.0.1:9/hooks" });
        let made = self.send(post.clone(), "/v1/webhook-endpoints", &endpoint).await;
        let endpoint = format!("/v1/webhook-endpoints/{}", made.body["id"].as_str().unwrap());
        self.send(patch, &endpoint, &json!({ "status": "disabled" })).await;
        self.send(post.clone(), &format!("{endpoint}/rotate"), &json!({})).await;
        self.send(delete, &endpoint, &json!({})).await;
        let klaviyo = json!({ "enabled": false, "credentials": { "api_key": "pk_secret" },
                              "settings": { "prefix": "Club " } });
        self.send(put, "/v1/integrations/klaviyo", &klaviyo).await;

        for id in ["c-1", "c-2"] {
            self.0.post("/v1/members", &json!({ "id": id, "email": format!("{id}@example.com") })).await;
            let award = json!({ "award": 500, "reason": "late parcel" });
            self.send(post.clone(), &format!("/v1/members/{id}/adjustments"), &award).await;
        }
        let redeemed = self.0.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
        let coupon = format!("/v1/coupons/{}", redeemed.body["code"].as_str().unwrap());
        let moving = json!({ "member": { "id": "c-2" }, "reason": "wrong person" });
        self.send(post.clone(), &format!("{coupon}/move"), &moving).await;
        self.send(post.clone(), &format!("{coupon}/cancel"), &json!({})).await;
        self.0.post("/v1/receipts", &crate::shop::receipt("r-moved", "c-1", "10.00")).await;
        self.0.settle().await;
        self.send(post.clone(), "/v1/receipts/r-moved/move", &moving).await;
        self.refer_and_review().await;
        self.draft_and_publish().await;
        self.import_and_undo().await;
        self.send(post.clone(), "/v1/members/c-1/merge", &json!({ "into": "c-2" })).await;
        let merged = self.audit("action=member.merge").await[0]["object"].clone();
        self.send(post, &format!("/v1/{}/unmerge", merged.as_str().unwrap()), &json!({})).await;
        let excluded = json!({ "excluded": true, "reason": "resells coupons" });
        self.send(Method::PUT, "/v1/members/c-2/exclusion", &excluded).await;
        let note = self.send(Method::POST, "/v1/members/c-2/notes", &json!({ "text": "rings twice" })).await;
        let note = format!("/v1/members/c-2/notes/{}", note.body["id"].as_str().unwrap());
        self.send(Method::DELETE, &note, &json!({})).await;
        self.send(Method::DELETE, "/v1/members/c-2", &json!({})).await;
        vec![
            "program.replace",
            "referral_program.replace",
            "rule.create",
            "rule.replace",
            "reward.create",
            "reward.replace",
            "tier.create",
            "tier.replace",
            "reward.load_codes",
            "rule.delete",
            "reward.delete",
            "tier.delete",
            "api_key.create",
            "api_key.delete",
            "storefront_secret.rotate",
            "webhook_endpoint.create",
            "webhook_endpoint.change",
            "webhook_endpoint.rotate",
            "webhook_endpoint.delete",
            "integration.replace_credentials",
            "integration.replace",
            "member.adjust",
            "member.adjust",
            "coupon.move",
            "receipt.move",
            "coupon.cancel",
            "referral.reject",
            "referral.approve",
            "member.merge",
            "member.unmerge",
            "member.exclude",
            "note.add",
            "note.delete",
            "member.erase",
            "draft.create",
            "draft.publish",
            "version.restore",
            "draft.delete",
            "import.start",
            "import.undo",
        ]
    }
}

/// A referral program in which seven friends from one address look suspicious.
fn referral_program() -> Value {
    json!({
        "conversion": { "receipt": { "spend_over": "60.00" } }, "attribution_days": 30, "review_at_score": 20,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_audited_route_records_its_change_once() {
    let desk = Desk(Shop::open(&program(&per_euro()), CLOCK).await);
    let expected = desk.change_everything().await;
    let items = desk.audit("limit=250").await;
    // All of it has one time: the clock stands.
    let actions = |items: &[Value]| {
        let mut actions: Vec<String> = items.iter().map(|item| item["action"].as_str().unwrap().to_owned()).collect();
        actions.sort_unstable();
        actions
    };
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    assert_eq!(actions(&items), sorted);
    let known: BTreeSet<&str> =
        expected.into_iter().filter(|action| *action != "integration.replace_credentials").collect();
    assert_eq!(known, audited(), "the journey makes every audited change");

    let own = desk.0.get("/v1/api-keys/self").await;
    for item in &items {
        assert_eq!((&item["actor"], &item["key"]), (&own["name"], &own["id"]), "{item}");
        let by_body =
            ["member.adjust", "member.exclude", "coupon.move", "receipt.move", "referral.approve", "referral.reject"]
                .contains(&item["action"].as_str().unwrap());
        assert!(by_body || item["reason"] == "spring clean", "{item}");
        assert!(
            !item["changes"].as_array().unwrap().is_empty() || item["action"] == "webhook_endpoint.delete",
            "{item}"
        );
    }
    let text = json!(items).to_string();
    for secret in ["tsk_", "whsec_", "pk_secret", "example.com"] {
        assert!(!text.contains(secret), "{secret} is in the audit");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_is_searched_by_actor_action_object_and_time() {
    let desk = Desk(Shop::open(&program(&per_euro()), CLOCK).await);
    let mut changed = program(&per_euro());
    for (hour, name) in [(1, "Club Bea"), (2, "Club Cleo")] {
        desk.0.clock(&format!("2026-03-01T1{hour}:30:00Z")).await;
        changed["name"] = json!(name);
        desk.send_for(Method::PUT, "/v1/program", &changed, name).await;
    }
    desk.send(Method::POST, "/v1/api-keys", &json!({ "name": "till", "scopes": ["support"] })).await;
    let reasons = async |query: &str| -> Vec<Value> {
        desk.audit(query).await.iter().map(|item| item["reason"].clone()).collect()
    };
    assert_eq!(reasons("action=program").await, ["Club Cleo", "Club Bea"]);
    assert_eq!(reasons("object=program&limit=1").await, ["Club Cleo"]);
    assert_eq!(reasons("action=program.replace&to=2026-03-01T12:00:00Z").await, ["Club Bea"]);
    assert_eq!(reasons("action=program&from=2026-03-01T12:00:00Z").await, ["Club Cleo"]);
    assert_eq!(reasons("object=api-keys").await, ["spring clean"]);
    assert_eq!(reasons("actor=nobody").await, Vec::<Value>::new());
    assert_eq!(reasons("from=2026-03-02").await, Vec::<Value>::new());

    let change = &desk.audit("action=program&limit=1").await[0]["changes"];
    assert_eq!(*change, json!([{ "field": "/name", "before": "Club Bea", "after": "Club Cleo" }]));

    let first = desk.0.get("/v1/audit?limit=2").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = desk.0.get(&format!("/v1/audit?limit=2&cursor={cursor}")).await;
    assert_eq!((second["items"][0]["reason"].as_str(), &second["next_cursor"]), (Some("Club Bea"), &Value::Null));
    for wrong in ["limit=0", "from=soon", "from=2026-03-02&to=2026-03-01", "actor=", "cursor=abc"] {
        assert_eq!(desk.0.request(Method::GET, &format!("/v1/audit?{wrong}"), None).await.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_changes_nothing_or_is_refused_leaves_no_trace() {
    let desk = Desk(Shop::open(&program(&per_euro()), CLOCK).await);
    desk.send(Method::PUT, "/v1/program", &program(&per_euro())).await;
    desk.0.request(Method::PUT, "/v1/program", Some(&json!({ "name": "x" }))).await;
    desk.0.request(Method::DELETE, "/v1/rules/none-such", None).await;
    let authorization = format!("Bearer {KEY}");
    let long = "x".repeat(501);
    let headers = [("authorization", authorization.as_str()), ("tessera-reason", &long)];
    let mut renamed = program(&per_euro());
    renamed["name"] = json!("Club Bea");
    let refused = desk.0.request_with(Method::PUT, "/v1/program", Some(&renamed), &headers).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert_eq!(desk.audit("limit=250").await, Vec::<Value>::new());
    assert_eq!(desk.0.get("/v1/program").await["version"], 1);
}
