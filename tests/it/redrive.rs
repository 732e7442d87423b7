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
