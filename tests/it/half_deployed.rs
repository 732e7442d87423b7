//! An incompletely deployed stack responds with 503 or as usual, never with anything else.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::StackOptions;

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

/// A shop with a customer. Its functions re-check the program at every request.
async fn shop() -> Shop {
    let parameters = HashMap::from([("ProgramRecheckMilliseconds".to_owned(), "0".to_owned())]);
    let options = StackOptions { clock: Some(CLOCK.parse().unwrap()), parameters, ..StackOptions::default() };
    let shop = Shop::with(&program(&per_euro()), options).await;
    shop.post("/v1/members", &json!({ "id": "c-1", "email": "ada@example.com" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "350.00")).await;
    shop.settle().await;
    shop
}

/// A request of each kind, with the same response when it is repeated.
fn calls() -> Vec<(Method, &'static str, Option<Value>)> {
    let basket = json!({ "member": { "id": "c-1" }, "currency": "EUR", "total": "5.00" });
    let visit =
        json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" }, "name": "visit" });
    let refund = json!({ "id": "f-1", "occurred_at": "2026-03-01T11:00:00+01:00", "amount": "0.50" });
    vec![
        (Method::GET, "/v1/members/c-1", None),
        (Method::GET, "/v1/members/c-1/hub", None),
        (Method::GET, "/v1/members/c-1/entries", None),
        (Method::GET, "/v1/members/c-1/receipts", None),
        (Method::GET, "/v1/members/c-1/coupons", None),
        (Method::GET, "/v1/receipts/r-1", None),
        (Method::GET, "/v1/program", None),
        (Method::POST, "/v1/receipts/preview", Some(basket)),
        (Method::POST, "/v1/receipts", Some(receipt("r-1", "c-1", "350.00"))),
        (Method::POST, "/v1/receipts", Some(receipt("r-2", "c-2", "10.00"))),
        (Method::POST, "/v1/receipts/r-3/refunds", Some(refund)),
        (Method::POST, "/v1/interactions", Some(visit)),
        (Method::POST, "/v1/members", Some(json!({ "id": "c-1" }))),
        (Method::PATCH, "/v1/members/c-1", Some(json!({ "first_name": "Ada" }))),
        (Method::POST, "/v1/members/c-1/redemptions", Some(json!({ "reward": "no-such" }))),
        (Method::PUT, "/v1/program", Some(program(&per_euro()))),
    ]
}

/// The requests whose response is 503. All others must get the response of a complete stack.
async fn unavailable(shop: &Shop) -> Vec<String> {
    let whole = self::shop().await;
    let mut found = Vec::new();
    for (method, path, body) in calls() {
        let response = shop.request(method.clone(), path, body.as_ref()).await;
        if response.status == 503 {
            assert_eq!(response.problem(), "unavailable");
            found.push(format!("{method} {path}"));
            continue;
        }
        let expected = whole.request(method.clone(), path, body.as_ref()).await;
        assert_eq!(response.status, expected.status, "{method} {path}: {}", response.body);
        for part in ["points", "status", "decision"] {
            assert_eq!(response.body[part], expected.body[part], "{method} {path}");
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_missing() {
    for (table, needed_by) in [("tessera-members", 12), ("tessera-facts", 5), ("tessera-programs", 15)] {
        let shop = shop().await;
        shop.stack.stack().clients("operator").dynamodb.delete_table().table_name(table).send().await.unwrap();
        let found = unavailable(&shop).await;
        assert!(found.len() >= needed_by, "{table}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_are_another_deployments() {
    let shop = shop().await;
    let dynamodb = shop.stack.stack().clients("operator").dynamodb;
    let programs = || dynamodb.scan().table_name("tessera-programs");
    for item in programs().send().await.unwrap().items() {
        // Its credentials are still cached.
        let key =
            [("pk", item["pk"].clone()), ("sk", item["sk"].clone())].map(|(name, value)| (name.to_owned(), value));
        let delete = dynamodb.delete_item().table_name("tessera-programs").set_key(Some(HashMap::from(key)));
        delete.send().await.unwrap();
    }
    let found = unavailable(&shop).await;
    assert_eq!(found.len(), calls().len(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_missing() {
    let shop = shop().await;
    let stack = shop.stack.stack();
    let sqs = stack.clients("operator").sqs;
    for queue in ["tessera-facts.fifo", "tessera-backtests"] {
        sqs.delete_queue().queue_url(&stack.template().queues[queue].url).send().await.unwrap();
    }
    let backtest = shop.post("/v1/rules/backtest", &json!({ "rules": per_euro() })).await;
    assert_eq!((backtest.status, backtest.problem()), (503, "unavailable"));
    // A receipt is stored all the same, and is decided later.
    assert_eq!(shop.post("/v1/receipts", &receipt("r-2", "c-1", "10.00")).await.status, 202);
    assert_eq!(shop.get("/v1/receipts/r-2").await["status"], "accepted");
    assert_eq!(shop.member("c-1").await["points"]["available"], 350);
    for queue in ["tessera-facts.fifo", "tessera-backtests"] {
        let created = sqs.create_queue().queue_name(queue);
        let fifo =
            queue.strip_suffix(".fifo").map(|_| (aws_sdk_sqs::types::QueueAttributeName::FifoQueue, "true".to_owned()));
        created.set_attributes(fifo.map(|fifo| HashMap::from([fifo]))).send().await.unwrap();
    }
    shop.settle().await;
    assert_eq!(shop.member("c-1").await["points"]["available"], 360);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_missing() {
    let shop = shop().await;
    let dynamodb = shop.stack.stack().clients("operator").dynamodb;
    for index in ["due", "birthdays"] {
        let delete =
            aws_sdk_dynamodb::types::DeleteGlobalSecondaryIndexAction::builder().index_name(index).build().unwrap();
        let update = aws_sdk_dynamodb::types::GlobalSecondaryIndexUpdate::builder().delete(delete).build();
        dynamodb
            .update_table()
            .table_name("tessera-members")
            .global_secondary_index_updates(update)
            .send()
            .await
            .unwrap();
    }
    // The job fails instead of finding nobody, so that its marker does not pass the day.
    let ran = shop.post("/_local/jobs/inactivity", &json!({})).await;
    assert_eq!(ran.status, 500, "{}", ran.body);
    let program = tessera_domain::ids::ProgramId::new(shop.program.as_str()).unwrap();
    assert_eq!(shop.stack.store().job_marker(&program, "inactivity").await.unwrap(), None);
}
