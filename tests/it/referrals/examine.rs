//! Rules for referrals are tried out before anybody is referred.

use serde_json::json;

use super::{advocate, buy, refer, shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewarded_referral_is_tried_on_each_side() {
    let (shop, code) = shop(&json!({
        "hold_days": 0,
        "advocate": { "mode": "additive", "milestones": [{ "at": 1, "then": [{ "credit": { "points": 10 } }] },
                                                         { "at": 2, "then": [{ "credit": { "points": 20 } }] }] },
    }))
    .await;
    let examine = async |role: &str, member: serde_json::Value, rules: Option<serde_json::Value>| {
        let mut body = json!({ "fact": { "referral": { "role": role } }, "member": member });
        if let Some(rules) = rules {
            body["rules"] = rules;
        }
        let tried = shop.post("/v1/rules/examine", &body).await;
        assert_eq!(tried.status, 200, "{}", tried.body);
        tried.body["points"]["redeemable"].as_i64().unwrap()
    };
    let draft = json!([
        { "id": "joy", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "referral": { "role": "friend" } },
          "then": [{ "credit": { "points": 7 } }] },
        { "id": "pride", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "referral": { "role": "advocate" } },
          "then": [{ "credit": { "points": 4 } }] },
    ]);
    // The first milestone and the rule; the friend's reward.
    assert_eq!(examine("advocate", json!(null), None).await, 13);
    assert_eq!(examine("friend", json!(null), None).await, 50);
    assert_eq!(examine("advocate", json!({ "id": "c-ada" }), Some(draft.clone())).await, 14);
    assert_eq!(examine("friend", json!(null), Some(draft.clone())).await, 57);
    let before = shop.member("c-ada").await;
    refer(&shop, &code, "c-grace").await;
    buy(&shop, "r-1", "c-grace", "70.00").await;
    assert_eq!(shop.member("c-ada").await["points"]["available"], 13);
    // The second friend reaches the second milestone.
    let second = examine("advocate", json!({ "id": "c-ada" }), Some(draft)).await;
    assert_eq!(second, 24);
    assert_ne!(shop.member("c-ada").await, before);
    assert_eq!(shop.member("c-ada").await["points"]["available"], 13);
    advocate(&shop, "c-other").await;
    for (body, pointer) in [
        (json!({ "fact": { "referral": { "role": "both" } } }), "/fact/referral/role"),
        (json!({ "fact": { "referral": {} } }), "/fact/referral/role"),
        (json!({ "fact": { "referral": { "role": "friend", "code": "X" } } }), "/fact/referral/code"),
    ] {
        let refused = shop.post("/v1/rules/examine", &body).await;
        assert_eq!(refused.problem(), "invalid");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.body);
    }
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_fires_rules_for_the_referrals_that_were_rewarded() {
    let (shop, code) = shop(&json!({ "hold_days": 0 })).await;
    for (friend, order, total) in [("c-grace", "r-1", "70.00"), ("c-joan", "r-2", "80.00"), ("c-mary", "r-3", "10.00")]
    {
        refer(&shop, &code, friend).await;
        buy(&shop, order, friend, total).await;
    }
    shop.clock("2026-03-02T12:00:00+01:00").await;
    let draft = json!([
        { "id": "joy", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "referral": { "role": "friend" } },
          "then": [{ "credit": { "points": 7 } }] },
        { "id": "pride", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "referral": { "role": "advocate" } },
          "limit": { "times": 1, "per": "year" }, "then": [{ "credit": { "points": 4 } }] },
        { "id": "hello", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "enrollment": {} },
          "then": [{ "credit": { "points": 5 } }] },
    ]);
    let asked = shop.post("/v1/rules/backtest", &json!({ "rules": draft })).await;
    assert_eq!(asked.status, 202, "{}", asked.body);
    shop.settle().await;
    let done = shop.get(&format!("/v1/rules/backtest/{}", asked.body["id"].as_str().unwrap())).await;
    assert_eq!(done["status"], "done", "{done}");
    let report = &done["report"];
    assert_eq!(report["not_replayed"], json!(["hello"]));
    let given = |side: &str| {
        let rules = report[side]["rules"].as_array().unwrap().iter();
        let mut given: Vec<_> = rules.map(|rule| json!([rule["rule"], rule["firings"], rule["points"]])).collect();
        given.sort_by_key(serde_json::Value::to_string);
        given
    };
    // Two referrals were rewarded: the present rule gave 3 for each.
    assert_eq!(given("present"), [json!(["bonus", 2, 6])]);
    assert_eq!(given("draft"), [json!(["joy", 2, 14]), json!(["pride", 1, 4])]);
    shop.verify().await;
}
