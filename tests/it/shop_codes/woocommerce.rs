//! Codes in WooCommerce.

use serde_json::{Value, json};

use super::fake_woocommerce::FakeWoocommerce;
use super::{SECRET, cancel, codes, drawn, look, open, points, publish, redeem, reward, status};
use crate::inbound;
use crate::shop::Shop;

/// What connects a fake of WooCommerce that keeps so many codes ready.
pub fn connection(fake: &FakeWoocommerce, codes: u32) -> Value {
    json!({
        "enabled": true,
        "settings": { "base_url": fake.url(), "codes": { "low_water": codes, "fill_to": codes } },
        "credentials": { "consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": SECRET },
    })
}

/// An order that names a code, paid at a time in UTC.
pub fn order(id: u64, code: &str, at: &str) -> Value {
    let mut order = inbound::woocommerce_order();
    order["id"] = json!(id);
    for name in ["date_created_gmt", "date_modified_gmt", "date_paid_gmt"] {
        order[name] = json!(at);
    }
    order["coupon_lines"] = json!([{ "id": 1, "code": code, "discount": "5.00", "discount_tax": "0.00" }]);
    order
}

async fn connected(fake: &FakeWoocommerce, fill_to: u32, rewards: Vec<Value>) -> Shop {
    let shop = open(rewards).await;
    inbound::connect(&shop, "woocommerce", &connection(fake, fill_to)).await;
    shop.settle().await;
    shop
}

fn five() -> Vec<Value> {
    vec![reward("five", "woocommerce", &json!({ "minimum_spend": "20.00", "valid_days": 1 }))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coupons_are_created_in_batches_of_a_hundred_and_drawn() {
    let fake = FakeWoocommerce::start().await;
    let shop = connected(&fake, 250, five()).await;
    assert_eq!((fake.batches(), fake.live().len()), (3, 250));
    assert_eq!(codes(&shop, "woocommerce", "five").await["ready"], 250);
    let code = drawn(&shop, "five").await;
    let coupon = fake.coupon(&code).unwrap();
    assert_eq!((&coupon["discount_type"], &coupon["amount"]), (&json!("fixed_cart"), &json!("5.00")));
    assert_eq!((&coupon["minimum_amount"], &coupon["individual_use"]), (&json!("20.00"), &json!(true)));
    // WooCommerce reports the code in small letters.
    assert_eq!(coupon["code"], json!(code.to_lowercase()));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_and_expired_coupons_are_deleted() {
    let fake = FakeWoocommerce::start().await;
    let shop = connected(&fake, 4, five()).await;
    let (cancelled, expired) = (drawn(&shop, "five").await, drawn(&shop, "five").await);
    fake.respond(Some(500));
    assert_eq!(cancel(&shop, &cancelled).await.status, 200);
    assert_eq!(points(&shop).await, 980);
    fake.respond(None);
    shop.clock("2026-03-01T12:02:00+01:00").await;
    assert_eq!((points(&shop).await, status(&shop, &cancelled).await), (json!(990), json!("cancelled")));
    shop.clock("2026-03-03T00:10:00+01:00").await;
    look(&shop).await;
    assert!(!fake.live().contains(&cancelled) && !fake.live().contains(&expired));
    let seen = codes(&shop, "woocommerce", "five").await;
    assert_eq!((&seen["ready"], &seen["dead"]), (&json!(4), &json!(2)), "{seen}");
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_response_neither_loses_nor_doubles_a_coupon() {
    let fake = FakeWoocommerce::start().await;
    fake.add_own("MERCHANT-1");
    fake.lose(1);
    let shop = connected(&fake, 30, five()).await;
    assert_eq!(redeem(&shop, "five").await.status, 503);
    shop.clock("2026-03-01T12:20:00+01:00").await;
    assert_eq!(codes(&shop, "woocommerce", "five").await["ready"], 30);
    assert_eq!(fake.live().len(), 31);
    let code = drawn(&shop, "five").await;
    assert!(fake.live().contains(&code));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_rewards_coupons_do_not_work_and_come_back_with_it() {
    let fake = FakeWoocommerce::start().await;
    let shop = connected(&fake, 250, five()).await;
    fake.add_own("MERCHANT-1");
    let code = drawn(&shop, "five").await;
    let elsewhere = json!({ "code": { "pattern": "ADA-########" } });
    publish(&shop, vec![reward("five", "woocommerce", &elsewhere)]).await;
    // The merchant's own is left as it is. Codes that nobody has are deleted; the one in a wallet is not.
    assert_eq!((fake.live().len(), fake.coupons()), (1, 2));
    assert!(!fake.checkout(&code));
    assert_eq!(codes(&shop, "woocommerce", "five").await["ready"], 0);
    let batches = fake.batches();
    look(&shop).await;
    assert_eq!(fake.batches(), batches, "nothing is left to do");
    publish(&shop, five()).await;
    assert_eq!(codes(&shop, "woocommerce", "five").await["ready"], 250);
    assert!(fake.checkout(&code) && fake.checkout(&drawn(&shop, "five").await));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coupons_of_a_lost_response_are_withdrawn_too() {
    let fake = FakeWoocommerce::start().await;
    fake.lose(1);
    let shop = connected(&fake, 30, five()).await;
    assert_eq!((fake.live().len(), codes(&shop, "woocommerce", "five").await["ready"].clone()), (30, json!(0)));
    publish(&shop, vec![reward("five", "woocommerce", &json!({ "code": { "pattern": "ADA-########" } }))]).await;
    assert_eq!((fake.live().len(), fake.coupons()), (0, 0));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_uses_the_coupon_and_a_cancelled_order_brings_the_points_back() {
    let fake = FakeWoocommerce::start().await;
    let shop = connected(&fake, 4, five()).await;
    let code = drawn(&shop, "five").await;
    assert!(fake.checkout(&code) && !fake.checkout(&code));
    let mut paid = order(1, &code.to_lowercase(), "2026-03-01T10:59:00");
    assert_eq!(inbound::woocommerce(&shop, &paid).await.status, 200);
    assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(990), json!("used")));
    paid["status"] = json!("cancelled");
    paid["date_modified_gmt"] = json!("2026-03-01T11:00:00");
    assert_eq!(inbound::woocommerce(&shop, &paid).await.status, 200);
    assert_eq!(points(&shop).await, 1000);
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_batch_and_responses_without_content_hand_out_nothing_that_does_not_work() {
    let fake = FakeWoocommerce::start().await;
    // 200, and no JSON.
    fake.respond(Some(200));
    let shop = connected(&fake, 40, five()).await;
    let seen = codes(&shop, "woocommerce", "five").await;
    assert_eq!((&seen["ready"], &seen["error"]), (&json!(0), &json!("200")), "{seen}");
    assert_eq!((redeem(&shop, "five").await.status, points(&shop).await), (503, json!(1000)));
    fake.respond(None);
    fake.create_half(true);
    shop.clock("2026-03-01T12:20:00+01:00").await;
    let seen = codes(&shop, "woocommerce", "five").await;
    assert!(seen["failed"].as_u64().unwrap() >= 20, "{seen}");
    assert!(seen["error"].as_str().unwrap().ends_with("The coupon code already exists"), "{seen}");
    assert_eq!(seen["ready"], fake.live().len(), "{seen}");
    fake.create_half(false);
    shop.clock("2026-03-01T13:20:00+01:00").await;
    assert_eq!((codes(&shop, "woocommerce", "five").await["ready"].clone(), fake.live().len()), (json!(40), 40));
    for _ in 0..3 {
        assert!(fake.checkout(&drawn(&shop, "five").await));
    }
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_coupons_that_are_dead_in_the_shop_leave_the_pool_within_a_day() {
    let fake = FakeWoocommerce::start().await;
    let five = || vec![reward("five", "woocommerce", &json!({}))];
    let shop = connected(&fake, 120, five()).await;
    let wallet = drawn(&shop, "five").await;
    shop.settle().await;
    let ready: Vec<String> = fake.live().into_iter().filter(|code| *code != wallet).collect();
    // The merchant deletes some, and one is used by an order of which nothing is heard.
    let (deleted, used) = (&ready[..60], &ready[60]);
    for code in deleted {
        fake.delete_by_hand(code);
    }
    fake.delete_by_hand(&wallet);
    assert!(fake.checkout(used));
    look(&shop).await;
    assert_eq!(codes(&shop, "woocommerce", "five").await["ready"], 120, "nobody knows yet");
    // While the shop is down, nothing is known to be dead.
    fake.respond(Some(503));
    shop.clock("2026-03-02T12:10:00+01:00").await;
    let seen = codes(&shop, "woocommerce", "five").await;
    assert_eq!((&seen["ready"], &seen["dead"]), (&json!(120), &json!(0)), "{seen}");
    fake.respond(None);
    shop.clock("2026-03-02T18:10:00+01:00").await;
    let seen = codes(&shop, "woocommerce", "five").await;
    assert_eq!((&seen["ready"], &seen["dead"], fake.live().len()), (&json!(120), &json!(61), 120), "{seen}");
    for _ in 0..3 {
        assert!(fake.checkout(&drawn(&shop, "five").await));
    }
    // A coupon in a wallet is cancelled by hand: its points come back.
    assert_eq!(cancel(&shop, &wallet).await.status, 200);
    assert_eq!((points(&shop).await, status(&shop, &wallet).await), (json!(970), json!("cancelled")));
    fake.check();
    shop.verify().await;
}
