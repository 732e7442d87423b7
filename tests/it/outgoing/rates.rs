//! Benchmarks of events out: none lost, none doubled, and how much of the permitted rate is used. Outside `./test`, which
//! sends 1,000 events (`klaviyo.rs`).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera_domain::event::Event;
use tessera_domain::ids::MemberId;
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::sender::send_all;
use tessera_local::stack::StackOptions;
use tessera_store::TargetId;

use super::klaviyo::{Account, Limits, connected, misbehaving};
use super::server::Server;
use super::{buy, endpoint, rules, shop};
use crate::shop::{Shop, program, receipt};

/// How many times the published limits apply.
const TIMES: u32 = 20;
const MEMBERS: usize = 200;
/// Messages that are put into the queue at once.
const BATCH: usize = 500;

/// The number of events: `EVENTS`, or 100,000.
#[expect(clippy::disallowed_methods, reason = "a benchmark is told its size")]
fn count() -> usize {
    std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

async fn members(shop: &Shop) -> Vec<MemberId> {
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        let enrolled = shop.post("/v1/members", &json!({ "id": format!("c-{number}") })).await;
        members.push(enrolled.body["inner_id"].as_str().unwrap().parse().unwrap());
    }
    shop.settle().await;
    members
}

/// Puts events into the queue of notifications, as the relay does.
async fn send(shop: &Shop, members: &[MemberId], events: std::ops::Range<usize>) {
    let messages: Vec<_> = events
        .map(|number| {
            let member = &members[number % members.len()];
            let data = json!({ "member": member, "points": { "redeemable": 10, "qualifying": 0 }, "balance": 10 });
            let (id, at) = (format!("E{number}~0"), shop.stack.now());
            let event = Event { id, kind: "tessera.entry.earn".to_owned(), at, data };
            let content = NotificationContent::Event { event: Box::new(event.clone()), made_at: at, test: false };
            let program = shop.program.parse().unwrap();
            Notification::new(program, TargetId::klaviyo(), Some(member.clone()), content).outgoing(&event.id)
        })
        .collect();
    let clients = shop.stack.stack().clients("operator");
    let url = &shop.stack.stack().template().functions["notifications"].variables["NOTIFICATIONS_QUEUE_URL"];
    send_all(&clients.sqs, url, &messages).await.unwrap();
}

/// 100,000 events at twenty times the published limits; 5 % of the responses are 429, 500, or lost after the event was taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark of some minutes; EVENTS=10000 for a shorter one"]
async fn a_hundred_thousand_events_are_neither_lost_nor_doubled() {
    let events = count();
    let options = StackOptions { vendor_rate: TIMES, ..StackOptions::default() };
    let (shop, server) = (Shop::with(&program(&rules()), options).await, Server::start().await);
    let members = members(&shop).await;
    let account: Arc<Mutex<Account>> = connected(&shop, &server, json!({})).await;
    server.react(misbehaving(&account, Limits::times(TIMES)));
    let capacity = async || shop.get("/_local/capacity").await["functions"]["notifications"].clone();
    let (before, started) = (capacity().await, Instant::now());
    let taken = || account.lock().unwrap().events.len();
    for first in (0..events).step_by(BATCH) {
        send(&shop, &members, first..(first + BATCH).min(events)).await;
        // The queue stays short, as the relay would keep it.
        while first > taken() + 10 * BATCH {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.forget();
    }
    let mut last = (Instant::now(), 0);
    while taken() < events {
        shop.settle().await;
        shop.post("/_local/jobs/redeliveries", &json!({})).await;
        if taken() > last.1 {
            last = (Instant::now(), taken());
        }
        assert!(last.0.elapsed() < Duration::from_mins(10), "{} of {events}", taken());
    }
    let elapsed = started.elapsed();
    shop.settle().await;
    let after = capacity().await;
    let account = account.lock().unwrap();
    assert_eq!(account.faults, Vec::<String>::new());
    assert_eq!(account.events.len(), events, "none is lost or doubled");
    println!(
        "{events} events with {} faults in {elapsed:.1?}: {} a second, {} % of what {TIMES} times Klaviyo's limits permit, which \
         forbade {:.1?}",
        account.hit.len(),
        events as u128 * 1_000 / elapsed.as_millis().max(1),
        Limits::times(TIMES).share(&account, events, elapsed),
        account.forbidden,
    );
    println!("per event: {}", per_event(&before, &after, events));
}

/// From the response to a receipt to its event at the target, on an idle stack. The times are printed, never asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark of some seconds"]
async fn a_receipt_reaches_an_idle_target() {
    const RECEIPTS: usize = 50;
    const LOOK: Duration = Duration::from_millis(1);
    let (shop, server) = (shop().await, Server::start().await);
    endpoint(&shop, &server, &["tessera.entry.earn"]).await;
    // The relay learns of the endpoint.
    buy(&shop, "first", "10.00").await;
    server.forget();
    let mut times = Vec::new();
    for number in 0..RECEIPTS {
        let bought = shop.post("/v1/receipts", &receipt(&format!("r-{number}"), "c-1", "10.00")).await;
        assert_eq!(bought.status, 202, "{}", bought.body);
        let started = Instant::now();
        while server.take().is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        times.push(started.elapsed());
        // Nothing of one receipt is left when the next one comes.
        shop.settle().await;
    }
    times.sort();
    println!("from a receipt to its webhook: median {:?}, longest {:?}", times[RECEIPTS / 2], times[RECEIPTS - 1]);
}

/// What an event costs, by field.
#[allow(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "capacity units are fractions")]
pub(super) fn per_event(before: &Value, after: &Value, events: usize) -> String {
    let fields = after.as_object().unwrap().keys().map(|field| {
        let of = |capacity: &Value| capacity[field].as_f64().unwrap_or(0.0);
        format!("{field} {:.2}", (of(after) - of(before)) / events as f64)
    });
    fields.collect::<Vec<_>>().join(", ")
}
