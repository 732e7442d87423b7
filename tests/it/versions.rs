//! Compatibility of two versions that run side by side: older items are read, newer ones are refused with an error.
//!
//! `golden/1` holds items and messages of version 1 and must not change: code that cannot read them would lose points. A
//! change of a stored shape adds another folder, written by the ignored test `write_golden`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::fact::{FactId, FactKind};
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_lambda::message::{FactMessage, MessageError};
use tessera_lambda::task::TaskMessage;
use tessera_store::TaskKind;

use crate::faults::journeys::{CLOCK, full_program};
use crate::faults::sender::Sender;
use crate::faults::state::end;
use crate::shop::{Shop, receipt};

const TABLES: [&str; 4] = ["tessera-members", "tessera-facts", "tessera-programs", "tessera-credentials"];

type Item = HashMap<String, AttributeValue>;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/1").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

/// A value in DynamoDB's JSON format.
fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(to_json).collect::<Vec<_>>() }),
        other => panic!("{other:?} is not stored"),
    }
}

fn from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    let list = || value.as_array().unwrap().iter();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text()).unwrap())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "SS" => AttributeValue::Ss(list().map(|text| text.as_str().unwrap().to_owned()).collect()),
        "L" => AttributeValue::L(list().map(from_json).collect()),
        other => panic!("{other} is not stored"),
    }
}

/// All items of a table, sorted by key.
async fn items(shop: &Shop, table: &str) -> Vec<Item> {
    let scan = shop.stack.stack().clients("operator").dynamodb.scan().table_name(table);
    let mut items = scan.send().await.unwrap().items.unwrap();
    items.sort_by_key(|item| (item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone()));
    items
}

async fn put(shop: &Shop, table: &str, item: Item) {
    let put = shop.stack.stack().clients("operator").dynamodb.put_item();
    put.table_name(table).set_item(Some(item)).send().await.unwrap();
}

/// A customer's history with every kind of fact.
async fn history(sender: &mut Sender) {
    let enrol = json!({ "id": "c-1", "email": "ada@example.com", "birth_date": "1990-03-02", "tags": ["friends"],
                        "attributes": { "shoe": 38 }, "consent": { "email": true } });
    let enrolled = sender.request(Method::POST, "/v1/members", Some(&enrol), None).await;
    assert_eq!(enrolled.status, 201, "{}", enrolled.body);
    let patch = json!({ "lists": ["newsletter"] });
    assert_eq!(sender.request(Method::PATCH, "/v1/members/c-1", Some(&patch), None).await.status, 200);
    let mut bought = receipt("r-1", "c-1", "620.00");
    bought["lines"] = json!([{ "id": "1", "sku": "SW-1", "category": "winter", "quantity": "2", "amount": "620.00",
                               "attributes": { "season": "fw" } }]);
    sender.post("/v1/receipts", &bought, None).await;
    let refund = |id: &str| json!({ "id": id, "occurred_at": "2026-03-01T11:30:00+01:00", "amount": "5.00" });
    sender.post("/v1/receipts/r-2/refunds", &refund("f-early"), None).await;
    let mut nobodys = receipt("r-2", "", "30.00");
    nobodys["member"] = json!(null);
    sender.post("/v1/receipts", &nobodys, None).await;
    sender.post("/v1/receipts/r-2/claim", &json!({ "member": { "id": "c-1" } }), None).await;
    sender.settle().await;
    sender.post("/v1/receipts/r-1/refunds", &refund("f-1"), None).await;
    let opened = json!({ "id": "i-1", "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": "c-1" },
                         "name": "email_opened", "properties": { "message": "m-1" } });
    sender.post("/v1/interactions", &opened, None).await;
    sender.settle().await;
    for (key, redemption) in
        [("k-1", json!({ "reward": "five-off" })), ("k-2", json!({ "reward": "five-off", "reserve": true }))]
    {
        sender.post("/v1/members/c-1/redemptions", &redemption, Some(key)).await;
    }
    sender.post("/v1/members/c-1/adjustments", &json!({ "award": 25, "reason": "sorry" }), Some("k-3")).await;
}

/// A message of each kind in the current version.
fn messages() -> Value {
    let (program, member) = (ProgramId::new("prg_1").unwrap(), MemberId::new("m_1").unwrap());
    // Natural keys consist of dates, which are valid identifiers too.
    let part = || "2026-03-02".to_owned();
    let keys = [vec![part()], vec![part(), part()]];
    let named = |kind: &FactKind| keys.iter().find_map(|key| FactId::from_natural_key(*kind, key)).unwrap();
    let message = |kind| FactMessage::new(program.clone(), member.clone(), named(kind), Some(b"packed"));
    let mut facts: Vec<String> = FactKind::ALL.iter().map(|kind| message(kind).to_text()).collect();
    let long = FactMessage::new(program.clone(), member.clone(), named(&FactKind::Receipt), Some(&vec![0; 200_000]));
    facts.push(long.to_text());
    json!({ "facts": facts, "backtest": TaskMessage::new(TaskKind::Backtest, program, "bt_1".to_owned()).to_text() })
}

/// A stack with the items of version 1.
async fn stored() -> Sender {
    let mut sender = Sender::empty(CLOCK).await;
    for table in TABLES {
        for item in read(&format!("{table}.json")).as_array().unwrap() {
            let item = item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), from_json(value)));
            put(sender.shop(), table, item.collect()).await;
        }
    }
    sender.settle().await;
    sender
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes what this version stores"]
async fn write_golden() {
    let mut sender = Sender::open(&full_program(), CLOCK, None).await;
    history(&mut sender).await;
    let end = end(&mut sender, &["c-1"]).await;
    std::fs::create_dir_all(golden("")).unwrap();
    let write = |name: &str, value: &Value| {
        std::fs::write(golden(name), format!("{}\n", serde_json::to_string_pretty(value).unwrap())).unwrap();
    };
    write("end.json", &end);
    write("messages.json", &messages());
    for table in TABLES {
        let items = items(sender.shop(), table).await;
        let items = items.iter().map(|item| {
            let sorted: std::collections::BTreeMap<_, _> =
                item.iter().map(|(name, value)| (name, to_json(value))).collect();
            json!(sorted)
        });
        write(&format!("{table}.json"), &items.collect());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_version_1_are_read_and_continued() {
    let mut sender = stored().await;
    assert_eq!(end(&mut sender, &["c-1"]).await, read("end.json"));
    // Repetitions are recognized, and new facts are decided on top.
    let before = sender.get("/v1/members/c-1").await["points"]["available"].as_i64().unwrap();
    let redemption = json!({ "reward": "five-off" });
    let again = sender.request(Method::POST, "/v1/members/c-1/redemptions", Some(&redemption), Some("k-1")).await;
    assert_eq!(again.status, 201);
    sender.post("/v1/receipts", &receipt("r-9", "c-1", "10.00"), None).await;
    sender.settle().await;
    assert_eq!(sender.get("/v1/members/c-1").await["points"]["available"], before + 13);
    sender.shop().verify().await;
}

#[test]
fn messages_of_version_1_round_trip() {
    let sent = read("messages.json");
    for text in sent["facts"].as_array().unwrap() {
        let text = text.as_str().unwrap();
        assert_eq!(FactMessage::parse(text).unwrap().to_text(), text);
        let later = text.replace("\"version\":1", "\"version\":2");
        assert!(matches!(FactMessage::parse(&later), Err(MessageError::Version(2))));
        let other = text.replace("\"type\":\"", "\"type\":\"un");
        assert!(matches!(FactMessage::parse(&other), Err(MessageError::Unknown(_))));
    }
    let backtest = sent["backtest"].as_str().unwrap();
    assert_eq!(TaskMessage::parse(backtest).unwrap().to_text(), backtest);
}

/// The item as a version with one more field would store it.
fn newer(mut item: Item) -> Item {
    let mut bytes = item["b"].as_b().unwrap().clone().into_inner();
    // A CBOR map: its head holds the number of fields.
    assert!((0xa0..0xb7).contains(&bytes[0]), "{:x}", bytes[0]);
    bytes[0] += 1;
    bytes.extend([0x62, b'z', b'z', 0x01]);
    item.insert("b".to_owned(), AttributeValue::B(Blob::new(bytes)));
    item
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_a_newer_version_are_refused() {
    let redeem = json!({ "reward": "five-off" });
    let code = |end: &Value| end["members"][0]["coupons"].as_array().unwrap().len();
    assert_eq!(code(&read("end.json")), 3);
    for (table, sort, method, path, body) in [
        ("tessera-members", "account", Method::GET, "/v1/members/c-1", None),
        ("tessera-members", "account", Method::POST, "/v1/members/c-1/redemptions", Some(&redeem)),
        ("tessera-members", "profile", Method::GET, "/v1/members/c-1", None),
        ("tessera-members", "e#", Method::GET, "/v1/members/c-1/entries", None),
        ("tessera-members", "c#", Method::GET, "/v1/members/c-1/coupons", None),
        ("tessera-facts", "receipt", Method::GET, "/v1/receipts/r-1", None),
        ("tessera-facts", "F#", Method::GET, "/v1/receipts/r-1", None),
        ("tessera-facts", "interaction", Method::GET, "/v1/interactions/i-1", None),
    ] {
        let sender = stored().await;
        let shop = sender.shop();
        let is_meant = |item: &&Item| item["sk"].as_s().unwrap().starts_with(sort) && item.contains_key("b");
        let old: Vec<Item> = items(shop, table).await.iter().filter(is_meant).cloned().collect();
        assert!(!old.is_empty(), "{sort}");
        for item in &old {
            put(shop, table, newer(item.clone())).await;
        }
        let refused = shop.request(method.clone(), path, body).await;
        assert_eq!((refused.status, refused.problem()), (503, "unavailable"), "{sort} {method} {path}");
        // A fact of this member becomes a dead letter until the new version is deployed.
        if sort == "account" {
            assert_eq!(shop.post("/v1/receipts", &receipt("r-9", "c-1", "10.00")).await.status, 202);
            let dead = shop.stack.stack().settle().await.unwrap();
            assert_eq!(dead.get("tessera-facts-dead.fifo"), Some(&1));
            for item in old {
                put(shop, table, item).await;
            }
            shop.redrive().await;
            shop.settle().await;
            assert_eq!(shop.get("/v1/receipts/r-9").await["status"], "evaluated");
            shop.verify().await;
        }
    }
}
