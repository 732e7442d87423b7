//! One planned fault at a time: a journey runs once without faults to record its calls, then once per plan, and must end alike each
//! time.

use std::cell::RefCell;
use std::fmt::Debug;

use futures::stream::{self, StreamExt as _};
use tessera_local::stack::{CallSide, Calls, Injected, InjectedFault};

use super::sender::{Planned, Sender};
use super::table::table;

/// The SDK's number of attempts. A fault that often in a row reaches the function.
const SDK_TRIES: u64 = 4;

/// What a run ended with, what it called, and the faults that it met.
pub struct Run<End> {
    end: End,
    calls: Calls,
    injected: Injected,
}

impl<End> Run<End> {
    /// A run that recorded every call since its faults began.
    pub fn new(end: End, sender: &Sender) -> Self {
        Self::with_calls(end, calls(sender), sender)
    }

    /// A run of which only these calls get faults.
    pub fn with_calls(end: End, calls: Calls, sender: &Sender) -> Self {
        Self { end, calls, injected: sender.faults.log() }
    }
}

/// Runs a journey without faults and then once per plan, `parallel` stacks at once. Returns the end that all runs had.
pub async fn every_plan<End: Debug + PartialEq>(
    name: &str,
    parallel: usize,
    choose: impl FnOnce(Calls) -> Vec<Planned>,
    run: impl AsyncFn(Option<Planned>) -> Run<End>,
) -> End {
    let Run { end: expected, calls, .. } = run(None).await;
    let plans = choose(calls);
    assert!(!plans.is_empty(), "{name}: none of the calls gets a fault");
    let all = RefCell::new(Injected::new());
    stream::iter(&plans)
        .for_each_concurrent(parallel, async |planned| {
            let Run { end, injected, .. } = run(Some(planned.clone())).await;
            assert_eq!(end, expected, "{name}: {planned:?}");
            for (key, times) in injected {
                *all.borrow_mut().entry(key).or_default() += times;
            }
        })
        .await;
    let all = all.into_inner();
    println!("{}", table(name, plans.len(), &all));
    // A failed attempt can make more calls than the recorded run, never fewer faults than plans.
    assert!(all.values().sum::<u64>() >= plans.len() as u64, "{name}: {} plans", plans.len());
    expected
}

/// One fault per plan. An operation that writes gets every kind of fault, alternately at its first and at its last call. A read
/// changes nothing, so only four kinds differ for it: each read gets two of them, and the next read the other two.
pub fn plans(calls: &Calls, halts: bool) -> Vec<Planned> {
    let mut plans = Vec::new();
    let mut reads = 0;
    for ((function, operation), count) in calls {
        let faults = if is_read(operation) {
            reads += 1;
            if reads % 2 == 0 {
                vec![InjectedFault::Timeout, InjectedFault::Panic(CallSide::After)]
            } else {
                vec![InjectedFault::Throttled, InjectedFault::Kill(CallSide::Before)]
            }
        } else {
            InjectedFault::of(operation)
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

/// Faults at the calls of some functions. However a read of theirs fails, the delivery or the message comes again, so one kind of
/// fault shows it.
pub fn plans_of(calls: Calls, functions: &[&str]) -> Vec<Planned> {
    let own = calls.into_iter().filter(|((function, _), _)| functions.contains(&function.as_str())).collect();
    let mut plans = plans(&own, false);
    plans.retain(|planned| {
        !is_read(&planned.operation) || matches!(planned.fault, InjectedFault::Timeout | InjectedFault::Throttled)
    });
    plans
}

/// Whether an operation changes nothing.
pub fn is_read(operation: &str) -> bool {
    ["GetItem", "BatchGetItem", "Query", "Scan"].contains(&operation)
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

/// The functions' calls since the faults began, without those of the test itself.
pub fn calls(sender: &Sender) -> Calls {
    let since = |(key, count): (_, u64)| {
        let before = sender.before.get(&key).copied().unwrap_or(0);
        (count > before).then(|| (key, count - before))
    };
    let calls = sender.faults.calls().into_iter().filter(|((function, _), _)| function != "operator");
    calls.filter_map(since).collect()
}
