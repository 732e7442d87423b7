//! The process is killed in the middle of its work, and started again: nothing is lost, nothing doubled.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tessera_local::Platform;
use tessera_local::stack::{StackOptions, Storage};
use tessera_local::verify::verify;

const KEY: &str = "tsk_tests_admin";

fn program() -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome",
        "points": { "name": { "one": "punto", "other": "punti" } },
        "rules": [{ "id": "per-euro", "name": "A point per euro", "status": "active", "starts_at": "2026-01-01T00:00:00",
                    "on": { "receipt": {} }, "then": [{ "credit": { "per_unit": "1" } }] }],
    })
}

fn receipt(id: &str, member: &str, total: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T10:00:00+01:00", "member": { "id": member }, "currency": "EUR", "total": total })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let serve = || {
        Command::new(env!("CARGO_BIN_EXE_tessera"))
            .args(["--empty", "--admin-key", KEY, "--port", &port.to_string(), "--data"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // It says when it can be called: the program and its key are there then.
    let wait = |process: &mut Child| {
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.map(Result::unwrap).find(|line| line.starts_with("ready "));
        assert_eq!(ready, Some(format!("ready http://127.0.0.1:{port}")));
    };
    let client = reqwest::Client::new();
    let url = format!("http://127.0.0.1:{port}");
    let put = async || {
        let answer = client.put(format!("{url}/v1/program")).bearer_auth(KEY).json(&program()).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    };
    let send = async |n: u32| {
        let body = receipt(&format!("r-{n}"), &format!("c-{}", n % 7), "10.00");
        client.post(format!("{url}/v1/receipts")).bearer_auth(KEY).json(&body).send().await
    };

    let mut process = serve();
    wait(&mut process);
    put().await;
    let mut accepted = 0;
    for n in 0..100 {
        accepted += u32::from(send(n).await.is_ok_and(|answer| answer.status() == 202));
    }
    assert_eq!(accepted, 100);
    process.kill().unwrap();
    process.wait().unwrap();

    let mut process = serve();
    wait(&mut process);
    // The sender repeats what it is not sure of, and goes on.
    for n in 90..140 {
        let status = send(n).await.unwrap().status();
        assert_eq!(status, if n < 100 { 200 } else { 202 }, "{n}");
    }
    client.post(format!("{url}/_local/settle")).send().await.unwrap();
    process.kill().unwrap();
    process.wait().unwrap();

    let options = StackOptions { storage: Storage::Folder(folder.path().to_owned()), ..StackOptions::default() };
    let platform = Platform::start(options).await.unwrap();
    platform.settle().await.unwrap();
    let report = verify(platform.store()).await.unwrap();
    assert_eq!(report.discrepancies, Vec::<String>::new());
    assert_eq!((report.members, report.facts), (7, 140));
    let sums = report.programs.values().next().unwrap();
    assert_eq!((sums.issued, sums.balance), (1400, 1400));
}
