//! Budgets over the local stack: exact under parallel receipts, cheap, and shown.

use serde_json::{Value, json};

use crate::shop::{Shop, program, receipt};

const CLOCK: &str = "2026-03-10T09:00:00Z";

/// A program whose only rule gives 100 points per receipt out of a budget.
fn budgeted(points: i64) -> Value {
    program(&json!([{ "id": "hundred", "name": "Hundred", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "budget": { "points": points, "per": "month" }, "on": { "receipt": {} },
        "then": [{ "credit": { "points": 100 } }] }]))
}

fn bought(id: &str, member: &str) -> Value {
    let mut body = receipt(id, member, "20.00");
    body["occurred_at"] = "2026-03-10T08:00:00Z".into();
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_receipts_never_exceed_a_budget_and_use_it_up() {
    for points in [350, 3_250] {
        let shop = Shop::open(&budgeted(points), CLOCK).await;
        let receipts: Vec<Value> = (0..64).map(|n| bought(&format!("r-{n}"), &format!("m-{n}"))).collect();
        let sent = futures::future::join_all(receipts.iter().map(|body| shop.post("/v1/receipts", body))).await;
        assert!(sent.iter().all(|response| response.status == 202));
        let sums = shop.verify().await.programs[&shop.program].clone();
        assert_eq!(sums.issued, points);
        let budgets = shop.get("/v1/overview").await["budgets"].clone();
        let expected = json!([{ "rule": "hundred", "per": "month", "points": points, "used": points, "left": 0,
            "runs_out_on": "2026-03-10" }]);
        assert_eq!(budgets, expected);
        // One of them was cut, the others got all or nothing; the latest says why.
        shop.post("/v1/receipts", &bought("late", "m-0")).await;
        shop.settle().await;
        let late = shop.get("/v1/receipts/late").await;
        let skipped = &late["decision"]["skipped"][0];
        assert_eq!((&skipped["rule"], &skipped["reason"]), (&json!("hundred"), &json!("budget_exhausted")), "{late}");
        // Notice is given once.
        let notices = shop.get("/v1/notices?type=budget").await["items"].clone();
        assert_eq!(notices.as_array().unwrap().len(), 1, "{notices}");
        assert_eq!((&notices[0]["rule"], &notices[0]["points"]), (&json!("hundred"), &json!(points)));
        // What a return takes back can be given again.
        let given = (0..64).map(|n| format!("r-{n}"));
        let mut whole = None;
        for id in given {
            let decided = shop.get(&format!("/v1/receipts/{id}")).await;
            if decided["decision"]["points"]["redeemable"] == 100 {
                whole = Some(id);
                break;
            }
        }
        let back = json!({ "id": "back", "occurred_at": "2026-03-10T08:30:00Z", "amount": "20.00" });
        shop.post(&format!("/v1/receipts/{}/refunds", whole.unwrap()), &back).await;
        shop.settle().await;
        shop.post("/v1/receipts", &bought("next", "m-1")).await;
        let sums = shop.verify().await.programs[&shop.program].clone();
        assert_eq!((sums.issued, sums.reversed), (points + 100, 100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_costs_a_receipt_at_most_two_write_units() {
    const RECEIPTS: u32 = 20;
    let mut costs = Vec::new();
    for document in [budgeted(1_000_000), {
        let mut without = budgeted(1_000_000);
        without["rules"][0].as_object_mut().unwrap().remove("budget");
        without
    }] {
        let shop = Shop::open(&document, CLOCK).await;
        shop.post("/v1/receipts", &bought("warm", "ada")).await;
        shop.settle().await;
        let units = async || {
            let capacity = shop.get("/_local/capacity").await;
            capacity["functions"]["rule-evaluation"]["write_units"].as_f64().unwrap()
        };
        let before = units().await;
        for n in 0..RECEIPTS {
            shop.post("/v1/receipts", &bought(&format!("r-{n}"), "ada")).await;
            shop.settle().await;
        }
        costs.push((units().await - before) / f64::from(RECEIPTS));
    }
    println!("write units per receipt: {} with a budget, {} without", costs[0], costs[1]);
    assert!(costs[0] - costs[1] <= 2.0, "{costs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_empties_a_budget_gives_notice_of_it() {
    let shop = Shop::open(&budgeted(150), CLOCK).await;
    let notices = async || {
        shop.settle().await;
        shop.get("/v1/notices?type=budget").await["items"].as_array().unwrap().len()
    };
    shop.post("/v1/receipts", &bought("r-1", "c-1")).await;
    assert_eq!(notices().await, 0);
    // It gets the 50 that are left.
    shop.post("/v1/receipts", &bought("r-2", "c-2")).await;
    assert_eq!(notices().await, 1);
    shop.post("/v1/receipts", &bought("r-3", "c-3")).await;
    assert_eq!(notices().await, 1);
}
