//! Web pages of other sites cannot reach a developer's local stack.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tessera_local::Platform;
use tessera_local::stack::{StackOptions, Storage};

use crate::shop::{KEY, Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T09:00:00Z";

/// An engine's address, a harmless request to it, and the secret of the run.
struct Engine {
    url: String,
    target: &'static str,
    access_key: String,
}

async fn engines(shop: &Shop) -> [Engine; 2] {
    let found = shop.get("/_local/endpoints").await;
    let engine = |service: &str, target| Engine {
        url: found[service].as_str().unwrap().to_owned(),
        target,
        access_key: found["access_key_id"].as_str().unwrap().to_owned(),
    };
    [engine("dynamodb", "DynamoDB_20120810.ListTables"), engine("sqs", "AmazonSQS.ListQueues")]
}

impl Engine {
    /// The status of a request with these headers, and whether a page could read the response.
    async fn send(&self, method: Method, access_key: &str, headers: &[(&str, &str)]) -> (StatusCode, bool) {
        let scope = format!("{access_key}/20260301/local/dynamodb/aws4_request");
        let mut request = Client::new()
            .request(method, &self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", self.target)
            .header("x-amz-date", "20260301T090000Z")
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
            .body("{}");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.headers().contains_key("access-control-allow-origin"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engines_refuse_requests_without_the_secret_of_the_run() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let other = Shop::open(&program(&per_euro()), CLOCK).await;
    let [elsewhere, _] = engines(&other).await;
    for engine in engines(&shop).await {
        assert_eq!(engine.send(Method::POST, &engine.access_key, &[]).await.0, 200, "{}", engine.url);
        let shortened = &engine.access_key[..engine.access_key.len() - 1];
        for access_key in ["", "local", "test", shortened, &elsewhere.access_key] {
            let refused = engine.send(Method::POST, access_key, &[]).await;
            assert_eq!(refused, (StatusCode::FORBIDDEN, false), "{} {access_key}", engine.url);
        }
        // No headers at all, as a form or an image of any page sends.
        for method in [Method::GET, Method::POST, Method::PUT, Method::OPTIONS] {
            let response = Client::new().request(method.clone(), &engine.url).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {}", engine.url);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engines_refuse_browsers_and_foreign_hosts_even_with_the_secret() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    for engine in engines(&shop).await {
        let host = engine.url.strip_prefix("http://").unwrap().to_owned();
        let port = host.rsplit(':').next().unwrap();
        let (rebound, own) = (format!("evil.example:{port}"), format!("http://{host}"));
        for headers in [
            [("origin", "https://evil.example")],
            [("origin", "null")],
            [("origin", own.as_str())],
            [("sec-fetch-site", "cross-site")],
            [("sec-fetch-site", "same-origin")],
            [("host", rebound.as_str())],
            [("host", "evil.example")],
        ] {
            for method in [Method::POST, Method::GET, Method::OPTIONS] {
                let refused = engine.send(method.clone(), &engine.access_key, &headers).await;
                assert_eq!(refused, (StatusCode::FORBIDDEN, false), "{method} {headers:?} {}", engine.url);
            }
        }
        let local = format!("localhost:{port}");
        assert_eq!(engine.send(Method::POST, &engine.access_key, &[("host", &local)]).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_reaches_no_local_route() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let own = shop.stack.url().to_owned();
    let ask = async |headers: &[(&str, &str)]| {
        let body = json!({ "now": "2027-03-01T09:00:00Z" });
        let moved = shop.request_with(Method::POST, "/_local/clock", Some(&body), headers).await;
        let read = shop.request_with(Method::GET, "/_local/endpoints", None, headers).await;
        (moved.status, read.status)
    };
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://127.0.0.1:1")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(ask(&headers).await, (403, 403), "{headers:?}");
    }
    assert_eq!(shop.get("/_local/clock").await["now"], CLOCK);
    let headers = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&headers).await, (200, 200));
    assert_eq!(ask(&[("sec-fetch-site", "none")]).await, (200, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_rebound_to_loopback_is_refused() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let port = shop.stack.url().rsplit(':').next().unwrap().to_owned();
    let key = format!("Bearer {KEY}");
    for host in ["evil.example", &format!("evil.example:{port}"), &format!("127.0.0.1.evil.example:{port}")] {
        for (method, path) in [
            (Method::GET, "/_local/endpoints"),
            (Method::GET, "/_local/clock"),
            (Method::POST, "/_local/settle"),
            (Method::GET, "/v1/program"),
            (Method::GET, "/v1/openapi.json"),
        ] {
            let headers = [("host", host), ("authorization", key.as_str())];
            let refused = shop.request_with(method.clone(), path, None, &headers).await;
            assert_eq!((refused.status, refused.problem()), (421, "misdirected"), "{method} {path} as {host}");
        }
    }
    let named = [("host", &*format!("localhost:{port}")), ("authorization", key.as_str())];
    assert_eq!(shop.request_with(Method::GET, "/v1/program", None, &named).await.status, 200);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn modes(folder: &Path) -> Vec<(String, u32)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut modes: Vec<_> =
        entries.map(|entry| (entry.file_name().to_str().unwrap().to_owned(), mode(&entry.path()))).collect();
    modes.sort();
    modes
}

fn options(folder: &Path) -> StackOptions {
    StackOptions { storage: Storage::Folder(folder.to_owned()), ..StackOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_owner_can_read_the_data_folder() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/shop");
    let shop = Shop::with(&program(&per_euro()), options(&folder)).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.settle().await;
    let check = |folder: &Path| {
        let found = modes(folder);
        assert_eq!(mode(folder), 0o700);
        assert!(found.iter().all(|(_, mode)| *mode == 0o600), "{found:?}");
        let has = |name: &str| found.iter().any(|(found, _)| found == name);
        for name in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "dynamodb.sqlite-shm", "lock", "secrets.key"] {
            assert!(has(name), "{name} in {found:?}");
        }
    };
    check(&folder);
    shop.stack.shutdown().await;

    // A folder with open permissions is closed at the next start.
    for (name, _) in modes(&folder) {
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let shop = Shop::reopen(&folder).await;
    let kept: Value = shop.member("c-1").await;
    assert_eq!(kept["id"], "c-1");
    check(&folder);
    shop.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_with_other_files_is_refused_and_unchanged() {
    let shared = tempfile::tempdir().unwrap();
    std::fs::write(shared.path().join("notes.txt"), "of somebody else").unwrap();
    std::fs::set_permissions(shared.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = Platform::start(options(shared.path())).await.err().unwrap().to_string();
    assert!(refused.contains("choose a folder of its own"), "{refused}");
    assert_eq!(mode(shared.path()), 0o755);
    assert_eq!(modes(shared.path()).len(), 1);
}
