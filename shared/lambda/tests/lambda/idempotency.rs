//! `Idempotency-Key`: once, and the first answer again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tessera_lambda::auth::AuthContext;
use tessera_lambda::http::{self, NaturalKey, Response, respond_with};
use tessera_lambda::{Access, Problem, Route, Routes, Scope};

use crate::bench::{Bench, ROUTES, UNUSED, body, header, request};

/// A function that counts how often it runs, and answers what it is told to.
struct Counter<'a> {
    bench: &'a Bench,
    routes: Routes,
    runs: AtomicU32,
    naturals: Mutex<Vec<NaturalKey>>,
}

impl<'a> Counter<'a> {
    fn new(bench: &'a Bench) -> Self {
        Self { bench, routes: ROUTES, runs: AtomicU32::new(0), naturals: Mutex::default() }
    }

    async fn send(
        &self,
        key: Option<&str>,
        auth: &AuthContext,
        text: &str,
        outcome: impl FnOnce(u32) -> Result<Response, Problem>,
    ) -> Response {
        let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        respond_with(
            &self.bench.services,
            request("POST", &headers, Some(auth), text),
            self.routes,
            async |_, request| {
                let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
                self.naturals.lock().unwrap().push(request.natural_key().clone());
                outcome(run)
            },
        )
        .await
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    fn natural(&self, run: usize) -> NaturalKey {
        self.naturals.lock().unwrap()[run - 1].clone()
    }
}

fn made(run: u32) -> Result<Response, Problem> {
    Ok(http::with_header(http::json(201, &json!({ "run": run })), "location", "/v1/things/1"))
}

fn replayed(response: &Response) -> bool {
    header(response, "idempotency-replayed") == Some("true")
}

#[tokio::test]
async fn the_same_call_gets_the_first_answer_again() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    let first = counter.send(Some("\"k-1\""), &admin, "{}", made).await;
    assert_eq!((first.status().as_u16(), replayed(&first)), (201, false));
    bench.pass(3 * 24 * 3600);
    // With or without quotes it is the same key.
    let again = counter.send(Some("k-1"), &admin, "{}", made).await;
    assert_eq!((again.status().as_u16(), replayed(&again)), (201, true));
    assert_eq!(body(&again), json!({ "run": 1 }));
    assert_eq!(header(&again, "location"), Some("/v1/things/1"));
    assert_eq!(header(&again, "content-type"), Some("application/json"));
    let other = counter.send(Some("k-1"), &admin, "{ }", made).await;
    assert_eq!(
        (other.status().as_u16(), &body(&other)["type"]),
        (422, &json!("urn:tessera:problem:idempotency_key_reused"))
    );
    assert_eq!(counter.runs(), 1);
    // After a week it is forgotten.
    bench.pass(5 * 24 * 3600);
    assert_eq!(body(&counter.send(Some("k-1"), &admin, "{}", made).await), json!({ "run": 2 }));
    // Without a key every request is its own.
    for run in [3, 4] {
        assert_eq!(body(&counter.send(None, &admin, "{}", made).await), json!({ "run": run }));
    }
}

#[tokio::test]
async fn refusals_are_answers_too_but_passing_ones_are_not() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    let mut runs = 0;
    for (status, is_kept) in
        [(400, true), (404, true), (409, true), (422, true), (401, false), (403, false), (429, false), (503, false)]
    {
        let key = format!("k-{status}");
        let refuse = |_| Err(Problem::new(status, "no", "no").with("why", json!(status)));
        let first = counter.send(Some(&key), &admin, "{}", refuse).await;
        assert_eq!(
            (first.status().as_u16(), header(&first, "content-type")),
            (status, Some("application/problem+json"))
        );
        let again = counter.send(Some(&key), &admin, "{}", made).await;
        assert_eq!(again.status().as_u16(), if is_kept { status } else { 201 }, "{status}");
        assert_eq!(replayed(&again), is_kept, "{status}");
        if is_kept {
            assert_eq!(body(&again), body(&first));
        }
        runs += if is_kept { 1 } else { 2 };
        assert_eq!(counter.runs(), runs, "{status}");
    }
}

#[tokio::test]
async fn a_call_that_broke_off_is_taken_up_as_what_it_was() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    let broken = counter.send(Some("k-1"), &admin, "{}", |_| panic!("poison")).await;
    assert_eq!((broken.status().as_u16(), header(&broken, "retry-after")), (503, Some("1")));
    assert!(!body(&broken).to_string().contains("poison"));
    bench.pass(7);
    assert_eq!(counter.send(Some("k-1"), &admin, "{}", made).await.status().as_u16(), 201);
    assert_eq!(counter.natural(1), counter.natural(2));
    assert_eq!(counter.natural(1).key, "k-1");
    assert_eq!(counter.natural(1).started_at.as_second(), bench.now() - 7);
    assert!(replayed(&counter.send(Some("k-1"), &admin, "{}", made).await));
}

#[tokio::test]
async fn a_running_call_is_a_conflict() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    let services = &bench.services;
    let first = request("POST", &[("idempotency-key", "k-1")], Some(&admin), "{}");
    let within = respond_with(services, first, ROUTES, async |_, _| {
        let meanwhile = counter.send(Some("k-1"), &admin, "{}", made).await;
        Ok(http::json(200, &json!({ "status": meanwhile.status().as_u16(), "body": body(&meanwhile) })))
    });
    let within = body(&within.await);
    assert_eq!((&within["status"], &within["body"]["type"]), (&json!(409), &json!("urn:tessera:problem:in_flight")));
    assert_eq!(counter.runs(), 0);
}

#[tokio::test]
async fn a_key_is_its_callers_own() {
    let bench = Bench::start().await;
    let counter = Counter::new(&bench);
    let (admin, ada, bob) = (bench.admin().await, bench.member("ada").await, bench.member("bob").await);
    for (run, caller) in (1..).zip([&admin, &ada, &bob]) {
        let first = counter.send(Some("1"), caller, "{}", made).await;
        assert_eq!((body(&first), replayed(&first)), (json!({ "run": run }), false));
    }
    let again = counter.send(Some("1"), &ada, "{}", made).await;
    assert_eq!((body(&again), replayed(&again)), (json!({ "run": 2 }), true));
    // Another API key that may use the route gets the first response: the shop may have replaced its key meanwhile.
    let till = AuthContext { scopes: "receipts:write".to_owned(), key: "key_2".to_owned(), ..admin.clone() };
    let again = counter.send(Some("1"), &till, "{}", made).await;
    assert_eq!((body(&again), replayed(&again)), (json!({ "run": 1 }), true));
    // Whoever may not use the route does not read the response.
    let reader = AuthContext { scopes: "members:read".to_owned(), ..till.clone() };
    assert_eq!(counter.send(Some("1"), &reader, "{}", made).await.status().as_u16(), 403);
    let nobody = AuthContext { problem: "no".to_owned(), ..AuthContext::default() };
    assert_eq!(counter.send(Some("1"), &nobody, "{}", made).await.status().as_u16(), 401);
    assert_eq!(counter.runs(), 3);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_no_missing_key() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    for key in ["", "  ", "\"\"", "cl\u{e9}", &"x".repeat(256)] {
        let refused = counter.send(Some(key), &admin, "{}", made).await;
        assert_eq!(refused.status().as_u16(), 400, "{key}");
    }
    assert_eq!(counter.runs(), 0);
    for key in ["x".repeat(255), format!("\"{}\"", "x".repeat(255))] {
        assert_eq!(body(&counter.send(Some(&key), &admin, "{}", made).await), json!({ "run": 1 }));
    }
}

/// The same route, whose responses show a secret.
const ROUTES_WITH_SECRET: Routes =
    &[&[Route::post("/v1/things/{id}", Access::Scope(Scope::Admin), UNUSED).not_repeating(&["key"])]];

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_nowhere() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    let counter = Counter { routes: ROUTES_WITH_SECRET, ..counter };
    let show = |_| Ok(http::json(201, &json!({ "id": "key_1", "key": "tsk_secret" })));
    let first: Value = body(&counter.send(Some("k-1"), &admin, "{}", show).await);
    assert_eq!(first["key"], "tsk_secret");
    let again = counter.send(Some("k-1"), &admin, "{}", show).await;
    assert_eq!((replayed(&again), body(&again)), (true, json!({ "id": "key_1" })));
    assert_eq!(header(&again, "cache-control"), Some("no-store"));
    assert_eq!(counter.runs(), 1);
    // A response that must not be cached for other reasons is replayed whole.
    let counter = Counter { routes: ROUTES, ..counter };
    let private = |_| Ok(http::with_header(http::json(200, &json!({ "points": 5 })), "cache-control", "no-store"));
    for _ in 0..2 {
        assert_eq!(body(&counter.send(Some("k-1"), &admin, "{}", private).await), json!({ "points": 5 }));
    }
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_to_whoever_comes_next() {
    let bench = Bench::start().await;
    let (counter, admin) = (Counter::new(&bench), bench.admin().await);
    let refused = counter.send(Some("k-1"), &admin, "{}", |_| Err(Problem::forbidden("no"))).await;
    assert_eq!(refused.status().as_u16(), 403);
    // Other content under the same key: as if the refused request had never come.
    let corrected = counter.send(Some("k-1"), &admin, "{ }", made).await;
    assert_eq!((corrected.status().as_u16(), replayed(&corrected)), (201, false));
    // One that failed for other reasons keeps its content.
    let failed = counter.send(Some("k-2"), &admin, "{}", |_| Err(Problem::unavailable())).await;
    assert_eq!(failed.status().as_u16(), 503);
    assert_eq!(counter.send(Some("k-2"), &admin, "{ }", made).await.status().as_u16(), 422);
}

#[tokio::test]
async fn a_refused_request_never_reaches_its_handler() {
    let bench = Bench::start().await;
    let counter = Counter::new(&bench);
    let reader = AuthContext { scopes: "members:read".to_owned(), ..bench.admin().await };
    assert_eq!(counter.send(Some("k-1"), &reader, "{}", made).await.status().as_u16(), 403);
    assert_eq!(counter.send(None, &reader, "{}", made).await.status().as_u16(), 403);
    let unknown = AuthContext { problem: "no".to_owned(), ..AuthContext::default() };
    assert_eq!(counter.send(Some("k-1"), &unknown, "{}", made).await.status().as_u16(), 401);
    assert_eq!(counter.runs(), 0);
    let admin = bench.admin().await;
    let first = counter.send(Some("k-1"), &admin, "{ }", made).await;
    assert_eq!((first.status().as_u16(), replayed(&first)), (201, false));
}
