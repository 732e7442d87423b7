//! The end of a merge: what came since goes to whom it named.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{advocate, available, buy, refer, refund, shop, statuses};
use crate::shop::{Response, Shop, per_euro, program, receipt};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

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

fn rules(per_unit: &str) -> Value {
    json!([
        { "id": "per-euro", "name": "per-euro", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "receipt": {} }, "then": [{ "credit": { "per_unit": per_unit, "kind": "both" } }] },
        { "id": "every-50", "name": "every-50", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "receipt": { "spend": { "every": "50.00" } } }, "then": [{ "credit": { "points": 10 } }] },
        { "id": "sixty", "name": "sixty", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "receipt": { "spend": { "every": "60.00" } } }, "then": [{ "reward": "five-off" }] },
        { "id": "visit", "name": "visit", "status": "active", "starts_at": "2026-01-01T00:00:00",
          "on": { "interaction": { "name": "visit" } }, "limit": { "times": 1, "per": "day" },
          "then": [{ "credit": { "points": 3 } }] },
    ])
}

async fn two(rules: &Value) -> Shop {
    let shop = Shop::open(&program(rules), CLOCK).await;
    for id in ["c-1", "c-2"] {
        let body = json!({ "id": id, "email": format!("{id}@example.com"), "verified": ["email"] });
        assert_eq!(shop.post("/v1/members", &body).await.status, 201);
    }
    shop
}

async fn visit(shop: &Shop, id: &str, member: &str) {
    let body =
        json!({ "id": id, "occurred_at": "2026-03-01T11:00:00+01:00", "member": { "id": member }, "name": "visit" });
    assert_eq!(shop.post("/v1/interactions", &body).await.status, 202);
    shop.settle().await;
}

async fn merge(shop: &Shop) {
    let merged = shop.post("/v1/members/c-1/merge", &json!({ "into": "c-2" })).await;
    assert_eq!(merged.status, 200, "{}", merged.body);
}

/// What happens before a merge, and what happens between it and its end.
async fn before(shop: &Shop) {
    buy(shop, "a-1", "c-1", "30.00").await;
    buy(shop, "b-1", "c-2", "45.00").await;
    buy(shop, "a-2", "c-1", "40.00").await;
    refund(shop, "a-2", "f-a2", "5.00").await;
}

async fn since(shop: &Shop) {
    buy(shop, "a-3", "c-1", "30.00").await;
    buy(shop, "b-2", "c-2", "40.00").await;
    visit(shop, "i-a", "c-1").await;
    visit(shop, "i-b", "c-2").await;
    refund(shop, "a-1", "f-a1", "10.00").await;
    refund(shop, "b-1", "f-b1", "15.00").await;
    refund(shop, "a-3", "f-a3", "12.00").await;
    // By an identifier that the source held.
    let mut by_email = receipt("a-4", "", "25.00");
    by_email["member"] = json!({ "email": "c-1@example.com" });
    assert_eq!(shop.post("/v1/receipts", &by_email).await.status, 202);
    shop.settle().await;
}

/// What two people have: points, tier, receipts, and usable coupons.
async fn state(shop: &Shop) -> Value {
    let mut both = Vec::new();
    for member in ["c-1", "c-2"] {
        let seen = shop.member(member).await;
        let mut receipts = Vec::new();
        for one in shop.get(&format!("/v1/members/{member}/receipts")).await["items"].as_array().unwrap() {
            let id = one["id"].as_str().unwrap();
            let receipt = shop.get(&format!("/v1/receipts/{id}")).await;
            // On which of several receipts a rule over all of them fired depends on the order; what it gave in all does not.
            receipts.push(json!([id, receipt["status"], receipt["decision"]["points"]["qualifying"]]));
        }
        receipts.sort_by_key(Value::to_string);
        let coupons = shop.get(&format!("/v1/members/{member}/coupons")).await;
        let usable =
            coupons["items"].as_array().unwrap().iter().filter(|coupon| coupon["status"] == "available").count();
        both.push(json!({ "points": seen["points"], "tier": seen["tier"], "receipts": receipts, "coupons": usable }));
    }
    json!(both)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_since_is_as_if_the_two_had_never_been_one() {
    let (apart, shop) = (two(&rules("1")).await, two(&rules("1")).await);
    for shop in [&apart, &shop] {
        before(shop).await;
    }
    merge(&shop).await;
    for shop in [&apart, &shop] {
        since(shop).await;
    }
    assert_ne!(state(&apart).await, state(&shop).await);
    let tried = unmerge(&shop, "c-1", "?dry_run=true").await;
    assert_eq!(tried.status, 200, "{}", tried.body);
    let expected = state(&apart).await;
    for _ in 0..2 {
        let undone = unmerge(&shop, "c-1", "").await;
        assert_eq!(undone.status, 200, "{}", undone.body);
        for (place, name) in [(0, "source"), (1, "target")] {
            let points = |seen: &Value| [seen["available"].clone(), seen["debt"].clone(), seen["qualifying"].clone()];
            assert_eq!(points(&undone.body[name]["points"]), points(&expected[place]["points"]), "{name}");
            assert_eq!(points(&tried.body[name]["points"]), points(&expected[place]["points"]), "tried {name}");
        }
        assert_eq!(state(&shop).await, expected);
        shop.verify().await;
    }
    // Both go on alike: later purchases and returns count the same.
    for shop in [&apart, &shop] {
        for (id, member, total) in [("a-9", "c-1", "60.00"), ("b-9", "c-2", "60.00")] {
            buy(shop, id, member, total).await;
        }
        for (receipt, id, amount) in [("a-3", "g-1", "18.00"), ("b-2", "g-2", "40.00"), ("a-1", "g-3", "20.00")] {
            refund(shop, receipt, id, amount).await;
        }
        visit(shop, "i-c", "c-1").await;
    }
    assert_eq!(state(&shop).await, state(&apart).await);
    let overview = async |shop: &Shop| shop.get("/v1/overview?from=2026-03-01&to=2026-03-02").await["totals"].clone();
    let (one, other) = (overview(&apart).await, overview(&shop).await);
    for name in ["average_order_value", "points_unredeemed", "members", "tiers"] {
        assert_eq!(one[name], other[name], "{name}");
    }
    // They may be merged, and parted, again.
    for shop in [&apart, &shop] {
        shop.clock("2026-03-01T12:10:00+01:00").await;
    }
    merge(&shop).await;
    buy(&shop, "a-10", "c-1", "20.00").await;
    buy(&apart, "a-10", "c-1", "20.00").await;
    assert_eq!(unmerge(&shop, "c-1", "").await.status, 200);
    assert_eq!(state(&shop).await, state(&apart).await);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_are_decided_by_their_own_version_and_corrections_stay() {
    let shop = two(&rules("1")).await;
    merge(&shop).await;
    buy(&shop, "a-1", "c-1", "30.00").await;
    visit(&shop, "i-a", "c-1").await;
    let award = json!({ "award": 25, "reason": "sorry" });
    assert_eq!(shop.post("/v1/members/c-1/adjustments", &award).await.status, 201);
    let deduct = json!({ "deduct": 5, "reason": "no" });
    assert_eq!(shop.post("/v1/members/c-2/adjustments", &deduct).await.status, 201);
    let put = shop.request(Method::PUT, "/v1/program", Some(&program(&json!([])))).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let undone = unmerge(&shop, "c-1", "").await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (33, 20));
    // What is returned is judged by the version that decided it.
    refund(&shop, "a-1", "f-1", "30.00").await;
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (3, 20));
    let sources: Vec<Value> = shop.entries("c-2").await.iter().map(|entry| entry["type"].clone()).collect();
    assert!(sources.contains(&json!("unmerge")) && sources.contains(&json!("reverse")), "{sources:?}");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spending_reserving_merging_and_moving_since_keep_a_merge() {
    let one = rules("1");
    for what in ["spend", "reserve", "merge", "join", "move"] {
        let shop = two(&one).await;
        shop.post("/v1/members", &json!({ "id": "c-3" })).await;
        buy(&shop, "a-1", "c-1", "120.00").await;
        merge(&shop).await;
        let response = match what {
            "spend" => shop.post("/v1/members/c-2/redemptions", &json!({ "reward": "five-off" })).await,
            "reserve" => {
                let body = json!({ "reward": "five-off", "reserve": true });
                shop.post("/v1/members/c-2/redemptions", &body).await
            }
            "merge" => shop.post("/v1/members/c-3/merge", &json!({ "into": "c-2" })).await,
            "join" => {
                let mut guest = receipt("g-1", "", "5.00");
                guest["member"] = json!({ "phone": "+390212345678" });
                shop.post("/v1/receipts", &guest).await;
                shop.settle().await;
                let proven = json!({ "phone": "+390212345678", "verified": ["phone"] });
                shop.request(Method::PATCH, "/v1/members/c-2", Some(&proven)).await
            }
            _ => {
                let body = json!({ "member": { "id": "c-3" }, "reason": "wrong card" });
                shop.post("/v1/receipts/a-1/move", &body).await
            }
        };
        assert!([200, 201].contains(&response.status), "{what}: {}", response.body);
        for query in ["?dry_run=true", ""] {
            assert_eq!(unmerge(&shop, "c-1", query).await.problem(), "unmerge_unavailable", "{what}");
        }
        shop.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_referral_between_two_who_are_apart_again_stands() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    refer(&shop, &code, "c-grace").await;
    buy(&shop, "r-1", "c-grace", "70.00").await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
    for minute in [10, 20] {
        shop.clock(&format!("2026-03-01T12:{minute}:00+01:00")).await;
        assert_eq!(shop.post("/v1/members/c-grace/merge", &json!({ "into": "c-ada" })).await.status, 200);
        shop.settle().await;
        assert_eq!((available(&shop, "c-ada").await, statuses(&shop, "c-ada").await), (0, vec!["reversed".to_owned()]));
        let undone = unmerge(&shop, "c-grace", "").await;
        assert_eq!(undone.status, 200, "{}", undone.body);
        shop.settle().await;
        assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (13, 50));
        assert_eq!(statuses(&shop, "c-ada").await, ["rewarded"]);
        shop.verify().await;
    }
    refund(&shop, "r-1", "f-1", "70.00").await;
    assert_eq!((available(&shop, "c-ada").await, available(&shop, "c-grace").await), (0, 0));
    // A reward for somebody else, given since, keeps a merge.
    shop.clock("2026-03-01T12:25:00+01:00").await;
    shop.post("/v1/members/c-grace/merge", &json!({ "into": "c-ada" })).await;
    refer(&shop, &code, "c-joan").await;
    buy(&shop, "r-2", "c-joan", "70.00").await;
    assert_eq!(unmerge(&shop, "c-grace", "").await.problem(), "unmerge_unavailable");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_come_at_that_moment_are_decided_once() {
    let shop = two(&rules("1")).await;
    merge(&shop).await;
    let names: Vec<String> = (0..24).map(|n| format!("r-{n}")).collect();
    let bought = names.iter().enumerate().map(|(n, id)| receipt(id, ["c-1", "c-2"][n % 2], "1.00")).collect::<Vec<_>>();
    let sent = join_all(bought.iter().map(|body| shop.post("/v1/receipts", body)));
    let (sent, undone) = tokio::join!(sent, unmerge(&shop, "c-1", ""));
    assert!(sent.iter().all(|response| response.status == 202));
    assert!([200, 503].contains(&undone.status), "{}", undone.body);
    shop.settle().await;
    assert_eq!(unmerge(&shop, "c-1", "").await.status, 200);
    shop.settle().await;
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (12, 12));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eighty_facts_are_handed_on_and_more_keep_the_merge() {
    let shop = two(&per_euro()).await;
    merge(&shop).await;
    let buy_many = async |from: usize, to: usize| {
        let bought: Vec<Value> =
            (from..to).map(|n| receipt(&format!("r-{n}"), ["c-1", "c-2"][n % 2], "1.00")).collect();
        for many in bought.chunks(16) {
            let sent = join_all(many.iter().map(|body| shop.post("/v1/receipts", body))).await;
            assert!(sent.iter().all(|response| response.status == 202), "{sent:?}");
        }
        shop.settle().await;
    };
    buy_many(0, 80).await;
    assert_eq!(unmerge(&shop, "c-1", "").await.status, 200);
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (40, 40));
    shop.clock("2026-03-01T12:10:00+01:00").await;
    merge(&shop).await;
    buy_many(80, 161).await;
    let before = shop.member("c-2").await;
    for query in ["?dry_run=true", ""] {
        assert_eq!(unmerge(&shop, "c-1", query).await.problem(), "unmerge_unavailable");
    }
    assert_eq!(shop.member("c-2").await, before);
    shop.verify().await;
}
