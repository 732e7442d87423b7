//! Capacity units and requests per receipt (goals G4 and G5): counted, not timed.

use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

/// The number of receipts that the costs are averaged over.
const RECEIPTS: u32 = 20;

/// Ten rules with a running total each.
fn ten_counters() -> Value {
    let rules = (0..10).map(|n| {
        json!({ "id": format!("rule-{n}"), "name": format!("Rule {n}"), "status": "active",
                "starts_at": "2026-01-01T00:00:00", "on": { "receipt": { "spend": { "every": format!("{}.00", 40 + n) } } },
                "then": [{ "credit": { "points": 10, "kind": "both" } }] })
    });
    Value::Array(rules.collect())
}

fn five_lines(id: &str) -> Value {
    let mut body = receipt(id, "c-1", "150.00");
    let line = |n: u32| {
        json!({ "id": n.to_string(), "sku": format!("SW-100{n}"), "product": "Merino sweater, crew neck",
                "category": "winter", "brand": "acme", "quantity": "2", "amount": "30.00", "attributes": { "season": "fw" } })
    };
    body["lines"] = (1..=5).map(line).collect();
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_receipt_is_three_reads_and_writes_and_five_units() {
    let shop = Shop::open(&program(&ten_counters()), "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    // Up to the highest tier: a change of tier moves the member in the lists, which has its own price.
    for n in 0..5 {
        shop.post("/v1/receipts", &five_lines(&format!("warm-{n}"))).await;
    }
    shop.settle().await;

    let before = shop.get("/_local/capacity").await;
    for n in 0..RECEIPTS {
        assert_eq!(shop.post("/v1/receipts", &five_lines(&format!("r-{n}"))).await.status, 202);
    }
    shop.settle().await;
    let after = shop.get("/_local/capacity").await;
    let cost = |function: &str, field: &str| {
        let of = |capacity: &Value| capacity["functions"][function][field].as_f64().unwrap_or(0.0);
        (of(&after) - of(&before)) / f64::from(RECEIPTS)
    };
    let functions = ["receipt-ingestion", "event-relay", "rule-evaluation"];
    let sum = |field: &str| functions.iter().map(|function| cost(function, field)).sum::<f64>();
    println!("write units per receipt {}, read units {}", sum("write_units"), sum("read_units"));
    println!(
        "calls per receipt: ingestion {}, evaluation {}",
        cost("receipt-ingestion", "dynamodb_calls"),
        cost("rule-evaluation", "dynamodb_calls")
    );
    assert!(sum("write_units") <= 5.0, "{after}");
    assert!(sum("read_units") <= 2.0, "{after}");
    // A re-check of the configuration may fall into the run, once for each function.
    let slack = 2.0 / f64::from(RECEIPTS);
    assert!(
        cost("receipt-ingestion", "dynamodb_calls") <= 2.0 + slack,
        "one read to know the member, one write: {after}"
    );
    assert!(cost("rule-evaluation", "dynamodb_calls") <= 2.0 + slack, "one read, one transaction: {after}");

    // Repeated receipts write nothing.
    let before = shop.get("/_local/capacity").await;
    for n in 0..RECEIPTS {
        assert_eq!(shop.post("/v1/receipts", &five_lines(&format!("r-{n}"))).await.status, 200);
    }
    shop.settle().await;
    let after = shop.get("/_local/capacity").await;
    let calls = |capacity: &Value| capacity["functions"]["rule-evaluation"]["dynamodb_calls"].as_f64();
    assert_eq!(calls(&before), calls(&after));
    assert_eq!(shop.verify().await.facts, u64::from(RECEIPTS) + 5);
}

#[allow(clippy::float_arithmetic, reason = "capacity units are fractions")]
/// What a function's requests cost on average, by the difference of two readings of the meter.
fn costs(before: &Value, after: &Value, function: &str) -> (f64, f64) {
    let of = |field: &str| {
        let read = |capacity: &Value| capacity["functions"][function][field].as_f64().unwrap_or(0.0);
        (read(after) - read(before)) / f64::from(RECEIPTS)
    };
    (of("write_units"), of("read_units"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redemption_is_at_most_ten_write_units_and_a_used_coupon_two() {
    let mut stocked = program(&ten_counters());
    stocked["rewards"][1]["stock"] = json!(10_000);
    let shop = Shop::open(&stocked, "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/members/c-1/adjustments", &json!({ "award": 100_000, "reason": "opening" })).await;
    let redeem = async || {
        let created = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "last-one" })).await;
        assert_eq!(created.status, 201, "{}", created.body);
        created.body["code"].as_str().unwrap().to_owned()
    };
    // The tier, which moves a member in the lists, is reached before.
    for n in 0..5 {
        redeem().await;
        shop.post("/v1/receipts", &five_lines(&format!("warm-{n}"))).await;
    }
    shop.settle().await;
    let before = shop.get("/_local/capacity").await;
    let mut codes = Vec::new();
    for _ in 0..RECEIPTS {
        codes.push(redeem().await);
    }
    let after = shop.get("/_local/capacity").await;
    let (writes, reads) = costs(&before, &after, "reward-redemption");
    println!("write units per redemption from a stock {writes}, read units {reads}");
    // Now and then the rate limiter takes a chunk of tokens.
    assert!(writes <= 10.0 + 3.0 / f64::from(RECEIPTS), "{after}");
    assert!(reads <= 6.0, "{after}");

    let before = shop.get("/_local/capacity").await;
    for (n, code) in codes.iter().enumerate() {
        let mut paid = five_lines(&format!("r-{n}"));
        paid["coupons"] = json!([code]);
        assert_eq!(shop.post("/v1/receipts", &paid).await.status, 202);
    }
    shop.settle().await;
    let after = shop.get("/_local/capacity").await;
    let (writes, reads) = costs(&before, &after, "rule-evaluation");
    println!("write units per decision that uses a coupon {writes}, read units {reads}");
    assert!(writes <= 6.0, "the entry, the account and the coupon: {after}");
    shop.verify().await;
}
