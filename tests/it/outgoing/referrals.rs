//! Events of referrals, from the share to the return.

use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::server::Server;
use super::{CLOCK, endpoint, rules};
use crate::shop::{Shop, program, receipt};

const TYPES: [&str; 10] = [
    "tessera.referral.pending",
    "tessera.referral.qualified",
    "tessera.referral.rewarded",
    "tessera.referral.flagged",
    "tessera.referral.rejected",
    "tessera.referral.reversed",
    "tessera.referral_event.share",
    "tessera.referral_event.click",
    "tessera.referral_event.progress",
    "tessera.referral_event.reminder",
];

fn document() -> Value {
    let mut document = program(&rules());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30, "hold_days": 2,
        "remind_after_days": 7, "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    document
}

/// The events that the server received since the last time: type, and data without what differs in each run.
fn told(server: &Server) -> Vec<(String, Value)> {
    let received = server.take();
    let events = received.iter().map(|request| {
        let event = request.json();
        let kind = tessera_domain::event::EventType::named(event["type"].as_str().unwrap()).unwrap();
        assert_eq!(event["subject"], event["data"]["member"]);
        let mut data = event["data"].clone();
        for required in kind.schema()["properties"]["data"]["required"].as_array().unwrap() {
            assert!(data.get(required.as_str().unwrap()).is_some(), "{event} lacks {required}");
        }
        for own in ["at", "id", "friend", "code"] {
            data.as_object_mut().unwrap().remove(own);
        }
        (kind.name.strip_prefix("tessera.").unwrap().to_owned(), data)
    });
    events.collect()
}

fn is(kind: &str, data: Value) -> (String, Value) {
    (kind.to_owned(), data)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_a_referral_is_announced_once() {
    let (shop, server) = (Shop::open(&document(), CLOCK).await, Server::start().await);
    endpoint(&shop, &server, &TYPES).await;
    let ada = shop.post("/v1/members", &json!({ "id": "c-ada" })).await;
    let code = ada.body["referral_code"].as_str().unwrap().to_owned();
    let share = json!({ "channel": "whatsapp" });
    for key in ["k-1", "k-1", "k-2"] {
        let headers = [("authorization", &*format!("Bearer {}", crate::shop::KEY)), ("idempotency-key", key)];
        let path = "/v1/members/c-ada/referral-shares";
        assert_eq!(shop.request_with(reqwest::Method::POST, path, Some(&share), &headers).await.status, 201);
    }
    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    for _ in 0..2 {
        let link = format!("{}/r/{}/{code}", shop.stack.url(), shop.program);
        client.get(link).header("user-agent", "Mozilla/5.0 Chrome/140.0").send().await.unwrap();
    }
    shop.settle().await;
    let shared = is("referral_event.share", json!({ "event": "share", "member": "c-ada", "channel": "whatsapp" }));
    let clicked = is("referral_event.click", json!({ "event": "click", "member": "c-ada" }));
    assert_eq!(told(&server), [shared.clone(), shared, clicked]);

    let status = |status: &str| is(&format!("referral.{status}"), json!({ "status": status, "member": "c-ada" }));
    shop.post("/v1/referrals", &json!({ "code": code, "friend": { "id": "c-grace" } })).await;
    shop.post("/v1/referrals", &json!({ "code": code, "friend": { "id": "c-late" } })).await;
    shop.settle().await;
    assert_eq!(told(&server), [status("pending"), status("pending")]);
    shop.clock("2026-03-01T12:30:00+01:00").await;
    let mut bought = receipt("r-1", "c-grace", "70.00");
    bought["occurred_at"] = json!("2026-03-01T12:20:00+01:00");
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    assert_eq!(told(&server), [status("qualified")]);
    let inactivity = async |now: &str| {
        shop.clock(now).await;
        shop.post("/_local/jobs/inactivity", &json!({})).await;
        shop.settle().await;
    };
    inactivity("2026-03-04T12:00:00+01:00").await;
    let progress = is("referral_event.progress", json!({ "event": "progress", "member": "c-ada", "friends": 1 }));
    assert_eq!(told(&server), [status("rewarded"), progress]);
    for now in ["2026-03-09T12:00:00+01:00", "2026-03-10T12:00:00+01:00"] {
        inactivity(now).await;
    }
    assert_eq!(told(&server), [is("referral_event.reminder", json!({ "event": "reminder", "member": "c-ada" }))]);
    let back = json!({ "id": "f-1", "occurred_at": "2026-03-10T12:00:00+01:00", "amount": "70.00" });
    shop.post("/v1/receipts/r-1/refunds", &back).await;
    shop.settle().await;
    assert_eq!(told(&server), [status("reversed")]);
    shop.verify().await;
}
