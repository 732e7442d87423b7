//! Tasks: their life, their budget, and their separation by kind and program.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::ToSpan;
use tessera_domain::ids::ProgramId;
use tessera_store::{BacktestRequest, StoreError, Task, TaskCounts, TaskKind, TaskStatus};

use crate::bench::Bench;
use crate::shop::{noon, program};

fn request() -> BacktestRequest {
    BacktestRequest { version: 3, from: None, to: Some(noon()), requested_at: noon(), draft: vec![1, 2, 3] }
}

async fn task(bench: &Bench, id: &str) -> Option<Task<BacktestRequest>> {
    bench.store.get_task(&program(), id).await.unwrap()
}

#[tokio::test]
async fn a_task_goes_from_queued_to_its_result() {
    let bench = Bench::start().await;
    let (store, kind) = (&bench.store, TaskKind::Backtest);
    let id = store.create_task(&program(), &request()).await.unwrap();
    let none = TaskCounts::default();
    let queued = Task { request: request(), status: TaskStatus::Queued, counts: none, result: None };
    assert_eq!(task(&bench, &id).await, Some(queued.clone()));
    store.start_task(&program(), kind, &id).await.unwrap();
    assert_eq!(task(&bench, &id).await.unwrap().status, TaskStatus::Running);
    let counts = TaskCounts { done: 7, failed: 1 };
    // A repetition replaces the result.
    for (result, status, stored) in
        [(Err("too large"), TaskStatus::Failed, "too large"), (Ok("{}"), TaskStatus::Done, "{}")]
    {
        store.finish_task(&program(), kind, &id, result, counts, noon()).await.unwrap();
        let finished = Task { status, counts, result: Some(stored.to_owned()), ..queued.clone() };
        assert_eq!(task(&bench, &id).await, Some(finished));
    }
    assert_eq!(task(&bench, "bt_none").await, None);
    let other = ProgramId::new("prg_2").unwrap();
    assert_eq!(store.get_task::<BacktestRequest>(&other, &id).await.unwrap(), None);
}

#[tokio::test]
async fn a_result_larger_than_an_item_is_refused_and_changes_nothing() {
    let bench = Bench::start().await;
    let id = bench.store.create_task(&program(), &request()).await.unwrap();
    let large = "x".repeat(400 * 1024);
    let counts = TaskCounts::default();
    let refused = bench.store.finish_task(&program(), TaskKind::Backtest, &id, Ok(&large), counts, noon()).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    assert_eq!(task(&bench, &id).await.unwrap().status, TaskStatus::Queued);
    let large = BacktestRequest { draft: large.into_bytes(), ..request() };
    assert!(matches!(bench.store.create_task(&program(), &large).await, Err(StoreError::TooLarge { .. })));
}

#[tokio::test]
async fn the_budget_is_per_program_kind_and_day() {
    let bench = Bench::start().await;
    let take =
        async |program: &ProgramId, now| bench.store.take_task_budget(program, TaskKind::Backtest, now).await.unwrap();
    for _ in 0..TaskKind::Backtest.daily_budget() {
        assert!(take(&program(), noon()).await);
    }
    assert!(!take(&program(), noon()).await);
    assert!(take(&ProgramId::new("prg_2").unwrap(), noon()).await);
    assert!(take(&program(), noon() + 24.hours()).await);
}

#[tokio::test]
async fn a_task_of_an_unknown_kind_or_status_is_an_error() {
    let bench = Bench::start().await;
    for (attribute, unknown) in [("tk", "import"), ("st", "paused")] {
        let id = bench.store.create_task(&program(), &request()).await.unwrap();
        let scanned = bench.dynamodb.scan().table_name("programs").send().await.unwrap();
        let is_ours = |sort: &AttributeValue| sort.as_s().is_ok_and(|sort| sort.ends_with(&id));
        let mut item = scanned.items.unwrap().into_iter().find(|item| is_ours(&item["sk"])).unwrap();
        item.insert(attribute.to_owned(), AttributeValue::S(unknown.to_owned()));
        bench.dynamodb.put_item().table_name("programs").set_item(Some(item)).send().await.unwrap();
        let read = bench.store.get_task::<BacktestRequest>(&program(), &id).await;
        assert!(matches!(read, Err(StoreError::Item { attribute: found, .. }) if found == attribute), "{read:?}");
    }
}
