//! Journeys of what falls due.

use reqwest::Method;
use serde_json::json;

use super::{buy, enrol, full_program};
use crate::faults::sender::Sender;

/// Points and a coupon expire: their owner is warned of each at its days, once.
pub async fn warnings(sender: &mut Sender) -> Vec<&'static str> {
    let mut expiring = full_program();
    expiring["points"]["expiry"] = json!({ "after_months": 1 });
    expiring["rewards"][0]["valid_days"] = json!(20);
    let put = sender.request(Method::PUT, "/v1/program", Some(&expiring), None).await;
    assert_eq!(put.status, 200, "{}", put.body);
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "300.00").await;
    sender.post("/v1/members/c-1/redemptions", &json!({ "reward": "five-off" }), Some("k-1")).await;
    sender.begin();
    for now in [
        "2026-03-02T09:00:00+01:00",
        "2026-03-14T09:00:00+01:00",
        "2026-03-25T09:00:00+01:00",
        "2026-04-02T09:00:00+02:00",
    ] {
        // A failed run is repeated.
        sender.clock(now).await;
        sender.job("inactivity").await;
        sender.settle().await;
    }
    sender.end();
    let notices = sender.get("/v1/notices?member=c-1").await;
    let mut given: Vec<[&str; 2]> = notices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|notice| [notice["type"].as_str().unwrap(), notice["on"].as_str().unwrap()])
        .collect();
    given.sort_unstable();
    // The points of the birthday live a day longer.
    let [first, second] = ["2026-04-01", "2026-04-02"].map(|day| ["points_expiring", day]);
    assert_eq!(given, [["coupon_expiring", "2026-03-21"], first, first, second, second], "{notices}");
    vec!["c-1"]
}

/// A birthday, a lapsed reservation, and a month without purchases.
pub async fn days(sender: &mut Sender) -> Vec<&'static str> {
    enrol(sender, "c-1").await;
    buy(sender, "r-1", "c-1", "10.00").await;
    sender.begin();
    // It lapses after the birthday: on one day, either job may book the lapse, and the number of entries would differ.
    let redemption = json!({ "reward": "last-one", "reserve": true, "reserve_minutes": 1500 });
    sender.post("/v1/members/c-1/redemptions", &redemption, Some("k-1")).await;
    for now in ["2026-03-02T09:00:00+01:00", "2026-04-02T09:00:00+02:00"] {
        // Jobs run when the clock moves; a failed run is repeated.
        sender.clock(now).await;
        sender.job("birthdays").await;
        sender.job("inactivity").await;
    }
    vec!["c-1"]
}
