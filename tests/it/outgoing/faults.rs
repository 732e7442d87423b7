//! Faults at the calls of the functions that send events: every event arrives, and none is given up.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rules;
use super::server::Server;
use crate::faults::plans::{Run, every_plan, plans_of};
use crate::faults::sender::{Planned, Sender};
use crate::shop::{program, receipt};

const FUNCTIONS: [&str; 4] = ["event-relay", "notifications", "redeliveries", "connections"];

/// What a run ended with: the events that arrived, the statuses in the log of the endpoint.
#[derive(Debug, PartialEq, Eq)]
struct End {
    webhook: BTreeSet<String>,
    klaviyo: BTreeSet<(String, String)>,
    statuses: Vec<Value>,
}

/// An endpoint, Klaviyo, a purchase that lifts the tier and gives a coupon; first both refuse, then they accept.
async fn journey(sender: &mut Sender, hook: &Server, klaviyo: &Server) -> End {
    sender.begin();
    let endpoint = sender.post("/v1/webhook-endpoints", &json!({ "url": hook.url("/") }), Some("k-1")).await;
    let connection = json!({ "enabled": true, "credentials": { "api_key": "pk_1" },
                             "settings": { "base_url": klaviyo.url("") } });
    let put = sender.request(reqwest::Method::PUT, "/v1/integrations/klaviyo", Some(&connection), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    hook.respond(503);
    klaviyo.respond(503);
    sender.post("/v1/members", &json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email"] }), None).await;
    let mut gift = receipt("r-1", "c-1", "620.00");
    gift["store"] = json!("outlet");
    sender.post("/v1/receipts", &gift, None).await;
    sender.settle().await;
    hook.respond(200);
    klaviyo.respond(202);
    for minutes in [2, 10, 45] {
        sender.clock(&format!("2026-03-01T12:{minutes:02}:00+01:00")).await;
        sender.job("redeliveries").await;
    }
    sender.end();
    for now in ["2026-03-01T15:30:00+01:00", "2026-03-02T00:00:00+01:00"] {
        sender.clock(now).await;
    }
    let path = format!("/v1/webhook-endpoints/{}/deliveries", endpoint["id"].as_str().unwrap());
    let page = sender.get(&path).await;
    let statuses = page["items"].as_array().unwrap().iter().map(|delivery| delivery["status"].clone()).collect();
    let dead = sender.get("/v1/integrations/klaviyo/dead-letters").await;
    assert_eq!(dead["items"], json!([]));
    assert_eq!(sender.get("/v1/integrations/klaviyo").await["health"]["queue_age_seconds"], 0);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    End {
        webhook: hook.received().iter().map(|one| kind_and_place(&one.json())).collect(),
        klaviyo: klaviyo
            .received()
            .iter()
            .map(|one| {
                let body = one.json();
                let attributes = &body["data"]["attributes"];
                (text(&attributes["metric"]["data"]["attributes"]["name"]), text(&attributes["properties"]["Event"]))
            })
            .collect(),
        statuses,
    }
}

/// The type of an event and the end of its id: members' ids differ between runs.
fn kind_and_place(event: &Value) -> String {
    let id = event["id"].as_str().unwrap();
    format!("{} {}", event["type"], id.split('~').next_back().unwrap())
}

async fn run(planned: Option<Planned>) -> Run<End> {
    let (hook, klaviyo) = (Server::start().await, Server::start().await);
    let mut sender = Sender::open(&program(&rules()), super::CLOCK, planned).await;
    let end = journey(&mut sender, &hook, &klaviyo).await;
    Run::new(end, &sender)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_whatever_call_fails() {
    let expected = every_plan("events", 12, |calls| plans_of(calls, &FUNCTIONS), run).await;
    let kinds = ["earn", "tier.changed", "coupon.available"];
    assert!(kinds.iter().all(|kind| expected.webhook.iter().any(|one| one.contains(kind))), "{expected:?}");
    assert!(expected.klaviyo.iter().any(|(metric, _)| metric == "Coupon Assigned"), "{expected:?}");
    assert!(expected.statuses.iter().all(|status| status == "delivered"), "{expected:?}");
}

/// Uses every permission of the functions that send events: failures and further attempts, a disabled endpoint, a replay, a
/// deleted endpoint.
pub async fn every_permission(sender: &mut Sender) -> Vec<&'static str> {
    let (hook, klaviyo) = (Server::start().await, Server::start().await);
    let (gone, notified) = (Server::start().await, Server::start().await);
    let mut ids = Vec::new();
    for (server, event) in [(&hook, "*"), (&gone, "tessera.entry.earn"), (&notified, "tessera.notice.webhook_disabled")]
    {
        let body = json!({ "url": server.url("/"), "events": [event] });
        let added = sender.post("/v1/webhook-endpoints", &body, Some(&format!("k-{event}"))).await;
        ids.push(added["id"].as_str().unwrap().to_owned());
    }
    let connection = json!({ "enabled": true, "credentials": { "api_key": "pk_1" },
                             "settings": { "base_url": klaviyo.url("") } });
    let put = sender.request(reqwest::Method::PUT, "/v1/integrations/klaviyo", Some(&connection), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    hook.respond(503);
    gone.respond(410);
    sender.post("/v1/members", &json!({ "id": "c-9" }), None).await;
    sender.post("/v1/receipts", &receipt("r-9", "c-9", "20.00"), None).await;
    sender.settle().await;
    hook.respond(200);
    sender.clock("2026-03-01T12:05:00+01:00").await;
    assert_eq!(notified.take().len(), 1);
    let event = hook.take().last().unwrap().json();
    let path = format!("/v1/events/{}/replay", event["id"].as_str().unwrap());
    sender.post(&path, &json!({ "target": ids[0] }), None).await;
    let path = format!("/v1/webhook-endpoints/{}", ids[2]);
    assert_eq!(sender.request(reqwest::Method::DELETE, &path, None, None).await.status, 204);
    super::backfill::journey(sender, &klaviyo, 13).await;
    vec![]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_in_no_stored_item_and_no_log_line() {
    let (hook, klaviyo) = (Server::start().await, Server::start().await);
    let mut sender = Sender::open(&program(&rules()), super::CLOCK, None).await;
    let lines = super::log::lines();
    journey(&mut sender, &hook, &klaviyo).await;
    let body = json!({ "url": hook.url("/"), "events": ["*"] });
    let secret = sender.post("/v1/webhook-endpoints", &body, None).await["secret"].as_str().unwrap().to_owned();
    let dynamodb = sender.shop().stack.stack().clients("operator").dynamodb;
    for table in ["tessera-programs", "tessera-credentials", "tessera-members", "tessera-facts"] {
        let items = dynamodb.scan().table_name(table).send().await.unwrap();
        let text = format!("{:?}", items.items());
        let packed: Vec<u8> = items
            .items()
            .iter()
            .flat_map(|item| item.values())
            .filter_map(|value| value.as_b().ok())
            .flat_map(|bytes| bytes.as_ref().to_vec())
            .collect();
        for hidden in [secret.as_str(), "pk_1\""] {
            assert!(!text.contains(hidden), "{table}");
            assert!(!packed.windows(hidden.len()).any(|window| window == hidden.as_bytes()), "{table}");
        }
    }
    let logged = lines.text();
    assert!(logged.contains("a delivery failed"), "{logged}");
    for hidden in ["whsec_", "pk_1", "ada@example.com"] {
        assert!(!logged.contains(hidden), "{hidden}: {logged}");
    }
}
