//! Facts whose messages were lost are found by the time they were accepted, and decided once.

use std::sync::Arc;

use serde_json::json;
use tessera_local::redrive::{self, AcceptanceWindow, RedriveQueue, Redriven};
use tessera_local::stack::{FaultPlan, InjectedFault, StackOptions};

use crate::shop::{Shop, per_euro, program, receipt};

/// Deletes the dead letters, and returns how many there were.
async fn lose_dead_letters(shop: &Shop) -> usize {
    let stack = shop.stack.stack();
    let (sqs, dead) = (stack.clients("operator").sqs, &stack.template().queues["tessera-facts-dead.fifo"].url);
    let mut lost = 0;
    loop {
        let response = sqs.receive_message().queue_url(dead).max_number_of_messages(10).send().await.unwrap();
        let letters = response.messages.unwrap_or_default();
        if letters.is_empty() {
            return lost;
        }
        for letter in letters {
            let handle = letter.receipt_handle.unwrap();
            sqs.delete_message().queue_url(dead).receipt_handle(handle).send().await.unwrap();
            lost += 1;
        }
    }
}

async fn redrive_facts(shop: &Shop, from: &str, to: &str, run: &str) -> Redriven {
    let stack = shop.stack.stack();
    let sqs = stack.clients("operator").sqs;
    let queue = RedriveQueue { sqs: &sqs, url: &stack.template().queues["tessera-facts.fifo"].url };
    let window = AcceptanceWindow { from: from.parse().unwrap(), to: to.parse().unwrap() };
    redrive::facts(shop.stack.store(), queue, window, run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_lost_in_an_outage_are_redriven_by_their_acceptance_time() {
    let faults = Arc::new(FaultPlan::new());
    let clock = Some("2026-03-01T12:00:00+01:00".parse().unwrap());
    let options = StackOptions { clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let shop = Shop::with(&program(&per_euro()), options).await;
    assert_eq!(shop.post("/v1/receipts", &receipt("r-1", "c-1", "40.00")).await.status, 202);
    shop.settle().await;

    // The outage is on the 5th. Facts that arrive then occurred on the 1st or belong to a receipt of that day.
    shop.clock("2026-03-05T12:00:00+01:00").await;
    faults.inject("rule-evaluation", "GetItem", .., InjectedFault::Unavailable);
    let mut late = receipt("r-2", "c-2", "30.00");
    late["occurred_at"] = json!("2026-03-01T10:00:00+01:00");
    assert_eq!(shop.post("/v1/receipts", &late).await.status, 202);
    let back = json!({ "id": "f-1", "occurred_at": "2026-03-05T11:00:00+01:00", "amount": "10.00" });
    assert_eq!(shop.post("/v1/receipts/r-1/refunds", &back).await.status, 202);
    // A refund that waits for its receipt is not sent.
    assert_eq!(shop.post("/v1/receipts/r-3/refunds", &back).await.status, 202);
    shop.settle().await;
    assert_eq!(lose_dead_letters(&shop).await, 2);
    faults.clear();

    let before = redrive_facts(&shop, "2026-03-01T00:00:00Z", "2026-03-05T00:00:00Z", "run-1").await;
    assert_eq!(before, Redriven { seen: 1, sent: 0 });
    let found = redrive_facts(&shop, "2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z", "run-2").await;
    assert_eq!(found, Redriven { seen: 2, sent: 2 });
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 30);
    assert_eq!(shop.member("c-2").await["points"]["available"], 30);
    let again = redrive_facts(&shop, "2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z", "run-3").await;
    assert_eq!(again, Redriven { seen: 2, sent: 0 });
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coupons_of_an_anonymous_receipt_are_used_after_an_outage() {
    let faults = Arc::new(FaultPlan::new());
    let clock = Some("2026-03-01T12:00:00+01:00".parse().unwrap());
    let options = StackOptions { clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let shop = Shop::with(&program(&per_euro()), options).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "500.00")).await;
    shop.settle().await;
    let coupon = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let code = coupon.body["code"].as_str().unwrap().to_owned();
    faults.inject("rule-evaluation", "GetItem", .., InjectedFault::Unavailable);
    let mut body = receipt("r-2", "", "30.00");
    (body["member"], body["coupons"]) = (json!(null), json!([code.to_lowercase(), "UNKNOWN"]));
    // The redemption was at this very moment.
    body["occurred_at"] = json!("2026-03-01T12:00:00+01:00");
    assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
    shop.settle().await;
    assert_eq!(lose_dead_letters(&shop).await, 1);
    faults.clear();
    let status = async || shop.get(&format!("/v1/coupons/{code}")).await["status"].clone();
    assert_eq!(status().await, "available");
    for run in ["run-1", "run-2"] {
        let found = redrive_facts(&shop, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", run).await;
        assert_eq!(found, Redriven { seen: 2, sent: 1 });
        shop.settle().await;
        assert_eq!(status().await, "used");
    }
    shop.verify().await;
}

/// A stack on which the decisions on some receipts failed until they became dead letters.
async fn with_dead_letters(count: usize) -> (Shop, Arc<FaultPlan>) {
    let faults = Arc::new(FaultPlan::new());
    let clock = Some("2026-03-01T12:00:00+01:00".parse().unwrap());
    let options = StackOptions { clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let shop = Shop::with(&program(&per_euro()), options).await;
    faults.inject("rule-evaluation", "GetItem", .., InjectedFault::Unavailable);
    for n in 0..count {
        let body = receipt(&format!("r-{n}"), &format!("c-{n}"), "10.00");
        assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
    }
    shop.settle().await;
    faults.clear();
    (shop, faults)
}

async fn redrive_dead_letters(shop: &Shop, run: &str) -> Result<Redriven, String> {
    let stack = shop.stack.stack();
    let sqs = stack.clients("operator").sqs;
    let url = |name: &str| RedriveQueue { sqs: &sqs, url: &stack.template().queues[name].url };
    redrive::dead_letters(url("tessera-facts-dead.fifo"), url("tessera-facts.fifo"), run)
        .await
        .map_err(|error| format!("{error:#}"))
}

/// Every receipt was decided once.
async fn decided(shop: &Shop, count: usize) {
    shop.settle().await;
    for n in 0..count {
        assert_eq!(shop.member(&format!("c-{n}")).await["points"]["available"], 10, "c-{n}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_redrive_at_once() {
    let (shop, _) = with_dead_letters(12).await;
    let (from, to) = ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
    let (one, other, facts, again) = tokio::join!(
        redrive_dead_letters(&shop, "ada"),
        redrive_dead_letters(&shop, "grace"),
        redrive_facts(&shop, from, to, "ada-facts"),
        redrive_facts(&shop, from, to, "grace-facts"),
    );
    // Each letter was moved by one of them; both found the facts without a decision.
    assert_eq!(one.unwrap().sent + other.unwrap().sent, 12);
    assert_eq!((facts.seen, again.seen), (12, 12));
    decided(&shop, 12).await;
    assert_eq!(redrive_facts(&shop, from, to, "later").await, Redriven { seen: 12, sent: 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_that_is_interrupted_is_repeated() {
    let (shop, faults) = with_dead_letters(12).await;
    // The letters are sent, and the first of them cannot be deleted.
    faults.inject("operator", "DeleteMessage", .., InjectedFault::Unavailable);
    let error = redrive_dead_letters(&shop, "ada").await.unwrap_err();
    assert!(error.contains("was sent but could not be deleted"), "{error}");
    faults.clear();
    assert!(redrive_dead_letters(&shop, "ada-again").await.is_ok());
    decided(&shop, 12).await;
}
