//! Faults on demand: what AWS does now and then, so that tests can see the functions cope.

use std::collections::HashMap;
use std::ops::{Bound, RangeBounds};
use std::sync::{Mutex, PoisonError};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No answer in time; the call was not executed.
    Timeout,
    /// Refused for being one too many; not executed.
    Throttled,
    /// The service failed; not executed.
    Unavailable,
    /// Another transaction holds the item; not executed.
    Conflict,
    /// The call was executed, but its answer never arrived.
    LostReply,
}

/// A plan of faults, shared between a test and its stack.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    calls: HashMap<(String, String), u64>,
    injected: u64,
}

#[derive(Debug)]
struct Rule {
    function: String,
    operation: String,
    calls: (Bound<u64>, Bound<u64>),
    fault: Fault,
}

impl Faults {
    /// No faults yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets calls of an operation by a function fail. Calls are counted from 1, per function and
    /// operation and from now on; a retry of the SDK is a call of its own. `1..=2` = the next two,
    /// `..` = all.
    pub fn inject(&self, function: &str, operation: &str, calls: impl RangeBounds<u64>, fault: Fault) {
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

    /// Ends every fault.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// How many calls have failed by plan.
    pub fn injected(&self) -> u64 {
        self.lock().injected
    }

    /// Counts a call, and says what is to go wrong with it.
    pub(super) fn next(&self, function: &str, operation: &str) -> Option<Fault> {
        let mut state = self.lock();
        let count = state.calls.entry((function.to_owned(), operation.to_owned())).or_default();
        *count += 1;
        let count = *count;
        let fault = state
            .rules
            .iter()
            .find(|rule| rule.function == function && rule.operation == operation && rule.calls.contains(&count))
            .map(|rule| rule.fault);
        state.injected += u64::from(fault.is_some());
        fault
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_from_the_injection_on() {
        let faults = Faults::new();
        assert_eq!(faults.next("f", "PutItem"), None);
        faults.inject("f", "PutItem", 2..=3, Fault::Timeout);
        let seen: Vec<_> = (0..4).map(|_| faults.next("f", "PutItem")).collect();
        assert_eq!(seen, [None, Some(Fault::Timeout), Some(Fault::Timeout), None]);
        assert_eq!(faults.next("g", "PutItem"), None);
        assert_eq!(faults.next("f", "GetItem"), None);
        assert_eq!(faults.injected(), 2);
        faults.inject("f", "GetItem", .., Fault::Conflict);
        assert_eq!(faults.next("f", "GetItem"), Some(Fault::Conflict));
        faults.clear();
        assert_eq!(faults.next("f", "GetItem"), None);
    }
}
