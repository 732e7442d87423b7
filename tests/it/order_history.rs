//! Real orders, imported as an order history, give what the same receipts give.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tessera_domain::money::Currency;
use tessera_local::import::ImportClient;
use tessera_local::replay::{Columns, Orders, ReadOptions, ReplayRequest, SendOptions, read_orders, send};

use crate::shop::{KEY, Shop};

const CLOCK: &str = "2011-07-01T12:00:00Z";

fn read(csv: &[u8]) -> Orders {
    let options = ReadOptions {
        columns: Columns::default(),
        currency: Currency::from_code("GBP").unwrap(),
        zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
        cancellation: "C".to_owned(),
        shift_weeks: 0,
        limit: None,
    };
    read_orders(csv, &options).unwrap()
}

/// The receipts as the rows of a CSV file: one for each line, with the order's columns repeated.
fn history(receipts: &[ReplayRequest]) -> String {
    let mut csv = String::from("order id,customer id,date,store,channel,sku,product,category,quantity,amount\n");
    let cell = |value: &Value| format!("\"{}\"", value.as_str().unwrap_or_default().replace('"', "\"\""));
    for receipt in receipts {
        let ReplayRequest::Receipt { body } = receipt else { continue };
        let order = [&body["id"], &body["member"]["id"], &body["occurred_at"], &body["store"], &body["channel"]];
        let order = order.map(cell).join(",");
        for line in body["lines"].as_array().unwrap() {
            let line = ["sku", "product", "category", "quantity", "amount"].map(|field| cell(&line[field])).join(",");
            writeln!(csv, "{order},{line}").unwrap();
        }
    }
    csv
}

/// Imports a file as the command line does; returns the state at the end.
async fn import(shop: &Shop, csv: &str) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), csv).unwrap();
    let plan = tessera_import::PlanRequest {
        kind: tessera_import::ImportKind::Orders,
        source: tessera_import::ImportSource::Generic,
        mode: tessera_import::ImportMode::Add,
        mapping: std::collections::BTreeMap::new(),
        id_prefix: None,
        points_per_unit: None,
        dates: None,
        code_page: tessera_import::CodePage::default(),
    };
    let client = ImportClient::new(shop.stack.url(), KEY);
    let created = client.create(&json!({ "kind": "orders", "source": "generic", "mode": "add" })).await.unwrap();
    let id = created["id"].as_str().unwrap();
    let parts = client.upload(id, file.path(), &plan, |_| ()).await.unwrap();
    client.start(id, Some(parts)).await.unwrap();
    let state = client.wait(id, |_| ()).await.unwrap();
    shop.settle().await;
    state
}

async fn replay(shop: &Shop, requests: &[ReplayRequest]) -> usize {
    // One by one, so that decisions that depend on the order follow the receipts' times.
    let sending =
        SendOptions { url: shop.stack.url().to_owned(), key: KEY.to_owned(), concurrency: 1, progress: false };
    let sent = send(requests, &sending).await.unwrap();
    assert_eq!(sent.refused_count, 0, "{:?}", sent.refused);
    shop.settle().await;
    sent.receipts + sent.refunds
}

/// Compares every customer's points, tier and progress.
async fn compare(imported: &Shop, replayed: &Shop, orders: &Orders) {
    for customer in orders.spent.keys() {
        let (one, other) = (imported.member(customer).await, replayed.member(customer).await);
        for field in ["points", "tier", "status"] {
            assert_eq!(one[field], other[field], "{field} of {customer}");
        }
    }
    let (one, other) = (imported.verify().await, replayed.verify().await);
    assert_eq!((one.members, one.entries, one.facts), (other.members, other.entries, other.facts));
    assert_eq!(one.programs[&imported.program], other.programs[&replayed.program]);
}

/// Imports the orders of a file into one shop and replays them in another; then the returns reach both. Returns the number of
/// orders and of returns.
async fn both(csv: &[u8]) -> (usize, usize) {
    let document: Value = serde_json::from_str(include_str!("../programs/forty-rules.json")).unwrap();
    let (imported, replayed) = (Shop::open(&document, CLOCK).await, Shop::open(&document, CLOCK).await);
    let orders = read(csv);
    let is_receipt = |request: &&ReplayRequest| matches!(request, ReplayRequest::Receipt { .. });
    let receipts: Vec<ReplayRequest> = orders.operations.iter().filter(is_receipt).cloned().collect();
    let refunds: Vec<ReplayRequest> = orders.operations.iter().filter(|one| !is_receipt(one)).cloned().collect();

    let csv = history(&receipts);
    let state = import(&imported, &csv).await;
    assert_eq!((&state["state"], &state["failed"]), (&json!("done"), &json!(0)), "{state}");
    assert_eq!(state["rows"], csv.lines().count() - 1);
    assert_eq!(replay(&replayed, &receipts).await, receipts.len());
    compare(&imported, &replayed, &orders).await;
    let issued = replayed.verify().await.programs[&replayed.program].issued;
    assert!(issued > 100_000, "{issued}");

    // A history has no returns: those that come later find the lines of its orders.
    assert_eq!(replay(&imported, &refunds).await, refunds.len());
    assert_eq!(replay(&replayed, &refunds).await, refunds.len());
    compare(&imported, &replayed, &orders).await;
    println!("{} orders, {} returns, {issued} points issued", receipts.len(), refunds.len());
    (receipts.len(), refunds.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_week_of_order_history_equals_the_same_week_replayed() {
    let week = include_bytes!("../../local/src/demo/online-retail-week.csv").as_slice();
    assert_eq!(both(week).await, (329, 12));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: set ONLINE_RETAIL_CSV to the half-year of real orders"]
#[allow(clippy::disallowed_methods, reason = "the file is not part of the repository")]
async fn half_a_year_of_order_history_equals_the_same_half_year_replayed() {
    let rows = std::fs::read(std::env::var("ONLINE_RETAIL_CSV").unwrap()).unwrap();
    assert!(both(&rows).await.0 > 5_000);
}
