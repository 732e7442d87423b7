//! What clicks, conversions and merges cost: counted, not timed.

use serde_json::{Value, json};
use tessera_domain::decide::{decide_adjustment, read_adjustment};
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_store::{Commit, EntryKey, Party, Snapshot};

use super::link::{BROWSER, follow};
use super::{advocate, after_the_hold, available, buy, refer, shop};
use crate::shop::Shop;

/// The number of clicks that the costs are averaged over.
const CLICKS: u32 = 20;
/// The entries and the coupons of each member of a large merge.
const ENTRIES: u32 = 1_000;
const COUPONS: u32 = 200;

/// What a function used: read units, write units, and transactions.
#[derive(Debug, Clone, Copy)]
struct Used {
    reads: f64,
    writes: f64,
    transactions: f64,
}

async fn used(shop: &Shop, function: &str) -> Used {
    let capacity = shop.get("/_local/capacity").await;
    let of = &capacity["functions"][function];
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    Used {
        reads: number(&of["read_units"]),
        writes: number(&of["write_units"]),
        transactions: number(&of["dynamodb"]["TransactWriteItems"]["calls"]),
    }
}

#[allow(clippy::float_arithmetic, reason = "capacity units are fractions")]
async fn since(shop: &Shop, function: &str, before: Used) -> Used {
    let after = used(shop, function).await;
    Used {
        reads: after.reads - before.reads,
        writes: after.writes - before.writes,
        transactions: after.transactions - before.transactions,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::float_arithmetic, reason = "capacity units are fractions")]
async fn a_click_costs_one_read_unit_and_two_write_units() {
    let (shop, code) = shop(&json!({})).await;
    follow(&shop, &code, &[("user-agent", BROWSER)]).await;
    let clicks = f64::from(CLICKS);
    // A re-check of the configuration may fall into the run once.
    let slack = 1.0 / clicks;
    for is_first in [true, false] {
        let before = used(&shop, "referral-link").await;
        for n in 0..CLICKS {
            follow(&shop, &code, &[("user-agent", BROWSER), ("x-forwarded-for", &format!("203.0.113.{n}"))]).await;
        }
        let cost = since(&shop, "referral-link", before).await;
        let (reads, writes) = (cost.reads / clicks, cost.writes / clicks);
        println!("a click, first {is_first}: {reads} read and {writes} write units");
        assert!(reads <= 1.0 + slack, "{cost:?}");
        assert!(if is_first { writes <= 2.0 } else { writes <= 0.0 }, "{cost:?}");
    }
    assert_eq!(shop.get(&format!("/v1/referral-codes/{code}")).await["clicks"], CLICKS + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversion_is_at_most_two_transactions() {
    for hold_days in [0, 14] {
        let (shop, code) = shop(&json!({ "hold_days": hold_days })).await;
        refer(&shop, &code, "c-grace").await;
        let before = used(&shop, "referral-conversion").await;
        buy(&shop, "r-1", "c-grace", "70.00").await;
        if hold_days > 0 {
            after_the_hold(&shop).await;
        }
        let cost = since(&shop, "referral-conversion", before).await;
        println!("a conversion with a hold of {hold_days} days: {cost:?}");
        assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
        assert!(cost.transactions <= 2.0, "{cost:?}");
        shop.verify().await;
    }
}

/// A member with entries and coupons. Most entries are committed without the API, which would take minutes.
async fn busy(shop: &Shop, id: &str, entries: u32, coupons: u32) {
    advocate(shop, id).await;
    let award = json!({ "award": 100 * i64::from(coupons), "reason": "history" });
    assert_eq!(shop.post(&format!("/v1/members/{id}/adjustments"), &award).await.status, 201);
    for _ in 0..coupons {
        let redeemed = shop.post(&format!("/v1/members/{id}/redemptions"), &json!({ "reward": "five-off" })).await;
        assert_eq!(redeemed.status, 201, "{}", redeemed.body);
    }
    let (store, now) = (shop.stack.store(), shop.stack.now());
    let program = ProgramId::new(shop.program.clone()).unwrap();
    let version = store.load_head(&program).await.unwrap().unwrap().version;
    let config = store.load_program(&program, version).await.unwrap().unwrap();
    let member = MemberId::new(shop.member(id).await["inner_id"].as_str().unwrap()).unwrap();
    let adjustment = read_adjustment(&json!({ "award": 1, "reason": "history" })).unwrap();
    for n in 0..entries.saturating_sub(coupons + 1) {
        let key = EntryKey::adjustment(now, &format!("history {n}"));
        let commit = Commit::for_one(&program, &config, Party::new(&member, &key));
        let decide =
            |seen: &Snapshot<'_>| decide_adjustment(&seen.context(&config, now), seen.account, &adjustment, "history");
        store.commit(&commit, decide).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::float_arithmetic, reason = "capacity units are fractions")]
async fn a_merge_is_one_transaction_whatever_the_history() {
    let (shop, _) = shop(&json!({})).await;
    futures::join!(busy(&shop, "c-1", 2, 1), busy(&shop, "c-2", 2, 1));
    futures::join!(busy(&shop, "c-3", ENTRIES, COUPONS), busy(&shop, "c-4", ENTRIES, COUPONS));
    let mut costs = Vec::new();
    for (source, into) in [("c-1", "c-2"), ("c-3", "c-4")] {
        let before = used(&shop, "members").await;
        let merged = shop.post(&format!("/v1/members/{source}/merge"), &json!({ "into": into })).await;
        assert_eq!(merged.status, 200, "{}", merged.body);
        costs.push(since(&shop, "members", before).await);
    }
    let [few, many] = [costs[0], costs[1]];
    println!("a merge of members with 2 entries: {few:?}; with {ENTRIES} entries and {COUPONS} coupons: {many:?}");
    assert!(
        (many.transactions - 1.0).abs() < f64::EPSILON && (few.transactions - 1.0).abs() < f64::EPSILON,
        "{costs:?}"
    );
    // Accounts remember more rewards; they have no entries and no coupons in them.
    assert!(many.writes <= few.writes + 4.0 && many.reads <= few.reads + 2.0, "{costs:?}");
    let entries = shop.entries("c-4").await.len();
    assert!(entries > usize::try_from(2 * ENTRIES).unwrap(), "{entries}");
    let listed = shop.get("/v1/members/c-4/coupons?limit=250").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 250);
    shop.verify().await;
}
