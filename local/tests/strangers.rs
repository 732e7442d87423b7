//! The command line where somebody else than the API responds, such as a proxy or the page of a hotel's network, where the API is
//! busy, and where arguments or outputs cannot be used.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::json;

fn tessera(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.env_clear().args(arguments).env("TESSERA_URL", url).env("TESSERA_KEY", "tsk_any");
    command
}

async fn run(url: &str, arguments: &[&str]) -> Output {
    let mut command = tessera(url, arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Serves one response for every request on this machine.
async fn serve(status: u16, kind: &'static str, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    let respond = move || async move { (status, [(header::CONTENT_TYPE, kind)], body).into_response() };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(respond)).await.unwrap() });
    url
}

/// A subcommand for each way to send requests, with files in a folder.
fn subcommands(folder: &Path) -> Vec<Vec<String>> {
    let file = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let program = json!({ "name": "One", "currency": "EUR", "timezone": "Europe/Rome" }).to_string();
    let program = file("program.json", &program);
    let orders = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
                  536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n";
    let (orders, codes) = (file("orders.csv", orders), file("codes.csv", "code\nA-1\n"));
    let members = file("members.csv", "email,points\nada@example.com,1\n");
    let (kept, out) = (file("kept.json", "kept"), folder.join("export").to_str().unwrap().to_owned());
    let of = |arguments: &[&str]| arguments.iter().map(|&argument| argument.to_owned()).collect();
    vec![
        of(&["program", "diff", &program]),
        of(&["program", "apply", &program]),
        of(&["program", "get", "--out", &kept]),
        of(&["keys", "create", "--name", "x", "--scopes", "admin"]),
        of(&["keys", "delete", "key_x"]),
        of(&["keys", "list"]),
        of(&["export", "--out", &out]),
        of(&["replay", &orders]),
        of(&["codes", &codes, "--reward", "five"]),
        of(&["import", &members]),
        of(&["klaviyo", "backfill"]),
        of(&["report", "--from", "2026-03-01", "--to", "2026-04-01"]),
        of(&["verify"]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_the_api_is_no_success_and_replaces_no_file() {
    let page = serve(200, "text/html", "<html>Please sign in</html>").await;
    let not_found = serve(404, "text/html", "<html>nothing here</html>").await;
    for url in [&page, &not_found] {
        let folder = tempfile::tempdir().unwrap();
        let export = folder.path().join("export/members.ndjson");
        fs::create_dir(export.parent().unwrap()).unwrap();
        let all = subcommands(folder.path());
        fs::write(&export, "kept").unwrap();
        for arguments in all {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ended = run(url, &arguments).await;
            assert_eq!(ended.status.code(), Some(4), "{arguments:?}: {ended:?}");
            let said = String::from_utf8(ended.stderr).unwrap();
            assert!(said.contains(url.as_str()) && !said.contains("<html>"), "{arguments:?}: {said}");
        }
        for kept in [&export, &folder.path().join("kept.json")] {
            assert_eq!(fs::read_to_string(kept).unwrap(), "kept");
        }
        assert_eq!(fs::read_dir(export.parent().unwrap()).unwrap().count(), 1, "no rest of an export");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_api_may_be_tried_again() {
    let problem = r#"{"type":"urn:tessera:problem:too_many_requests","title":"x","status":429,"detail":"slow down"}"#;
    let url = serve(429, "application/problem+json", problem).await;
    let folder = tempfile::tempdir().unwrap();
    for arguments in subcommands(folder.path()) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = run(&url, &arguments).await;
        assert_eq!(ended.status.code(), Some(4), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let all = subcommands(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (members, orders) = (file("members.csv"), file("orders.csv"));
    drop(all);
    for arguments in [
        &["import", &members, "--map", "points"][..],
        &["import", &members, "--map", "zzz=email"],
        &["import", &members, "--kind", "orders", "--points-per-unit", "many"],
        &["replay", &orders, "--map", "bogus=order"],
        &["replay", &orders, "--currency", "XXQ"],
        &["replay", &orders, "--timezone", "Mars/X"],
        &["keys", "list", "--url", "notaurl"],
        &["keys", "list", "--url", "ftp://shop.example"],
        &["--empty", "--admin-key", "short"],
        &["programs", "create", "--admin-key", "tsk_"],
        &["verify", "--memory"],
        &["figures", "rebuild", "--memory"],
    ] {
        let ended = run("http://127.0.0.1:9", arguments).await;
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_a_sentence() {
    for arguments in [&["keys", "list"][..], &["keys", "list", "--key", "tsk_\nx"], &["verify"]] {
        let mut command = tessera("http://127.0.0.1:9", arguments);
        command.env("RUST_BACKTRACE", "1");
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(4), "{said}");
        assert!(said.lines().count() == 1 && !said.contains(" { "), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_cannot_be_written_is_a_failure() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = command.args(["completion", "bash"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(!String::from_utf8(ended.stderr).unwrap().contains("panicked"));
}
