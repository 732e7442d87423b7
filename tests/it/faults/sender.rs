//! A sender as a shop has it: what it is not sure of it sends again, until it has a definite answer.

use std::sync::Arc;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_local::stack::{Fault, Faults, StackOptions, Storage};

use crate::shop::{Answer, KEY, Shop};

/// How often something is sent before it is said that it never gets through.
const TRIES: usize = 60;
/// For how long an attempt that did not end keeps its `Idempotency-Key`.
const LOCK: SignedDuration = SignedDuration::from_secs(31);

/// A fault that is to come: at which call of which operation of which function, and how often in a row.
#[derive(Debug, Clone)]
pub struct Planned {
    pub function: String,
    pub operation: String,
    pub call: u64,
    pub times: u64,
    pub fault: Fault,
}

/// A shop whose stack meets faults.
pub struct Sender {
    /// None for a moment alone, between two processes.
    shop: Option<Shop>,
    pub faults: Arc<Faults>,
    options: StackOptions,
    planned: Option<Planned>,
    /// How many calls there had been when the faults began.
    pub before: tessera_local::stack::Calls,
    _folder: Option<TempDir>,
}

impl Sender {
    /// A stack with a program whose clock stands. One that is to survive a halt needs a folder.
    pub async fn open(program: &Value, clock: &str, planned: Option<Planned>) -> Self {
        let faults = Arc::new(Faults::new());
        let halts = planned.as_ref().is_some_and(|planned| matches!(planned.fault, Fault::Halt(_)));
        let folder = halts.then(|| tempfile::tempdir().unwrap());
        let storage = folder.as_ref().map_or(Storage::Memory, |folder| Storage::Folder(folder.path().to_owned()));
        let clock = Some(clock.parse().unwrap());
        let options = StackOptions { storage, clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
        let shop = Some(Shop::with(program, options.clone()).await);
        Self { shop, faults, options, planned, before: tessera_local::stack::Calls::new(), _folder: folder }
    }

    /// An empty stack without a program, on which nothing fails.
    pub async fn empty(clock: &str) -> Self {
        let options = StackOptions { clock: Some(clock.parse().unwrap()), ..StackOptions::default() };
        let (faults, before) = (Arc::default(), tessera_local::stack::Calls::new());
        Self { shop: Some(Shop::again(options.clone()).await), faults, options, planned: None, before, _folder: None }
    }

    /// From here on there are faults.
    pub fn begin(&mut self) {
        self.before = self.faults.calls();
        if let Some(Planned { function, operation, call, times, fault }) = &self.planned {
            self.faults.inject(function, operation, *call..call + times, *fault);
        }
    }

    /// There are none any more.
    pub fn end(&self) {
        self.faults.clear();
    }

    /// Does something with the shop; from the beginning, on a new stack, when the stack halts meanwhile.
    pub async fn with<T>(&mut self, work: impl AsyncFn(&Shop) -> T) -> T {
        loop {
            let faults = Arc::clone(&self.faults);
            let done = tokio::select! {
                biased;
                () = faults.halted() => None,
                done = work(self.shop()) => Some(done),
            };
            match done {
                Some(done) => return done,
                None => self.restart().await,
            }
        }
    }

    /// The shop.
    pub fn shop(&self) -> &Shop {
        self.shop.as_ref().unwrap()
    }

    /// A new process on the old folder, at the same time. Of the old one nothing is finished.
    async fn restart(&mut self) {
        self.options.clock = Some(self.shop().stack.now());
        drop(self.shop.take());
        self.faults.resume();
        self.shop = Some(Shop::again(self.options.clone()).await);
    }

    /// Sends until there is a definite answer.
    pub async fn call(&mut self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Answer {
        let authorization = format!("Bearer {KEY}");
        let headers: Vec<(&str, &str)> = std::iter::once(("authorization", authorization.as_str()))
            .chain(key.map(|key| ("idempotency-key", key)))
            .collect();
        for _ in 0..TRIES {
            let answer = self.with(async |shop| shop.call_with(method.clone(), path, body, &headers).await).await;
            match answer.status {
                // Every failure is told as a problem.
                500.. => assert!(!answer.problem().is_empty()),
                409 if answer.problem() == "in_flight" => self.later(LOCK).await,
                _ => return answer,
            }
        }
        panic!("{method} {path} never gets through");
    }

    /// Sends something that must be taken.
    pub async fn post(&mut self, path: &str, body: &Value, key: Option<&str>) -> Value {
        let answer = self.call(Method::POST, path, Some(body), key).await;
        assert!((200..300).contains(&answer.status), "POST {path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Reads something that must be there.
    pub async fn get(&mut self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None, None).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// Runs a job until it has run.
    pub async fn job(&mut self, name: &str) {
        self.post(&format!("/_local/jobs/{name}"), &json!({}), None).await;
        self.settle().await;
    }

    /// Waits until nothing is left to do, letting what was given up come again.
    pub async fn settle(&mut self) {
        for _ in 0..TRIES {
            let given_up = self.with(async |shop| shop.stack.stack().settle().await.unwrap()).await;
            if given_up.is_empty() {
                return;
            }
            self.shop().redrive().await;
        }
        panic!("some messages are given up again and again");
    }

    async fn later(&mut self, by: SignedDuration) {
        let now = self.shop().stack.now().checked_add(by).unwrap();
        self.clock(&now.to_string()).await;
    }

    /// Moves the time; what falls due runs.
    pub async fn clock(&mut self, now: &str) {
        self.with(async |shop| shop.clock(now).await).await;
        self.settle().await;
    }
}
