//! The speed of a backtest: `cargo test --release -p tessera-backtest --test it speed -- --ignored --nocapture`.

use std::time::Instant;

use serde_json::{Value, json};
use tessera_backtest::{Plan, Report, Tally};

use crate::shop::{Purchase, history, rule, stored, year};

/// Members per timed slice, which takes about a millisecond.
const SLICE: usize = 20;

/// Fifty rules, of which a receipt matches a handful.
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
    let plan = Plan::read(&stored(&rules(10)), &rules(12), year()).unwrap();
    let histories: Vec<_> = (0..20_000_u32)
        .map(|number| {
            let purchases: Vec<Purchase> =
                (0..10).map(|n| (n * 11, i64::from(number % 97) * 100, 1_000 + n * 700, None)).collect();
            history(number, &purchases, &year())
        })
        .collect();
    // The minimum of several passes per slice, because a busy machine interrupts longer measurements.
    let mut best = vec![u128::MAX; histories.len().div_ceil(SLICE)];
    let mut report = None;
    for _ in 0..8 {
        let mut tally = Tally::default();
        for (slice, best) in histories.chunks(SLICE).zip(&mut best) {
            let started = Instant::now();
            for history in slice {
                plan.replay(history, &mut tally);
            }
            *best = started.elapsed().as_nanos().min(*best);
        }
        report = Some(Report::new(&plan, &tally));
    }
    let best: u128 = best.into_iter().sum();
    let receipts = u128::from(report.unwrap().facts.receipts);
    let rate = receipts * 1_000_000_000 / best;
    println!("{receipts} receipts, each decided under 50 present and 50 draft rules: {rate} receipts per second");
    println!("{} decisions per second", rate * 2);
}
