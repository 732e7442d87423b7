//! Journeys through what time brings: a program that arms members anew, holds and reminders of referrals, coupons that end.

use reqwest::Method;
use serde_json::{Value, json};

use super::full_program;
use crate::faults::sender::Sender;
use crate::shop::receipt;

async fn publish(sender: &mut Sender, document: &Value) {
    let put = sender.request(Method::PUT, "/v1/program", Some(document), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
}

async fn enrol(sender: &mut Sender, id: &str) {
    sender.post("/v1/members", &json!({ "id": id }), None).await;
}

/// Runs the worker on some days; a failed run is repeated.
async fn serve(sender: &mut Sender, days: &[&str]) {
    for day in days {
        sender.clock(&format!("{day}T09:00:00+01:00")).await;
        sender.job("inactivity").await;
    }
}

/// A version shortens a lapse and adds reminders: members and a friend of before are armed, and both come in time.
pub async fn arming(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    enrol(sender, "c-2").await;
    let code = sender.get("/v1/members/c-1").await["referral_code"].clone();
    sender.post("/v1/referrals", &json!({ "code": code, "friend": { "id": "c-3" } }), None).await;
    serve(sender, &["2026-03-02"]).await;
    let mut changed = full_program();
    let rules = changed["rules"].as_array_mut().unwrap();
    rules.iter_mut().find(|rule| rule["id"] == "win-back").unwrap()["on"] = json!({ "inactivity": { "days": 5 } });
    changed["referral"]["remind_after_days"] = json!(5);
    publish(sender, &changed).await;
    sender.begin();
    serve(sender, &["2026-03-03", "2026-03-06"]).await;
    vec!["c-1", "c-2", "c-3"]
}

/// A friend converts and the hold ends; another one is reminded.
pub async fn referral_days(sender: &mut Sender) -> Vec<&'static str> {
    let mut held = full_program();
    held["referral"]["hold_days"] = json!(2);
    held["referral"]["remind_after_days"] = json!(3);
    publish(sender, &held).await;
    enrol(sender, "c-1").await;
    let code = sender.get("/v1/members/c-1").await["referral_code"].clone();
    for friend in ["c-2", "c-3"] {
        sender.post("/v1/referrals", &json!({ "code": code, "friend": { "id": friend } }), None).await;
    }
    sender.clock("2026-03-01T13:00:00+01:00").await;
    let mut bought = receipt("r-1", "c-2", "70.00");
    bought["occurred_at"] = json!("2026-03-01T12:30:00+01:00");
    sender.post("/v1/receipts", &bought, None).await;
    sender.settle().await;
    sender.begin();
    serve(sender, &["2026-03-03", "2026-03-04"]).await;
    vec!["c-1", "c-2", "c-3"]
}

/// Points are released, a reservation of a reward without a stock lapses, and a coupon expires.
pub async fn endings(sender: &mut Sender) -> Vec<&'static str> {
    let mut short = full_program();
    short["points"]["hold_days"] = json!(2);
    short["rewards"][0]["valid_days"] = json!(3);
    publish(sender, &short).await;
    enrol(sender, "c-1").await;
    let award = json!({ "award": 300, "reason": "a start" });
    sender.post("/v1/members/c-1/adjustments", &award, Some("k-1")).await;
    sender.post("/v1/receipts", &receipt("r-1", "c-1", "40.00"), None).await;
    sender.settle().await;
    let redeem = "/v1/members/c-1/redemptions";
    sender.post(redeem, &json!({ "reward": "five-off" }), Some("k-2")).await;
    sender.begin();
    sender.post(redeem, &json!({ "reward": "five-off", "reserve": true, "reserve_minutes": 5 }), Some("k-3")).await;
    serve(sender, &["2026-03-02", "2026-03-03", "2026-03-05"]).await;
    vec!["c-1"]
}
