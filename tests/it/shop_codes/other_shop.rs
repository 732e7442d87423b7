//! A connection that leads to another shop, a shop that was restored from a backup, and a discount that the merchant deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tessera_local::stack::{FaultPlan, InjectedFault, StackOptions};

use super::fake_shopify::FakeShopify;
use super::fake_woocommerce::{FIRST_ID, FakeWoocommerce};
use super::{
    BUYER, cancel, codes, connected, connection, deliver, drawn, look, open, open_with, order, points, publish, reward,
    status, woocommerce,
};
use crate::inbound;
use crate::shop::Shop;

fn five(provider: &str) -> Vec<Value> {
    vec![reward("five", provider, &json!({ "valid_days": 1 }))]
}

fn elsewhere(provider: &str) -> Vec<Value> {
    vec![reward("five", provider, &json!({ "code": { "pattern": "ADA-########" } }))]
}

async fn connect(shop: &Shop, connection: &str, body: &Value) {
    inbound::connect(shop, connection, body).await;
    shop.settle().await;
}

async fn open_woocommerce(fake: &FakeWoocommerce, codes: u32) -> Shop {
    let shop = open(five("woocommerce")).await;
    connect(&shop, "woocommerce", &woocommerce::connection(fake, codes)).await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_woocommerce_shop_keeps_its_own_coupons_and_gets_codes_of_its_own() {
    let (first, second) = (FakeWoocommerce::start().await, FakeWoocommerce::start().await);
    let shop = open_woocommerce(&first, 6).await;
    let (cancelled, expired) = (drawn(&shop, "five").await, drawn(&shop, "five").await);
    shop.settle().await;
    let of_first = first.live();
    // The other shop gives the same ids to coupons of the merchant's.
    let own: BTreeSet<String> = (1..=20).map(|number| format!("MERCHANT-{number}")).collect();
    (1..=20).for_each(|number| second.add_own_as(FIRST_ID + number, &format!("MERCHANT-{number}")));
    second.number_from(20);
    connect(&shop, "woocommerce", &woocommerce::connection(&second, 6)).await;
    assert_eq!(codes(&shop, "woocommerce", "five").await["ready"], 6);
    assert_eq!(second.live().len(), 26);
    let wallet = drawn(&shop, "five").await;
    assert!(second.checkout(&wallet) && !of_first.contains(&wallet));
    // What is cancelled, expires or is withdrawn is asked of neither shop.
    assert_eq!(cancel(&shop, &cancelled).await.status, 200);
    assert_eq!((points(&shop).await, status(&shop, &cancelled).await), (json!(980), json!("cancelled")));
    shop.clock("2026-03-03T00:10:00+01:00").await;
    look(&shop).await;
    assert_eq!(status(&shop, &expired).await, "expired");
    publish(&shop, elsewhere("woocommerce")).await;
    look(&shop).await;
    assert_eq!(second.live(), own);
    assert_eq!(first.live(), of_first, "nothing is sent to the shop of before");
    // The fake has no webhooks, which is listed each day.
    let dead = shop.get("/v1/integrations/woocommerce/dead-letters").await;
    assert!(dead["items"].as_array().unwrap().iter().all(|one| one["type"] == "webhook"), "{dead}");
    first.check();
    second.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_of_the_shop_before_is_drawn_before_the_worker_has_dropped_it() {
    let (first, second) = (FakeWoocommerce::start().await, FakeWoocommerce::start().await);
    let faults = Arc::new(FaultPlan::new());
    let options = StackOptions { faults: Some(Arc::clone(&faults)), ..StackOptions::default() };
    let shop = open_with(five("woocommerce"), options).await;
    connect(&shop, "woocommerce", &woocommerce::connection(&first, 4)).await;
    let redemptions = format!("/v1/members/{BUYER}/redemptions");
    let reserved = shop.post(&redemptions, &json!({ "reward": "five", "reserve": true })).await;
    let commit = format!("/v1/coupons/{}/commit", reserved.body["code"].as_str().unwrap());
    // The worker cannot even read the connection.
    faults.inject("shop-codes", "GetItem", .., InjectedFault::Unavailable);
    inbound::connect(&shop, "woocommerce", &woocommerce::connection(&second, 4)).await;
    for refused in [super::redeem(&shop, "five").await, shop.post(&commit, &json!({})).await] {
        assert_eq!((refused.status, refused.problem()), (503, "codes_unavailable"), "{}", refused.body);
    }
    assert_eq!(shop.member(BUYER).await["points"]["available"], 990);
    // The codes were not dropped: they work when the connection leads back.
    inbound::connect(&shop, "woocommerce", &woocommerce::connection(&first, 4)).await;
    assert!(first.checkout(&drawn(&shop, "five").await));
    inbound::connect(&shop, "woocommerce", &woocommerce::connection(&second, 4)).await;
    faults.clear();
    shop.settle().await;
    shop.redrive().await;
    shop.settle().await;
    let committed = shop.post(&commit, &json!({})).await;
    assert!(second.checkout(committed.body["code"].as_str().unwrap()), "{}", committed.body);
    assert!(second.checkout(&drawn(&shop, "five").await));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_connection_to_another_shop_drops_the_codes_too() {
    let (first, second) = (FakeWoocommerce::start().await, FakeWoocommerce::start().await);
    let shop = open_woocommerce(&first, 4).await;
    let mut moved = woocommerce::connection(&second, 4);
    moved["enabled"] = json!(false);
    connect(&shop, "woocommerce", &moved).await;
    assert_eq!(super::redeem(&shop, "five").await.problem(), "codes_unavailable");
    assert_eq!((first.live().len(), second.coupons()), (4, 0));
    connect(&shop, "woocommerce", &woocommerce::connection(&second, 4)).await;
    assert!(second.checkout(&drawn(&shop, "five").await));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_woocommerce_shop_loses_none_of_its_own_coupons() {
    let fake = FakeWoocommerce::start().await;
    let shop = open_woocommerce(&fake, 6).await;
    let (cancelled, expired) = (drawn(&shop, "five").await, drawn(&shop, "five").await);
    shop.settle().await;
    fake.restore_with_own(20);
    let own = fake.live();
    assert_eq!(own.len(), 20);
    assert_eq!(cancel(&shop, &cancelled).await.status, 200);
    assert_eq!(points(&shop).await, 990);
    publish(&shop, elsewhere("woocommerce")).await;
    shop.clock("2026-03-03T00:10:00+01:00").await;
    look(&shop).await;
    assert_eq!(status(&shop, &expired).await, "expired");
    assert_eq!(fake.live(), own, "deleted or ended");
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_whose_description_the_merchant_changed_is_withdrawn_all_the_same() {
    let fake = FakeWoocommerce::start().await;
    let shop = open_woocommerce(&fake, 4).await;
    let code = drawn(&shop, "five").await;
    fake.describe_all("Thank you");
    publish(&shop, elsewhere("woocommerce")).await;
    assert!(!fake.checkout(&code));
    assert!(fake.live().is_empty());
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_shopify_shop_gets_a_discount_and_codes_of_its_own() {
    let (first, second) = (FakeShopify::start().await, FakeShopify::start().await);
    let shop = connected(&first, 4, five("shopify")).await;
    let wallet = drawn(&shop, "five").await;
    shop.settle().await;
    let of_first = first.live();
    let mut moved = connection(&second, 4, 4);
    moved["credentials"]["shop"] = json!("eve.myshopify.com");
    connect(&shop, "shopify", &moved).await;
    for _ in 0..4 {
        assert!(second.checkout(&drawn(&shop, "five").await));
    }
    shop.settle().await;
    assert_eq!((second.count("CreateDiscount"), first.live()), (1, of_first));
    assert_eq!(cancel(&shop, &wallet).await.status, 200);
    assert_eq!((points(&shop).await, second.count("DeleteCodes")), (json!(960), 0));
    assert_eq!(inbound::health(&shop, "shopify").await["dead"], 0);
    first.check();
    second.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discount_that_the_merchant_deleted_is_created_anew_and_its_codes_are_dropped() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, five("shopify")).await;
    fake.delete_discounts();
    // Nobody knows yet. The draw lets the pool be filled, which finds it out.
    drawn(&shop, "five").await;
    shop.settle().await;
    shop.clock("2026-03-01T12:20:00+01:00").await;
    look(&shop).await;
    assert_eq!((fake.count("CreateDiscount"), fake.live().len()), (2, 4));
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 4);
    for _ in 0..4 {
        assert!(fake.checkout(&drawn(&shop, "five").await));
    }
    assert_eq!(inbound::health(&shop, "shopify").await["dead"], 0);
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ready_code_that_an_order_used_is_handed_to_nobody() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, five("shopify")).await;
    // The relay knows for a minute that no shop was connected.
    shop.clock("2026-03-01T12:10:00+01:00").await;
    let spent = fake.live().into_iter().next().unwrap();
    assert!(fake.checkout(&spent));
    let mut paid = order(1, &spent.to_lowercase(), "2026-03-01T11:00:00+01:00");
    // And a code of the merchant's own.
    let own = json!({ "code": "MERCHANT-1", "amount": "1.00", "type": "fixed_amount" });
    paid["discount_codes"].as_array_mut().unwrap().push(own);
    for _ in 0..2 {
        deliver(&shop, "orders/paid", &paid).await;
    }
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["spent"], &seen["dead"]), (&json!(4), &json!(1), &json!(0)), "{seen}");
    for _ in 0..4 {
        assert!(fake.checkout(&drawn(&shop, "five").await));
    }
    // A code that a member has is the member's, whoever's order used it.
    shop.clock("2026-03-01T12:30:00+01:00").await;
    look(&shop).await;
    let wallet = drawn(&shop, "five").await;
    assert!(fake.checkout(&wallet));
    deliver(&shop, "orders/paid", &order(2, &wallet, "2026-03-01T11:30:00+01:00")).await;
    assert_eq!(status(&shop, &wallet).await, "used");
    assert_eq!(codes(&shop, "shopify", "five").await["spent"], 1);
    fake.check();
    shop.verify().await;
}
