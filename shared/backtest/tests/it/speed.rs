//! How fast it is: `cargo test --release -p tessera-backtest --test it speed -- --ignored --nocapture`.

use std::time::Instant;

use serde_json::{Value, json};
use tessera_backtest::{Plan, Report, Tally};

use crate::shop::{Purchase, history, program, rule, year};

/// Fifty rules, of which a receipt meets a handful.
fn rules(points: i64) -> Value {
    let rules = (0..50).map(|number| {
        let id = format!("rule-{number}");
        let then = json!([{ "credit": { "points": points + number } }]);
        match number {
            0 => rule(&id, &json!({ "receipt": {} }), &json!([{ "credit": { "per_unit": "1", "kind": "both" } }])),
            1 => rule(&id, &json!({ "receipt": { "spend": { "every": "50.00" } } }), &then),
            2 => rule(&id, &json!({ "receipt": { "receipts": { "every": 5 } } }), &then),
            3 => rule(&id, &json!({ "receipt": { "where": { "lines": { "categories": ["winter"] } } } }), &then),
            _ => {
                let lines = json!({ "categories": [format!("range-{number}")] });
                let spend = json!({ "per_receipt_at_least": "20.00" });
                rule(&id, &json!({ "receipt": { "where": { "lines": lines }, "spend": spend } }), &then)
            }
        }
    });
    Value::Array(rules.collect())
}

#[test]
#[ignore = "a measurement"]
fn receipts_per_second_on_one_core() {
    let plan = Plan::read(&program(&rules(10)), &rules(12), year()).unwrap();
    let histories: Vec<_> = (0..20_000_u32)
        .map(|number| {
            let purchases: Vec<Purchase> =
                (0..10).map(|n| (n * 11, i64::from(number % 97) * 100, 1_000 + n * 700, None)).collect();
            history(number, &purchases, &year())
        })
        .collect();
    let mut best = u128::MAX;
    let mut report = None;
    for _ in 0..5 {
        let (mut tally, started) = (Tally::default(), Instant::now());
        for history in &histories {
            plan.replay(history, &mut tally);
        }
        best = best.min(started.elapsed().as_nanos());
        report = Some(Report::new(&plan, &tally));
    }
    let receipts = u128::from(report.unwrap().facts.receipts);
    println!("{receipts} receipts under 50 + 50 rules: {} receipts per second", receipts * 1_000_000_000 / best);
}
