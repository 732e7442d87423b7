//! Moving out and in: what is exported restores without loss.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::import::ImportClient;
use tessera_local::transfer;
use tessera_store::ExportKind;

use crate::shop::{KEY, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

/// The lines of each kind, sorted: tables have no order.
async fn export(shop: &Shop, folder: &Path) -> BTreeMap<&'static str, Vec<String>> {
    transfer::export(&ImportClient::new(shop.stack.url(), KEY), folder, |_, _| ()).await.unwrap();
    let read = |kind: ExportKind| {
        let text = fs::read_to_string(folder.join(format!("{}.ndjson", kind.name()))).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        (kind.name(), lines)
    };
    ExportKind::ALL.into_iter().map(read).collect()
}

/// A shop with something of everything.
async fn full() -> Shop {
    let mut document = program(&per_euro());
    document["rewards"].as_array_mut().unwrap().push(json!({ "id": "pooled", "name": "Pooled", "type": "custom",
        "cost": 1, "code": { "pool": true } }));
    let shop = Shop::open(&document, CLOCK).await;
    let ada = json!({ "id": "c-1", "email": "ada@example.com", "verified": ["email", "card"], "first_name": "Ada",
                      "birth_date": "1990-03-02", "lists": ["newsletter"], "consent": { "email": true }, "card": "123" });
    // A contact who joins: an alias, and an account that is part of another.
    assert_eq!(shop.post("/v1/receipts", &receipt("r-00", "c-1", "1.00")).await.status, 202);
    let mut guest = receipt("r-0", "c-1", "12.00");
    guest["member"] = json!({ "email": "ada@example.com" });
    assert_eq!(shop.post("/v1/receipts", &guest).await.status, 202);
    shop.settle().await;
    for (path, body) in [
        ("/v1/members", ada),
        ("/v1/receipts", receipt("r-1", "c-1", "700.00")),
        ("/v1/receipts", receipt("r-2", "c-2", "50.00")),
        ("/v1/receipts/r-2/refunds", json!({ "id": "f-1", "occurred_at": "2026-03-02T10:00:00Z", "amount": "10.00" })),
        ("/v1/rewards/pooled/codes", json!({ "codes": ["P-1", "P-2", "P-3"] })),
        ("/v1/members", json!({ "id": "c-2", "email": "bob@example.com" })),
    ] {
        let response = shop.post(path, &body).await;
        assert!(response.status < 300, "{path}: {}", response.body);
        shop.settle().await;
    }
    for reward in ["five-off", "last-one", "pooled"] {
        let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": reward })).await;
        assert_eq!(redeemed.status, 201, "{}", redeemed.body);
    }
    let mut changed = shop.get("/v1/program").await;
    changed["name"] = json!("Club Bea");
    assert_eq!(shop.request(Method::PUT, "/v1/program", Some(&changed)).await.status, 200);
    shop.post("/v1/receipts", &receipt("r-3", "c-1", "1.00")).await;
    shop.settle().await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_restores_without_loss() {
    let (old, new) = (full().await, Shop::open(&program(&json!([])), CLOCK).await);
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let exported = export(&old, first.path()).await;
    let client = ImportClient::new(new.stack.url(), KEY);
    let sealed = transfer::restore(&client, first.path(), |_, _| ()).await.unwrap();
    assert_eq!(sealed["members"], 3, "{sealed}");
    let again = export(&new, second.path()).await;
    for (kind, lines) in &exported {
        assert_eq!(&again[kind], lines, "{kind}");
    }
    let (proven, expected) = (new.verify().await, old.verify().await);
    assert_eq!((proven.members, proven.entries, proven.facts), (expected.members, expected.entries, expected.facts));

    // It is the same shop: whoever is named, whatever is asked.
    for path in ["/v1/members/c-1", "/v1/members/email:ada@example.com", "/v1/members/card:123", "/v1/members/c-2/hub"]
    {
        assert_eq!(new.get(path).await, old.get(path).await, "{path}");
    }
    for shop in [&old, &new] {
        let back = json!({ "id": "f-2", "occurred_at": "2026-03-05T10:00:00Z", "amount": "700.00" });
        assert_eq!(shop.post("/v1/receipts/r-1/refunds", &back).await.status, 202);
        let pooled = shop.post("/v1/members/c-2/redemptions", &json!({ "reward": "pooled" })).await;
        assert_eq!(pooled.status, 201, "{}", pooled.body);
    }
    new.settle().await;
    old.settle().await;
    assert_eq!(new.member("c-1").await, old.member("c-1").await);
    new.verify().await;

    let closed = new.request(Method::PUT, "/v1/restore/members/1", Some(&json!({}))).await;
    assert_eq!((closed.status, closed.problem()), (409, "restore_sealed"));
    let in_use = old.request(Method::PUT, "/v1/restore/members/1", Some(&json!({}))).await;
    assert_eq!((in_use.status, in_use.problem()), (409, "program_in_use"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_notified_of_a_restore() {
    let (old, new) = (full().await, Shop::open(&program(&json!([])), CLOCK).await);
    // Nobody listens there: a delivery would be recorded as failed.
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
    let endpoint = new.post("/v1/webhook-endpoints", &hook).await;
    assert_eq!(endpoint.status, 201, "{}", endpoint.body);
    let deliveries = format!("/v1/webhook-endpoints/{}/deliveries", endpoint.body["id"].as_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    export(&old, folder.path()).await;
    let client = ImportClient::new(new.stack.url(), KEY);
    transfer::restore(&client, folder.path(), |_, _| ()).await.unwrap();
    new.settle().await;
    assert_eq!(new.get(&deliveries).await["items"], json!([]));
    new.post("/v1/receipts", &receipt("r-9", "c-1", "5.00")).await;
    new.settle().await;
    assert_ne!(new.get(&deliveries).await["items"], json!([]), "the endpoint does listen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_says_everything_in_plain_words_and_no_secret() {
    let shop = full().await;
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&shop, folder.path()).await;
    let all: Vec<Value> = exported.values().flatten().map(|line| serde_json::from_str(line).unwrap()).collect();
    let one = |test: &dyn Fn(&Value) -> bool| all.iter().any(test);
    // Portability: members, points, lots, tiers, transactions, rewards, codes, consent.
    assert!(one(&|line| line["id"] == "c-1" && line["identifiers"][0]["value"] == "ada@example.com"), "members");
    assert!(one(&|line| line["balance"] == 603), "points");
    assert!(one(&|line| line["lots"][0]["points"] == 603), "lots");
    assert!(one(&|line| line["tier"]["id"] == "silver" && line["tier"]["until"] == "2027-12-31"), "tiers");
    assert!(
        one(&|line| line["points"]["redeemable"] == 700 && line["cause"].to_string().contains("r-1")),
        "transactions"
    );
    assert!(one(&|line| line["reward"] == "five-off" && line["status"] == "available"), "rewards");
    assert!(one(&|line| line["item"]["cc"]["S"].as_str().is_some_and(|code| code.starts_with("P-"))), "codes");
    assert!(one(&|line| !line["consent"]["email"].is_null()), "consent");

    let text = exported.values().flatten().cloned().collect::<String>();
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(KEY.as_bytes()));
    for secret in [KEY, &shop.secret, &hash, &shop.program] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_while_receipts_arrive_restores_what_it_has() {
    let shop = full().await;
    let folder = tempfile::tempdir().unwrap();
    let receipts = async {
        for number in 0..60 {
            shop.post("/v1/receipts", &receipt(&format!("late-{number}"), "c-1", "3.00")).await;
        }
    };
    tokio::join!(export(&shop, folder.path()), receipts);
    let new = Shop::open(&program(&json!([])), CLOCK).await;
    let client = ImportClient::new(new.stack.url(), KEY);
    transfer::restore(&client, folder.path(), |_, _| ()).await.unwrap();
    new.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_pages_change_nothing() {
    let shop = Shop::open(&program(&json!([])), CLOCK).await;
    let put = async |path: &str, text: &str| {
        shop.send_raw(Method::PUT, path, "application/x-ndjson", text.as_bytes().to_vec()).await
    };
    let account = r#"{"item":{"pk":{"S":"~#m#m_1"},"sk":{"S":"account"},"v":{"N":"1"}}}"#;
    for (path, text, status) in [
        ("/v1/restore/people/1", account, 404),
        ("/v1/restore/members/x", account, 404),
        ("/v1/restore/members/1", "{", 400),
        ("/v1/restore/members/1", "{}", 400),
        ("/v1/restore/entries/1", account, 400),
        ("/v1/restore/members/1", &account.replace("~#m", "prg_other#m"), 400),
        ("/v1/restore/program/1", account, 400),
    ] {
        let response = put(path, text).await;
        assert_eq!(response.status, status, "{path} {text}: {}", response.body);
    }
    assert_eq!(shop.verify().await.members, 0);
    let unknown = shop.request(Method::GET, "/v1/export?kind=people", None).await;
    assert_eq!((unknown.status, unknown.problem()), (400, "invalid"));
    // Points without an entry are not sealed.
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let used = put("/v1/restore/members/1", account).await;
    assert_eq!((used.status, used.problem()), (409, "program_in_use"));
}
