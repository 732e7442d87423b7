//! Programs that change: who was there before is armed for what the new version makes due.

use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::ids::{MemberId, ProgramId};

use crate::shop::{Shop, per_euro, program, receipt};

fn rule(id: &str, on: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on,
            "then": [{ "credit": { "points": 20 } }] })
}

fn with_rule(rule: Value) -> Value {
    let mut rules = per_euro();
    rules.as_array_mut().unwrap().push(rule);
    program(&rules)
}

fn idle_for(days: u32) -> Value {
    with_rule(rule("win-back", &json!({ "inactivity": { "days": days } })))
}

async fn publish(shop: &Shop, document: &Value) {
    let put = shop.request(Method::PUT, "/v1/program", Some(document)).await;
    assert_eq!(put.status, 200, "{}", put.body);
}

/// Runs the worker twice: a repeated run does nothing.
async fn served(shop: &Shop, now: &str) {
    shop.clock(now).await;
    for _ in 0..2 {
        let ran = shop.post("/_local/jobs/inactivity", &json!({})).await;
        assert_eq!(ran.status, 200, "{}", ran.body);
        shop.settle().await;
    }
}

async fn available(shop: &Shop, member: &str) -> i64 {
    shop.member(member).await["points"]["available"].as_i64().unwrap()
}

async fn buy(shop: &Shop, member: &str, total: &str) {
    assert_eq!(shop.post("/v1/receipts", &receipt("r-1", member, total)).await.status, 202);
    shop.settle().await;
}

/// Calls of the worker, by operation.
async fn calls(shop: &Shop, operation: &str) -> u64 {
    let capacity = shop.get("/_local/capacity").await;
    capacity["functions"]["inactivity"]["dynamodb"][operation]["calls"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_who_enrolled_before_an_inactivity_rule_lapse_by_it() {
    let shop = Shop::open(&program(&per_euro()), "2026-03-01T12:00:00+01:00").await;
    for id in ["c-1", "c-2"] {
        shop.post("/v1/members", &json!({ "id": id })).await;
    }
    served(&shop, "2026-03-02T12:00:00+01:00").await;
    publish(&shop, &idle_for(60)).await;
    served(&shop, "2026-04-29T12:00:00+02:00").await;
    assert_eq!(available(&shop, "c-1").await, 0);
    served(&shop, "2026-04-30T12:00:00+02:00").await;
    for id in ["c-1", "c-2"] {
        assert_eq!(available(&shop, id).await, 20);
        assert_eq!(shop.entries(id).await.len(), 1, "being armed writes no entry");
    }
    served(&shop, "2026-12-01T12:00:00+01:00").await;
    assert_eq!(available(&shop, "c-1").await, 20);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_days_of_inactivity_count_for_who_is_armed_for_more() {
    let shop = Shop::open(&idle_for(300), "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    served(&shop, "2026-05-01T12:00:00+02:00").await;
    publish(&shop, &idle_for(30)).await;
    // The days are over already: nobody waits for the next day's job.
    served(&shop, "2026-05-01T13:00:00+02:00").await;
    assert_eq!(available(&shop, "c-1").await, 20);
    let entries = shop.entries("c-1").await;
    assert_eq!(entries[0]["at"], "2026-03-30T22:00:00Z", "the lapse carries its own day");
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_that_are_added_reach_points_that_are_there() {
    let mut document = program(&per_euro());
    document["points"]["expiry"] = json!({ "after_months": 3 });
    document["points"]["warn_days"] = json!([]);
    let shop = Shop::open(&document, "2026-03-01T09:00:00Z").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "c-1", "80.00").await;
    served(&shop, "2026-04-01T09:00:00Z").await;
    document["points"]["warn_days"] = json!([30, 7]);
    publish(&shop, &document).await;
    let warned = async |now: &str| {
        served(&shop, now).await;
        shop.get("/v1/notices?type=points_expiring").await["items"].as_array().unwrap().len()
    };
    // The points last through 1 June.
    assert_eq!(warned("2026-05-01T09:00:00Z").await, 0);
    assert_eq!(warned("2026-05-02T09:00:00Z").await, 1);
    assert_eq!(warned("2026-05-25T09:00:00Z").await, 2);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_for_changes_of_tier_that_is_added_fires_for_members_who_do_not_come_back() {
    let mut document = program(&per_euro());
    document["tiers"]["window"] = json!({ "rolling_months": 3 });
    let shop = Shop::open(&document, "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    buy(&shop, "c-1", "600.00").await;
    served(&shop, "2026-03-31T12:00:00+02:00").await;
    let mut later = with_rule(rule("down", &json!({ "tier_change": { "direction": "downgrade" } })));
    later["tiers"] = document["tiers"].clone();
    publish(&shop, &later).await;
    served(&shop, "2026-04-01T12:00:00+02:00").await;
    assert_eq!(available(&shop, "c-1").await, 600);
    served(&shop, "2026-06-01T12:00:00+02:00").await;
    assert_eq!(available(&shop, "c-1").await, 620);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_that_is_added_reaches_friends_who_can_still_convert() {
    let mut document = program(&per_euro());
    document["storefront"] = json!({ "shop_url": "https://shop.example" });
    document["referral"] = json!({
        "conversion": { "receipt": { "spend_over": "60.00" } }, "attribution_days": 30, "hold_days": 0,
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] }] },
    });
    let shop = Shop::open(&document, "2026-03-01T12:00:00+01:00").await;
    let ada = shop.post("/v1/members", &json!({ "id": "c-ada" })).await;
    let code = ada.body["referral_code"].as_str().unwrap().to_owned();
    let refer = async |friend: &str| {
        shop.post("/v1/referrals", &json!({ "code": code, "friend": { "id": friend } })).await;
        let friend = shop.member(friend).await["inner_id"].as_str().unwrap().to_owned();
        MemberId::new(friend).unwrap()
    };
    let late = refer("c-late").await;
    served(&shop, "2026-03-25T12:00:00+01:00").await;
    let early = refer("c-early").await;
    served(&shop, "2026-04-05T12:00:00+02:00").await;
    document["referral"]["remind_after_days"] = json!(14);
    publish(&shop, &document).await;
    let id = ProgramId::new(shop.program.clone()).unwrap();
    let reminded = async |now: &str| {
        served(&shop, now).await;
        let friends = [late.clone(), early.clone()];
        let known = shop.stack.store().armed_friends(&id, &friends).await.unwrap();
        let of = |who: &MemberId| {
            let (stored, _) = known.iter().find(|(stored, _)| stored.member == *who).unwrap();
            stored.known.referrals[0].reminded
        };
        (of(&late), of(&early))
    };
    assert_eq!(reminded("2026-04-07T12:00:00+02:00").await, (false, false));
    // Whoever came too long ago to convert is left alone.
    assert_eq!(reminded("2026-04-08T12:00:00+02:00").await, (false, true));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_makes_nothing_due_reads_no_member() {
    let shop = Shop::open(&idle_for(60), "2026-03-01T12:00:00+01:00").await;
    for id in ["c-1", "c-2", "c-3"] {
        shop.post("/v1/members", &json!({ "id": id })).await;
    }
    served(&shop, "2026-03-02T12:00:00+01:00").await;
    let mut renamed = idle_for(60);
    renamed["rules"][1]["name"] = json!("Come back");
    renamed["rules"][1]["then"] = json!([{ "credit": { "points": 30 } }]);
    publish(&shop, &renamed).await;
    let before = (calls(&shop, "BatchGetItem").await, calls(&shop, "UpdateItem").await);
    served(&shop, "2026-03-03T12:00:00+01:00").await;
    assert_eq!((calls(&shop, "BatchGetItem").await, calls(&shop, "UpdateItem").await), before);
    // One that does reads all at once, and writes only those for whom something falls due earlier.
    publish(&shop, &idle_for(30)).await;
    served(&shop, "2026-03-04T12:00:00+01:00").await;
    let after = (calls(&shop, "BatchGetItem").await, calls(&shop, "UpdateItem").await);
    assert_eq!(after, (before.0 + 1, before.1 + 3));
    publish(&shop, &idle_for(90)).await;
    served(&shop, "2026-03-05T12:00:00+01:00").await;
    assert_eq!((calls(&shop, "BatchGetItem").await, calls(&shop, "UpdateItem").await), (after.0 + 1, after.1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_left_and_came_back_between_two_runs_arms_who_came_meanwhile() {
    let shop = Shop::open(&idle_for(30), "2026-03-01T12:00:00+01:00").await;
    served(&shop, "2026-03-02T12:00:00+01:00").await;
    publish(&shop, &program(&per_euro())).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    publish(&shop, &idle_for(30)).await;
    served(&shop, "2026-04-01T12:00:00+02:00").await;
    assert_eq!(available(&shop, "c-1").await, 20);
    shop.verify().await;
}
