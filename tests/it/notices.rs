//! Warnings before points expire, and their expiry, by the passing of time alone.

use serde_json::{Value, json};

use crate::shop::{Shop, per_euro, program, receipt};

fn expiring() -> Value {
    let mut document = program(&per_euro());
    document["points"]["expiry"] = json!({ "after_months": 3 });
    document
}

async fn warnings(shop: &Shop, query: &str) -> Vec<Value> {
    shop.get(&format!("/v1/notices?{query}")).await["items"].as_array().unwrap().clone()
}

/// Runs the worker twice: a repeated run does nothing.
async fn served(shop: &Shop, now: &str) {
    shop.clock(now).await;
    for _ in 0..2 {
        shop.post("/_local/jobs/inactivity", &json!({})).await;
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_warned_thirty_and_seven_days_before_points_expire_and_then_they_expire() {
    let shop = Shop::open(&expiring(), "2026-03-01T09:00:00Z").await;
    shop.post("/v1/members", &json!({ "id": "ada" })).await;
    shop.post("/v1/receipts", &receipt("1", "ada", "80.00")).await;
    shop.settle().await;
    // The points last through 1 June.
    served(&shop, "2026-05-01T09:00:00Z").await;
    assert_eq!(warnings(&shop, "").await, Vec::<Value>::new());
    served(&shop, "2026-05-02T09:00:00Z").await;
    let first = warnings(&shop, "member=ada&type=points_expiring").await;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        (&first[0]["type"], &first[0]["points"], &first[0]["on"]),
        (&json!("points_expiring"), &json!(80), &json!("2026-06-01"))
    );
    assert!(first[0]["id"].as_str().unwrap().starts_with("ntc_"));
    // Some are spent before the second warning, which a late run gives on its own day.
    shop.post("/v1/members/ada/adjustments", &json!({ "deduct": 30, "reason": "spent" })).await;
    served(&shop, "2026-05-27T09:00:00Z").await;
    let both = warnings(&shop, "member=ada").await;
    let points: Vec<&Value> = both.iter().map(|notice| &notice["points"]).collect();
    assert_eq!(points, [&json!(50), &json!(80)]);
    assert!(both[0]["at"].as_str().unwrap().starts_with("2026-05-24T22:00"), "{both:?}");
    // On the day after the last, the ledger books the expiry without anybody coming back.
    served(&shop, "2026-06-02T09:00:00Z").await;
    assert_eq!(shop.entries("ada").await[0]["type"], "expire");
    let liability = shop.get("/v1/liability?from=2026-06-01&to=2026-07-01").await;
    assert_eq!(liability["roll_forward"]["expired"]["points"], 50);
    assert_eq!(liability["roll_forward"]["closing"]["points"], 0);
    // Notices are kept for 90 days.
    served(&shop, "2026-08-10T09:00:00Z").await;
    assert_eq!(warnings(&shop, "").await.len(), 1);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_days_warn_once() {
    let shop = Shop::open(&expiring(), "2026-03-01T09:00:00Z").await;
    shop.post("/v1/receipts", &receipt("1", "guest", "80.00")).await;
    shop.settle().await;
    served(&shop, "2026-05-28T09:00:00Z").await;
    // Both warnings were missed: one notice says what the latest would have said.
    assert_eq!(warnings(&shop, "").await.len(), 1);
    served(&shop, "2026-05-29T09:00:00Z").await;
    assert_eq!(warnings(&shop, "").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_notices_refuse_what_they_do_not_know() {
    let shop = Shop::open(&expiring(), "2026-03-01T09:00:00Z").await;
    for (query, status) in [("type=gossip", 400), ("limit=0", 400), ("cursor=x", 400), ("member=nobody", 404)] {
        let response = shop.request(reqwest::Method::GET, &format!("/v1/notices?{query}"), None).await;
        assert_eq!(response.status, status, "{query}: {}", response.body);
    }
    assert_eq!(shop.get("/v1/notices").await, json!({ "items": [], "next_cursor": null }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_are_warned_seven_days_before_a_coupon_expires_unless_it_is_used() {
    let mut document = program(&per_euro());
    document["rewards"][0]["valid_days"] = 20.into();
    let shop = Shop::open(&document, "2026-03-01T09:00:00Z").await;
    shop.post("/v1/members", &json!({ "id": "ada" })).await;
    shop.post("/v1/receipts", &receipt("1", "ada", "600.00")).await;
    shop.settle().await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let bought = shop.post("/v1/members/ada/redemptions", &json!({ "reward": "five-off" })).await;
        codes.push(bought.body["code"].as_str().unwrap().to_owned());
    }
    assert_eq!(shop.post(&format!("/v1/coupons/{}/use", codes[0]), &json!({})).await.status, 200);
    served(&shop, "2026-03-13T09:00:00Z").await;
    assert_eq!(warnings(&shop, "type=coupon_expiring").await, Vec::<Value>::new());
    // The days that were missed are caught up.
    served(&shop, "2026-03-16T09:00:00Z").await;
    let notices = warnings(&shop, "type=coupon_expiring&member=ada").await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(
        (&notices[0]["coupon"], &notices[0]["reward"], &notices[0]["on"]),
        (&json!(codes[1]), &json!("five-off"), &json!("2026-03-21"))
    );
}
