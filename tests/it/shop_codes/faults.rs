//! Faults at the calls of the functions that fill pools and delete codes: no code twice, no point lost, no discount for nothing.

use futures::stream::{self, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::{Calls, InjectedFault};

use super::fake_shopify::{FakeShopify, Misbehaviour};
use super::{BUYER, CLOCK, connection, offering, order, reward};
use crate::faults::every_call::{calls, plans};
use crate::faults::sender::{Planned, Sender};
use crate::inbound;

const FUNCTION: &str = "shop-codes";
/// Stacks that run at once.
const PARALLEL: usize = 12;

fn is_read(operation: &str) -> bool {
    ["GetItem", "BatchGetItem", "Query"].contains(&operation)
}

fn rewards() -> Vec<Value> {
    vec![reward("five", "shopify", &json!({ "valid_days": 1 }))]
}

/// The program of the journey.
pub fn program() -> Value {
    offering(&rewards())
}

/// Connects, fills, draws, uses, cancels, lets a coupon expire, and withdraws the reward.
async fn journey(sender: &mut Sender, fake: &FakeShopify) -> Vec<Value> {
    sender.post("/v1/members", &json!({ "id": BUYER }), None).await;
    let award = json!({ "award": 1000, "reason": "opening" });
    sender.post(&format!("/v1/members/{BUYER}/adjustments"), &award, Some("k-opening")).await;
    sender.begin();
    let put = sender.request(Method::PUT, "/v1/integrations/shopify", Some(&connection(fake, 6, 6)), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.settle().await;
    // What failed is asked for again.
    sender.clock("2026-03-01T13:00:00+01:00").await;
    let mut codes = Vec::new();
    for n in 0..3 {
        let redemption = json!({ "reward": "five" });
        let path = format!("/v1/members/{BUYER}/redemptions");
        let coupon = sender.post(&path, &redemption, Some(&format!("k-{n}"))).await;
        codes.push(coupon["code"].as_str().unwrap().to_owned());
        sender.settle().await;
    }
    assert!(fake.checkout(&codes[0]), "a code that was handed out works");
    let paid = order(1, &codes[0].to_lowercase(), "2026-03-01T12:55:00+01:00");
    sender.with(async |shop| inbound::shopify(shop, "orders/paid", &paid).await).await;
    sender.settle().await;
    sender.post(&format!("/v1/coupons/{}/cancel", codes[1]), &json!({}), Some("k-cancel")).await;
    sender.settle().await;
    for now in ["2026-03-01T14:00:00+01:00", "2026-03-03T00:10:00+01:00"] {
        sender.clock(now).await;
    }
    sender.end();
    for now in ["2026-03-03T04:00:00+01:00", "2026-03-03T10:00:00+01:00"] {
        sender.clock(now).await;
    }
    let mut end = Vec::new();
    for code in &codes {
        let coupon = sender.get(&format!("/v1/coupons/{code}")).await;
        end.push(json!([coupon["status"], fake.live().contains(code)]));
    }
    end.push(sender.get(&format!("/v1/members/{BUYER}")).await["points"].clone());
    let health = sender.get("/v1/integrations/shopify").await["health"].clone();
    // Every code that the shop has is one that can be drawn.
    let ready = health["codes"][0]["ready"].as_u64().unwrap();
    assert_eq!(ready, fake.live().len() as u64, "{health}");
    end.push(json!([ready, health["codes"][0]["dead"], fake.discounts().len()]));
    let emptied = offering(&[reward("five", "shopify", &json!({ "code": { "pattern": "ADA-########" } }))]);
    let put = sender.request(Method::PUT, "/v1/program", Some(&emptied), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    sender.settle().await;
    sender.clock("2026-03-03T11:00:00+01:00").await;
    assert!(fake.live().is_empty());
    fake.check();
    end
}

async fn run(planned: Option<Planned>) -> (Vec<Value>, Calls, u64) {
    let fake = FakeShopify::start().await;
    let mut sender = Sender::open(&program(), CLOCK, planned).await;
    let end = journey(&mut sender, &fake).await;
    sender.with(async |shop| shop.verify().await).await;
    let injected = sender.faults.log().values().sum();
    (end, calls(&sender), injected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_is_lost_or_handed_out_twice_whatever_call_fails() {
    let (expected, calls, _) = run(None).await;
    assert_eq!(expected[..3], [json!(["used", false]), json!(["cancelled", false]), json!(["expired", false])]);
    assert_eq!(expected[3]["available"], 980, "{expected:?}");
    assert_eq!(expected[4], json!([6, 2, 1]));
    let own = calls.into_iter().filter(|((function, _), _)| function == FUNCTION).collect();
    let mut plans = plans(&own, false);
    // However a read fails, the message comes again; one kind of fault shows it.
    plans.retain(|planned| !is_read(&planned.operation) || matches!(planned.fault, InjectedFault::Timeout));
    let injected = std::cell::Cell::new(0);
    stream::iter(&plans)
        .for_each_concurrent(PARALLEL, async |planned| {
            let (end, _, faults) = run(Some(planned.clone())).await;
            assert_eq!(end, expected, "{planned:?}");
            injected.set(injected.get() + faults);
        })
        .await;
    println!("{} plans, {} faults injected", plans.len(), injected.get());
    assert!(injected.get() >= plans.len() as u64);
}

/// Uses every permission of the functions that concern codes of shops.
pub async fn every_permission(sender: &mut Sender) -> Vec<&'static str> {
    let fake = FakeShopify::start().await;
    journey(sender, &fake).await;
    // The reward comes back by a draft. A shop that is down is asked again to delete a code.
    let draft = sender.post("/v1/program/drafts", &json!({ "program": program() }), Some("k-draft")).await;
    let publish = format!("/v1/program/drafts/{}/publish", draft["id"].as_str().unwrap());
    sender.post(&publish, &json!({}), Some("k-publish")).await;
    sender.settle().await;
    let path = format!("/v1/members/{BUYER}/redemptions");
    let coupon = sender.post(&path, &json!({ "reward": "five" }), Some("k-again")).await;
    fake.misbehave(Misbehaviour { status: Some(503), ..Misbehaviour::default() });
    sender.post(&format!("/v1/coupons/{}/cancel", coupon["code"].as_str().unwrap()), &json!({}), None).await;
    sender.settle().await;
    fake.behave();
    sender.clock("2026-03-03T12:00:00+01:00").await;
    vec![]
}
