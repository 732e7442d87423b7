//! Two members who turn out to be one person.

use serde_json::json;

use super::{advocate, available, buy, refer, shop, statuses};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_referral_between_two_who_are_one_is_reversed() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    refer(&shop, &code, "c-grace").await;
    buy(&shop, "r-1", "c-grace", "70.00").await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
    let merge = json!({ "into": "c-ada" });
    let tried = shop.post("/v1/members/c-grace/merge?dry_run=true", &merge).await;
    assert_eq!((tried.status, &tried.body["points"]["available"]), (200, &json!(63)), "{}", tried.body);
    assert_eq!(available(&shop, "c-grace").await, 50);
    for _ in 0..2 {
        let merged = shop.post("/v1/members/c-grace/merge", &merge).await;
        assert_eq!((merged.status, &merged.body["id"]), (200, &json!("c-ada")), "{}", merged.body);
        shop.settle().await;
    }
    // Both names lead to one member, who has nothing of the referral.
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (0, 0));
    assert_eq!(statuses(&shop, "c-ada").await, ["reversed"]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_merged_stays_as_it_is() {
    let (shop, _) = shop(&json!({})).await;
    for id in ["c-1", "c-2", "c-3"] {
        advocate(&shop, id).await;
    }
    let merge = async |source: &str, into: &str| {
        shop.post(&format!("/v1/members/{source}/merge"), &json!({ "into": into })).await
    };
    assert_eq!(merge("c-1", "c-1").await.problem(), "same_member");
    assert_eq!(merge("c-1", "c-nobody").await.status, 404);
    assert_eq!(merge("c-nobody", "c-1").await.status, 404);
    assert_eq!(merge("c-1", "c-2").await.status, 200);
    assert_eq!(merge("c-2", "c-1").await.problem(), "same_member");
    assert_eq!(merge("c-1", "c-3").await.problem(), "merged_elsewhere");
    let award = json!({ "award": 200, "reason": "test" });
    shop.post("/v1/members/c-3/adjustments", &award).await;
    shop.post("/v1/members/c-3/redemptions", &json!({ "reward": "five-off", "reserve": true })).await;
    assert_eq!(merge("c-3", "c-2").await.problem(), "open_reservations");
    shop.post("/v1/members", &json!({ "id": "c-4", "email": "c-2@example.com" })).await;
    let warned = shop.post("/v1/members/c-4/merge?dry_run=true", &json!({ "into": "c-2" })).await;
    assert_eq!(warned.body["warnings"], json!(["shared_contact_data_only"]));
    shop.verify().await;
}
