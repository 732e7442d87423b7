//! Orders of nobody: no customer and no address. They use codes like any other order.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tessera_local::stack::{FaultPlan, InjectedFault, StackOptions};

use super::fake_shopify::FakeShopify;
use super::{
    BUYER, cancel, codes, connected, connection, deliver, drawn, nobody, open_with, order, points, reward, status,
};
use crate::inbound;
use crate::shop::Shop;

fn five() -> Vec<Value> {
    vec![reward("five", "shopify", &json!({}))]
}

async fn receipt(shop: &Shop, id: u64) -> Value {
    shop.get(&format!("/v1/receipts/shopify:{id}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_nobody_takes_a_ready_code_out_of_its_pool() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, five()).await;
    // Functions know for a minute that no shop was connected.
    shop.clock("2026-03-01T12:10:00+01:00").await;
    let spent = fake.live().into_iter().next().unwrap();
    assert!(fake.checkout(&spent));
    let paid = nobody(order(1, &spent.to_lowercase(), "2026-03-01T11:00:00+01:00"));
    for _ in 0..2 {
        deliver(&shop, "orders/paid", &paid).await;
    }
    assert_eq!(receipt(&shop, 1).await["status"], "accepted");
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["spent"], &seen["dead"]), (&json!(4), &json!(1), &json!(0)), "{seen}");
    for _ in 0..4 {
        assert!(fake.checkout(&drawn(&shop, "five").await));
    }
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_nobody_uses_a_members_code_and_its_return_gives_the_points_back() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, five()).await;
    let code = drawn(&shop, "five").await;
    assert!(fake.checkout(&code));
    let paid = nobody(order(1, &code.to_lowercase(), "2026-03-01T11:00:00+01:00"));
    deliver(&shop, "orders/paid", &paid).await;
    assert_eq!((status(&shop, &code).await, points(&shop).await), (json!("used"), json!(990)));
    let mut cancelled = paid.clone();
    cancelled["cancelled_at"] = json!("2026-03-01T11:30:00+01:00");
    for _ in 0..2 {
        deliver(&shop, "orders/cancelled", &cancelled).await;
        assert_eq!((status(&shop, &code).await, points(&shop).await), (json!("used"), json!(1000)));
    }
    // Whoever claims the receipt later gets nothing twice.
    let claim = json!({ "member": { "id": BUYER } });
    assert_eq!(shop.post("/v1/receipts/shopify:1/claim", &claim).await.status, 202);
    assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(1000), json!("used")));
    assert_eq!(receipt(&shop, 1).await["status"], "evaluated");
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_nobody_wins_over_a_later_cancellation() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, five()).await;
    let code = drawn(&shop, "five").await;
    assert!(fake.checkout(&code));
    assert_eq!(cancel(&shop, &code).await.status, 200);
    assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(1000), json!("cancelled")));
    let paid = nobody(order(1, &code, "2026-03-01T11:30:00+01:00"));
    for _ in 0..2 {
        deliver(&shop, "orders/paid", &paid).await;
        assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(990), json!("used")));
    }
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_receipt_is_rejected_uses_its_codes_all_the_same() {
    let (fake, faults) = (FakeShopify::start().await, Arc::new(FaultPlan::new()));
    let options = StackOptions { faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let shop = open_with(five(), options).await;
    inbound::connect(&shop, "shopify", &connection(&fake, 4, 4)).await;
    shop.clock("2026-03-01T12:10:00+01:00").await;
    let code = drawn(&shop, "five").await;
    shop.settle().await;
    let ready = fake.live().into_iter().find(|ready| *ready != code).unwrap();
    assert!(fake.checkout(&code) && fake.checkout(&ready));
    // The buyer is erased before the order is decided.
    assert_eq!(shop.post("/v1/members", &json!({ "id": "7" })).await.status, 201);
    faults.inject("rule-evaluation", "GetItem", .., InjectedFault::Unavailable);
    let mut paid = nobody(order(1, &code, "2026-03-01T11:00:00+01:00"));
    paid["customer"] = json!({ "id": 7 });
    let more = json!({ "code": ready, "amount": "5.00", "type": "fixed_amount" });
    paid["discount_codes"].as_array_mut().unwrap().push(more);
    deliver(&shop, "orders/paid", &paid).await;
    let erased = shop.request(Method::DELETE, "/v1/members/7", None).await;
    assert!((200..300).contains(&erased.status), "{erased:?}");
    faults.clear();
    shop.redrive().await;
    shop.settle().await;
    assert_eq!(receipt(&shop, 1).await["reason"], "erased");
    assert_eq!(status(&shop, &code).await, "used");
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["spent"]), (&json!(4), &json!(1)), "{seen}");
    fake.check();
    shop.verify().await;
}
