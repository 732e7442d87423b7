//! One planned fault at a time: a journey runs once without faults to record its calls, then once per plan, and must end alike each
//! time.

use std::cell::RefCell;
use std::fmt::Debug;

use futures::stream::{self, StreamExt as _};
use tessera_local::stack::{Calls, DELIVERY, Injected, InjectedFault};

use super::sender::{Planned, Sender};
use super::table::table;

/// The SDK's number of attempts. A fault that often in a row reaches the function.
const SDK_TRIES: u64 = 4;

/// What a run ended with, what it called, and the faults that it met.
pub struct Run<End> {
    pub end: End,
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

/// One fault per plan, alternately at an operation's first and at its last call. Kinds that differ little are shared by neighbours: an
/// operation gets one kind of refusal, a lost reply, a panic on one side of the call and a kill on the other, and perhaps a halt. A read
/// changes nothing, so that it gets a refusal or a kill alone.
pub fn plans(calls: &Calls, halts: bool) -> Vec<Planned> {
    let mut plans = Vec::new();
    for (turn, ((function, operation), count)) in calls.iter().enumerate() {
        for (number, (fault, times)) in faults_of(operation, turn, halts).into_iter().enumerate() {
            let call = if (turn + number) % 2 == 0 { 1 } else { *count };
            plans.push(Planned { function: function.clone(), operation: operation.clone(), call, times, fault });
        }
    }
    plans
}

/// The faults of an operation, and how many times in a row each is injected. Refusals outlast the SDK's own retries. A lost reply is
/// also injected once, so that the SDK's retry finds its first attempt done.
fn faults_of(operation: &str, turn: usize, halts: bool) -> Vec<(InjectedFault, u64)> {
    let all = InjectedFault::of(operation);
    if operation == DELIVERY {
        return all.into_iter().map(|fault| (fault, 1)).collect();
    }
    let one = |turn: usize, is_of: fn(&InjectedFault) -> bool| {
        let alike: Vec<InjectedFault> = all.iter().copied().filter(is_of).collect();
        alike.get(turn % alike.len().max(1)).copied()
    };
    let refusal = one(turn, |fault| {
        use InjectedFault::{Conflict, Throttled, Timeout, Unavailable};
        matches!(fault, Timeout | Throttled | Unavailable | Conflict)
    });
    let panic = one(turn, |fault| matches!(fault, InjectedFault::Panic(_)));
    let kill = one(turn + 1, |fault| matches!(fault, InjectedFault::Kill(_)));
    if is_read(operation) {
        let kill = kill.map(|fault| (fault, 1));
        let refusal = refusal.map(|fault| (fault, SDK_TRIES));
        return if turn.is_multiple_of(2) { refusal } else { kill }.into_iter().collect();
    }
    let lost = one(turn, |fault| matches!(fault, InjectedFault::LostReply));
    let halt = one(turn, |fault| matches!(fault, InjectedFault::Halt(_))).filter(|_| halts);
    let refusal = refusal.map(|fault| (fault, if fault == InjectedFault::Conflict { 1 } else { SDK_TRIES }));
    let lost = lost.map(|fault| (fault, if turn.is_multiple_of(2) { 1 } else { SDK_TRIES }));
    let stops = [panic, kill, halt].into_iter().flatten().map(|fault| (fault, 1));
    [refusal, lost].into_iter().flatten().chain(stops).collect()
}

/// Faults at the calls of some functions. However a read of theirs fails, the delivery or the message comes again: refusals show it.
pub fn plans_of(calls: Calls, functions: &[&str]) -> Vec<Planned> {
    let own = calls.into_iter().filter(|((function, _), _)| functions.contains(&function.as_str())).collect();
    let mut plans = plans(&own, false);
    plans.retain(|planned| !is_read(&planned.operation) || !matches!(planned.fault, InjectedFault::Kill(_)));
    plans
}

/// Whether an operation changes nothing.
pub fn is_read(operation: &str) -> bool {
    ["GetItem", "BatchGetItem", "Query", "Scan"].contains(&operation)
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
