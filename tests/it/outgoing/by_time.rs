//! What changes by the passing of time alone is announced as everything else is.

use serde_json::{Value, json};

use super::server::Server;
use super::{CLOCK, endpoint};
use crate::shop::{Shop, per_euro, program, receipt};

const TYPES: [&str; 4] =
    ["tessera.entry.release", "tessera.entry.expire", "tessera.coupon.expired", "tessera.coupon.lapsed"];

/// The type, the time and the points or the status of the events that came since the last time.
fn announced(server: &Server) -> Vec<(String, String, Value)> {
    let mut events: Vec<_> = server
        .take()
        .iter()
        .map(|request| {
            let event = request.json();
            let kind = event["type"].as_str().unwrap().strip_prefix("tessera.").unwrap().to_owned();
            let data = &event["data"];
            let what = if data["status"].is_null() { &data["moved"]["redeemable"] } else { &data["status"] };
            (kind, event["time"].as_str().unwrap().to_owned(), what.clone())
        })
        .collect();
    events.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    events
}

fn is(kind: &str, at: &str, what: impl Into<Value>) -> (String, String, Value) {
    (kind.to_owned(), at.to_owned(), what.into())
}

async fn served(shop: &Shop, now: &str) {
    shop.clock(now).await;
    for _ in 0..2 {
        shop.post("/_local/jobs/inactivity", &json!({})).await;
        shop.settle().await;
    }
}

/// The overview's pending points.
async fn pending(shop: &Shop) -> Value {
    shop.get("/v1/overview?from=2026-03-01&to=2027-03-01").await["totals"]["points_pending"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_hold_is_booked_and_announced_on_its_day() {
    let mut document = program(&per_euro());
    document["points"]["hold_days"] = json!(14);
    document["points"]["expiry"] = json!({ "after_months": 1 });
    let (shop, server) = (Shop::open(&document, CLOCK).await, Server::start().await);
    endpoint(&shop, &server, &TYPES).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "30.00")).await;
    served(&shop, "2026-03-14T12:00:00+01:00").await;
    assert_eq!(announced(&server), []);
    assert_eq!(pending(&shop).await, 30);
    served(&shop, "2026-03-15T12:00:00+01:00").await;
    assert_eq!(announced(&server), [is("entry.release", "2026-03-14T23:00:00Z", 30)]);
    assert_eq!(pending(&shop).await, 0);
    // A day late, the expiry has its own day all the same.
    served(&shop, "2026-04-20T12:00:00+02:00").await;
    assert_eq!(announced(&server), [is("entry.expire", "2026-04-15T22:00:00Z", 30)]);
    let lines = shop.entries("c-1").await;
    assert_eq!((&lines[0]["type"], &lines[0]["at"]), (&json!("expire"), &json!("2026-04-15T22:00:00Z")));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_of_two_days_have_a_line_each() {
    let mut document = program(&per_euro());
    document["points"]["hold_days"] = json!(14);
    let shop = Shop::open(&document, CLOCK).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "30.00")).await;
    shop.settle().await;
    shop.clock("2026-03-03T12:00:00+01:00").await;
    let mut second = receipt("r-2", "c-1", "40.00");
    second["occurred_at"] = json!("2026-03-03T10:00:00+01:00");
    shop.post("/v1/receipts", &second).await;
    shop.settle().await;
    served(&shop, "2026-05-01T12:00:00+02:00").await;
    let lines = shop.entries("c-1").await;
    let releases: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "release")
        .map(|line| (line["at"].as_str().unwrap(), line["moved"]["redeemable"].as_i64().unwrap()))
        .collect();
    assert_eq!(releases, [("2026-03-16T23:00:00Z", 40), ("2026-03-14T23:00:00Z", 30)]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_that_lapse_and_coupons_that_expire_are_announced_once() {
    let mut document = program(&per_euro());
    document["rewards"][0]["valid_days"] = json!(10);
    let (shop, server) = (Shop::open(&document, CLOCK).await, Server::start().await);
    endpoint(&shop, &server, &TYPES).await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "300.00")).await;
    shop.settle().await;
    let path = "/v1/members/c-1/redemptions";
    // A reward without a stock.
    let reserved = shop.post(path, &json!({ "reward": "five-off", "reserve": true, "reserve_minutes": 5 })).await;
    assert_eq!(reserved.status, 201, "{}", reserved.body);
    let bought = shop.post(path, &json!({ "reward": "five-off" })).await;
    let code = bought.body["code"].as_str().unwrap().to_owned();
    served(&shop, "2026-03-01T13:00:00+01:00").await;
    assert_eq!(announced(&server), [is("coupon.lapsed", "2026-03-01T11:05:00Z", "lapsed")]);
    // The points came back at the lapse; the day after, the ledger says so.
    assert_eq!(shop.member("c-1").await["points"]["available"], 200);
    served(&shop, "2026-03-02T09:00:00+01:00").await;
    assert_eq!(announced(&server), [is("entry.release", "2026-03-01T11:05:00Z", 100)]);
    served(&shop, "2026-03-12T09:00:00+01:00").await;
    assert_eq!(announced(&server), [is("coupon.expired", "2026-03-11T23:00:00Z", "expired")]);
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["status"], "expired");
    served(&shop, "2026-03-13T09:00:00+01:00").await;
    assert_eq!(announced(&server), []);
    let used = shop.post(&format!("/v1/coupons/{code}/use"), &json!({})).await;
    assert_eq!((used.status, used.problem()), (409, "coupon_state"), "{}", used.body);
    // A receipt of a day on which it was valid uses it, however late it comes.
    let mut late = receipt("r-2", "c-1", "50.00");
    late["occurred_at"] = json!("2026-03-05T10:00:00+01:00");
    late["coupons"] = json!([code]);
    shop.post("/v1/receipts", &late).await;
    shop.settle().await;
    assert_eq!(shop.get(&format!("/v1/coupons/{code}")).await["status"], "used");
    shop.verify().await;
}
