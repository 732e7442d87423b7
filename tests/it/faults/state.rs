//! The final state of members, without what differs between runs: codes, internal ids, times.

use serde_json::{Value, json};
use tessera_local::figures::{RebuildScope, rebuild};
use tessera_local::verify::Verification;

use super::sender::Sender;

/// Ends the faults, settles and verifies the stack, and returns the final state.
pub async fn end(sender: &mut Sender, members: &[&str]) -> Value {
    sender.end();
    sender.settle().await;
    let report: Verification = sender.with(async |shop| shop.verify().await).await;
    let mut ends = Vec::new();
    for member in members {
        ends.push(member_state(sender, member).await);
    }
    let taken = taken(sender).await;
    let issued = ends.iter().flat_map(|end| end["coupons"].as_array().unwrap());
    // A lapsed reservation returns its unit.
    let issued = issued.filter(|coupon| coupon[0] == "last-one" && coupon[1] != "lapsed").count();
    assert_eq!(taken, issued as u64, "what was taken from the stock was issued");
    json!({ "members": ends, "taken": taken, "facts": report.facts, "entries": report.entries })
}

async fn member_state(sender: &mut Sender, member: &str) -> Value {
    let seen = sender.get(&format!("/v1/members/{member}")).await;
    let (mut coupons, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = sender.get(&format!("/v1/members/{member}/coupons?limit=100{cursor}")).await;
        let items = page["items"].as_array().unwrap().iter();
        coupons.extend(items.map(|coupon| json!([coupon["reward"], coupon["status"], coupon["receipt"]])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    coupons.sort_by_key(Value::to_string);
    let entries = sender.shop().entries(member).await;
    let mut entries: Vec<Value> = entries
        .into_iter()
        .map(|mut entry| {
            let source = entry["source"].as_object_mut().unwrap();
            source.remove("coupon");
            source.entry("referral").and_modify(|id| *id = json!("ref_…"));
            for inner in ["merged", "merged_into"] {
                source.entry(inner).and_modify(|id| *id = json!("m_…"));
            }
            json!([entry["type"], entry["points"], entry["moved"], entry["source"]])
        })
        .collect();
    entries.sort_by_key(Value::to_string);
    json!({ "status": seen["status"], "tier": seen["tier"]["id"], "points": seen["points"], "lists": seen["lists"],
            "email": seen["email"], "card": seen["card"], "coupons": coupons, "entries": entries })
}

/// The figures of the whole time, which a rebuild from the ledger must find right.
pub async fn figures(sender: &mut Sender) -> Value {
    let stack = &sender.shop().stack;
    let changed = rebuild(stack.store(), stack.now(), RebuildScope::AllDays).await.unwrap();
    assert!(changed.values().all(|items| *items == 0), "{changed:?}");
    let overview = sender.get("/v1/overview?from=2025-01-01&to=2030-01-01&bucket=month").await;
    overview["totals"].clone()
}

/// The issued units by the counters of the stock.
async fn taken(sender: &mut Sender) -> u64 {
    let stack = sender.shop().stack.stack();
    let scan = stack.clients("operator").dynamodb.scan().table_name("tessera-members");
    let found = scan.filter_expression("attribute_exists(issued)").send().await.unwrap();
    let counters = found.items().iter().map(|item| item["issued"].as_n().unwrap().parse::<u64>().unwrap());
    counters.sum()
}
