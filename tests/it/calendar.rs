//! Scheduled jobs: birthdays, and what else falls due.

use serde_json::{Value, json};

use crate::shop::{Shop, per_euro, program, receipt};

fn rule(id: &str, on: &Value, points: i64) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on,
            "then": [{ "credit": { "points": points } }] })
}

async fn available(shop: &Shop, member: &str) -> i64 {
    shop.member(member).await["points"]["available"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_birthday_rule_fires_once_a_year() {
    let rules = json!([rule("gift", &json!({ "birthday": {} }), 50)]);
    let shop = Shop::open(&program(&rules), "2026-03-01T12:00:00+01:00").await;
    for (id, born) in [("c-1", "1990-03-10"), ("c-2", "--03-12"), ("c-3", "2000-02-29"), ("c-4", "1980-06-01")] {
        shop.post("/v1/members", &json!({ "id": id, "birth_date": born })).await;
    }
    shop.post("/v1/members", &json!({ "id": "c-5", "status": "visitor", "birth_date": "1990-03-10" })).await;
    shop.clock("2026-03-09T23:59:00+01:00").await;
    assert_eq!(available(&shop, "c-1").await, 0);
    shop.clock("2026-03-10T00:20:00+01:00").await;
    assert_eq!(available(&shop, "c-1").await, 50);
    assert_eq!(available(&shop, "c-5").await, 0, "visitors wait until they enrol");
    let entries = shop.entries("c-1").await;
    assert_eq!((&entries[0]["type"], &entries[0]["source"]["job"]), (&json!("earn"), &json!("birthdays")));
    // A repeated run, also a manual one, changes nothing.
    let ran = shop.post("/_local/jobs/birthdays", &json!({})).await;
    assert_eq!((ran.status, &ran.body["members"]), (200, &json!(0)), "{}", ran.body);
    // A clock that jumps over a birthday and the leap day of a common year serves both in one run.
    shop.clock("2027-03-11T09:00:00+01:00").await;
    let found = futures::future::join_all(["c-1", "c-2", "c-3", "c-4", "c-5"].map(|id| available(&shop, id))).await;
    assert_eq!(found, [100, 50, 50, 50, 0]);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_enrols_on_their_birthday_gets_the_next_one() {
    let rules = json!([rule("gift", &json!({ "birthday": {} }), 50)]);
    let shop = Shop::open(&program(&rules), "2026-03-10T00:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1", "birth_date": "1990-03-10" })).await;
    shop.clock("2026-03-10T18:00:00+01:00").await;
    assert_eq!(available(&shop, "c-1").await, 0);
    shop.clock("2027-03-10T18:00:00+01:00").await;
    assert_eq!(available(&shop, "c-1").await, 50);
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapse_fires_once_until_the_next_purchase() {
    let rules = json!([rule("win-back", &json!({ "inactivity": { "days": 30 } }), 20)]);
    let shop = Shop::open(&program(&rules), "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/members", &json!({ "id": "c-2" })).await;
    let bought = async |id: &str, member: &str, at: &str| {
        let mut body = receipt(id, member, "10.00");
        body["occurred_at"] = json!(at);
        assert_eq!(shop.post("/v1/receipts", &body).await.status, 202);
        shop.settle().await;
    };
    shop.clock("2026-03-20T12:00:00+01:00").await;
    bought("r-1", "c-2", "2026-03-20T11:00:00+01:00").await;
    shop.clock("2026-03-31T12:00:00+02:00").await;
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (20, 0));
    let ran = shop.post("/_local/jobs/inactivity", &json!({})).await;
    assert_eq!(ran.status, 200, "{}", ran.body);
    shop.clock("2026-05-31T12:00:00+02:00").await;
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (20, 20));
    bought("r-2", "c-1", "2026-05-31T11:00:00+02:00").await;
    shop.clock("2026-06-30T12:00:00+02:00").await;
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (40, 20));
    shop.clock("2027-06-30T12:00:00+02:00").await;
    assert_eq!((available(&shop, "c-1").await, available(&shop, "c-2").await), (40, 20));
    shop.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_without_birthday_rules_sends_no_message() {
    let shop = Shop::open(&program(&json!([])), "2026-03-09T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1", "birth_date": "1990-03-10" })).await;
    shop.clock("2026-03-10T12:00:00+01:00").await;
    let again = shop.get("/_local/capacity").await;
    assert!(again["functions"]["rule-evaluation"].is_null(), "{again}");
    assert!(again["functions"]["birthdays"]["dynamodb"]["GetItem"].is_object(), "{again}");
    assert_eq!(shop.entries("c-1").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_is_due_without_anything_happening_costs_one_write_and_no_entry() {
    let mut rules = per_euro();
    let down = rule("down", &json!({ "tier_change": { "direction": "downgrade" } }), 5);
    rules.as_array_mut().unwrap().push(down);
    let mut document = program(&rules);
    document["tiers"]["window"] = json!({ "rolling_months": 3 });
    let shop = Shop::open(&document, "2026-03-01T12:00:00+01:00").await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    assert_eq!(shop.post("/v1/receipts", &receipt("r-1", "c-1", "600.00")).await.status, 202);
    shop.clock("2026-03-31T12:00:00+02:00").await;
    let (member, entries) = (shop.member("c-1").await, shop.entries("c-1").await);
    let before = shop.get("/_local/capacity").await;
    // A month has ended: the tier is reviewed and stays.
    shop.clock("2026-04-01T12:00:00+02:00").await;
    let after = shop.get("/_local/capacity").await;
    let of = |capacity: &Value, field: &str| capacity["functions"]["rule-evaluation"][field].as_f64().unwrap_or(0.0);
    let writes = |capacity: &Value, operation: &str| {
        capacity["functions"]["rule-evaluation"]["dynamodb"][operation]["calls"].as_u64().unwrap_or(0)
    };
    assert_eq!(writes(&after, "UpdateItem") - writes(&before, "UpdateItem"), 1, "{after}");
    assert_eq!(writes(&after, "TransactWriteItems"), writes(&before, "TransactWriteItems"), "{after}");
    // The account, and its old and its new place in the index.
    assert!(of(&after, "write_units") - of(&before, "write_units") <= 3.0, "{after}");
    assert_eq!((shop.member("c-1").await, shop.entries("c-1").await), (member, entries));
    // The review that takes the tier away has its entry.
    shop.clock("2026-06-01T12:00:00+02:00").await;
    assert_eq!(shop.member("c-1").await["tier"]["id"], "base");
    assert_eq!(available(&shop, "c-1").await, 605);
    shop.verify().await;
}
