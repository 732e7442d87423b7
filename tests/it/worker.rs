//! The worker of what falls due stops at its deadline and goes on where it stopped, in every pass of any length.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_lambda::job::{Deadline, Invocation};
use tessera_lambda::{Clients, Clock, Config, Secrets, Services};

use crate::shop::{Shop, per_euro, program};

/// The worker with its own services, as its template has it.
fn worker(shop: &Shop) -> Services {
    let stack = shop.stack.stack();
    let variables = &stack.template().functions["inactivity"].variables;
    let config = Config::from_vars(variables, tessera_inactivity::NEEDS).unwrap();
    let clients = stack.clients_of("inactivity").unwrap();
    let clients = Clients { dynamodb: clients.dynamodb, sqs: clients.sqs };
    let time = stack.clock().clone();
    Services::new(config, clients, Clock::new(move || time.now()), Secrets::known(shop.stack.secrets_key().clone()))
}

/// Runs the worker with a deadline that is near after some checks; returns how many were made.
async fn run(shop: &Shop, checks: u32) -> u32 {
    let made = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&made);
    let deadline = Deadline::new(move || {
        let is_left = counting.fetch_add(1, Ordering::SeqCst) < checks;
        if is_left { Duration::from_mins(5) } else { Duration::ZERO }
    });
    tessera_inactivity::handle(&worker(shop), Invocation { input: json!({}), deadline }).await.unwrap();
    shop.settle().await;
    made.load(Ordering::SeqCst)
}

/// Runs the worker with ever later deadlines, until it is done within one. Returns the checks that it then made: what a run
/// makes that finds nothing to do.
async fn run_to_the_end(shop: &Shop) -> (u32, u32) {
    for checks in 1..200 {
        let made = run(shop, checks).await;
        if made <= checks {
            return (checks, made);
        }
    }
    panic!("the worker never gets done");
}

/// Moves the clock without the runs that follow from it.
fn advance(shop: &Shop, now: &str) {
    shop.stack.stack().clock().advance(now.parse().unwrap()).unwrap();
}

async fn calls(shop: &Shop, operation: &str) -> u64 {
    let capacity = shop.get("/_local/capacity").await;
    capacity["functions"]["inactivity"]["dynamodb"][operation]["calls"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_coupons_goes_on_after_each_deadline_and_never_begins_again() {
    let mut document = program(&per_euro());
    document["rewards"][0]["valid_days"] = json!(10);
    let shop = Shop::open(&document, "2026-03-01T09:00:00Z").await;
    let mut codes = Vec::new();
    for n in 0..12 {
        let path = format!("/v1/members/c-{n}");
        shop.post("/v1/members", &json!({ "id": format!("c-{n}") })).await;
        shop.post(&format!("{path}/adjustments"), &json!({ "award": 200, "reason": "a start" })).await;
        let bought = shop.post(&format!("{path}/redemptions"), &json!({ "reward": "five-off" })).await;
        codes.push(bought.body["code"].as_str().unwrap().to_owned());
    }
    // The coupons last through the 11th. The clock's own runs serve the days up to it, with the day of the warnings.
    shop.clock("2026-03-02T09:00:00Z").await;
    shop.clock("2026-03-11T09:00:00Z").await;
    let warned = shop.get("/v1/notices?type=coupon_expiring&limit=50").await;
    assert_eq!(warned["items"].as_array().unwrap().len(), codes.len());
    let (_, idle) = run_to_the_end(&shop).await;
    advance(&shop, "2026-03-12T09:00:00Z");
    let before = calls(&shop, "PutItem").await;
    let (checks, _) = run_to_the_end(&shop).await;
    // A day of coupons has two walks through eight shards: a run that began again would need all of them at once.
    assert!(checks < idle + 10, "{checks} checks, {idle} of them without any work");
    for code in &codes {
        assert_eq!(stored(&shop, code).await, "Expired");
    }
    let writes = calls(&shop, "PutItem").await - before;
    // Each coupon once, and markers: of each run, and of each page.
    assert!(writes < 3 * codes.len() as u64 + 4 * u64::from(checks), "{writes} writes");
    shop.verify().await;
}

async fn stored(shop: &Shop, code: &str) -> String {
    use tessera_domain::coupon::FoldedCode;
    use tessera_domain::ids::ProgramId;
    let program = ProgramId::new(shop.program.clone()).unwrap();
    let coupon = shop.stack.store().get_coupon(&program, &FoldedCode::parse(code).unwrap()).await.unwrap();
    format!("{:?}", coupon.unwrap().status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arming_goes_on_after_each_deadline_and_reads_each_member_once() {
    let idle_for = |days: u32| -> Value {
        let on = json!({ "inactivity": { "days": days } });
        program(
            &json!([{ "id": "win-back", "name": "Come back", "status": "active", "starts_at": "2026-01-01T00:00:00",
                          "on": on, "then": [{ "credit": { "points": 20 } }] }]),
        )
    };
    let shop = Shop::open(&idle_for(300), "2026-03-01T09:00:00Z").await;
    let enrolled = (0..230).map(|n| {
        let shop = &shop;
        async move { shop.post("/v1/members", &json!({ "id": format!("c-{n}") })).await }
    });
    futures::future::join_all(enrolled).await;
    shop.clock("2026-03-02T09:00:00Z").await;
    shop.post("/_local/jobs/inactivity", &json!({})).await;
    let put = shop.request(Method::PUT, "/v1/program", Some(&idle_for(30))).await;
    assert_eq!(put.status, 200, "{}", put.body);
    advance(&shop, "2026-03-02T09:05:00Z");
    let before = (calls(&shop, "BatchGetItem").await, calls(&shop, "UpdateItem").await);
    run_to_the_end(&shop).await;
    let after = (calls(&shop, "BatchGetItem").await, calls(&shop, "UpdateItem").await);
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 230), "three pages, and one write for each member");
    shop.clock("2026-03-31T09:00:00Z").await;
    for id in ["c-0", "c-229"] {
        assert_eq!(shop.member(id).await["points"]["available"], 20);
    }
}
