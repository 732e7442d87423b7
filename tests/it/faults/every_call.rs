//! Faults at every operation of every function, one at a time. A journey runs once without faults to record its
//! calls, then once per fault, and must end in the same state each time.

use std::cell::RefCell;

use futures::stream::{self, StreamExt as _};
use tessera_local::stack::{CallSide, Calls, Injected, InjectedFault};

use super::journeys;
use super::sender::{Planned, Sender};
use super::state::{end, figures};
use super::table::table;

/// Stacks that run in parallel. They mostly wait for the SDK's backoff.
const PARALLEL: usize = 24;
/// The SDK's number of attempts. A fault that often in a row reaches the function.
const SDK_TRIES: u64 = 4;

/// Functions that work in the same way in every journey, and the one journey that tests their calls.
const TESTED_ONCE: [(&str, &str); 7] = [
    ("authorizer", "members"),
    ("event-relay", "refunds"),
    ("kpi", "refunds"),
    ("birthdays", "days"),
    ("inbound-poll", "days"),
    ("redeliveries", "days"),
    ("retention", "days"),
];

/// One fault per plan. An operation that writes gets every kind of fault, alternately at its first and at its last call. A read
/// changes nothing, so only four kinds differ for it: each read gets two of them, and the next read the other two.
pub fn plans(calls: &Calls, halts: bool) -> Vec<Planned> {
    let mut plans = Vec::new();
    let mut reads = 0;
    for ((function, operation), count) in calls {
        let faults = match operation.as_str() {
            "GetItem" | "BatchGetItem" | "Query" | "Scan" => {
                reads += 1;
                if reads % 2 == 0 {
                    vec![InjectedFault::Timeout, InjectedFault::Panic(CallSide::After)]
                } else {
                    vec![InjectedFault::Throttled, InjectedFault::Kill(CallSide::Before)]
                }
            }
            _ => InjectedFault::of(operation),
        };
        let faults = faults.into_iter().filter(|fault| halts || !matches!(fault, InjectedFault::Halt(_)));
        let faults = faults.flat_map(|fault| times(fault).iter().map(move |times| (fault, *times)));
        for ((fault, times), is_first) in faults.zip([true, false].into_iter().cycle()) {
            let call = if is_first { 1 } else { *count };
            plans.push(Planned { function: function.clone(), operation: operation.clone(), call, times, fault });
        }
    }
    plans
}

/// How many times in a row a fault is injected. Failures outlast the SDK's own retries. A lost reply is also injected once, so
/// that the SDK's retry finds its first attempt done.
const fn times(fault: InjectedFault) -> &'static [u64] {
    match fault {
        InjectedFault::LostReply => &[1, SDK_TRIES],
        InjectedFault::Timeout | InjectedFault::Throttled | InjectedFault::Unavailable => &[SDK_TRIES],
        _ => &[1],
    }
}

/// `halts`: whether the stack may be killed. The local queues are in memory: after a restart, messages from a stream are
/// sent again, but messages of a job or of the API are lost, which SQS would have stored.
async fn every_fault(name: &str, halts: bool, journey: impl AsyncFn(&mut Sender) -> Vec<&'static str>) {
    let run = async |planned: Option<Planned>| {
        let mut sender = Sender::open(&journeys::full_program(), journeys::CLOCK, planned).await;
        let members = journey(&mut sender).await;
        sender.settle().await;
        let calls = calls(&sender);
        let end = (end(&mut sender, &members).await, figures(&mut sender).await);
        (end, calls, sender.faults.log())
    };
    let (expected, calls, _) = run(None).await;
    let mut plans = plans(&calls, halts);
    for (function, journey) in TESTED_ONCE {
        assert!(journey != name || plans.iter().any(|planned| planned.function == function), "{name}: {function}");
        plans.retain(|planned| journey == name || planned.function != function);
    }
    let injected = RefCell::new(Injected::new());
    stream::iter(&plans)
        .for_each_concurrent(PARALLEL, async |planned| {
            let (end, _, log) = run(Some(planned.clone())).await;
            assert_eq!(end, expected, "{name}: {planned:?}");
            for (key, times) in log {
                *injected.borrow_mut().entry(key).or_default() += times;
            }
        })
        .await;
    let injected = injected.into_inner();
    println!("{}", table(name, plans.len(), &injected));
    // A failed attempt can make more calls than the recorded run, never fewer faults than plans.
    assert!(injected.values().sum::<u64>() >= plans.len() as u64, "{} plans", plans.len());
}

/// The functions' calls since the faults began, without those of the test itself.
pub fn calls(sender: &Sender) -> Calls {
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
    contacts_join_once: joining, halts true;
    receipts_count_once: receipts, halts true;
    refunds_count_once: refunds, halts true;
    many_coupons_are_cancelled_once: many_coupons, halts true;
    coupons_are_made_once: coupons, halts true;
    codes_of_a_pool_are_drawn_once: pools, halts true;
    referrals_reward_once: referrals, halts false;
    merges_move_once: merges, halts false;
    receipts_move_once: moves, halts true;
    interactions_count_once: interactions, halts true;
    erasure_is_completed: erasure, halts true;
    waits_end_once: holds, halts false;
    warnings_are_given_once: warnings, halts false;
    days_come_once: days, halts false;
    a_program_changes_as_a_whole: admin, halts false;
    keys_and_secrets_change_once: access, halts true;
    drafts_are_published_once: drafts, halts false;
    rows_are_imported_once: importing, halts true;
    looking_changes_nothing: views, halts true;
}
