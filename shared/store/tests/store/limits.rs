//! Budgets and misses of a minute.

use futures::future::join_all;
use jiff::ToSpan;
use tessera_domain::ids::ProgramId;
use tessera_store::{Minute, RateCounter};

use crate::bench::Bench;
use crate::interference::{Fault, Used};
use crate::shop::{noon, program};

fn counter(name: &str) -> RateCounter {
    RateCounter::new(Some(&program()), &["test", name])
}

#[tokio::test]
async fn a_budget_is_taken_to_the_last_request_and_no_further() {
    let bench = Bench::start().await;
    let (key, minute) = (counter("key"), Minute::of(noon()));
    let mut got = Vec::new();
    for _ in 0..5 {
        got.push(bench.store.take_requests(&key, minute, 25, 8).await.unwrap());
    }
    assert_eq!(got, [8, 8, 8, 1, 0]);
    // Another minute, another counter and another program have budgets of their own.
    let other = ProgramId::new("prg_2").unwrap();
    let next = Minute::of(noon() + 1.minute());
    assert_eq!(bench.store.take_requests(&key, next, 25, 8).await.unwrap(), 8);
    assert_eq!(bench.store.take_requests(&counter("other"), minute, 25, 8).await.unwrap(), 8);
    let elsewhere = RateCounter::new(Some(&other), &["test", "key"]);
    assert_eq!(bench.store.take_requests(&elsewhere, minute, 25, 8).await.unwrap(), 8);
    // More than the budget is never given at once either.
    assert_eq!(bench.store.take_requests(&counter("small"), minute, 3, 50).await.unwrap(), 3);
}

#[tokio::test]
async fn those_who_take_at_once_share_one_budget() {
    let bench = Bench::start().await;
    for (budget, wanted) in [(1, 1), (30, 7), (100, 10), (101, 13)] {
        let key = counter(&format!("{budget} by {wanted}"));
        let takes = (0..40).map(|_| bench.store.take_requests(&key, Minute::of(noon()), budget, wanted));
        let got: u32 = join_all(takes).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(got, budget, "{budget} by {wanted}");
    }
}

#[tokio::test]
async fn a_chunk_and_a_miss_are_one_write_each() {
    let bench = Bench::start().await;
    let minute = Minute::of(noon());
    bench.store.take_requests(&counter("key"), minute, 100, 10).await.unwrap();
    assert_eq!(
        bench.wire.used().into_iter().collect::<Vec<_>>(),
        [("UpdateItem".to_owned(), Used { calls: 1, halves: 2 })]
    );
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(bench.store.count_miss(&counter("miss"), minute).await.unwrap());
    }
    assert_eq!(counts, [1, 2, 3]);
    assert_eq!(
        bench.wire.used().into_iter().collect::<Vec<_>>(),
        [("UpdateItem".to_owned(), Used { calls: 3, halves: 6 })]
    );
    assert_eq!(bench.store.count_miss(&counter("miss"), Minute::of(noon() + 1.minute())).await.unwrap(), 1);
    assert_eq!(bench.store.count_miss(&RateCounter::new(None, &["test", "miss"]), minute).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lost_reply_gives_less_never_more() {
    let bench = Bench::start().await;
    let (key, minute) = (counter("key"), Minute::of(noon()));
    bench.wire.plan("UpdateItem", Fault::LostOnTheWay);
    assert_eq!(bench.store.take_requests(&key, minute, 25, 10).await.unwrap(), 10);
    let mut more = 0;
    for _ in 0..5 {
        more += bench.store.take_requests(&key, minute, 25, 10).await.unwrap();
    }
    assert_eq!(more, 5, "the ten of the lost reply are gone");
    bench.wire.plan("UpdateItem", Fault::Refused("ProvisionedThroughputExceededException"));
    bench.store.count_miss(&key, minute).await.unwrap();
    assert!(bench.wire.is_over());
}

#[test]
fn retry_after_is_the_rest_of_the_minute() {
    let left = |text: &str| {
        let at = text.parse().unwrap();
        Minute::of(at).seconds_left(at)
    };
    assert_eq!(left("2026-03-01T12:00:00Z"), 60);
    assert_eq!(left("2026-03-01T12:00:59Z"), 1);
    assert_eq!(left("2026-03-01T12:00:59.999Z"), 1);
    assert_eq!(left("2026-03-01T12:00:15.5Z"), 45);
    assert_eq!(left("1969-12-31T23:59:58Z"), 2);
}
