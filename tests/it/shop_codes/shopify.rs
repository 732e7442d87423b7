//! Codes in Shopify, from the first fill to the last deletion.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fake_shopify::FakeShopify;
use super::{BUYER, cancel, codes, connected, deliver, drawn, look, order, points, publish, redeem, reward, status};
use crate::inbound;
use crate::shop::token;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_codes_take_forty_requests_and_one_token() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 10_000, vec![reward("five", "shopify", &json!({}))]).await;
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 10_000);
    assert_eq!((fake.count("AddCodes"), fake.tokens(), fake.count("CreateDiscount")), (40, 1, 1));
    assert_eq!(fake.live().len(), 10_000);
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refresh_serves_sixty_four_senders() {
    // Of several instances of the function: the local stack has four.
    let fake = FakeShopify::start().await;
    let rewards =
        (0..64).map(|n| reward(&format!("reward-{n}"), "shopify", &json!({ "value": format!("{}.00", n + 1) })));
    let shop = connected(&fake, 1, rewards.collect()).await;
    assert_eq!((fake.count("CreateDiscount"), fake.count("AddCodes"), fake.tokens()), (64, 64, 1));
    assert_eq!(fake.live().len(), 64);
    // A token that the shop refuses is refreshed, once as well.
    fake.misbehave(super::fake_shopify::Misbehaviour { revokes: true, ..Default::default() });
    for n in 0..64 {
        drawn(&shop, &format!("reward-{n}")).await;
    }
    look(&shop).await;
    assert_eq!((fake.count("AddCodes"), fake.tokens()), (128, 102));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_goes_from_the_wallet_to_the_checkout_and_back() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 5, vec![reward("five", "shopify", &json!({ "minimum_spend": "20.00" }))]).await;
    let (input, is_active) = fake.discounts().remove(0);
    assert!(is_active);
    assert_eq!(input["customerGets"]["value"]["discountAmount"]["amount"], "5.00");
    let code = drawn(&shop, "five").await;
    assert_eq!((status(&shop, &code).await, points(&shop).await), (json!("available"), json!(990)));
    assert!(fake.checkout(&code.to_lowercase()));
    // Somebody else's order, in another spelling.
    let mut paid = order(1, &code.to_lowercase(), "2026-03-01T11:00:00+01:00");
    paid["customer"] = json!({ "id": 7, "email": "eve@example.com", "verified_email": true });
    deliver(&shop, "orders/paid", &paid).await;
    assert_eq!(status(&shop, &code).await, "used");
    assert!(!fake.checkout(&code));
    let mut cancelled = paid.clone();
    cancelled["cancelled_at"] = json!("2026-03-01T11:30:00+01:00");
    deliver(&shop, "orders/cancelled", &cancelled).await;
    assert_eq!(points(&shop).await, 1000);
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draw_lets_the_pool_be_filled_up_without_a_schedule() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 3, vec![reward("five", "shopify", &json!({}))]).await;
    let reserve = json!({ "reward": "five", "reserve": true });
    shop.post(&format!("/v1/members/{BUYER}/redemptions"), &reserve).await;
    shop.settle().await;
    assert_eq!(fake.count("AddCodes"), 1, "a reservation takes no code");
    drawn(&shop, "five").await;
    shop.settle().await;
    assert_eq!((fake.count("AddCodes"), codes(&shop, "shopify", "five").await["ready"].clone()), (2, json!(3)));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_has_a_handle_until_its_code_is_drawn() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 3, vec![reward("five", "shopify", &json!({}))]).await;
    let reserve = json!({ "reward": "five", "reserve": true });
    let reserved = shop.post(&format!("/v1/members/{BUYER}/redemptions"), &reserve).await;
    let handle = reserved.body["code"].as_str().unwrap().to_owned();
    assert!(!fake.checkout(&handle));
    // The reward changes meanwhile: the coupon keeps the discount that it was reserved with.
    publish(&shop, vec![reward("five", "shopify", &json!({ "value": "7.00" }))]).await;
    let committed = shop.post(&format!("/v1/coupons/{handle}/commit"), &json!({})).await;
    assert_eq!((committed.status, &committed.body["discount"]["amount"]), (200, &json!("5.00")), "{}", committed.body);
    assert!(fake.checkout(committed.body["code"].as_str().unwrap()));
    let newer = redeem(&shop, "five").await;
    assert_eq!(newer.body["discount"]["amount"], "7.00");
    let amounts: BTreeSet<String> = fake
        .discounts()
        .iter()
        .map(|(input, _)| input["customerGets"]["value"]["discountAmount"]["amount"].to_string())
        .collect();
    assert_eq!(amounts.len(), 2, "{amounts:?}");
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_number_of_points_has_a_discount_of_its_own() {
    let fake = FakeShopify::start().await;
    let per = json!({ "points": 100, "value": "1.00", "min": 100, "max": 400, "step": 100 });
    let pay = reward("pay", "shopify", &json!({ "value": null, "cost": null, "cost_per": per }));
    let shipping = reward("shipping", "shopify", &json!({ "type": "free_shipping", "value": null }));
    let share = reward("share", "shopify", &json!({ "type": "percent_off", "value": "12.5" }));
    let shop = connected(&fake, 8, vec![pay, shipping, share]).await;
    assert_eq!((fake.count("CreateDiscount"), fake.count("CreateFreeShipping")), (5, 1));
    // The codes of a reward are shared by its discounts.
    assert_eq!(codes(&shop, "shopify", "pay").await["ready"], 8);
    for (points, amount) in [(100, "1.00"), (300, "3.00")] {
        let wanted = json!({ "reward": "pay", "points": points });
        let coupon = shop.post(&format!("/v1/members/{BUYER}/redemptions"), &wanted).await;
        assert_eq!((coupon.status, &coupon.body["discount"]["amount"]), (201, &json!(amount)), "{}", coupon.body);
        assert!(fake.checkout(coupon.body["code"].as_str().unwrap()));
    }
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_used_at_a_till_does_not_work_at_the_checkout_any_more() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 6, vec![reward("five", "shopify", &json!({}))]).await;
    let (by_hand, on_receipt, online) =
        (drawn(&shop, "five").await, drawn(&shop, "five").await, drawn(&shop, "five").await);
    assert!(fake.checkout(&online));
    deliver(&shop, "orders/paid", &order(1, &online, "2026-03-01T11:00:00+01:00")).await;
    assert_eq!((status(&shop, &online).await, fake.count("DeleteCodes")), (json!("used"), 0));
    assert_eq!(shop.post(&format!("/v1/coupons/{by_hand}/use"), &json!({})).await.status, 200);
    let mut sold = crate::shop::receipt("till-1", BUYER, "30.00");
    sold["coupons"] = json!([on_receipt]);
    assert_eq!(shop.post("/v1/receipts", &sold).await.status, 202);
    shop.settle().await;
    for code in [&by_hand, &on_receipt] {
        assert_eq!(status(&shop, code).await, "used");
        assert!(!fake.checkout(code), "{code}");
    }
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["dead"], fake.count("DeleteCodes")), (&json!(2), 2), "{seen}");
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_coupons_code_is_dead_within_one_run() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, vec![reward("five", "shopify", &json!({ "valid_days": 1 }))]).await;
    let (expired, used) = (drawn(&shop, "five").await, drawn(&shop, "five").await);
    look(&shop).await;
    assert!(fake.checkout(&used));
    deliver(&shop, "orders/paid", &order(1, &used, "2026-03-01T11:00:00+01:00")).await;
    assert!(fake.live().contains(&expired));
    // Its last day is 2 March.
    shop.clock("2026-03-02T23:50:00+01:00").await;
    assert!(fake.live().contains(&expired));
    shop.clock("2026-03-03T00:10:00+01:00").await;
    assert!(!fake.checkout(&expired));
    assert_eq!((status(&shop, &expired).await, status(&shop, &used).await), (json!("expired"), json!("used")));
    let seen = codes(&shop, "shopify", "five").await;
    assert_eq!((&seen["dead"], &seen["ready"]), (&json!(1), &json!(4)), "{seen}");
    // Expiry gives nothing back.
    assert_eq!((points(&shop).await, fake.count("DeleteCodes")), (json!(980), 1));
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_rewards_discount_is_deactivated_and_comes_back_with_it() {
    let fake = FakeShopify::start().await;
    let five = || reward("five", "shopify", &json!({}));
    let shop = connected(&fake, 4, vec![five()]).await;
    let wallet = drawn(&shop, "five").await;
    shop.settle().await;
    let added = fake.count("AddCodes");
    // A reward stays in a program that is in use; its codes come from elsewhere.
    publish(&shop, vec![reward("five", "shopify", &json!({ "code": { "pattern": "ADA-########" } }))]).await;
    assert!(fake.discounts().iter().all(|(_, is_active)| !is_active) && fake.live().is_empty());
    assert_eq!(codes(&shop, "shopify", "five").await["ready"], 0);
    look(&shop).await;
    // Codes that nobody has are deleted, so that none of them is handed out before the discount works again.
    assert_eq!((fake.count("Deactivate"), fake.count("DeleteCodes")), (1, 1));
    assert!(!fake.checkout(&wallet), "the discount works no more");
    publish(&shop, vec![five()]).await;
    assert_eq!((fake.count("Activate"), fake.count("CreateDiscount"), fake.count("AddCodes")), (1, 1, added + 1));
    assert!(fake.checkout(&wallet) && fake.checkout(&drawn(&shop, "five").await));
    fake.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_coupon_gives_its_points_back_when_its_code_is_dead() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, vec![reward("five", "shopify", &json!({}))]).await;
    let code = drawn(&shop, "five").await;
    // Shoppers do not cancel what a checkout accepts.
    let claims = json!({ "iss": shop.program, "sub": BUYER, "exp": 1_772_366_400 });
    let bearer = format!("Bearer {}", token(&claims, &shop.secret));
    let path = format!("/v1/coupons/{code}/cancel");
    let by_member = [("authorization", bearer.as_str())];
    let refused = shop.request_with(reqwest::Method::POST, &path, Some(&json!({})), &by_member).await;
    assert_eq!((refused.status, refused.problem()), (403, "forbidden"), "{}", refused.body);
    let unchanged = shop.get(&format!("/v1/coupons/{code}")).await;
    assert_eq!((&unchanged["status"], &unchanged["cancellable"]), (&json!("available"), &json!(false)));
    fake.misbehave(super::fake_shopify::Misbehaviour { status: Some(503), ..Default::default() });
    for _ in 0..2 {
        let cancelled = cancel(&shop, &code).await;
        assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")), "{}", cancelled.body);
    }
    assert_eq!(points(&shop).await, 990, "the code still works");
    let applied = shop.post(&format!("/v1/coupons/{code}/apply"), &json!({})).await;
    assert_eq!((applied.status, applied.problem()), (409, "coupon_state"));
    fake.behave();
    shop.clock("2026-03-01T12:02:00+01:00").await;
    assert!(!fake.checkout(&code));
    assert_eq!(points(&shop).await, 1000);
    assert_eq!(status(&shop, &code).await, "cancelled");
    let entries = shop.entries(BUYER).await;
    let restored: Vec<&Value> = entries.iter().filter(|entry| entry["type"] == "restore").collect();
    assert_eq!(restored.len(), 1, "{entries:?}");
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_used_the_code_wins_over_a_cancellation() {
    let fake = FakeShopify::start().await;
    let shop = connected(&fake, 4, vec![reward("five", "shopify", &json!({}))]).await;
    // The shop is down, so the code still works. An order uses it after the member cancelled the coupon.
    let code = drawn(&shop, "five").await;
    fake.misbehave(super::fake_shopify::Misbehaviour { status: Some(503), ..Default::default() });
    cancel(&shop, &code).await;
    assert!(fake.checkout(&code));
    shop.clock("2026-03-01T12:00:30+01:00").await;
    deliver(&shop, "orders/paid", &order(1, &code, "2026-03-01T12:00:10+01:00")).await;
    assert_eq!(status(&shop, &code).await, "used");
    fake.behave();
    shop.clock("2026-03-01T13:00:00+01:00").await;
    assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(990), json!("used")));
    // The shopper cancels between checkout and webhook: the points come back, and are taken again.
    let code = drawn(&shop, "five").await;
    assert!(fake.checkout(&code));
    cancel(&shop, &code).await;
    assert_eq!(points(&shop).await, 990);
    deliver(&shop, "orders/paid", &order(2, &code, "2026-03-01T12:30:00+01:00")).await;
    assert_eq!((points(&shop).await, status(&shop, &code).await), (json!(980), json!("used")));
    assert_eq!(inbound::health(&shop, "shopify").await["dead"], 0);
    fake.check();
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reward_that_has_ended_is_not_filled_and_its_coupons_live_on() {
    let fake = FakeShopify::start().await;
    let ending = json!({ "ends_at": "2026-03-01T18:00:00", "valid_days": 1 });
    let shop = connected(&fake, 3, vec![reward("five", "shopify", &ending)]).await;
    let code = drawn(&shop, "five").await;
    shop.clock("2026-03-01T18:10:00+01:00").await;
    assert!(fake.checkout(&code), "a coupon in the wallet works");
    assert!(fake.discounts()[0].1);
    // The last day of the last coupon is 2 March.
    shop.clock("2026-03-03T00:10:00+01:00").await;
    assert!(!fake.discounts()[0].1);
    fake.check();
}
