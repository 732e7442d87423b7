//! Policies, budgets and protections of the deployed stack.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tessera_local::stack::template::{Function, allows};

use crate::shop::{Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T09:00:00Z";
const TABLE: &str = "tessera-credentials";

/// The function that writes API keys and secrets, and the functions that only read them by key.
const OWNER: &str = "access";
const CHECKERS: [&str; 2] = ["authorizer", "customer-hub"];

const READS: [&str; 1] = ["GetItem"];
const LISTS: [&str; 5] = ["Query", "Scan", "BatchGetItem", "ExecuteStatement", "ExportTableToPointInTime"];
const WRITES: [&str; 5] = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "DeleteTable"];

fn functions(shop: &Shop) -> &BTreeMap<String, Function> {
    &shop.stack.stack().template().functions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_allow_credentials_only_to_their_owner_and_checkers() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let template = shop.stack.stack().template();
    let table = &template.tables[TABLE].arn;
    for (name, function) in functions(&shop) {
        let may = |action: &str| allows(&function.statements, &format!("dynamodb:{action}"), table, &[]);
        let is_owner = name == OWNER;
        let reads = is_owner || CHECKERS.contains(&name.as_str());
        assert_eq!(READS.map(may), [reads], "{name}");
        for action in LISTS {
            assert_eq!(may(action), is_owner && action == "Query", "{name} {action}");
        }
        for action in WRITES {
            let of_owner = ["PutItem", "UpdateItem", "DeleteItem"].contains(&action);
            assert_eq!(may(action), is_owner && of_owner, "{name} {action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_beyond_the_policy_is_refused() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let stack = shop.stack.stack();
    for name in functions(&shop).keys().filter(|name| *name != OWNER) {
        let client = stack.clients_of(name).unwrap().dynamodb;
        for (action, refused) in attempts(&client).await {
            let may = action == "GetItem" && CHECKERS.contains(&name.as_str());
            assert_eq!(refused, !may, "{name} {action}");
        }
    }
    // The owner is not refused, so the attempts themselves are valid.
    let owner = attempts(&stack.clients_of(OWNER).unwrap().dynamodb).await;
    let refused: Vec<&str> = owner.into_iter().filter(|(_, refused)| *refused).map(|(action, _)| action).collect();
    assert_eq!(refused, ["BatchGetItem", "Scan"]);
}

fn key() -> [(String, AttributeValue); 2] {
    ["pk", "sk"].map(|name| (name.to_owned(), AttributeValue::S("forged".to_owned())))
}

fn is_refused<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> bool {
    result.err().is_some_and(|error| error.code() == Some("AccessDeniedException"))
}

/// Every operation that reaches a credential, and whether it was refused.
async fn attempts(client: &Client) -> Vec<(&'static str, bool)> {
    let item = || Some(key().into());
    let put = Put::builder().table_name(TABLE).set_item(item()).build().unwrap();
    let delete = Delete::builder().table_name(TABLE).set_key(item()).build().unwrap();
    let transact = |write: TransactWriteItem| client.transact_write_items().transact_items(write).send();
    let keys = KeysAndAttributes::builder().keys(key().into()).build().unwrap();
    let query = client.query().table_name(TABLE).key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(":pk", AttributeValue::S("forged".to_owned()));
    vec![
        ("GetItem", is_refused(client.get_item().table_name(TABLE).set_key(item()).send().await)),
        ("BatchGetItem", is_refused(client.batch_get_item().request_items(TABLE, keys).send().await)),
        ("Query", is_refused(query.send().await)),
        ("Scan", is_refused(client.scan().table_name(TABLE).send().await)),
        ("PutItem", is_refused(client.put_item().table_name(TABLE).set_item(item()).send().await)),
        ("UpdateItem", is_refused(client.update_item().table_name(TABLE).set_key(item()).send().await)),
        ("DeleteItem", is_refused(client.delete_item().table_name(TABLE).set_key(item()).send().await)),
        ("TransactPut", is_refused(transact(TransactWriteItem::builder().put(put).build()).await)),
        ("TransactDelete", is_refused(transact(TransactWriteItem::builder().delete(delete).build()).await)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_alone_do_not_suffice_to_hash_an_address() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let member = json!({ "id": "c-1", "email": "ada@example.com" });
    assert_eq!(shop.post("/v1/members", &member).await.status, 201);
    let dynamodb = shop.stack.stack().clients("operator").dynamodb;
    let items = async |table: &str| dynamodb.scan().table_name(table).send().await.unwrap().items.unwrap();
    let members = format!("{:?}", items("tessera-members").await);
    let hash = |key: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(b"ada@example.com");
        hex::encode(mac.finalize().into_bytes())
    };
    // An operator who has the secrets key can.
    let id = tessera_domain::ids::ProgramId::new(shop.program.as_str()).unwrap();
    let key = shop.stack.store().load_head(&id).await.unwrap().unwrap().identity_key.open().await.unwrap();
    assert!(members.contains(&hash(key.as_bytes())), "{members}");
    // No stored value works as a key.
    for table in ["tessera-programs", TABLE, "tessera-members"] {
        for (name, value) in items(table).await.iter().flatten() {
            let stored = match value {
                AttributeValue::B(bytes) => bytes.as_ref(),
                AttributeValue::S(text) => text.as_bytes(),
                _ => continue,
            };
            assert!(!members.contains(&hash(stored)), "{table} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backtests_have_a_daily_budget() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let other = Shop::open(&program(&per_euro()), CLOCK).await;
    let ask = async |shop: &Shop| shop.post("/v1/rules/backtest", &json!({ "rules": [] })).await;
    for _ in 0..20 {
        assert_eq!(ask(&shop).await.status, 202);
    }
    let refused = ask(&shop).await;
    assert_eq!((refused.status, refused.problem()), (429, "too_many_requests"));
    // Seconds until midnight UTC.
    assert_eq!(refused.headers["retry-after"], "54000");
    assert_eq!(ask(&other).await.status, 202, "each program has its own budget");
    shop.clock("2026-03-02T00:00:00Z").await;
    assert_eq!(ask(&shop).await.status, 202);
}

#[test]
fn tables_are_protected_from_deletion_by_default() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let template = read("template.yaml");
    let parameter =
        template.split("\n  DeletionProtection:\n").nth(1).unwrap().split("\n  PointInTime").next().unwrap();
    assert!(parameter.contains("Default: \"true\""), "{parameter}");
    let tables = template.matches("Type: AWS::DynamoDB::Table\n").count();
    assert_eq!(tables, 4);
    assert_eq!(template.matches("DeletionProtectionEnabled: !Ref DeletionProtection\n").count(), tables);
    assert!(!read("samconfig.toml").contains("DeletionProtection=false"));
}
