//! Figures over the local stack: what reports say is what the ledger says, each time added up by another path.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_domain::money::Currency;
use tessera_domain::time::Day;
use tessera_local::figures::{RebuildScope, add_up, rebuild};
use tessera_local::replay::{Columns, ReadOptions, SendOptions, read_orders, send};
use tessera_store::{CountedRecord, ScanCursor, Sequence, SequencedRecord};

use crate::shop::{KEY, Shop, per_euro, program, receipt};

const YEAR: &str = "from=2026-01-01&to=2027-01-01";

/// The roll-forward of everything, compared with the sums of all postings that `verify` makes.
async fn agree(shop: &Shop) -> Value {
    let sums = shop.verify().await.programs[&shop.program].clone();
    let liability = shop.get("/v1/liability?from=2020-01-01&to=2030-01-01").await;
    let points = |column: &str| liability["roll_forward"][column]["points"].as_i64().unwrap();
    let stated = [
        points("issued"),
        points("forgiven"),
        points("redeemed") - points("restored"),
        points("expired"),
        points("reversed"),
        points("removed"),
        points("closing"),
    ];
    let proven = [sums.issued, sums.forgiven, sums.redeemed, sums.expired, sums.reversed, sums.removed, sums.balance];
    assert_eq!(stated, proven, "{liability}");
    assert_eq!(points("opening"), 0);
    // The rebuild from the ledger finds nothing to change.
    let id = ProgramId::new(shop.program.clone()).unwrap();
    let changed = rebuild(shop.stack.store(), shop.stack.now(), RebuildScope::AllDays).await.unwrap();
    assert_eq!(changed[&id], 0);
    let overview = shop.get("/v1/overview?from=2022-01-01&to=2031-01-01&bucket=month").await;
    assert_eq!(overview["totals"]["points_unredeemed"], liability["roll_forward"]["closing"]["points"]);
    assert_eq!(overview["uncounted"], 0);
    liability
}

/// A program with expiry, point value and a reward.
fn valued() -> Value {
    let mut document = program(&per_euro());
    document["points"]["expiry"] = json!({ "after_months": 2 });
    document["points"]["point_value"] = "0.01".into();
    document
}

async fn a_spring(shop: &Shop) {
    shop.post("/v1/members", &json!({ "id": "ada" })).await;
    shop.post("/v1/members", &json!({ "id": "bob" })).await;
    shop.post("/v1/receipts", &receipt("1", "ada", "620.00")).await;
    shop.post("/v1/receipts", &receipt("2", "guest", "80.00")).await;
    shop.settle().await;
    let redeemed = shop.post("/v1/members/ada/redemptions", &json!({ "reward": "five-off" })).await;
    let code = redeemed.body["code"].as_str().unwrap().to_owned();
    shop.clock("2026-03-04T09:00:00Z").await;
    let mut second = receipt("3", "ada", "50.00");
    second["coupons"] = json!([code]);
    second["occurred_at"] = "2026-03-04T09:00:00Z".into();
    shop.post("/v1/receipts", &second).await;
    shop.post(
        "/v1/receipts/1/refunds",
        &json!({ "id": "r", "occurred_at": "2026-03-04T09:00:00Z", "amount": "20.00" }),
    )
    .await;
    shop.post("/v1/members/bob/adjustments", &json!({ "award": 30, "reason": "sorry" })).await;
    shop.settle().await;
    // What expired is booked when somebody comes back.
    shop.clock("2026-06-01T09:00:00Z").await;
    shop.post("/v1/members/ada/adjustments", &json!({ "award": 1, "reason": "hello" })).await;
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_say_what_the_ledger_says() {
    let shop = Shop::open(&valued(), "2026-03-02T09:00:00Z").await;
    a_spring(&shop).await;
    let liability = agree(&shop).await;
    assert_eq!(liability["roll_forward"]["redeemed"], json!({ "points": 100, "money": "1.00" }));

    let march = shop.get("/v1/overview?from=2026-03-01&to=2026-04-01&bucket=week").await;
    let totals = &march["totals"];
    let expected = json!({
        "active_members": 1, "points_earned": 780, "points_redeemed": 100, "redemption_rate": "0.1282",
        "repeat_purchase_rate": "0.5000", "loyalty_revenue": "50.00", "members": 2, "visitors": 1, "new_members": 2,
        "points_imported": 0, "points_expired": 0, "points_reversed": 20, "points_unredeemed": 660,
        "average_order_value": { "member": "335.00", "other": "80.00" }, "tiers": { "base": 1, "silver": 1 },
    });
    for (figure, value) in expected.as_object().unwrap() {
        assert_eq!(&totals[figure], value, "{figure}: {totals}");
    }
    assert_eq!(march["top_rewards"], json!([{ "reward": "five-off", "redemptions": 1, "points": 100 }]));
    let firsts: Vec<&str> =
        march["series"].as_array().unwrap().iter().map(|row| row["from"].as_str().unwrap()).collect();
    assert_eq!(firsts, ["2026-03-01", "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-30"]);
    // June knows what expired, and its opening is March's closing.
    let june = shop.get("/v1/liability?from=2026-06-01&to=2026-07-01").await;
    assert_eq!(june["roll_forward"]["opening"]["points"], 660);
    assert!(june["roll_forward"]["expired"]["points"].as_i64().unwrap() > 0, "{june}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merged_contact_moves_its_points_and_counts_no_more() {
    let shop = Shop::open(&valued(), "2026-03-02T09:00:00Z").await;
    let mut guest = receipt("1", "x", "80.00");
    guest["member"] = json!({ "email": "ada@example.com" });
    shop.post("/v1/receipts", &guest).await;
    shop.settle().await;
    let ada = json!({ "id": "ada" });
    shop.post("/v1/members", &ada).await;
    shop.post("/v1/receipts", &receipt("2", "ada", "450.00")).await;
    shop.settle().await;
    let joining = json!({ "email": "ada@example.com", "verified": ["email"] });
    assert_eq!(shop.request(reqwest::Method::PATCH, "/v1/members/ada", Some(&joining)).await.status, 200);
    agree(&shop).await;
    let overview = shop.get(&format!("/v1/overview?{YEAR}&bucket=month")).await;
    let totals = &overview["totals"];
    assert_eq!(
        (&totals["members"], &totals["visitors"], &totals["tiers"]),
        (&json!(1), &json!(0), &json!({ "silver": 1 }))
    );
    let by_tier = shop.get(&format!("/v1/liability?{YEAR}")).await["by_tier"].clone();
    let moved: i64 = by_tier.as_array().unwrap().iter().map(|row| row["moved"]["points"].as_i64().unwrap()).sum();
    assert_eq!(moved, 0, "{by_tier}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_repairs_lost_and_wrong_figures() {
    let shop = Shop::open(&valued(), "2026-03-02T09:00:00Z").await;
    a_spring(&shop).await;
    let before = shop.get(&format!("/v1/overview?{YEAR}&bucket=month")).await;
    let operator = shop.stack.stack().clients("operator").dynamodb;
    let lost = operator
        .delete_item()
        .table_name("tessera-programs")
        .key("pk", aws_sdk_dynamodb::types::AttributeValue::S(format!("{}#k", shop.program)))
        .key("sk", aws_sdk_dynamodb::types::AttributeValue::S("2026-03-02".to_owned()));
    lost.send().await.unwrap();
    assert_ne!(shop.get(&format!("/v1/overview?{YEAR}&bucket=month")).await, before);
    // The days of which the stream repeats nothing are repaired while the shop works.
    let id = ProgramId::new(shop.program.clone()).unwrap();
    let changed = rebuild(shop.stack.store(), shop.stack.now(), RebuildScope::ClosedDays).await.unwrap();
    assert_eq!(changed[&id], 1);
    assert_eq!(shop.get(&format!("/v1/overview?{YEAR}&bucket=month")).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_by_week_takes_at_most_three_round_trips() {
    let shop = Shop::open(&valued(), "2026-03-02T09:00:00Z").await;
    a_spring(&shop).await;
    let before = shop.get("/_local/capacity").await;
    assert_eq!(shop.get(&format!("/v1/overview?{YEAR}&bucket=week")).await["series"].as_array().unwrap().len(), 53);
    let after = shop.get("/_local/capacity").await;
    let calls = |capacity: &Value| capacity["functions"]["reports"]["dynamodb_calls"].as_f64().unwrap_or(0.0);
    println!("round trips for a year by week: {}", calls(&after) - calls(&before));
    assert!(calls(&after) - calls(&before) <= 3.0, "{after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn periods_that_cannot_be_reported_are_refused_with_the_place() {
    let shop = Shop::open(&valued(), "2026-03-02T09:00:00Z").await;
    for (query, pointer) in [
        ("from=2026-03-02&to=2026-03-02", "/to"),
        ("from=2026-03-02&to=2026-03-01", "/to"),
        ("from=1976-01-01&to=2026-01-01", "/to"),
        ("from=2018-01-01&to=2026-01-01&bucket=day", "/bucket"),
        ("from=2026-03-02&to=2026-03-09&bucket=year", "/bucket"),
        ("from=2026-02-30", "/from"),
        ("from=2026-03-01T00:00:00%2B05:00", "/from"),
        ("to=yesterday", "/to"),
    ] {
        let response = shop.request(reqwest::Method::GET, &format!("/v1/overview?{query}"), None).await;
        assert_eq!((response.status, response.problem()), (400, "invalid"), "{query}");
        assert_eq!(response.body["errors"][0]["pointer"], pointer, "{query}");
    }
    // Without a period it is this month, up to today.
    let usual = shop.get("/v1/overview").await;
    assert_eq!((&usual["from"], &usual["to"]), (&json!("2026-03-01"), &json!("2026-03-03")));
}

/// Thirty rules that fire for every receipt.
fn thirty_rules() -> Value {
    let rules = (0..30).map(|n| {
        json!({ "id": format!("rule-{n:02}"), "name": format!("Rule {n}"), "status": "active",
                "starts_at": "2026-01-01T00:00:00", "on": { "receipt": {} }, "then": [{ "credit": { "points": n + 1 } }] })
    });
    Value::Array(rules.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_costs_at_most_a_twentieth_of_a_write_unit_per_entry() {
    let shop = Shop::open(&program(&thirty_rules()), "2026-03-02T09:00:00Z").await;
    for n in 0..100 {
        shop.post("/v1/receipts", &receipt(&format!("r-{n}"), &format!("m-{n}"), "80.00")).await;
    }
    shop.settle().await;
    let store = shop.stack.store();
    let page = store.scan_members(0, 1, ScanCursor::default()).await.unwrap();
    let entries: Vec<_> = page.members.into_iter().flat_map(|member| member.entries).collect();
    assert_eq!(entries.len(), 100);
    let records: Vec<SequencedRecord> = (1..)
        .zip(entries)
        .map(|(n, stored)| SequencedRecord {
            sequence: Sequence::new(&format!("{n}")),
            record: Some(CountedRecord::Entry(Box::new(stored.entry))),
        })
        .collect();
    let id = ProgramId::new(shop.program.clone()).unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Rome").unwrap();
    let units = async || shop.get("/_local/capacity").await["functions"]["operator"]["write_units"].as_f64().unwrap();
    // Many shards of a busy day have left their marks in the items.
    for shard in 0..24 {
        store.count_figures(&id, &zone, &format!("shard-{shard}"), &records[..1], shop.stack.now()).await.unwrap();
    }
    let before = units().await;
    store.count_figures(&id, &zone, "another", &records, shop.stack.now()).await.unwrap();
    let cost = (units().await - before) / 100.0;
    println!("write units per entry, in batches of 100 with 30 rules: {cost}");
    assert!(cost > 0.0 && cost <= 0.05, "{cost}");
    // Again, it writes nothing.
    let before = units().await;
    store.count_figures(&id, &zone, "another", &records, shop.stack.now()).await.unwrap();
    assert!((units().await - before).abs() < f64::EPSILON);
}

/// Sends real orders and compares the reports with the sums of what `GET /v1/members/{member}/entries` returns.
async fn real_orders(csv: &[u8], shift_weeks: i64, clock: &str) -> usize {
    let mut document = valued();
    document["currency"] = "GBP".into();
    document["timezone"] = "Europe/London".into();
    let shop = Shop::open(&document, clock).await;
    let options = ReadOptions {
        columns: Columns::default(),
        currency: Currency::from_code("GBP").unwrap(),
        zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
        cancellation: "C".to_owned(),
        shift_weeks,
        limit: None,
    };
    let orders = read_orders(csv, &options).unwrap();
    let sending =
        SendOptions { url: shop.stack.url().to_owned(), key: KEY.to_owned(), concurrency: 4, progress: false };
    let sent = send(&orders.operations, &sending).await.unwrap();
    let liability = agree(&shop).await;

    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for customer in orders.spent.keys() {
        for entry in shop.entries(customer).await {
            let points = entry["points"]["redeemable"].as_i64().unwrap();
            *sums.entry(entry["type"].as_str().unwrap().to_owned()).or_default() += points;
        }
    }
    let points = |column: &str| liability["roll_forward"][column]["points"].as_i64().unwrap();
    let of = |kind: &str| sums.get(kind).copied().unwrap_or(0);
    assert_eq!((points("issued"), points("reversed")), (of("earn"), -of("reverse")), "{sums:?}");
    assert_eq!(points("closing"), sums.values().sum::<i64>());
    let overview = shop.get("/v1/overview?from=2026-01-01&to=2027-01-01").await;
    assert_eq!(overview["totals"]["visitors"], json!(orders.spent.len()));
    let average = overview["totals"]["average_order_value"]["other"].as_str().unwrap();
    assert!(average.parse::<f64>().unwrap() > 100.0, "{average}");
    println!("{} receipts and {} refunds: {}", sent.receipts, sent.refunds, liability["roll_forward"]);
    sent.receipts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_week_of_real_orders_is_counted_as_its_entries_say() {
    let week = include_bytes!("../../local/src/demo/online-retail-week.csv").as_slice();
    // From January 2011 to March 2026.
    assert_eq!(real_orders(week, 791, "2026-03-20T12:00:00Z").await, 329);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: set ONLINE_RETAIL_CSV to the half-year of real orders"]
#[allow(clippy::disallowed_methods, reason = "the file is not part of the repository")]
async fn half_a_year_of_real_orders_is_counted_as_its_entries_say() {
    let file = std::env::var("ONLINE_RETAIL_CSV").unwrap();
    let rows = std::fs::read(file).unwrap();
    assert!(real_orders(&rows, 791, "2026-12-01T12:00:00Z").await > 5_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_those_of_booking_days_in_the_programs_time_zone() {
    let mut document = valued();
    document["timezone"] = "Pacific/Auckland".into();
    let shop = Shop::open(&document, "2026-03-02T12:30:00Z").await;
    shop.post("/v1/members", &json!({ "id": "ada" })).await;
    shop.settle().await;
    let rebuilt = add_up(shop.stack.store()).await.unwrap();
    let days: Vec<Day> = rebuilt.into_values().flat_map(std::collections::BTreeMap::into_keys).collect();
    assert_eq!(days, [Day::from_date(jiff::civil::date(2026, 3, 3))]);
    assert_eq!(shop.get("/v1/overview?from=2026-03-03&to=2026-03-04").await["totals"]["new_members"], 1);
}
