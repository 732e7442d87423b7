//! Every subcommand's text, JSON and exit code, in a table.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod aws;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::StackOptions;

use crate::aws::Ward;

/// A subcommand and how it ends: first as text, then with `--json`.
struct Case<'a> {
    arguments: &'a [&'a str],
    code: i32,
    /// What the text contains; what standard error contains when it fails.
    text: &'a str,
    /// What stands at pointers of the JSON; none when it fails.
    json: Vec<(&'a str, Value)>,
}

const ORDERS: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
                      536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n\
                      536366,22633,WARMER,1,2010-12-01 08:28:00,1.85,,United Kingdom\n";

#[expect(clippy::too_many_lines, reason = "one table of all subcommands, on one stack")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subcommand_prints_text_and_json_and_ends_with_its_code() {
    let ward =
        Ward::at(StackOptions { clock: Some("2010-12-08T12:00:00Z".parse().unwrap()), ..StackOptions::default() })
            .await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let document = json!({
        "name": "One", "currency": "GBP", "timezone": "Europe/London",
        "rewards": [{ "id": "pooled", "name": "Five off", "type": "amount_off", "value": "5.00", "cost": 10,
                      "code": { "pool": true } }],
        "rules": [{ "id": "per-pound", "name": "A point per pound", "status": "active", "starts_at": "2010-01-01T00:00:00",
                    "on": { "receipt": {} }, "then": [{ "credit": { "per_unit": "1" } }] }],
    });
    let program = file("program.json", &document.to_string());
    let rules = file("rules.json", &document["rules"].to_string());
    let receipt = json!({ "id": "r-1", "occurred_at": "2010-12-01T10:00:00Z", "member": { "id": "c-1" },
                          "currency": "GBP", "total": "20.00" });
    let receipts = file("receipts.ndjson", &format!("{receipt}\n"));
    let (codes, orders) = (file("codes.csv", "code\nA-1\nA-2\n"), file("orders.csv", ORDERS));
    let members = file("members.csv", "email,points\nada@example.com,100\ngrace@example.com,much\n");
    let (out, missing) = (file("export", ""), folder.path().join("none").to_str().unwrap().to_owned());
    fs::remove_file(&out).unwrap();
    let url = ward.stack.url().to_owned();
    let cases = [
        Case {
            arguments: &["program", "apply", &program],
            code: 0,
            text: "version 2 is in force",
            json: vec![("/diff", json!([]))],
        },
        Case {
            arguments: &["program", "get"],
            code: 0,
            text: "\"name\": \"One\"",
            json: vec![("/name", json!("One"))],
        },
        Case { arguments: &["program", "diff", &program], code: 0, text: "", json: vec![("/diff", json!([]))] },
        Case { arguments: &["program", "diff", &missing], code: 1, text: "cannot be read", json: vec![] },
        Case { arguments: &["keys", "list"], code: 0, text: "name    admin", json: vec![("/0/name", json!("admin"))] },
        Case {
            arguments: &["keys", "create", "--name", "till", "--scopes", "support"],
            code: 0,
            text: "key     tsk_",
            json: vec![("/name", json!("till"))],
        },
        Case { arguments: &["keys", "delete", "key_none"], code: 3, text: "there is no such key", json: vec![] },
        Case {
            arguments: &["codes", &codes, "--reward", "pooled"],
            code: 0,
            text: "2 codes added, 0 known already",
            json: vec![("/added", json!(0)), ("/duplicates", json!(2)), ("/remaining", json!(2))],
        },
        Case { arguments: &["codes", &codes, "--reward", "none"], code: 3, text: "", json: vec![] },
        Case { arguments: &["klaviyo", "backfill"], code: 3, text: "enable the connection first", json: vec![] },
        Case {
            arguments: &["replay", &orders],
            code: 0,
            text: "1 receipts and 0 refunds accepted",
            json: vec![("/receipts", json!(0)), ("/repeated", json!(1)), ("/without_customer", json!(1))],
        },
        Case {
            arguments: &["report", "--from", "2010-12-01", "--to", "2010-12-09"],
            code: 0,
            text: "points outstanding",
            json: vec![("/liability/roll_forward/opening/points", json!(0))],
        },
        Case { arguments: &["report", "--from", "2010-12-09", "--to", "2010-12-01"], code: 3, text: "", json: vec![] },
        Case {
            arguments: &["backtest", "--rules", &rules, "--receipts", &receipts, "--program", &program],
            code: 0,
            text: "1",
            json: vec![("/facts/receipts", json!(1))],
        },
        Case {
            arguments: &["import", &members, "--dry-run"],
            code: 0,
            text: "2 rows: 1 can be imported, 1 refused",
            json: vec![("/done", json!(2)), ("/failed", json!(1)), ("/state", json!("done"))],
        },
        Case {
            arguments: &["import", &members],
            code: 0,
            text: "2 rows: 1 imported, 1 refused",
            json: vec![("/done", json!(2)), ("/failed", json!(1))],
        },
        Case { arguments: &["import", &missing], code: 1, text: "cannot be opened", json: vec![] },
        Case {
            arguments: &["export", "--out", &out],
            code: 0,
            text: "items are in",
            json: vec![("/folder", json!(out))],
        },
        Case { arguments: &["import", "--full", &out], code: 3, text: "", json: vec![] },
        Case {
            arguments: &["programs", "create", "--admin-key", "tsk_second"],
            code: 0,
            text: "admin key         tsk_second",
            json: vec![],
        },
        Case {
            arguments: &["redrive", "facts"],
            code: 0,
            text: "1 facts, of which 0 had no decision",
            json: vec![("/seen", json!(1)), ("/sent", json!(0))],
        },
        Case {
            arguments: &["redrive", "facts", "--from", "2010-12-02T00:00:00Z", "--to", "2010-12-01T00:00:00Z"],
            code: 1,
            text: "--from must be before --to",
            json: vec![],
        },
        Case {
            arguments: &["redrive", "dead-letters"],
            code: 0,
            text: "0 dead letters sent again",
            json: vec![("/sent", json!(0))],
        },
        Case {
            arguments: &["redrive", "dead-letters", "--stack", "elsewhere"],
            code: 4,
            text: "`tessera doctor` says what is missing",
            json: vec![],
        },
        Case {
            arguments: &["figures", "rebuild"],
            code: 0,
            text: "items changed",
            json: vec![("/changed", json!({}))],
        },
        Case {
            arguments: &["verify", "--url", &url],
            code: 0,
            text: "every balance is proven",
            json: vec![("/discrepancies", json!([]))],
        },
        Case {
            arguments: &["verify", "--stack", "tessera"],
            code: 0,
            text: "every balance is proven",
            json: vec![("/discrepancies", json!([]))],
        },
        Case {
            arguments: &["verify", "--url", "http://127.0.0.1:9"],
            code: 4,
            text: "cannot be reached",
            json: vec![],
        },
        Case { arguments: &["doctor"], code: 0, text: "no faults", json: vec![("/faults", json!(0))] },
        Case {
            arguments: &["reconnect"],
            code: 0,
            text: "all streams are read",
            json: vec![("/reconnected", json!([]))],
        },
        Case { arguments: &["completion", "bash"], code: 0, text: "doctor", json: vec![("/shell", json!("bash"))] },
        Case { arguments: &["unknown"], code: 2, text: "unrecognized subcommand", json: vec![] },
    ];
    for Case { arguments, code, text, json } in cases {
        let ended = ward.run(arguments).await;
        let shown = if code == 0 { &ended.out } else { &ended.err };
        assert_eq!((ended.code, shown.contains(text)), (Some(code), true), "{arguments:?}: {ended:?}");
        assert!(
            !ended.out.contains('\u{1b}') && !ended.err.contains('\u{1b}'),
            "colours without a terminal: {arguments:?}"
        );
        if json.is_empty() {
            continue;
        }
        ward.stack.settle().await.unwrap();
        let ended = ward.run(&[arguments, &["--json"]].concat()).await;
        let told: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{arguments:?}: {ended:?}"));
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        for (pointer, expected) in json {
            let found = told.pointer(pointer);
            let is_object = expected == json!({}) && found.is_some_and(Value::is_object);
            assert!(is_object || found == Some(&expected), "{arguments:?}: {pointer} of {told}");
        }
    }
}

/// Serves responses on this machine.
async fn serve(respond: impl Fn(&Uri) -> (StatusCode, Value) + Clone + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let respond = move |uri: Uri| {
        let (status, body) = respond(&uri);
        async move { (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response() }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(respond)).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_brings_every_profile_to_klaviyo() {
    let ward = Ward::open().await;
    let vendor = serve(|uri| match uri.path() {
        "/api/profile-bulk-import-jobs" => (StatusCode::ACCEPTED, json!({ "data": { "id": "1" } })),
        "/api/profile-bulk-import-jobs/1" => {
            (StatusCode::OK, json!({ "data": { "attributes": { "status": "complete" } } }))
        }
        "/api/profile-bulk-import-jobs/1/import-errors" => (StatusCode::OK, json!({ "data": [] })),
        _ => (StatusCode::ACCEPTED, json!({})),
    })
    .await;
    let client = reqwest::Client::new();
    let send = async |method, path: &str, body: Value| {
        let request = client.request(method, format!("{}{path}", ward.stack.url())).bearer_auth(aws::KEY);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    };
    for id in ["c-1", "c-2"] {
        send(Method::POST, "/v1/members", json!({ "id": id })).await;
    }
    let connection =
        json!({ "enabled": true, "settings": { "base_url": vendor }, "credentials": { "api_key": "pk_1" } });
    send(Method::PUT, "/v1/integrations/klaviyo", connection).await;
    let ended = ward.run(&["klaviyo", "backfill"]).await;
    assert_eq!((ended.code, &*ended.out), (Some(0), "2 profiles sent, 0 refused\n"), "{ended:?}");
    let ended = ward.run(&["klaviyo", "backfill", "--json"]).await;
    let told: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    assert_eq!((ended.code, &told["state"], &told["profiles"]), (Some(0), &json!("done"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_is_waited_for_and_its_failure_has_a_code() {
    let ward = Ward::open().await;
    let backfill = |state: &str, refused: u32, reason: Option<&str>| {
        let mut backfill = json!({ "state": state, "profiles": 300, "refused": refused, "jobs": 1 });
        backfill["reason"] = json!(reason);
        backfill
    };
    let running = || backfill("running", 0, None);
    for (last, arguments, code, text) in [
        (
            backfill("done", 2, None),
            &["klaviyo", "backfill"][..],
            0,
            "300 profiles sent, 2 refused\nGET /v1/integrations",
        ),
        (backfill("failed", 0, Some("the target is disabled")), &["klaviyo", "backfill"], 1, "the target is disabled"),
        (running(), &["klaviyo", "backfill", "--no-wait"], 0, "the backfill is running"),
    ] {
        // A look that fails is repeated.
        let looks = Mutex::new(vec![(200, last), (503, json!({})), (200, running()), (202, running())]);
        let looks = Arc::new(looks);
        let left = Arc::clone(&looks);
        let api = serve(move |_| {
            let (status, body) = left.lock().unwrap().pop().unwrap();
            (StatusCode::from_u16(status).unwrap(), body)
        })
        .await;
        let ended = ward.run(&[arguments, &["--url", &api]].concat()).await;
        let shown = if code == 0 { &ended.out } else { &ended.err };
        assert_eq!((ended.code, shown.contains(text)), (Some(code), true), "{ended:?}");
        let asked = if arguments.contains(&"--no-wait") { 1 } else { 4 };
        assert_eq!(looks.lock().unwrap().len(), 4 - asked, "{arguments:?}");
    }
}

#[test]
fn the_stack_prints_json_lines_until_it_is_ready() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.args(["--empty", "--json", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let told: Vec<Value> = lines.take(2).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(told[0]["admin_key"].as_str().unwrap().starts_with("tsk_"), "{told:?}");
    assert!(told[1]["ready"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{told:?}");
}
