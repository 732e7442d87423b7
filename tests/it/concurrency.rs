//! Concurrency: points are spent once, coupons are used once, stock is never oversold, a receipt counts once.

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
    let redemption = json!({ "reward": "five-off" });
    let mut created = 0;
    // A conflict that outlasts its retries is a 503 with `Retry-After`.
    for _ in 0..20 {
        let responses = join_all((0..64).map(|_| shop.post("/v1/members/c-1/redemptions", &redemption))).await;
        created += responses.iter().filter(|response| response.status == 201).count();
        for response in responses.iter().filter(|response| response.status != 201) {
            assert!([422, 503].contains(&response.status), "{}", response.body);
        }
        if responses.iter().all(|response| response.status == 422) {
            break;
        }
    }
    assert_eq!(created, 3);
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
    let redemption = json!({ "reward": "last-one" });
    let mut created = 0;
    for _ in 0..20 {
        let paths: Vec<String> = (0..8).map(|n| format!("/v1/members/c-{n}/redemptions")).collect();
        let responses = join_all(paths.iter().map(|path| shop.post(path, &redemption))).await;
        created += responses.iter().filter(|response| response.status == 201).count();
        let sold_out =
            |response: &crate::shop::Response| response.status == 422 && response.problem() == "out_of_stock";
        if responses.iter().all(sold_out) {
            break;
        }
    }
    assert_eq!(created, 3);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_receipt_from_thirty_two_senders() {
    let shop = Shop::open(&program(&per_euro()), CLOCK).await;
    let body = receipt("r-1", "c-new", "40.00");
    let responses = join_all((0..32).map(|_| shop.post("/v1/receipts", &body))).await;
    assert!(responses.iter().all(|response| [200, 202, 503].contains(&response.status)), "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 202).count(), 1);
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
    let created = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let code = created.body["code"].as_str().unwrap();
    let uses = (0..64).map(|n| {
        let (path, body) = (format!("/v1/coupons/{code}/use"), json!({ "receipt": format!("sale-{n}") }));
        let shop = &shop;
        async move { shop.post(&path, &body).await }
    });
    let responses = join_all(uses).await;
    assert_eq!(responses.iter().filter(|response| response.status == 200).count(), 1, "{responses:?}");
    shop.verify().await;
}
