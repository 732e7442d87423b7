//! What a till and a cart learn before the purchase: the next points, and the rewards within reach.

use serde_json::{Value, json};

use crate::shop::{Shop, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rule(id: &str, spend: &Value, points: i64) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00",
            "on": { "receipt": { "spend": spend } }, "then": [{ "credit": { "points": points } }] })
}

/// Points for every 50 €, for a receipt of 100 €, and once a day for 30 €.
fn stepped() -> Value {
    let mut once = rule("once-a-day", &json!({ "every_per_receipt": "30.00" }), 5);
    once["limit"] = json!({ "times": 1, "per": "day" });
    let mut stepped = program(&json!([
        rule("every-50", &json!({ "every": "50.00" }), 50),
        rule("hundred", &json!({ "per_receipt_at_least": "100.00" }), 20),
        once,
    ]));
    stepped["rewards"].as_array_mut().unwrap().extend([
        json!({ "id": "pay", "name": "Pay", "type": "amount_off",
                "cost_per": { "points": 100, "value": "1.00", "min": 50, "max": 500, "step": 50 } }),
        json!({ "id": "gold", "name": "Gold", "type": "custom", "cost": 10, "tiers": ["gold"] }),
        json!({ "id": "none", "name": "None", "type": "custom", "cost": 10, "stock": 0 }),
    ]);
    stepped
}

async fn preview(shop: &Shop, member: &Value, total: &str) -> Value {
    let basket = json!({ "member": member, "currency": "EUR", "total": total });
    let preview = shop.post("/v1/receipts/preview", &basket).await;
    assert_eq!(preview.status, 200, "{}", preview.body);
    preview.body
}

fn reached(preview: &Value) -> Vec<(&str, bool)> {
    let rewards = preview["rewards_within_reach"].as_array().unwrap().iter();
    rewards.map(|reward| (reward["id"].as_str().unwrap(), reward["redeemable"].as_bool().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_basket_says_what_is_missing_to_the_next_points() {
    let shop = Shop::open(&stepped(), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let ada = json!({ "id": "c-1" });
    let step = |rule: &str, missing: &str, gains: i64| json!({ "rule": rule, "missing": missing, "gains": gains });
    let shown = preview(&shop, &ada, "45.80").await;
    // The daily rule fires by this basket and no more today.
    assert_eq!(shown["next"], json!([step("every-50", "4.20", 50), step("hundred", "54.20", 20)]), "{shown}");
    assert_eq!(reached(&shown), []);
    let shown = preview(&shop, &ada, "20.00").await;
    let next = [step("once-a-day", "10.00", 5), step("every-50", "30.00", 50), step("hundred", "80.00", 20)];
    assert_eq!(shown["next"], json!(next), "{shown}");
    // What was bought before counts.
    let mut bought = crate::shop::receipt("r-1", "c-1", "45.00");
    bought["occurred_at"] = json!("2026-02-28T10:00:00+01:00");
    shop.post("/v1/receipts", &bought).await;
    shop.settle().await;
    let shown = preview(&shop, &ada, "20.00").await;
    assert_eq!(shown["points"]["redeemable"], 50, "{shown}");
    assert_eq!(shown["next"][1], step("every-50", "35.00", 50), "{shown}");
    assert_eq!(reached(&shown), [("pay", false), ("last-one", false)]);
    let shown = preview(&shop, &ada, "100.00").await;
    assert_eq!(reached(&shown), [("five-off", false), ("pay", false), ("last-one", false)], "{shown}");
    // Nobody's basket has neither.
    for unknown in [Value::Null, json!({ "id": "c-unknown" })] {
        let shown = preview(&shop, &unknown, "45.80").await;
        assert!(shown.get("next").is_none() && shown.get("rewards_within_reach").is_none(), "{shown}");
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_and_purchases_are_steps_too() {
    let on = |id: &str, measure: Value, points: i64| {
        json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00",
                "on": { "receipt": measure }, "then": [{ "credit": { "points": points } }] })
    };
    let shop = Shop::open(
        &program(&json!([
            on("third", json!({ "receipts": { "every": 3 } }), 30),
            on("twice", json!({ "receipts": { "total_at_least": 2 } }), 8),
            on("six", json!({ "quantity": { "every_per_receipt": 6 } }), 12),
            on("socks", json!({ "quantity": { "every": 4 }, "where": { "lines": { "categories": ["socks"] } } }), 5),
            on("fifty", json!({ "spend": { "every": "50.00" } }), 50),
            on("any", json!({}), 1),
        ])),
        CLOCK,
    )
    .await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    let basket = json!({ "member": { "id": "c-1" }, "currency": "EUR", "total": "40.00", "lines": [
        { "id": "1", "category": "socks", "quantity": "3", "amount": "30.00" },
        { "id": "2", "category": "hats", "quantity": "1", "amount": "10.00" },
    ] });
    let shown = shop.post("/v1/receipts/preview", &basket).await.body;
    let step = |rule: &str, missing: &str, unit: &str, gains: i64| json!({ "rule": rule, "missing": missing, "unit": unit, "gains": gains });
    let expected = json!([
        { "rule": "fifty", "missing": "10.00", "gains": 50 },
        step("socks", "1", "items", 5),
        step("six", "2", "items", 12),
        step("twice", "1", "receipts", 8),
        step("third", "2", "receipts", 30),
    ]);
    assert_eq!(shown["next"], expected, "{shown}");
}
