//! What clicks, conversions and merges cost: counted, not timed.

use serde_json::{Value, json};

use super::link::{BROWSER, follow};
use super::{advocate, after_the_hold, available, buy, refer, shop};
use crate::shop::Shop;

/// The number of clicks that the costs are averaged over.
const CLICKS: u32 = 20;
/// The entries and the coupons of each member of a merge; `MERGE_ENTRIES=1000 MERGE_COUPONS=200` measures the numbers.
const ENTRIES: u32 = 40;
const COUPONS: u32 = 20;

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

/// A member with entries and coupons.
async fn busy(shop: &Shop, id: &str, entries: u32, coupons: u32) {
    advocate(shop, id).await;
    for n in 0..entries.saturating_sub(coupons) {
        let award = json!({ "award": 10_000, "reason": format!("history {n}") });
        assert_eq!(shop.post(&format!("/v1/members/{id}/adjustments"), &award).await.status, 201);
    }
    for _ in 0..coupons {
        let redeemed = shop.post(&format!("/v1/members/{id}/redemptions"), &json!({ "reward": "five-off" })).await;
        assert_eq!(redeemed.status, 201, "{}", redeemed.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::disallowed_methods, reason = "a measurement may be made with more")]
#[allow(clippy::float_arithmetic, reason = "capacity units are fractions")]
async fn a_merge_is_one_transaction_whatever_the_history() {
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (entries, coupons) = (number("MERGE_ENTRIES", ENTRIES), number("MERGE_COUPONS", COUPONS));
    let (shop, _) = shop(&json!({})).await;
    futures::join!(busy(&shop, "c-1", 2, 1), busy(&shop, "c-2", 2, 1));
    futures::join!(busy(&shop, "c-3", entries, coupons), busy(&shop, "c-4", entries, coupons));
    let mut costs = Vec::new();
    for (source, into) in [("c-1", "c-2"), ("c-3", "c-4")] {
        let before = used(&shop, "members").await;
        let merged = shop.post(&format!("/v1/members/{source}/merge"), &json!({ "into": into })).await;
        assert_eq!(merged.status, 200, "{}", merged.body);
        costs.push(since(&shop, "members", before).await);
    }
    let [few, many] = [costs[0], costs[1]];
    println!("a merge of members with 2 entries: {few:?}; with {entries} entries and {coupons} coupons: {many:?}");
    assert!(
        (many.transactions - 1.0).abs() < f64::EPSILON && (few.transactions - 1.0).abs() < f64::EPSILON,
        "{costs:?}"
    );
    // Accounts remember more rewards; they have no entries and no coupons in them.
    assert!(many.writes <= few.writes + 4.0 && many.reads <= few.reads + 2.0, "{costs:?}");
    let listed = shop.get("/v1/members/c-4/coupons?limit=250").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), usize::try_from(2 * coupons).unwrap().min(250));
    shop.verify().await;
}
