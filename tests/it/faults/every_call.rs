//! Each fault at each call of each function, one at a time: the journey is made once without faults to see its calls, then
//! again for every fault that can meet one of them. It ends with the same state each time.

use std::cell::RefCell;

use futures::stream::{self, StreamExt as _};
use tessera_local::stack::{Calls, Fault, Injected, When};

use super::journeys;
use super::sender::{Planned, Sender};
use super::state::end;
use super::table::table;

/// So many stacks at once: most of the time they wait for a pause of the SDK's to end.
const AT_ONCE: usize = 24;
/// Of an operation that a journey calls more often only so many calls are tried.
const MOST_CALLS: u64 = 3;
/// As often as the SDK tries, so that the function itself meets the failure.
const SDK_TRIES: u64 = 4;

/// Every kind of fault at every call, one fault in each plan.
fn plans(calls: &Calls, halts: bool) -> Vec<Planned> {
    let mut plans = Vec::new();
    for ((function, operation), count) in calls {
        let faults = faults_of(operation).filter(|(fault, _)| halts || !matches!(fault, Fault::Halt(_)));
        for (fault, times) in faults {
            for call in tried(*count) {
                plans.push(Planned { function: function.clone(), operation: operation.clone(), call, times, fault });
            }
        }
    }
    plans
}

/// Which calls of an operation are tried: all of a few; of many the first, the last, and some between.
fn tried(count: u64) -> Vec<u64> {
    if count <= MOST_CALLS {
        return (1..=count).collect();
    }
    (0..MOST_CALLS).map(|place| 1 + place * (count - 1) / (MOST_CALLS - 1)).collect()
}

/// What is tried with an operation, and how many times in a row. Failures come so often that they get past the SDK's own
/// retries; a lost reply also once, so that the SDK's retry meets what was done already.
fn faults_of(operation: &str) -> impl Iterator<Item = (Fault, u64)> {
    // A read does nothing that could be there after it and not before, or be lost: one of each pair tells all.
    let faults = match operation {
        "GetItem" | "BatchGetItem" | "Query" | "Scan" => {
            vec![Fault::Timeout, Fault::Throttled, Fault::Panic(When::After), Fault::Kill(When::Before)]
        }
        _ => Fault::of(operation),
    };
    let times = |fault| match fault {
        Fault::LostReply => vec![1, SDK_TRIES],
        Fault::Timeout | Fault::Throttled | Fault::Unavailable => vec![SDK_TRIES],
        _ => vec![1],
    };
    faults.into_iter().flat_map(move |fault| times(fault).into_iter().map(move |times| (fault, times)))
}

/// `halts`: whether the stack may halt. The queues of the local stack are in memory: after a halt it sends again what
/// comes from a stream, while what a job or the API put there is lost, which SQS would have kept.
async fn every_fault(name: &str, halts: bool, journey: impl AsyncFn(&mut Sender) -> Vec<&'static str>) {
    let run = async |planned: Option<Planned>| {
        let mut sender = Sender::open(&journeys::full_program(), journeys::CLOCK, planned).await;
        let members = journey(&mut sender).await;
        sender.settle().await;
        let calls = calls(&sender);
        let end = end(&mut sender, &members).await;
        (end, calls, sender.faults.log())
    };
    let (expected, calls, _) = run(None).await;
    let plans = plans(&calls, halts);
    let injected = RefCell::new(Injected::new());
    stream::iter(&plans)
        .for_each_concurrent(AT_ONCE, async |planned| {
            let (end, _, log) = run(Some(planned.clone())).await;
            assert_eq!(end, expected, "{name}: {planned:?}");
            for (key, times) in log {
                *injected.borrow_mut().entry(key).or_default() += times;
            }
        })
        .await;
    let injected = injected.into_inner();
    println!("{}", table(name, plans.len(), &injected));
    // What a plan is for can go away under it: with a failure before it there may be fewer calls.
    assert!(injected.values().sum::<u64>() >= plans.len() as u64, "{} plans", plans.len());
}

/// The calls since the faults began, by everyone but the test itself.
fn calls(sender: &Sender) -> Calls {
    let since = |(key, count): (_, u64)| {
        let before = sender.before.get(&key).copied().unwrap_or(0);
        (count > before).then(|| (key, count - before))
    };
    let calls = sender.faults.calls().into_iter().filter(|((function, _), _)| function != "operator");
    calls.filter_map(since).collect()
}

macro_rules! every_fault {
    ($($test:ident: $journey:ident, halts $halts:literal;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            every_fault(stringify!($journey), $halts, journeys::$journey).await;
        }
    )+ };
}

every_fault! {
    members_lose_nothing: members, halts true;
    identities_stay_whole: identities, halts true;
    receipts_count_once: receipts, halts true;
    refunds_count_once: refunds, halts true;
    many_coupons_are_cancelled_once: many_coupons, halts true;
    coupons_are_made_once: coupons, halts true;
    interactions_count_once: interactions, halts true;
    days_come_once: days, halts false;
    a_program_changes_as_a_whole: admin, halts false;
    looking_changes_nothing: views, halts true;
}
