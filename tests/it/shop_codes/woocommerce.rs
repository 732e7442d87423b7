//! Codes in WooCommerce.

use serde_json::{Value, json};

use super::fake_woocommerce::FakeWoocommerce;
use super::{SECRET, cancel, codes, drawn, look, open, points, redeem, reward, status};
use crate::inbound;
use crate::shop::Shop;

async fn connected(fake: &FakeWoocommerce, fill_to: u32, rewards: Vec<Value>) -> Shop {
    let shop = open(rewards).await;
    let body = json!({
        "enabled": true,
        "settings": { "base_url": fake.url(), "codes": { "low_water": fill_to, "fill_to": fill_to } },
        "credentials": { "consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": SECRET },
    });
    inbound::connect(&shop, "woocommerce", &body).await;
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
