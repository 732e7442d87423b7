//! A rule that changes between sale and return leaves no points behind and takes none twice.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

fn rule(measure: &Value) -> Value {
    json!({ "id": "ten", "name": "Ten", "status": "active", "starts_at": "2026-01-01T00:00:00",
            "on": { "receipt": measure }, "then": [{ "credit": { "points": 10 } }] })
}

/// The rules after each kind of change: other trigger, other start, paused, removed.
fn changes(of: &Value) -> [Value; 4] {
    let (mut other, mut restarted, mut paused) = (of.clone(), of.clone(), of.clone());
    other["on"]["receipt"]["where"] = json!({ "stores": ["milano-01"] });
    restarted["starts_at"] = "2026-02-01T00:00:00".into();
    paused["status"] = "paused".into();
    [json!([other]), json!([restarted]), json!([paused]), json!([])]
}

/// Sells, changes the rule and returns, with one member per kind of change. Afterwards no points are left.
async fn assert_no_points_left(measure: &Value, before: &[Fact], after: &[Fact]) {
    let original = rule(measure);
    for (n, changed) in changes(&original).into_iter().enumerate() {
        let shop = Shop::open(&program(&json!([original])), "2026-03-01T12:00:00+01:00").await;
        shop.post("/v1/members", &json!({ "id": "c-1" })).await;
        for fact in before {
            fact.send(&shop).await;
        }
        let put = shop.request(Method::PUT, "/v1/program", Some(&program(&changed))).await;
        assert_eq!(put.status, 200, "{}", put.body);
        // By then every function has loaded the new version.
        shop.clock("2026-03-01T13:00:00+01:00").await;
        for fact in after {
            fact.send(&shop).await;
        }
        let points = &shop.member("c-1").await["points"];
        assert_eq!((&points["available"], &points["debt"]), (&json!(0), &json!(0)), "change {n}");
        shop.verify().await;
    }
}

enum Fact {
    Sale(&'static str, &'static str),
    Return(&'static str, &'static str),
}

impl Fact {
    async fn send(&self, shop: &Shop) {
        let response = match self {
            Self::Sale(id, total) => shop.post("/v1/receipts", &receipt(id, "c-1", total)).await,
            Self::Return(id, amount) => {
                let body = json!({ "id": "f", "occurred_at": "2026-03-01T11:00:00+01:00", "amount": amount });
                shop.post(&format!("/v1/receipts/{id}/refunds"), &body).await
            }
        };
        assert_eq!(response.status, 202, "{}", response.body);
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reversed_points_are_not_reversed_again_after_a_rule_change() {
    let every = json!({ "spend": { "every": "50.00" } });
    let before = [Fact::Sale("r-1", "30.00"), Fact::Sale("r-2", "20.00"), Fact::Return("r-1", "30.00")];
    // One euro does not fire under the other trigger.
    let after = [Fact::Sale("r-3", "1.00"), Fact::Return("r-2", "20.00")];
    assert_no_points_left(&every, &before, &after).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_of_a_count_are_reversed_once_when_both_receipts_are_returned() {
    let second = json!({ "receipts": { "every": 2 } });
    let before = [Fact::Sale("r-1", "20.00"), Fact::Sale("r-2", "30.00")];
    let after = [Fact::Return("r-1", "20.00"), Fact::Return("r-2", "30.00")];
    assert_no_points_left(&second, &before, &after).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_no_longer_reached_is_reversed_after_a_rule_change() {
    let total = json!({ "spend": { "total_at_least": "50.00" } });
    let before = [Fact::Sale("r-1", "50.00"), Fact::Sale("r-2", "50.00"), Fact::Return("r-1", "50.00")];
    let after = [Fact::Sale("r-3", "1.00"), Fact::Return("r-2", "50.00")];
    assert_no_points_left(&total, &before, &after).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refund_is_read_in_the_receipts_currency() {
    let unit = json!({ "id": "unit", "name": "Unit", "status": "active", "starts_at": "2026-01-01T00:00:00",
                       "on": { "receipt": {} }, "then": [{ "credit": { "per_unit": "1" } }] });
    let shop = Shop::open(&program(&json!([unit])), "2026-03-01T12:00:00+01:00").await;
    let refund = |amount: &str| json!({ "id": "f", "occurred_at": "2026-03-01T11:00:00+01:00", "amount": amount });
    // Yen have no decimals, dinars have three.
    for (id, currency, amount, left) in
        [("r-1", "JPY", "40", 60), ("r-2", "KWD", "40.500", 59), ("r-3", "JPY", "40.50", 100)]
    {
        let member = format!("c-{id}");
        let early = shop.post(&format!("/v1/receipts/{id}/refunds"), &refund(amount)).await;
        assert_eq!(early.status, 202, "{}", early.body);
        let again = shop.post(&format!("/v1/receipts/{id}/refunds"), &refund(amount)).await;
        assert_eq!(again.status, 200, "{}", again.body);
        let mut sold = receipt(id, &member, "100");
        (sold["currency"], sold["fx_rate"]) = (currency.into(), "1".into());
        assert_eq!(shop.post("/v1/receipts", &sold).await.status, 202);
        shop.settle().await;
        assert_eq!(shop.member(&member).await["points"]["available"], left, "{currency} {amount}");
    }
    shop.verify().await;
}
