//! `verify` is not blind: whatever item of a sound store is lost, or says something else than its neighbours, it is reported.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

type Item = HashMap<String, AttributeValue>;

/// A store with everything that `verify` compares: purchases, a return, a reservation, a friend who was referred, a merge, and
/// a receipt that was moved.
async fn open() -> Shop {
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00", "first_only": true } }, "attribution_days": 30, "hold_days": 0,
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    let shop = Shop::open(&document, CLOCK).await;
    for id in ["ada", "old", "new"] {
        assert_eq!(shop.post("/v1/members", &json!({ "id": id })).await.status, 201);
    }
    let code = shop.member("ada").await["referral_code"].clone();
    let done = async |path: &str, body| {
        let response = shop.post(path, &body).await;
        assert!(response.status < 300, "{path}: {}", response.body);
        shop.settle().await;
    };
    done("/v1/referrals", json!({ "code": code, "friend": { "id": "ben" } })).await;
    let mut after_referral = receipt("r-ben", "ben", "200.00");
    after_referral["occurred_at"] = json!("2026-03-01T12:00:30+01:00");
    done("/v1/receipts", after_referral).await;
    done("/v1/receipts", receipt("r-ada", "ada", "150.00")).await;
    done("/v1/receipts", receipt("r-moved", "ada", "40.00")).await;
    done("/v1/receipts/r-moved/move", json!({ "member": { "id": "new" }, "reason": "wrong till" })).await;
    let refund = json!({ "id": "f-1", "occurred_at": "2026-03-01T11:00:00+01:00", "amount": "20.00" });
    done("/v1/receipts/r-ada/refunds", refund).await;
    done("/v1/members/ada/redemptions", json!({ "reward": "five-off", "reserve": true })).await;
    done("/v1/receipts", receipt("r-old", "old", "30.00")).await;
    done("/v1/members/old/merge", json!({ "into": "new" })).await;
    assert_eq!(shop.get("/v1/members/ada/referrals").await["items"][0]["status"], "rewarded");
    shop.verify().await;
    shop
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().unwrap()
}

fn key(item: &Item) -> Item {
    ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone())).into()
}

async fn items(client: &Client, table: &str) -> Vec<Item> {
    let found = client.scan().table_name(table).send().await.unwrap();
    assert!(found.last_evaluated_key().is_none());
    found.items().to_vec()
}

async fn put(client: &Client, table: &str, item: &Item) {
    client.put_item().table_name(table).set_item(Some(item.clone())).send().await.unwrap();
}

async fn delete(client: &Client, table: &str, item: &Item) {
    client.delete_item().table_name(table).set_key(Some(key(item))).send().await.unwrap();
}

async fn discrepancies(shop: &Shop) -> Vec<String> {
    tessera_local::verify::verify(shop.stack.store()).await.unwrap().discrepancies
}

/// The items of a table that `verify` must miss, by the beginning of their sort key: those of the members' partitions alone.
async fn proven(client: &Client) -> BTreeMap<&'static str, Vec<Item>> {
    let mut proven: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in items(client, "tessera-members").await {
        let is_of_member = text(&item, "pk").contains("#m_");
        for kind in ["account", "e#", "friend"] {
            if is_of_member && text(&item, "sk").starts_with(kind) {
                proven.entry(kind).or_default().push(item.clone());
            }
        }
    }
    proven
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_account_entry_or_referral_is_reported() {
    let shop = open().await;
    let client = shop.stack.stack().clients("operator").dynamodb;
    let proven = proven(&client).await;
    for (kind, least) in [("account", 4), ("e#", 9), ("friend", 1)] {
        let items = &proven[kind];
        assert!(items.len() >= least, "{kind}: {}", items.len());
        for item in items {
            delete(&client, "tessera-members", item).await;
            let found = discrepancies(&shop).await;
            assert!(!found.is_empty(), "{} {} is lost", text(item, "pk"), text(item, "sk"));
            put(&client, "tessera-members", item).await;
        }
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_or_entry_of_somebody_else_is_reported() {
    let shop = open().await;
    let client = shop.stack.stack().clients("operator").dynamodb;
    let proven = proven(&client).await;
    // An enrolment without points says the same of everybody.
    let of_receipts = |item: &&Item| text(item, "sk").contains("#R#");
    let entries: Vec<&Item> = proven["e#"].iter().filter(of_receipts).collect();
    for kind in [proven["account"].iter().collect(), entries] {
        assert!(kind.len() >= 4, "{}", kind.len());
        for (item, other) in kind.iter().copied().zip(kind.iter().copied().cycle().skip(1)) {
            let swapped: Item = other.clone().into_iter().chain(key(item)).collect();
            put(&client, "tessera-members", &swapped).await;
            let found = discrepancies(&shop).await;
            assert!(!found.is_empty(), "{} {} has the body of another", text(item, "pk"), text(item, "sk"));
            put(&client, "tessera-members", item).await;
        }
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_stands_twice_is_reported() {
    let shop = open().await;
    let client = shop.stack.stack().clients("operator").dynamodb;
    for item in &proven(&client).await["e#"] {
        let mut twice = item.clone();
        twice.insert("sk".to_owned(), AttributeValue::S(format!("{}0", text(item, "sk"))));
        put(&client, "tessera-members", &twice).await;
        let found = discrepancies(&shop).await;
        assert!(!found.is_empty(), "{} {} stands twice", text(item, "pk"), text(item, "sk"));
        delete(&client, "tessera-members", &twice).await;
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_without_its_coupon_is_reported() {
    let shop = open().await;
    let client = shop.stack.stack().clients("operator").dynamodb;
    let coupons: Vec<Item> =
        items(&client, "tessera-members").await.into_iter().filter(|item| text(item, "sk").starts_with("c#")).collect();
    assert_eq!(coupons.len(), 1);
    delete(&client, "tessera-members", &coupons[0]).await;
    let found = discrepancies(&shop).await;
    assert!(found.len() == 1 && found[0].ends_with("which is not reserved"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_or_undecided_fact_is_reported() {
    let shop = open().await;
    let client = shop.stack.stack().clients("operator").dynamodb;
    let facts = items(&client, "tessera-facts").await;
    let facts: Vec<&Item> = facts
        .iter()
        .filter(|item| ["receipt", "refund"].contains(&text(item, "sk")) || text(item, "sk").contains('#'))
        .collect();
    assert!(facts.len() >= 5, "{}", facts.len());
    for item in facts {
        delete(&client, "tessera-facts", item).await;
        let found = discrepancies(&shop).await;
        assert!(
            found.iter().any(|one| one.contains("has an entry but no fact") || one.contains("has no decision")),
            "{} {}: {found:?}",
            text(item, "pk"),
            text(item, "sk")
        );
        put(&client, "tessera-facts", item).await;
    }
    shop.verify().await;
}
