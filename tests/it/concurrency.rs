//! Many at once: points are spent once, coupons used once, stock never oversold, a receipt counted once.

use futures::future::join_all;
use serde_json::json;

use crate::shop::{Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_redemptions_of_one_balance() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "350.00")).await;
    shop.settle().await;
    let wish = json!({ "reward": "five-off" });
    let mut made = 0;
    // A conflict that outlives its retries is answered with 503 and asks to come again.
    for _ in 0..20 {
        let answers = join_all((0..64).map(|_| shop.post("/v1/members/c-1/redemptions", &wish))).await;
        made += answers.iter().filter(|answer| answer.status == 201).count();
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert!([422, 503].contains(&answer.status), "{}", answer.body);
        }
        if answers.iter().all(|answer| answer.status == 422) {
            break;
        }
    }
    assert_eq!(made, 3);
    assert_eq!(shop.member("c-1").await["points"]["available"], 50);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_units_of_a_stock() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    for n in 0..8 {
        shop.post("/v1/members", &json!({ "id": format!("c-{n}") })).await;
        shop.post("/v1/receipts", &receipt(&format!("r-{n}"), &format!("c-{n}"), "50.00")).await;
    }
    shop.settle().await;
    let wish = json!({ "reward": "last-one" });
    let mut made = 0;
    for _ in 0..20 {
        let paths: Vec<String> = (0..8).map(|n| format!("/v1/members/c-{n}/redemptions")).collect();
        let answers = join_all(paths.iter().map(|path| shop.post(path, &wish))).await;
        made += answers.iter().filter(|answer| answer.status == 201).count();
        let sold_out = |answer: &crate::shop::Answer| answer.status == 422 && answer.problem() == "out_of_stock";
        if answers.iter().all(sold_out) {
            break;
        }
    }
    assert_eq!(made, 3);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_receipt_from_thirty_two_senders() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let body = receipt("r-1", "c-new", "40.00");
    let answers = join_all((0..32).map(|_| shop.post("/v1/receipts", &body))).await;
    assert!(answers.iter().all(|answer| [200, 202, 503].contains(&answer.status)), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    shop.settle().await;
    assert_eq!(shop.member("c-new").await["points"]["available"], 40);
    assert_eq!(shop.verify().await.facts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_uses_of_one_coupon() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "100.00")).await;
    shop.settle().await;
    let made = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let code = made.body["code"].as_str().unwrap();
    let uses = (0..64).map(|n| {
        let (path, body) = (format!("/v1/coupons/{code}/use"), json!({ "receipt": format!("sale-{n}") }));
        let shop = &shop;
        async move { shop.post(&path, &body).await }
    });
    let answers = join_all(uses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    shop.verify().await;
}
