//! Backtests of stored receipts agree with the ledger of a program that has the same rules.

use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::money::Currency;
use tessera_local::replay::{Columns, ReadOptions, SendOptions, read_orders, send};

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-04-01T12:00:00+02:00";

/// Draft rules: a cumulative one with a limit, a coupon for every second receipt, points for a tier.
fn other() -> Value {
    json!([
        { "id": "every-50", "name": "Every 50", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "limit": { "times": 3, "per": "month" },
          "on": { "receipt": { "spend": { "every": "50.00" } } }, "then": [{ "credit": { "points": 40, "kind": "both" } }] },
        { "id": "second", "name": "Every second", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "receipt": { "receipts": { "every": 2 } } }, "then": [{ "reward": "five-off" }] },
        { "id": "per-euro", "name": "A point per euro", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "receipt": {} }, "then": [{ "credit": { "per_unit": "0.5", "kind": "both" } }] },
    ])
}

/// Receipts of a few members over two months, and refunds of some of them, one before its receipt.
async fn sell(shop: &Shop) {
    let refund = |id: &str, at: &str, amount: &str| json!({ "id": id, "occurred_at": at, "amount": amount });
    let early = refund("early", "2026-03-05T10:00:00+01:00", "25.00");
    assert_eq!(shop.post("/v1/receipts/r-2-4/refunds", &early).await.status, 202);
    for member in 0..4 {
        for day in 1..6 {
            let id = format!("r-{member}-{day}");
            let total = format!("{}.{:02}", 40 + member * 37 + day * 11, day * 7);
            let mut body = receipt(&id, &format!("c-{member}"), &total);
            let month = if day < 3 { 2 } else { 3 };
            body["occurred_at"] = json!(format!("2026-0{month}-0{day}T10:00:00+01:00"));
            assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
            // The order in which a member's facts are decided is that of their times.
            shop.settle().await;
        }
    }
    for (receipt, at, amount) in [
        ("r-0-1", "2026-03-20T10:00:00+01:00", "20.00"),
        ("r-1-5", "2026-03-21T10:00:00+01:00", "132.35"),
        ("r-0-1", "2026-03-22T10:00:00+01:00", "31.07"),
        ("r-3-3", "2026-03-23T10:00:00+01:00", "60.00"),
    ] {
        let body = refund(&format!("f-{at}"), at, amount);
        let response = shop.post(&format!("/v1/receipts/{receipt}/refunds"), &body).await;
        assert_eq!(response.status, 202, "{receipt} {}", response.body);
        shop.settle().await;
    }
}

/// The balances of all members, and the sums of the ledger.
async fn ledger(shop: &Shop) -> (i64, i64, tessera_local::verify::LedgerSums) {
    let (mut balance, mut qualifying) = (0, 0);
    for member in 0..4 {
        let points = shop.member(&format!("c-{member}")).await["points"].clone();
        balance += points["available"].as_i64().unwrap() - points["debt"].as_i64().unwrap();
        qualifying += points["qualifying"].as_i64().unwrap();
    }
    (balance, qualifying, shop.verify().await.programs[&shop.program].clone())
}

async fn backtest(shop: &Shop, request: &Value) -> Value {
    let taken = shop.post("/v1/rules/backtest", request).await;
    assert_eq!((taken.status, &taken.body["status"]), (202, &json!("queued")), "{}", taken.body);
    shop.settle().await;
    let created = shop.get(&format!("/v1/rules/backtest/{}", taken.body["id"].as_str().unwrap())).await;
    assert_eq!(created["status"], "done", "{created}");
    created["report"].clone()
}

fn agrees(side: &Value, ledger: &(i64, i64, tessera_local::verify::LedgerSums)) {
    let (balance, qualifying, sums) = ledger;
    assert_eq!(side["points"]["balance"], *balance);
    assert_eq!(side["qualifying"], *qualifying);
    assert_eq!(side["points"]["issued"], sums.issued);
    assert_eq!(side["points"]["reversed"], sums.reversed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_equals_the_ledger_of_a_program_with_its_rules() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    sell(&shop).await;
    let present = ledger(&shop).await;
    assert!(present.0 > 1000 && present.2.reversed > 100, "{present:?}");

    let same = backtest(&shop, &json!({ "rules": per_euro() })).await;
    assert_eq!((&same["facts"]["receipts"], &same["facts"]["refunds"]), (&json!(20), &json!(5)));
    assert_eq!(same["present"], same["draft"]);
    assert_eq!(same["difference"]["points"]["issued"], 0);
    agrees(&same["present"], &present);

    let second = Shop::open(&program(&other()), CLOCK).await;
    sell(&second).await;
    let really = ledger(&second).await;
    let tried = backtest(&shop, &json!({ "rules": other() })).await;
    agrees(&tried["present"], &present);
    agrees(&tried["draft"], &really);
    assert_eq!(tried["difference"]["points"]["balance"], really.0 - present.0);
    let mut coupons = 0;
    for member in 0..4 {
        let page = second.get(&format!("/v1/members/c-{member}/coupons")).await;
        coupons += page["items"].as_array().unwrap().iter().filter(|coupon| coupon["status"] != "cancelled").count();
    }
    let told = &tried["draft"]["coupons"][0];
    assert_eq!(told["given"].as_u64().unwrap() - told["cancelled"].as_u64().unwrap(), coupons as u64);

    // Only purchases in March.
    let march = backtest(&shop, &json!({ "rules": other(), "from": "2026-03-01", "to": "2026-03-21" })).await;
    assert_eq!((&march["facts"]["receipts"], &march["facts"]["refunds"]), (&json!(12), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_drafts_and_periods_are_refused_at_once() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let mut rules = other();
    rules[1]["then"][0]["reward"] = json!("unknown");
    let refused = shop.post("/v1/rules/backtest", &json!({ "rules": rules })).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert_eq!(refused.body["errors"][0]["pointer"], "/rules/1/then/0/reward");
    let refused = shop.post("/v1/rules/backtest", &json!({ "rules": per_euro(), "from": "soon" })).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (400, &json!("/from")));
    let none = shop.request(Method::GET, "/v1/rules/backtest/bt_none", None).await;
    assert_eq!((none.status, none.problem()), (404, "not_found"));
    let stranger = shop.request_with(Method::POST, "/v1/rules/backtest", Some(&json!({ "rules": [] })), &[]).await;
    assert_eq!(stranger.status, 401);
    // No receipts: the report is empty.
    let empty = backtest(&shop, &json!({ "rules": [] })).await;
    assert_eq!((&empty["facts"]["receipts"], &empty["first_day"]), (&json!(0), &json!(null)));
}

/// Real receipts of one week under forty rules of every kind. Every balance is verified, and a backtest of the same rules
/// agrees with the ledger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_of_forty_rules_on_real_receipts_equals_the_ledger() {
    let document: Value = serde_json::from_str(include_str!("../programs/forty-rules.json")).unwrap();
    assert_eq!(document["rules"].as_array().unwrap().len(), 40);
    let shop = Shop::open(&document, "2011-01-01T12:00:00Z").await;
    let options = ReadOptions {
        columns: Columns::default(),
        currency: Currency::from_code("GBP").unwrap(),
        zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
        cancellation: "C".to_owned(),
        shift_weeks: 0,
        limit: None,
    };
    let week = include_bytes!("../../local/src/demo/online-retail-week.csv").as_slice();
    let orders = read_orders(week, &options).unwrap();
    // Settled one by one, so that decisions that depend on the order follow the receipts' times.
    let sending = SendOptions {
        url: shop.stack.url().to_owned(),
        key: crate::shop::KEY.to_owned(),
        concurrency: 1,
        progress: false,
    };
    let sent = send(&orders.operations, &sending).await.unwrap();
    assert_eq!((sent.receipts, sent.refunds, sent.refused_count), (329, 12, 0), "{:?}", sent.refused);
    let sums = shop.verify().await.programs[&shop.program].clone();
    let same = backtest(&shop, &json!({ "rules": document["rules"] })).await;
    assert_eq!(same["present"], same["draft"]);
    let points = &same["present"]["points"];
    assert_eq!(
        (&points["issued"], &points["reversed"], &points["balance"]),
        (&json!(sums.issued), &json!(sums.reversed), &json!(sums.balance)),
        "{sums:?}"
    );
    assert!(sums.issued > 100_000 && sums.reversed > 0 && sums.removed > 0, "{sums:?}");
}
