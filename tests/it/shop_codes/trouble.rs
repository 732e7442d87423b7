//! A shop that is down, throttles, refuses, creates half of a batch, or loses responses.

use serde_json::{Value, json};

use super::fake_shopify::{FakeShopify, Misbehaviour};
use super::{BUYER, codes, connected, connection, drawn, look, open, points, publish, redeem, reward, status};
use crate::inbound;

fn five() -> Vec<Value> {
    vec![reward("five", "shopify", &json!({}))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_down_for_a_day_takes_no_points_and_is_filled_afterwards() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { status: Some(503), ..Misbehaviour::default() });
    let shop = connected(&fake, 10, five()).await;
    let refused = redeem(&shop, "five").await;
    assert_eq!((refused.status, refused.problem()), (503, "codes_unavailable"), "{}", refused.body);
    assert_eq!(points(&shop).await, 1000);
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["error"]), (&json!(0), &json!("503")), "{seen}");
    for now in ["2026-03-01T12:30:00+01:00", "2026-03-01T20:00:00+01:00"] {
        shop.clock(now).await;
    }
    fake.behave();
    shop.clock("2026-03-02T12:00:00+01:00").await;
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["error"]), (&json!(10), &Value::Null), "{seen}");
    assert!(fake.checkout(&drawn(&shop, "five").await));
    assert_eq!(points(&shop).await, 990);
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redemptions_go_on_while_a_shop_is_down_until_the_pool_is_empty() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 3, five()).await;
    fake.misbehave(Misbehaviour { status: Some(500), ..Misbehaviour::default() });
    for _ in 0..3 {
        let code = drawn(&shop, "five").await;
        assert!(fake.checkout(&code), "{code}");
    }
    assert_eq!((redeem(&shop, "five").await.status, points(&shop).await), (503, json!(970)));
    // Reserving needs no code, committing does.
    let reserve = json!({ "reward": "five", "reserve": true });
    let reserved = shop.post(&format!("/v1/members/{BUYER}/redemptions"), &reserve).await;
    let commit = format!("/v1/coupons/{}/commit", reserved.body["code"].as_str().unwrap());
    let refused = shop.post(&commit, &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (503, "codes_unavailable"));
    fake.behave();
    shop.clock("2026-03-01T12:20:00+01:00").await;
    assert_eq!(shop.post(&commit, &json!({})).await.status, 200);
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttled_requests_are_repeated_and_a_shop_that_throttles_everything_is_left_alone() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { throttled: 2, polls: 2, ..Misbehaviour::default() });
    let shop = connected(&fake, 5, five()).await;
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 5);
    fake.misbehave(Misbehaviour { throttled: u32::MAX, ..Misbehaviour::default() });
    drawn(&shop, "five").await;
    look(&shop).await;
    let seen = codes(&shop, "shopify", "five").await;
    assert!(seen["error"].as_str().unwrap().starts_with("THROTTLED"), "{seen}");
    fake.behave();
    shop.clock("2026-03-01T12:20:00+01:00").await;
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["error"]), (&json!(5), &Value::Null), "{seen}");
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_that_the_shop_refused_are_never_handed_out() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { half: true, ..Misbehaviour::default() });
    let shop = connected(&fake, 40, five()).await;
    let seen = codes(&shop, "shopify", "five").await;
    assert!(seen["failed"].as_u64().unwrap() >= 40, "{seen}");
    assert_eq!(seen["ready"], fake.live().len(), "{seen}");
    fake.behave();
    shop.clock("2026-03-01T12:20:00+01:00").await;
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 40);
    assert_eq!(fake.live().len(), 40);
    fake.misbehave(Misbehaviour { status: Some(503), ..Misbehaviour::default() });
    for _ in 0..40 {
        let code = drawn(&shop, "five").await;
        assert!(fake.checkout(&code), "{code}");
    }
    assert_eq!(redeem(&shop, "five").await.status, 503);
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_shop_refuses_is_a_dead_letter_until_a_person_acts() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { refuses: Some("AddCodes"), ..Misbehaviour::default() });
    let shop = connected(&fake, 5, five()).await;
    let dead = async || shop.get("/v1/integrations/shopify/dead-letters").await["items"].clone();
    assert_eq!(dead().await.as_array().unwrap().len(), 1);
    let (reason, kind) = (dead().await[0]["reason"].clone(), dead().await[0]["type"].clone());
    assert_eq!((reason, kind), (json!("The discount is not available (INVALID)"), json!("codes")));
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["error"]), (&json!(0), &json!("The discount is not available (INVALID)")));
    // It is not asked again by itself.
    look(&shop).await;
    shop.clock("2026-03-01T18:00:00+01:00").await;
    assert_eq!(fake.count("AddCodes"), 1);
    fake.behave();
    let redriven = shop.post("/v1/integrations/shopify/redrive", &json!({})).await;
    assert_eq!((redriven.status, &redriven.body["redriven"]), (202, &json!(1)));
    shop.clock("2026-03-01T18:02:00+01:00").await;
    assert_eq!(dead().await, json!([]));
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["ready"], &seen["error"]), (&json!(5), &Value::Null), "{seen}");
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_change_ask_again_for_what_was_refused() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { refuses: Some("CreateDiscount"), ..Misbehaviour::default() });
    let shop = connected(&fake, 5, five()).await;
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 0);
    fake.behave();
    inbound::connect(&shop, "shopify", &connection(&fake, 6, 6)).await;
    shop.settle().await;
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 6);
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_response_neither_loses_nor_doubles_a_code() {
    for operation in ["CreateDiscount", "AddCodes", "AddedCodes", "DeleteCodes"] {
        let fake = FakeShopify::start().await;
        fake.misbehave(Misbehaviour { loses: Some((operation, 1)), ..Misbehaviour::default() });
        let shop = connected(&fake, 120, five()).await;
        shop.clock("2026-03-01T12:20:00+01:00").await;
        assert_eq!((fake.discounts().len(), fake.live().len()), (1, 120), "{operation}");
        assert_eq!(codes(&shop, "shopify", "five").await["ready"], 120, "{operation}");
        let code = drawn(&shop, "five").await;
        assert!(fake.live().contains(&code), "{operation}");
        super::cancel(&shop, &code).await;
        shop.clock("2026-03-01T13:00:00+01:00").await;
        assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(1000), json!("cancelled")), "{operation}");
        assert!(!fake.live().contains(&code), "{operation}");
        fake.check();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_not_connected_gives_no_codes() {
    let shop = open(five()).await;
    look(&shop).await;
    assert_eq!((redeem(&shop, "five").await.status, points(&shop).await), (503, json!(1000)));
    let loaded = shop.post("/v1/rewards/five/codes", &json!({ "codes": ["MINE-1"] })).await;
    assert_eq!((loaded.status, loaded.problem()), (422, "no_pool"));
}

/// The reward's codes come from elsewhere.
fn withdrawn() -> Vec<Value> {
    vec![reward("five", "shopify", &json!({ "code": { "pattern": "ADA-########" } }))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_reward_is_deactivated_although_its_codes_were_refused() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { refuses: Some("AddCodes"), ..Misbehaviour::default() });
    let shop = connected(&fake, 5, five()).await;
    assert!(fake.discounts()[0].1);
    publish(&shop, withdrawn()).await;
    assert!(!fake.discounts()[0].1);
    // And it is filled again, although a person has not acted.
    fake.behave();
    publish(&shop, five()).await;
    assert_eq!((fake.live().len(), codes(&shop, "shopify", "five").await["ready"].clone()), (5, json!(5)));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discount_whose_creation_was_interrupted_is_deactivated() {
    let fake = FakeShopify::start().await;
    fake.misbehave(Misbehaviour { loses: Some(("CreateDiscount", 1)), ..Misbehaviour::default() });
    let shop = connected(&fake, 5, five()).await;
    assert_eq!(fake.count("AddCodes"), 0);
    publish(&shop, withdrawn()).await;
    assert_eq!(fake.discounts().iter().map(|(_, is_active)| *is_active).collect::<Vec<_>>(), [false]);
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reward_is_withdrawn_when_its_shop_is_up_again() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 5, five()).await;
    fake.misbehave(Misbehaviour { status: Some(503), ..Misbehaviour::default() });
    publish(&shop, withdrawn()).await;
    assert_eq!(fake.live().len(), 5);
    fake.behave();
    shop.clock("2026-03-01T12:20:00+01:00").await;
    assert!(fake.live().is_empty());
    // It comes back while the shop is down: no code that does not work is handed out.
    fake.misbehave(Misbehaviour { status: Some(503), ..Misbehaviour::default() });
    publish(&shop, five()).await;
    let refused = redeem(&shop, "five").await;
    assert_eq!((refused.status, refused.problem(), points(&shop).await), (503, "codes_unavailable", json!(1000)));
    fake.behave();
    shop.clock("2026-03-01T13:20:00+01:00").await;
    assert!(fake.checkout(&drawn(&shop, "five").await));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_leaves_takes_its_pools_with_it() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 5, five()).await;
    let wallet = drawn(&shop, "five").await;
    shop.settle().await;
    let leaving = json!({ "shop_id": 954_889, "shop_domain": "ada.myshopify.com" });
    super::deliver(&shop, "shop/redact", &leaving).await;
    assert_eq!(inbound::health(&shop, "shopify").await["codes"], json!([]));
    let refused = redeem(&shop, "five").await;
    assert_eq!((refused.status, refused.problem(), points(&shop).await), (503, "codes_unavailable", json!(990)));
    assert_eq!(status(&shop, &wallet).await, "available");
    // Nobody can delete the code of a coupon that is cancelled now: its points come back all the same.
    let cancelled = super::cancel(&shop, &wallet).await;
    assert_eq!((cancelled.status, status(&shop, &wallet).await), (200, json!("cancelled")), "{}", cancelled.body);
    assert_eq!(points(&shop).await, 1000);
    let requests = fake.count("AddCodes");
    look(&shop).await;
    assert_eq!(fake.count("AddCodes"), requests, "nothing more is asked of a shop that has left");
    // Connected again, it begins anew.
    inbound::connect(&shop, "shopify", &connection(&fake, 5, 5)).await;
    shop.settle().await;
    assert_eq!((codes(&shop, "shopify", "five").await["ready"].clone(), fake.discounts().len()), (json!(5), 2));
    assert!(fake.checkout(&drawn(&shop, "five").await));
    fake.check();
}
