//! Injects the faults that AWS may have, for tests.

mod fault;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::{Bound, RangeBounds};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHasher;
use tokio::sync::watch;

pub use fault::{CallSide, DELIVERY, InjectedFault};

/// A plan of faults, shared between a test and its stack.
#[derive(Debug, Default)]
pub struct FaultPlan {
    state: Mutex<FaultState>,
    halted: watch::Sender<bool>,
    /// How often the plan was cleared: held calls wait for the next time.
    cleared: watch::Sender<u64>,
}

/// Calls are counted by function and operation.
pub type Calls = BTreeMap<(String, String), u64>;

/// The number of injected faults by function, operation and fault.
pub type Injected = BTreeMap<(String, String, InjectedFault), u64>;

#[derive(Debug, Default)]
struct FaultState {
    rules: Vec<Rule>,
    scattered: Option<Scattered>,
    calls: Calls,
    injected: Injected,
}

#[derive(Debug)]
struct Rule {
    function: String,
    operation: String,
    calls: (Bound<u64>, Bound<u64>),
    fault: InjectedFault,
}

/// Random faults from a seed.
#[derive(Debug)]
struct Scattered {
    seed: u64,
    per_mille: u64,
    functions: BTreeSet<String>,
}

impl FaultPlan {
    /// Creates a plan without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes calls of an operation by a function fail. Calls are counted per function and operation, starting at 1 with the next
    /// one; a retry of the SDK counts too. `1..=2` means the next two, `..` all. Deliveries to a function count as its
    /// [`DELIVERY`].
    pub fn inject(&self, function: &str, operation: &str, calls: impl RangeBounds<u64>, fault: InjectedFault) {
        let mut state = self.lock();
        let already = state.calls.get(&(function.to_owned(), operation.to_owned())).copied().unwrap_or(0);
        let shift = |bound: Bound<&u64>| match bound {
            Bound::Included(call) => Bound::Included(call + already),
            Bound::Excluded(call) => Bound::Excluded(call + already),
            Bound::Unbounded => Bound::Unbounded,
        };
        let calls = (shift(calls.start_bound()), shift(calls.end_bound()));
        state.rules.push(Rule { function: function.to_owned(), operation: operation.to_owned(), calls, fault });
    }

    /// Makes some of a thousand calls of some functions fail. Calls and faults follow only from the seed, the function, the
    /// operation and the number of the call. The stack as a whole never halts.
    pub fn scatter<'a>(&self, seed: u64, per_mille: u64, functions: impl IntoIterator<Item = &'a str>) {
        let functions = functions.into_iter().map(str::to_owned).collect();
        self.lock().scattered = Some(Scattered { seed, per_mille, functions });
    }

    /// Ends all faults; held calls go on. A halted stack stays halted.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.rules.clear();
        state.scattered = None;
        self.cleared.send_modify(|times| *times += 1);
    }

    /// Resolves when the plan is cleared next.
    pub(super) async fn released(&self) {
        // The sender is part of the plan, so that it is never gone.
        let _ = self.cleared.subscribe().changed().await;
    }

    /// The number of injected faults.
    pub fn injected(&self) -> u64 {
        self.lock().injected.values().sum()
    }

    /// The injected faults.
    pub fn log(&self) -> Injected {
        self.lock().injected.clone()
    }

    /// The number of calls.
    pub fn calls(&self) -> Calls {
        self.lock().calls.clone()
    }

    /// Resolves when the stack has halted.
    pub async fn halted(&self) {
        let _ = self.halted.subscribe().wait_for(|halted| *halted).await;
    }

    /// Resets the halt for the next stack that uses this plan. The halted one stays halted.
    pub fn resume(&self) {
        self.halted.send_replace(false);
    }

    pub(super) fn halt(&self) {
        self.halted.send_replace(true);
    }

    /// Counts a call and returns its fault.
    pub(super) fn next(&self, function: &str, operation: &str) -> Option<InjectedFault> {
        let mut state = self.lock();
        let key = (function.to_owned(), operation.to_owned());
        let count = state.calls.entry(key).or_default();
        *count += 1;
        let count = *count;
        let ruled = state
            .rules
            .iter()
            .find(|rule| rule.function == function && rule.operation == operation && rule.calls.contains(&count))
            .map(|rule| rule.fault);
        let fault =
            ruled.or_else(|| state.scattered.as_ref().and_then(|plan| plan.fault(function, operation, count)))?;
        *state.injected.entry((function.to_owned(), operation.to_owned(), fault)).or_default() += 1;
        Some(fault)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FaultState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scattered {
    fn fault(&self, function: &str, operation: &str, count: u64) -> Option<InjectedFault> {
        if !self.functions.contains(function) {
            return None;
        }
        let mut hasher = FxHasher::default();
        (function, operation, count).hash(&mut hasher);
        let mut random = fastrand::Rng::with_seed(self.seed ^ hasher.finish());
        if random.u64(..1000) >= self.per_mille {
            return None;
        }
        let kinds: Vec<InjectedFault> =
            InjectedFault::of(operation).into_iter().filter(|fault| !matches!(fault, InjectedFault::Halt(_))).collect();
        random.choice(kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_from_the_injection() {
        let faults = FaultPlan::new();
        assert_eq!(faults.next("f", "PutItem"), None);
        faults.inject("f", "PutItem", 2..=3, InjectedFault::Timeout);
        let seen: Vec<_> = (0..4).map(|_| faults.next("f", "PutItem")).collect();
        assert_eq!(seen, [None, Some(InjectedFault::Timeout), Some(InjectedFault::Timeout), None]);
        assert_eq!(faults.next("g", "PutItem"), None);
        assert_eq!(faults.next("f", "GetItem"), None);
        assert_eq!(faults.injected(), 2);
        faults.inject("f", "GetItem", .., InjectedFault::Conflict);
        assert_eq!(faults.next("f", "GetItem"), Some(InjectedFault::Conflict));
        faults.clear();
        assert_eq!(faults.next("f", "GetItem"), None);
    }

    #[test]
    fn scattered_faults_follow_from_the_seed() {
        let run = |seed| {
            let faults = FaultPlan::new();
            faults.scatter(seed, 100, ["f"]);
            let found: Vec<_> = (0..2000).map(|_| (faults.next("f", "PutItem"), faults.next("f", DELIVERY))).collect();
            assert_eq!(faults.next("g", "PutItem"), None);
            (found, faults.log())
        };
        let (found, log) = run(1);
        assert_eq!(run(1).0, found);
        assert_ne!(run(2).0, found);
        // Every kind except the halt, each where it applies.
        let kinds: Vec<_> = log.keys().map(|(_, operation, fault)| (operation.as_str(), *fault)).collect();
        let of = |operation: &str| kinds.iter().filter(|(of, _)| *of == operation).count();
        assert_eq!((of("PutItem"), of(DELIVERY)), (InjectedFault::of("PutItem").len() - 2, 2), "{kinds:?}");
        let struck = log.values().sum::<u64>();
        assert!((300..500).contains(&struck), "{struck} of 4000");
    }
}
