//! Kills and restarts the process during a replay: nothing is lost or counted twice.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tessera_local::Platform;
use tessera_local::stack::{StackOptions, Storage};
use tessera_local::verify::verify;

/// The number of receipts before the kill.
const STOPS: [u32; 5] = [0, 9, 40, 71, 120];
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
    // The process prints when it is ready: the program and its key exist then.
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
    let mut next = 0;
    for stop in STOPS {
        while next < stop {
            assert_eq!(send(next).await.unwrap().status(), 202, "{next}");
            next += 1;
        }
        // While it stores this receipt and decides on earlier ones.
        let (_unsure, ()) = tokio::join!(send(stop), async { process.kill().unwrap() });
        process.wait().unwrap();
        process = serve();
        wait(&mut process);
        // The sender repeats requests without a response and continues.
        for again in stop.saturating_sub(3)..stop {
            assert_eq!(send(again).await.unwrap().status(), 200, "{again}");
        }
        assert!([200, 202].contains(&send(stop).await.unwrap().status().as_u16()), "{stop}");
        next += 1;
    }
    client.post(format!("{url}/_local/settle")).send().await.unwrap();
    process.kill().unwrap();
    process.wait().unwrap();

    let options = StackOptions { storage: Storage::Folder(folder.path().to_owned()), ..StackOptions::default() };
    let platform = Platform::start(options).await.unwrap();
    platform.settle().await.unwrap();
    let report = verify(platform.store()).await.unwrap();
    assert_eq!(report.discrepancies, Vec::<String>::new());
    let all = STOPS[STOPS.len() - 1] + 1;
    assert_eq!((report.members, report.facts), (7, u64::from(all)));
    let sums = report.programs.values().next().unwrap();
    assert_eq!((sums.issued, sums.balance), (i64::from(all) * 10, i64::from(all) * 10));
}
