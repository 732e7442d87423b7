//! Everything that a shopper can accumulate has a limit.

use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": [then] })
}

fn refund(id: &str, amount: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T11:30:00+01:00", "amount": amount })
}

/// The coupons of a member by status.
async fn coupons(shop: &Shop, member: &str) -> Vec<Value> {
    let (mut coupons, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/members/{member}/coupons?limit=100{cursor}")).await;
        coupons.extend(page["items"].as_array().unwrap().iter().map(|coupon| coupon["status"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return coupons,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_cancels_any_number_of_coupons() {
    let every = json!({ "receipt": { "spend": { "every": "10.00" } } });
    let shop = Shop::open(&program(&json!([rule("every", &every, &json!({ "reward": "five-off" }))])), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c" })).await;
    shop.post("/v1/receipts", &receipt("r-0", "c", "2500.00")).await;
    shop.settle().await;
    for n in 1..=5 {
        shop.post("/v1/receipts", &receipt(&format!("r-{n}"), "c", "250.00")).await;
        shop.settle().await;
    }
    assert_eq!(coupons(&shop, "c").await.len(), 215);
    assert_eq!(shop.post("/v1/receipts/r-0/refunds", &refund("f", "2500.00")).await.status, 202);
    shop.settle().await;
    let left = coupons(&shop, "c").await;
    assert_eq!(left.iter().filter(|status| **status == "available").count(), 90);
    assert_eq!(left.iter().filter(|status| **status == "cancelled").count(), 125);
    assert_eq!(shop.get("/v1/receipts/r-0").await["refunds"][0]["status"], "evaluated");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_is_issued_to_the_last_unit() {
    let each = |id: &str, points: i64| {
        let mut each = rule(id, &json!({ "receipt": { "spend": { "every_per_receipt": "10.00" } } }), &json!(null));
        each["then"] = json!([{ "reward": "last-one" }, { "credit": { "points": points } }]);
        each
    };
    // Three units in stock.
    let shop = Shop::open(&program(&json!([each("a", 1), each("b", 10)])), CLOCK).await;
    shop.post("/v1/receipts", &receipt("r-1", "c", "20.00")).await;
    shop.settle().await;
    let decision = &shop.get("/v1/receipts/r-1").await["decision"];
    let given = |rule: usize| decision["outcomes"][rule]["rewards"].as_array().unwrap().len();
    assert_eq!((given(0), given(1)), (2, 1));
    assert_eq!(decision["points"]["redeemable"], 22);
    assert_eq!(decision["skipped"][0]["reason"], "out_of_stock");
    shop.verify().await;
}

/// A program whose receipts each add 4 KB to the account: ninety coupon codes, which a refund must be able to cancel, beside
/// the counters of thousands of rules.
fn filling() -> Value {
    let every = |amount: &str| json!({ "receipt": { "spend": { "every": amount } } });
    let gives = rule("gives", &every("0.01"), &json!({ "reward": "long" }));
    let points = json!({ "credit": { "points": 1 } });
    let remembers = (0..2_200).map(|n| rule(&format!("{n:060}"), &every("1000000.00"), &points));
    let mut filling = program(&[gives].into_iter().chain(remembers).collect());
    let pattern = format!("LONG-{}", "#".repeat(35));
    filling["rewards"] = json!([{ "id": "long", "name": "Long", "type": "amount_off", "value": "5.00", "cost": 100,
                                  "code": { "pattern": pattern } }]);
    filling
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_never_exceeds_its_item_and_nothing_is_a_dead_letter() {
    let shop = Shop::open(&filling(), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c" })).await;
    let mut decided = Vec::new();
    for n in 0..120 {
        let id = format!("r-{n}");
        shop.post("/v1/receipts", &receipt(&id, "c", "9.99")).await;
        shop.settle().await;
        let receipt = shop.get(&format!("/v1/receipts/{id}")).await;
        let is_rejected = receipt["status"] == "rejected";
        decided.push(receipt);
        if is_rejected {
            break;
        }
    }
    let last = decided.last().unwrap();
    assert_eq!((&last["status"], &last["reason"]), (&json!("rejected"), &json!("account_full")), "{last}");
    // The rejected receipt gave nothing, so its refund takes nothing.
    let path = format!("/v1/receipts/{}", last["id"].as_str().unwrap());
    shop.post(&format!("{path}/refunds"), &refund("f", "9.99")).await;
    // An earlier receipt can still be refunded.
    shop.post("/v1/receipts/r-0/refunds", &refund("f", "9.99")).await;
    shop.settle().await;
    assert_eq!(shop.get(&path).await["refunds"][0]["reason"], "account_full");
    assert_eq!(shop.get("/v1/receipts/r-0").await["refunds"][0]["status"], "evaluated");
    shop.verify().await;
}
