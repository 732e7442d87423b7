//! The HTTP gateway and the endpoints of the local stack.

use std::time::Duration;

use serde_json::{Value, json};

use super::{StackOptions, start};

async fn problem(response: reqwest::Response, status: u16, slug: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["apigw-requestid"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["type"], format!("urn:tessera:problem:{slug}"));
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id);
}

#[tokio::test]
async fn requests_pass_the_authorizer() {
    let (stack, witness) = start(StackOptions::default()).await;
    let client = reqwest::Client::new();
    let thing = |id: &str| client.post(format!("{}/v1/things/{id}", stack.url()));

    problem(thing("g:1").send().await.unwrap(), 401, "unauthorized").await;
    assert_eq!(witness.lock().asked, 0);
    let bad = thing("g:1").bearer_auth("bad").send().await.unwrap();
    problem(bad, 403, "forbidden").await;
    let error = thing("g:1").bearer_auth("error").send().await.unwrap();
    problem(error, 500, "internal").await;
    for id in ["g:1", "g%3A2"] {
        let response = thing(id).bearer_auth("good").send().await.unwrap();
        assert_eq!(response.status(), 202);
    }
    assert_eq!(witness.lock().asked, 3, "the second good call is remembered");
    let open = client.get(format!("{}/v1/open", stack.url())).send().await.unwrap();
    assert_eq!(open.text().await.unwrap(), "open");
    problem(client.get(format!("{}/v1/no", stack.url())).send().await.unwrap(), 404, "not_found").await;
    let wrong = client.put(format!("{}/v1/open", stack.url())).send().await.unwrap();
    problem(wrong, 404, "not_found").await;
    stack.settle().await.unwrap();
    assert_eq!(witness.lock().taken, ["g:1", "g:2"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_panic_fails_only_its_request() {
    let (stack, _) = start(StackOptions::default()).await;
    let client = reqwest::Client::new();
    let any = |name: &str| client.post(format!("{}/v1/any/{name}", stack.url())).bearer_auth("t");
    problem(any("panic").send().await.unwrap(), 500, "internal").await;
    let refused = any("scan").send().await.unwrap();
    assert_eq!(refused.text().await.unwrap(), "AccessDeniedException");
    let echo = any("echo").body(vec![0, 255, 1]).send().await.unwrap();
    assert_eq!(echo.bytes().await.unwrap().as_ref(), [0, 255, 1]);
    let large = any("echo").body(vec![b'x'; 10 * 1024 * 1024 + 1]).send().await;
    // The gateway responds before it has read everything; some clients see a closed pipe instead.
    if let Ok(response) = large {
        problem(response, 413, "too_large").await;
    }
    stack.shutdown().await;
}

#[tokio::test]
async fn clock_capacity_settle_and_jobs() {
    let clock = Some("2026-03-01T09:00:00Z".parse().unwrap());
    let (stack, _) = start(StackOptions { clock, ..StackOptions::default() }).await;
    let client = reqwest::Client::new();
    let local = |path: &str| format!("{}/_local/{path}", stack.url());
    let set = |now: &str| client.post(local("clock")).json(&json!({ "now": now })).send();

    let response: Value = client.get(local("clock")).send().await.unwrap().json().await.unwrap();
    assert_eq!(response["now"], "2026-03-01T09:00:00Z");
    let response: Value = set("2026-03-02T10:00:00+01:00").await.unwrap().json().await.unwrap();
    assert_eq!(response["now"], "2026-03-02T09:00:00Z");
    assert_eq!(stack.clock().now().to_string(), "2026-03-02T09:00:00Z");
    problem(set("2026-03-01T09:00:00Z").await.unwrap(), 422, "clock_backwards").await;
    problem(set("yesterday").await.unwrap(), 400, "malformed").await;

    let thing = client.post(format!("{}/v1/things/g:1", stack.url())).bearer_auth("t");
    thing.send().await.unwrap();
    let settled: Value = client.post(local("settle")).send().await.unwrap().json().await.unwrap();
    assert_eq!(settled, json!({ "settled": true, "dead_letters": {} }));
    let used: Value = client.get(local("capacity")).send().await.unwrap().json().await.unwrap();
    assert_eq!(used["functions"]["things"]["dynamodb"]["PutItem"]["write_units"], 1);
    assert_eq!(used["functions"]["relay"]["sqs"]["SendMessage"], 1);
    assert_eq!(used["functions"]["evaluate"]["sqs"]["ReceiveMessage"], 1);
    let used: Value = client.delete(local("capacity")).send().await.unwrap().json().await.unwrap();
    assert_eq!(used["functions"], json!({}));

    let ran: Value = client.post(local("jobs/nightly")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ran, json!({ "ran": { "by": "schedule" } }));
    let ran = client.post(local("jobs/nightly")).json(&json!({ "by": "hand" })).send().await.unwrap();
    assert_eq!(ran.json::<Value>().await.unwrap(), json!({ "ran": { "by": "hand" } }));
    let elsewhere = client.post(local("capacity/reset")).header("origin", "https://elsewhere.example");
    problem(elsewhere.send().await.unwrap(), 403, "forbidden").await;
    let here = client.post(local("capacity/reset")).header("origin", stack.url());
    assert_eq!(here.send().await.unwrap().status(), 200);
    problem(client.post(local("jobs/none")).send().await.unwrap(), 404, "not_found").await;
    problem(client.get(local("nothing")).send().await.unwrap(), 404, "not_found").await;
    stack.shutdown().await;
}

#[tokio::test]
async fn schedules_run_when_the_clock_passes_them() {
    let clock = Some("2026-03-01T09:00:00Z".parse().unwrap());
    let (stack, witness) = start(StackOptions { clock, ..StackOptions::default() }).await;
    let client = reqwest::Client::new();
    let set = async |now: &str| {
        let response = client.post(format!("{}/_local/clock", stack.url())).json(&json!({ "now": now })).send().await;
        assert_eq!(response.unwrap().status(), 200);
        witness.lock().nights.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (start, quarter, year) = ("2026-03-01T09:00:00Z", "2026-03-01T09:15:00Z", "2027-03-01T09:00:00Z");
    // Jobs that were due run at the old time; five minutes later, none is due.
    assert_eq!(set("2026-03-01T09:05:00Z").await, [start]);
    assert_eq!(set(quarter).await, [start, quarter]);
    // However far the clock moves, the job runs once.
    assert_eq!(set(year).await, [start, quarter, year]);
    // A failed job stays due.
    witness.lock().night_fail = 1;
    assert_eq!(set("2027-03-01T10:00:00Z").await.len(), 3);
    assert_eq!(set("2027-03-01T10:01:00Z").await.len(), 4);
    let job = client.post(format!("{}/_local/jobs/nightly", stack.url()));
    witness.lock().night_fail = 1;
    problem(job.try_clone().unwrap().send().await.unwrap(), 500, "internal").await;
    assert_eq!(job.send().await.unwrap().status(), 200);
    stack.shutdown().await;
}

#[tokio::test]
async fn schedules_run_by_the_machines_clock() {
    let (stack, witness) = start(StackOptions::default()).await;
    for _ in 0..200 {
        if !witness.lock().nights.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(witness.lock().nights.len(), 1);
    stack.shutdown().await;
}

#[tokio::test]
async fn starting_and_settling_take_milliseconds() {
    let begin = std::time::Instant::now();
    let (stack, _) = start(StackOptions::default()).await;
    stack.settle().await.unwrap();
    stack.shutdown().await;
    // Usually milliseconds; the limit only detects an accidental sleep.
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}
