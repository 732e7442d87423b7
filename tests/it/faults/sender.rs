//! A client as a shop has it: it repeats each request until it has a definite response.

use std::sync::Arc;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_local::stack::{FaultPlan, InjectedFault, StackOptions, Storage};

use crate::shop::{KEY, Response, Shop};

/// Attempts before a request counts as stuck.
const TRIES: usize = 400;
/// How long an interrupted attempt holds its `Idempotency-Key`.
const LOCK: SignedDuration = SignedDuration::from_secs(31);

/// A planned fault: at which call of which operation of which function, and how many times in a row.
#[derive(Debug, Clone)]
pub struct Planned {
    pub function: String,
    pub operation: String,
    pub call: u64,
    pub times: u64,
    pub fault: InjectedFault,
}

/// A shop whose stack has faults.
pub struct Sender {
    /// `None` only while the process restarts.
    shop: Option<Shop>,
    pub faults: Arc<FaultPlan>,
    options: StackOptions,
    planned: Option<Planned>,
    /// The number of calls before the faults began.
    pub before: tessera_local::stack::Calls,
    _folder: Option<TempDir>,
}

impl Sender {
    /// Starts a stack with a program and a fixed clock. One that survives a kill stores its data in a folder.
    pub async fn open(program: &Value, clock: &str, planned: Option<Planned>) -> Self {
        let faults = Arc::new(FaultPlan::new());
        let halts = planned.as_ref().is_some_and(|planned| matches!(planned.fault, InjectedFault::Halt(_)));
        let folder = halts.then(|| tempfile::tempdir().unwrap());
        let storage = folder.as_ref().map_or(Storage::Memory, |folder| Storage::Folder(folder.path().to_owned()));
        let clock = Some(clock.parse().unwrap());
        let options = StackOptions { storage, clock, faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
        let shop = Some(Shop::with(program, options.clone()).await);
        Self { shop, faults, options, planned, before: tessera_local::stack::Calls::new(), _folder: folder }
    }

    /// Starts a stack without a program and without faults.
    pub async fn empty(clock: &str) -> Self {
        let options = StackOptions { clock: Some(clock.parse().unwrap()), ..StackOptions::default() };
        let (faults, before) = (Arc::default(), tessera_local::stack::Calls::new());
        Self { shop: Some(Shop::again(options.clone()).await), faults, options, planned: None, before, _folder: None }
    }

    /// Starts the faults.
    pub fn begin(&mut self) {
        self.before = self.faults.calls();
        if let Some(Planned { function, operation, call, times, fault }) = &self.planned {
            self.faults.inject(function, operation, *call..call + times, *fault);
        }
    }

    /// Ends the faults.
    pub fn end(&self) {
        self.faults.clear();
    }

    /// Runs some work, and runs it again on a new stack when the stack was killed meanwhile.
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

    /// Starts a new process on the same folder at the same time. The old one's work is cut off.
    async fn restart(&mut self) {
        self.options.clock = Some(self.shop().stack.now());
        drop(self.shop.take());
        self.faults.resume();
        self.shop = Some(Shop::again(self.options.clone()).await);
    }

    /// Sends until there is a definite response.
    pub async fn request(&mut self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Response {
        let authorization = format!("Bearer {KEY}");
        let headers: Vec<(&str, &str)> = std::iter::once(("authorization", authorization.as_str()))
            .chain(key.map(|key| ("idempotency-key", key)))
            .collect();
        for _ in 0..TRIES {
            let response = self.with(async |shop| shop.request_with(method.clone(), path, body, &headers).await).await;
            match response.status {
                // Every failure is a problem document.
                500.. => assert!(!response.problem().is_empty()),
                409 if response.problem() == "in_flight" => self.later(LOCK).await,
                _ => return response,
            }
        }
        panic!("{method} {path} never gets through");
    }

    /// Sends a request that must succeed.
    pub async fn post(&mut self, path: &str, body: &Value, key: Option<&str>) -> Value {
        let response = self.request(Method::POST, path, Some(body), key).await;
        assert!((200..300).contains(&response.status), "POST {path}: {} {}", response.status, response.body);
        response.body
    }

    /// Uploads text until it is taken.
    pub async fn put_text(&mut self, path: &str, text: &str) -> Value {
        for _ in 0..TRIES {
            let body = text.as_bytes().to_vec();
            let sent = self.with(async |shop| shop.send_raw(Method::PUT, path, "text/csv", body.clone()).await).await;
            if sent.status < 500 {
                assert_eq!(sent.status, 200, "PUT {path}: {}", sent.body);
                return sent.body;
            }
        }
        panic!("PUT {path} never gets through");
    }

    /// Reads a resource that must exist.
    pub async fn get(&mut self, path: &str) -> Value {
        let response = self.request(Method::GET, path, None, None).await;
        assert_eq!(response.status, 200, "GET {path}: {}", response.body);
        response.body
    }

    /// Runs a job until it succeeds.
    pub async fn job(&mut self, name: &str) {
        self.post(&format!("/_local/jobs/{name}"), &json!({}), None).await;
        self.settle().await;
    }

    /// Waits until the queues are empty, and redrives dead letters.
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

    /// Moves the clock; jobs that fall due run. On a busy machine, what was due before may take longer than a request.
    pub async fn clock(&mut self, now: &str) {
        let body = json!({ "now": now });
        for _ in 0..TRIES {
            let moved = self.with(async |shop| shop.post("/_local/clock", &body).await).await;
            if moved.status < 500 {
                assert_eq!(moved.status, 200, "{}", moved.body);
                return self.settle().await;
            }
        }
        panic!("the clock cannot be moved");
    }
}
