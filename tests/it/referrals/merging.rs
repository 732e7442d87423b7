//! Two members who turn out to be one person.

use serde_json::json;

use super::{advocate, available, buy, refer, shop, statuses};
use crate::shop::{Response, Shop};

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

/// Undoes a merge.
async fn unmerge(shop: &Shop, source: &str, query: &str) -> Response {
    shop.post(&format!("/v1/members/{source}/unmerge{query}"), &json!({})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_is_undone_as_if_it_had_not_been() {
    let (shop, _) = shop(&json!({ "hold_days": 0 })).await;
    for (id, points) in [("c-1", 200), ("c-2", 120)] {
        advocate(&shop, id).await;
        shop.post(&format!("/v1/members/{id}/adjustments"), &json!({ "award": points, "reason": "test" })).await;
    }
    let redeemed = shop.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" })).await;
    let code = redeemed.body["code"].as_str().unwrap();
    let before = [shop.member("c-1").await, shop.member("c-2").await];
    assert_eq!(unmerge(&shop, "c-1", "").await.problem(), "unmerge_unavailable");
    assert_eq!(shop.post("/v1/members/c-1/merge", &json!({ "into": "c-2" })).await.status, 200);
    let both = available(&shop, "c-2").await;
    shop.clock("2026-03-20T12:00:00+01:00").await;
    let tried = unmerge(&shop, "c-1", "?dry_run=true").await;
    assert_eq!((tried.status, available(&shop, "c-2").await), (200, both), "{}", tried.body);
    for _ in 0..2 {
        let undone = unmerge(&shop, "c-1", "").await;
        assert_eq!(undone.status, 200, "{}", undone.body);
        for (member, name) in [(&before[0], "source"), (&before[1], "target")] {
            assert_eq!(undone.body[name]["points"], member["points"]);
            assert_eq!(tried.body[name]["points"], member["points"]);
            assert_eq!(undone.body[name]["id"], member["id"]);
        }
    }
    let (left, right) = (available(&shop, "c-1").await, available(&shop, "c-2").await);
    assert_eq!((left + right, right), (both, 120));
    assert_eq!(shop.entries("c-1").await[0]["type"], "unmerge");
    assert_eq!(shop.entries("c-2").await[0]["type"], "unmerge");
    // The coupon is its owner's alone, and both go on.
    assert_eq!(shop.get("/v1/members/c-2/coupons").await["items"], json!([]));
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["member"], "c-1");
    buy(&shop, "r-1", "c-1", "70.00").await;
    assert_eq!(available(&shop, "c-2").await, 120);
    shop.verify().await;
    // They may be merged again.
    assert_eq!(shop.post("/v1/members/c-1/merge", &json!({ "into": "c-2" })).await.status, 200);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_booked_since_keeps_a_merge() {
    let (shop, _) = shop(&json!({})).await;
    for id in ["c-1", "c-2", "c-3", "c-4", "c-5"] {
        advocate(&shop, id).await;
        shop.post(&format!("/v1/members/{id}/adjustments"), &json!({ "award": 200, "reason": "test" })).await;
    }
    for (source, into) in [("c-1", "c-2"), ("c-3", "c-4")] {
        assert_eq!(shop.post(&format!("/v1/members/{source}/merge"), &json!({ "into": into })).await.status, 200);
    }
    shop.post("/v1/members/c-2/redemptions", &json!({ "reward": "five-off" })).await;
    shop.clock("2026-04-05T12:00:00+02:00").await;
    for source in ["c-1", "c-3", "c-5"] {
        for query in ["", "?dry_run=true"] {
            assert_eq!(unmerge(&shop, source, query).await.problem(), "unmerge_unavailable", "{source}");
        }
    }
    assert_eq!(unmerge(&shop, "c-nobody", "").await.status, 404);
    assert_eq!(unmerge(&shop, "c-3", "?dry_run=maybe").await.status, 400);
    shop.verify().await;
}
