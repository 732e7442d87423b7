use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use tessera_domain::ids::ProgramId;
use tessera_store::{Begin, StoreError, StoredResponse};

use crate::bench::Bench;
use crate::interference::Fault;
use crate::shop::{noon, program};

async fn begin(bench: &Bench, hash: u8, now: Timestamp) -> Begin {
    bench.store.begin_request(&program(), "key", &[hash; 32], now, Duration::from_secs(30)).await.unwrap()
}

fn answer(body: &str) -> StoredResponse {
    StoredResponse { status: 201, headers: vec![("location".to_owned(), "/v1/x".to_owned())], body: body.to_owned() }
}

#[tokio::test]
async fn an_answer_is_given_again() {
    let bench = Bench::start().await;
    assert_eq!(begin(&bench, 1, noon()).await, Begin::Fresh { started_at: noon() });
    assert_eq!(begin(&bench, 1, noon()).await, Begin::InFlight);
    bench.store.finish_request(&program(), "key", &answer("{}")).await.unwrap();
    assert_eq!(begin(&bench, 1, noon()).await, Begin::Replay(answer("{}")));
    assert_eq!(begin(&bench, 2, noon()).await, Begin::Different);
    let other = ProgramId::new("prg_2").unwrap();
    let elsewhere = bench.store.begin_request(&other, "key", &[2; 32], noon(), Duration::from_secs(30)).await.unwrap();
    assert_eq!(elsewhere, Begin::Fresh { started_at: noon() });
}

#[tokio::test]
async fn an_attempt_that_did_not_end_is_resumed_as_the_first() {
    let bench = Bench::start().await;
    begin(&bench, 1, noon()).await;
    let later = noon() + 31.seconds();
    assert_eq!(begin(&bench, 1, later).await, Begin::Resumed { started_at: noon() });
    assert_eq!(begin(&bench, 1, later).await, Begin::InFlight);
    bench.store.abandon_request(&program(), "key").await.unwrap();
    assert_eq!(begin(&bench, 1, later).await, Begin::Resumed { started_at: noon() });
    bench.store.finish_request(&program(), "key", &answer("late")).await.unwrap();
    // An attempt that was thought dead must not take the answer back.
    bench.store.abandon_request(&program(), "key").await.unwrap();
    assert_eq!(begin(&bench, 1, later).await, Begin::Replay(answer("late")));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_week() {
    let bench = Bench::start().await;
    begin(&bench, 1, noon()).await;
    let almost = noon() + (7 * 24 - 1).hours();
    assert_eq!(begin(&bench, 2, almost).await, Begin::Different);
    let week = noon() + (7 * 24).hours();
    assert_eq!(begin(&bench, 2, week).await, Begin::Fresh { started_at: week });
}

#[tokio::test]
async fn a_beginning_whose_reply_was_lost_can_be_taken_up() {
    let bench = Bench::start().await;
    bench.wire.plan("PutItem", Fault::LostReply);
    let end = bench.store.begin_request(&program(), "key", &[1; 32], noon(), Duration::from_secs(30)).await;
    assert!(matches!(end, Err(StoreError::Call { .. })));
    assert_eq!(begin(&bench, 1, noon()).await, Begin::InFlight);
    assert_eq!(begin(&bench, 1, noon() + 30.seconds()).await, Begin::Resumed { started_at: noon() });
}

#[tokio::test]
async fn a_beginning_that_the_sdk_sends_twice_knows_itself() {
    let bench = Bench::start().await;
    bench.wire.plan("PutItem", Fault::LostOnTheWay);
    assert_eq!(begin(&bench, 1, noon()).await, Begin::Fresh { started_at: noon() });
    bench.store.abandon_request(&program(), "key").await.unwrap();
    bench.wire.plan("UpdateItem", Fault::LostOnTheWay);
    assert_eq!(begin(&bench, 1, noon()).await, Begin::Resumed { started_at: noon() });
    assert!(bench.wire.is_over());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_told() {
    let bench = Bench::start().await;
    begin(&bench, 1, noon()).await;
    let end = bench.store.finish_request(&program(), "key", &answer(&"x".repeat(400_000))).await;
    assert!(matches!(end, Err(StoreError::TooLarge { .. })));
}
