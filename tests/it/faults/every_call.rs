//! Each fault at each call of each function, one at a time: the journey is made once without faults to see its calls, then
//! again for every fault that can meet one of them. It ends with the same state each time.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _};
use tessera_local::stack::{Calls, Fault, Injected, When};

use super::journeys;
use super::sender::{Planned, Sender};
use super::state::End;

/// So many stacks at once: most of the time they wait for a pause of the SDK's to end.
const AT_ONCE: usize = 32;
/// As often as the SDK tries, so that the function itself meets the failure.
const SDK_TRIES: u64 = 4;

/// Every kind of fault at every call, one fault in each plan.
fn plans(calls: &Calls) -> Vec<Planned> {
    let mut plans = Vec::new();
    for ((function, operation), count) in calls {
        for call in 1..=*count {
            for (fault, times) in faults_of(operation) {
                plans.push(Planned { function: function.clone(), operation: operation.clone(), call, times, fault });
            }
        }
    }
    plans
}

/// What is tried with an operation, and how many times in a row. Failures come so often that they get past the SDK's own
/// retries; a lost reply also once, so that the SDK's retry meets what was done already.
fn faults_of(operation: &str) -> Vec<(Fault, u64)> {
    let is_read = matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan");
    // Nothing is done by a read that could be there after it and not before, nor do its failures differ.
    let tells = |fault: &Fault| {
        !is_read
            || !matches!(
                fault,
                Fault::Unavailable | Fault::Panic(When::Before) | Fault::Kill(When::After) | Fault::Halt(When::After)
            )
    };
    let faults = Fault::of(operation).into_iter().filter(tells);
    let times = |fault| match fault {
        Fault::LostReply if is_read => vec![1],
        Fault::LostReply => vec![1, SDK_TRIES],
        Fault::Timeout | Fault::Throttled | Fault::Unavailable => vec![SDK_TRIES],
        _ => vec![1],
    };
    faults.flat_map(|fault| times(fault).into_iter().map(move |times| (fault, times))).collect()
}

async fn every_fault(name: &str, journey: impl AsyncFn(&mut Sender) -> Vec<&'static str>) {
    let run = async |planned: Option<Planned>| {
        let mut sender = Sender::open(&journeys::full_program(), journeys::CLOCK, planned).await;
        let members = journey(&mut sender).await;
        sender.settle().await;
        let calls = calls(&sender);
        let end = End::of(&mut sender, &members).await;
        (end, calls, sender.faults.log())
    };
    let (expected, calls, _) = run(None).await;
    let plans = plans(&calls);
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

/// Function × operation × fault → how often.
pub fn table(name: &str, runs: usize, injected: &Injected) -> String {
    let mut rows: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for ((function, operation, fault), times) in injected {
        rows.entry((function, operation)).or_default().push(format!("{fault} {times}"));
    }
    let rows = rows
        .iter()
        .map(|((function, operation), faults)| format!("{function:18} {operation:20} {}", faults.join(", ")));
    let rows: Vec<String> = rows.collect();
    let total: u64 = injected.values().sum();
    format!("{name}: {total} faults in {runs} runs\n{}\n", rows.join("\n"))
}

macro_rules! every_fault {
    ($($test:ident: $journey:ident),+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            every_fault(stringify!($journey), journeys::$journey).await;
        }
    )+ };
}

every_fault! {
    members_lose_nothing: members,
    receipts_count_once: receipts,
    refunds_count_once: refunds,
    coupons_are_made_once: coupons,
    interactions_count_once: interactions,
    days_come_once: days,
    a_program_changes_as_a_whole: admin,
    looking_changes_nothing: views
}
