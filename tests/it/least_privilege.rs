//! No policy is wider than its function needs. The local stack refuses calls that a policy does not allow; this test
//! compares the recorded calls with the policies in the other direction.

use std::collections::BTreeSet;

use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::Permissions;

use crate::faults::journeys;
use crate::faults::sender::Sender;
use crate::shop::receipt;

/// Permissions that no journey uses, each with its reason.
const UNUSED: [(&str, &str, &str); 15] = [
    // For a reward of limited stock that is sold out while a referral gives it.
    ("referrals", "dynamodb:Query", "tessera-members/index/due"),
    ("referral-conversion", "dynamodb:Query", "tessera-members/index/due"),
    // For a suspicious referral that a late order or a merge decides.
    ("referral-conversion", "dynamodb:DeleteItem", "tessera-members"),
    // For programs in which an interaction converts a friend.
    ("referrals", "dynamodb:GetItem", "tessera-facts"),
    ("referral-conversion", "dynamodb:GetItem", "tessera-facts"),
    // For a contact that joins: something fell due for it, or for its member, that gives a coupon of limited stock.
    ("receipt-ingestion", "dynamodb:UpdateItem", "tessera-members"),
    ("receipt-ingestion", "dynamodb:Query", "tessera-members/index/due"),
    ("member-import", "dynamodb:UpdateItem", "tessera-members"),
    ("member-import", "dynamodb:DeleteItem", "tessera-members"),
    ("member-import", "dynamodb:BatchGetItem", "tessera-members"),
    ("member-import", "dynamodb:Query", "tessera-members"),
    ("member-import", "dynamodb:Query", "tessera-members/index/due"),
    // For orders whose refunds came before them.
    ("member-import", "dynamodb:GetItem", "tessera-facts"),
    ("member-import", "dynamodb:UpdateItem", "tessera-facts"),
    // For an import that takes longer than one invocation.
    ("member-import", "sqs:SendMessage", "imports"),
];

/// Functions that take facts in as receipt-ingestion does.
const TAKING_IN: [&str; 2] = ["hooks", "inbound"];

/// Differences between the local stack and AWS: the secrets key is not read from SSM, and the functions share one cache of
/// program versions.
fn differs_locally(action: &str, resource: &str) -> bool {
    action == "ssm:GetParameter"
        || (resource.ends_with("tessera-programs") && ["dynamodb:GetItem", "dynamodb:Query"].contains(&action))
}

/// The requests that the fault journeys leave out: idempotency keys on every route, coupons of limited stock for an upgrade,
/// an early refund in a backtest, single look-ups, deletions.
async fn other_requests(sender: &mut Sender) -> Vec<&'static str> {
    let back = json!({ "id": "f-1", "occurred_at": "2026-03-01T11:30:00+01:00", "amount": "10.00" });
    sender.post("/v1/receipts/r-1/refunds", &back, None).await;
    sender.post("/v1/receipts", &receipt("r-1", "c-1", "480.00"), Some("k-1")).await;
    sender.settle().await;
    sender.post("/v1/members", &json!({ "id": "c-1" }), Some("k-2")).await;
    sender.post("/v1/members", &json!({ "id": "c-2" }), None).await;
    let rise = json!({ "award": 600, "kind": "qualifying", "reason": "moved from another shop" });
    sender.post("/v1/members/c-2/adjustments", &rise, None).await;
    let basket = json!({ "member": { "id": "c-1" }, "currency": "EUR", "total": "5.00" });
    sender.post("/v1/receipts/preview", &basket, Some("k-3")).await;
    let tried = json!({ "receipt": { "currency": "EUR", "total": "5.00", "coupons": ["ADA-1"] } });
    sender.post("/v1/rules/examine", &json!({ "fact": tried, "member": { "id": "c-1" } }), None).await;
    let review =
        json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" }, "name": "x" });
    sender.post("/v1/interactions", &review, None).await;
    sender.get("/v1/interactions/i-1").await;
    sender.get("/v1/hub").await;
    let key = sender.post("/v1/api-keys", &json!({ "name": "till", "scopes": ["receipts:write"] }), None).await;
    let id = key["id"].as_str().unwrap();
    assert_eq!(sender.get("/v1/api-keys").await["items"].as_array().unwrap().len(), 2);
    assert_eq!(sender.request(Method::DELETE, &format!("/v1/api-keys/{id}"), None, None).await.status, 204);
    sender.post("/v1/rules/backtest", &json!({ "rules": [] }), None).await;
    let unknown = [("authorization", "Bearer tsk_nobody")];
    let refused = sender.with(async |shop| shop.request_with(Method::GET, "/v1/program", None, &unknown).await).await;
    assert_eq!(refused.status, 401);
    vec![]
}

/// A sold-out reward in every function that can issue a coupon, which then looks for lapsed reservations; and a coupon that
/// a till used on a receipt.
async fn sold_out(sender: &mut Sender) -> Vec<&'static str> {
    for id in ["c-1", "c-2", "c-3", "c-4"] {
        sender.post("/v1/members", &json!({ "id": id }), None).await;
    }
    let rise = json!({ "award": 600, "kind": "qualifying", "reason": "moved from another shop" });
    sender.post("/v1/members/c-2/adjustments", &rise, None).await;
    sender.post("/v1/receipts", &receipt("r-1", "c-1", "600.00"), None).await;
    sender.settle().await;
    let redemption = json!({ "reward": "last-one" });
    let refused = sender.request(Method::POST, "/v1/members/c-1/redemptions", Some(&redemption), None).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    sender.get("/v1/members/c-1/hub").await;
    let coupon = sender.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" }), None).await;
    let path = format!("/v1/coupons/{}/use", coupon["code"].as_str().unwrap());
    sender.post(&path, &json!({ "receipt": "r-1" }), None).await;
    vec![]
}

/// Reports of a program with a budget, the notices about a member, and those about nobody, which counts as a miss.
async fn reports(sender: &mut Sender) -> Vec<&'static str> {
    sender.post("/v1/members", &json!({ "id": "c-1" }), None).await;
    for report in ["overview", "liability", "notices?member=c-1"] {
        sender.get(&format!("/v1/{report}")).await;
    }
    assert_eq!(sender.request(Method::GET, "/v1/notices?member=nobody", None, None).await.status, 404);
    vec![]
}

/// Links, codes, shares, suspicious referrals, and the end of a hold.
async fn referring(sender: &mut Sender) -> Vec<&'static str> {
    sender.post("/v1/members", &json!({ "id": "c-1" }), None).await;
    let code = sender.get("/v1/members/c-1").await["referral_code"].as_str().unwrap().to_owned();
    sender.post("/v1/members/c-1/referral-shares", &json!({ "channel": "whatsapp" }), Some("k-1")).await;
    sender.get(&format!("/v1/referral-codes/{code}")).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for code in [code.as_str(), "NOBODY"] {
        let link = format!("{}/r/{}/{code}", sender.shop().stack.url(), sender.shop().program);
        let followed = client.get(link).header("user-agent", "Mozilla/5.0 Chrome/140.0").send().await.unwrap();
        assert_eq!(followed.status(), 302);
    }
    for n in 0..7 {
        let context = json!({ "ip": "203.0.113.7", "device": format!("d-{n}") });
        let named = json!({ "code": code, "friend": { "id": format!("c-1{n}") }, "context": context });
        sender.post("/v1/referrals", &named, None).await;
    }
    let flagged = sender.get("/v1/referrals?status=flagged").await;
    let id = flagged["items"][0]["id"].as_str().unwrap();
    sender.post(&format!("/v1/referrals/{id}/approve"), &json!({ "reason": "an office" }), None).await;
    let mut bought = receipt("r-1", "c-10", "70.00");
    bought["occurred_at"] = json!("2026-03-01T12:05:00+01:00");
    sender.clock("2026-03-01T12:10:00+01:00").await;
    sender.post("/v1/receipts", &bought, None).await;
    sender.settle().await;
    sender.post("/v1/referrals", &json!({ "code": code, "friend": { "id": "c-10" } }), None).await;
    sender.post("/v1/members", &json!({ "id": "c-2", "referral_code": code }), None).await;
    sender.get("/v1/members/c-1/referrals").await;
    sender.clock("2026-03-05T12:00:00+01:00").await;
    sender.job("inactivity").await;
    sender.get("/v1/referral-program").await;
    // A member of a time without referrals gets a code from the hub.
    let with = sender.get("/v1/program").await;
    let mut without = with.clone();
    without.as_object_mut().unwrap().remove("referral");
    assert_eq!(sender.request(Method::PUT, "/v1/program", Some(&without), None).await.status, 200);
    sender.post("/v1/members", &json!({ "id": "c-9" }), None).await;
    assert_eq!(sender.request(Method::PUT, "/v1/program", Some(&with), None).await.status, 200);
    assert!(sender.get("/v1/members/c-9/hub").await["referral"]["code"].is_string());
    vec![]
}

/// A member and an idle visitor are erased, and an endpoint hears of it; lists of members.
async fn erasures(sender: &mut Sender) -> Vec<&'static str> {
    let endpoint = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"], "description": "closed" });
    sender.post("/v1/webhook-endpoints", &endpoint, None).await;
    sender.post("/v1/members", &json!({ "id": "c-1", "first_name": "Ada" }), None).await;
    sender.post("/v1/members", &json!({ "id": "c-2", "status": "visitor" }), None).await;
    for list in ["", "?status=member", "?tier=base", "?query=ada", "?query=c-1"] {
        sender.get(&format!("/v1/members{list}")).await;
    }
    sender.post("/v1/members/c-1/notes", &json!({ "text": "x" }), None).await;
    sender.request(Method::DELETE, "/v1/members/c-1/notes", None, None).await;
    sender.post("/v1/members/c-1/adjustments", &json!({ "award": 500, "reason": "x" }), None).await;
    sender.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" }), None).await;
    sender.get("/v1/members/c-1/export").await;
    assert_eq!(sender.request(Method::DELETE, "/v1/members/c-1", None, None).await.status, 204);
    assert_eq!(sender.request(Method::DELETE, "/v1/members/c-1", None, None).await.status, 404);
    sender.clock("2026-07-01T09:00:00+02:00").await;
    sender.job("retention").await;
    vec![]
}

/// Lines of an export, restored into an empty program.
async fn restored(sender: &mut Sender) -> Vec<&'static str> {
    let line = |pk: &str, sk: &str, body: Option<Vec<u8>>| {
        let mut item = json!({ "pk": { "S": pk }, "sk": { "S": sk }, "v": { "N": "1" } });
        if let Some(body) = body {
            item["b"] = json!({ "B": base64::engine::general_purpose::STANDARD.encode(body) });
        }
        json!({ "item": item }).to_string()
    };
    let reference = tessera_domain::member::MemberRef::of_id("c-1".parse().unwrap());
    let profile = tessera_domain::member::Profile::new(&reference, jiff::Timestamp::UNIX_EPOCH);
    let profile = tessera_domain::pack::pack(&profile).unwrap();
    sender.put_text("/v1/restore/members/1", &line("~#m#m_1", "profile", Some(profile))).await;
    sender.put_text("/v1/restore/receipts/1", &line("~#R#r-1", "receipt", None)).await;
    sender.post("/v1/restore/seal", &json!({}), None).await;
    sender.get("/v1/members/c-1").await;
    vec![]
}

/// Drafts that change a stock and a pool come into force, by hand and at their time.
async fn supplies(sender: &mut Sender) -> Vec<&'static str> {
    sender.post("/v1/members", &json!({ "id": "c-1" }), None).await;
    for (id, at) in [("first", Value::Null), ("second", json!("2026-03-02T08:00:00"))] {
        let mut program = sender.get("/v1/program").await;
        let rewards = program["rewards"].as_array_mut().unwrap();
        rewards.iter_mut().find(|reward| reward["id"] == "last-one").unwrap()["stock"] = json!(id.len());
        rewards.push(json!({ "id": id, "name": id, "type": "custom", "cost": 1, "code": { "pool": true } }));
        let draft = json!({ "program": program, "publish_at": at });
        let draft = sender.post("/v1/program/drafts", &draft, None).await;
        let publish = format!("/v1/program/drafts/{}/publish", draft["id"].as_str().unwrap());
        sender.post(&publish, &json!({}), None).await;
    }
    sender.clock("2026-03-02T09:00:00+01:00").await;
    sender.job("inactivity").await;
    let program = sender.get("/v1/program").await;
    assert!(program["rewards"].as_array().unwrap().iter().any(|reward| reward["id"] == "second"), "{program}");
    vec![]
}

async fn recorded(journey: impl AsyncFn(&mut Sender) -> Vec<&'static str>) -> (Permissions, Permissions) {
    recorded_with(&journeys::full_program(), journey).await
}

async fn recorded_with(
    program: &Value,
    journey: impl AsyncFn(&mut Sender) -> Vec<&'static str>,
) -> (Permissions, Permissions) {
    let mut sender = Sender::open(program, journeys::CLOCK, None).await;
    journey(&mut sender).await;
    sender.settle().await;
    sender.with(async |shop| shop.stack.permissions()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_permission_is_used() {
    let mut used = Permissions::new();
    let mut granted = Permissions::new();
    let mut generous = journeys::full_program();
    generous["rules"].as_array_mut().unwrap().push(json!({
        "id": "gift-at-enrolment", "name": "Gift", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "enrollment": {} }, "then": [{ "reward": { "reward": "last-one" } }] }));
    let mut forgetful = journeys::full_program();
    forgetful["members"] = json!({ "visitor_days": 30 });
    let mut budgeted = journeys::full_program();
    budgeted["budget"] = json!({ "points": 1_000, "per": "month" });
    let mut waiting = journeys::full_program();
    waiting["referral"]["hold_days"] = json!(2);
    waiting["referral"]["review_at_score"] = json!(20);
    let runs = [
        recorded(journeys::members).await,
        recorded(journeys::identities).await,
        recorded(journeys::joining).await,
        recorded(journeys::receipts).await,
        recorded(journeys::refunds).await,
        recorded(journeys::coupons).await,
        recorded(journeys::pools).await,
        recorded(journeys::interactions).await,
        recorded(journeys::days).await,
        recorded(journeys::referrals).await,
        recorded(journeys::merges).await,
        recorded(journeys::moves).await,
        recorded(journeys::erasure).await,
        recorded_with(&forgetful, erasures).await,
        recorded(journeys::admin).await,
        recorded(journeys::access).await,
        recorded(journeys::drafts).await,
        recorded(journeys::importing).await,
        recorded(journeys::views).await,
        recorded(restored).await,
        recorded(supplies).await,
        recorded(other_requests).await,
        recorded(crate::outgoing::faults::every_permission).await,
        recorded(crate::inbound::faults::every_permission).await,
        recorded_with(&crate::shop_codes::faults::program(), crate::shop_codes::faults::every_permission).await,
        recorded_with(&generous, sold_out).await,
        recorded_with(&budgeted, reports).await,
        recorded_with(&waiting, referring).await,
    ];
    for (in_journey, by_policy) in runs {
        for (function, permissions) in in_journey {
            used.entry(function).or_default().extend(permissions);
        }
        granted = by_policy;
    }
    // They take facts in by the code of receipt-ingestion, so what that uses of members and facts they may use.
    let intake: BTreeSet<_> = used["receipt-ingestion"]
        .iter()
        .filter(|(_, resource)| !resource.ends_with("tessera-programs"))
        .cloned()
        .collect();
    for function in TAKING_IN {
        used.entry(function.to_owned()).or_default().extend(intake.iter().cloned());
    }
    let nothing = BTreeSet::new();
    let mut more = Vec::new();
    for (function, permissions) in &granted {
        for (action, resource) in permissions.difference(used.get(function).unwrap_or(&nothing)) {
            let known = differs_locally(action, resource)
                || UNUSED.iter().any(|(of, what, on)| {
                    let is_of =
                        function == of || (*of == "receipt-ingestion" && TAKING_IN.contains(&function.as_str()));
                    is_of && action == what && resource.ends_with(on)
                });
            if !known {
                more.push(format!("{function} may {action} on {resource}, and never does"));
            }
        }
    }
    assert!(more.is_empty(), "{}", more.join("\n"));
}
