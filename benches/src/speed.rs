//! The time per receipt: JSON, parsing, decision.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera_domain::account::Account;
use tessera_domain::decide::Decision;
use tessera_domain::fact::{Receipt, read_receipt};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::time::Day;

use crate::BenchError;
use crate::life::BenchProgram;
use crate::sizes::packed;
use crate::translate::{self, Reading, TIERS};
use crate::workload::{Workload, WorkloadOutcome};

/// A receipt of a workload in all its forms.
struct Case<'a> {
    bytes: Vec<u8>,
    body: Value,
    receipt: Receipt,
    account: &'a Account,
    expected: &'a WorkloadOutcome,
}

/// Measures a workload under a reading.
pub fn measure(workload: &Workload, reading: Reading, windows: u32) -> Result<Vec<Value>, BenchError> {
    let document = translate::program(&translate::rules(&workload.rules));
    let start = Instant::now();
    let program =
        SubmittedProgram::read(&document).map_err(|faults| BenchError::Refused { what: "program", faults })?;
    let read_time = start.elapsed();
    let start = Instant::now();
    let compiled = CompiledProgram::new(program, 1);
    let compile_time = start.elapsed();
    let shop = BenchProgram::with(compiled)?;

    let mut accounts = BTreeMap::new();
    for (tier, _) in TIERS {
        accounts.insert(tier, BenchProgram::member(tier, Day::from_date(translate::day(0)))?);
    }
    let cases = cases(workload, reading, &shop, &accounts)?;
    let wrong = cases.iter().filter(|case| !is_right(&shop.decide(case.account, &case.receipt), case.expected)).count();

    let currency = shop.program.program.currency;
    let json = least(windows, &cases, |case| {
        let _ = black_box(serde_json::from_slice::<Value>(black_box(&case.bytes)));
    });
    let reader = least(windows, &cases, |case| {
        let _ = black_box(read_receipt(black_box(&case.body), currency));
    });
    let search = least(windows, &cases, |case| {
        black_box(shop.candidates(black_box(&case.receipt)));
    });
    let decide = least(windows, &cases, |case| {
        black_box(shop.decide(black_box(case.account), black_box(&case.receipt)));
    });

    let bytes: usize = cases.iter().map(|case| case.bytes.len()).sum();
    let fired: usize = cases.iter().map(|case| case.expected.fired.len()).sum();
    let line = |engine: &str, time: Duration, wrong: usize| {
        json!({
            "engine": engine, "workload": workload.name, "reading": reading.name(), "rules": workload.rules.len(),
            "receipts": cases.len(), "nanoseconds": nanoseconds(time), "wrong": wrong,
        })
    };
    let mut ours = line("tessera", decide, wrong);
    ours["fired"] = json!(fired);
    ours["verified"] = json!(cases.iter().map(|case| shop.candidates(&case.receipt)).sum::<usize>());
    ours["index_bytes"] = json!(shop.program.rules.index_bytes());
    ours["entry_bytes"] = json!(largest_entry(&shop, &cases)?);
    ours["read_nanoseconds"] = json!(nanoseconds(read_time));
    ours["build_nanoseconds"] = json!(nanoseconds(compile_time));
    let mut parse = line("serde_json", json, 0);
    parse["bytes"] = json!(bytes);
    Ok(vec![ours, line("search", search, 0), parse, line("read_receipt", reader, 0)])
}

fn cases<'a>(
    workload: &'a Workload,
    reading: Reading,
    shop: &BenchProgram,
    accounts: &'a BTreeMap<&str, Account>,
) -> Result<Vec<Case<'a>>, BenchError> {
    let expected = workload.expected(reading);
    let mut cases = Vec::new();
    for source in &workload.receipts {
        let missing = || BenchError::Making { what: "case", why: source.id.clone() };
        let body = translate::receipt(source, reading)?;
        cases.push(Case {
            bytes: body.to_string().into_bytes(),
            receipt: shop.receipt(&body)?,
            body,
            account: accounts.get(source.tier.as_str()).ok_or_else(missing)?,
            expected: expected.get(source.id.as_str()).copied().ok_or_else(missing)?,
        });
    }
    Ok(cases)
}

/// True when a decision fired exactly the expected rules and gave exactly the expected points, in outcomes and postings.
fn is_right(decision: &Decision, expected: &WorkloadOutcome) -> bool {
    let outcomes = &decision.entry.outcomes;
    let mut fired: Vec<&str> = outcomes.iter().map(|outcome| outcome.rule.as_str()).collect();
    fired.sort_unstable();
    let told: i64 = outcomes.iter().map(|outcome| outcome.credits().redeemable.get()).sum();
    let posted = decision.entry.delta().redeemable.get();
    fired == expected.fired && told == expected.points && posted == expected.points
}

/// The largest size of an entry with exactly thirty fired rules; `None` without such a receipt.
fn largest_entry(shop: &BenchProgram, cases: &[Case<'_>]) -> Result<Option<usize>, BenchError> {
    let mut most = None;
    for case in cases.iter().filter(|case| case.expected.fired.len() == 30) {
        most = most.max(Some(packed(&shop.decide(case.account, &case.receipt).entry)?));
    }
    Ok(most)
}

/// The minimum time of all cases. They are timed in slices so short that some pass of each is not interrupted. The minimum
/// of each slice over all windows counts; the first window warms up.
fn least<T>(windows: u32, cases: &[T], mut work: impl FnMut(&T)) -> Duration {
    const SLICE: usize = 20;
    let mut times = vec![Duration::MAX; cases.len().div_ceil(SLICE)];
    for window in 0..=windows {
        for (slice, time) in cases.chunks(SLICE).zip(&mut times) {
            let start = Instant::now();
            slice.iter().for_each(&mut work);
            let elapsed = start.elapsed();
            if window > 0 {
                *time = elapsed.min(*time);
            }
        }
    }
    times.iter().sum()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{WorkloadLine, WorkloadRule};

    fn rule(id: &str, stores: &[&str], category: &str, min_amount: u32) -> WorkloadRule {
        WorkloadRule {
            id: id.to_owned(),
            stores: stores.iter().map(|store| (*store).to_owned()).collect(),
            category: category.to_owned(),
            tiers: vec!["silver".to_owned()],
            from: 10,
            to: 20,
            min_amount,
            k: 3,
        }
    }

    fn number(text: &str) -> serde_json::Number {
        serde_json::from_str(text).unwrap()
    }

    fn decide(tier: &str, day: i32, reading: Reading) -> (Vec<String>, i64) {
        let rules = [
            rule("a", &[], "c1", 20),
            rule("b", &["s1"], "c2", 0),
            rule("c", &["s2"], "c2", 0),
            rule("d", &[], "c3", 0),
        ];
        let shop = BenchProgram::open(&translate::program(&translate::rules(&rules))).unwrap();
        let line = |category: &str, amount: &str| WorkloadLine {
            sku: "p".to_owned(),
            category: category.to_owned(),
            qty: 1,
            amount: number(amount),
        };
        let source = crate::workload::WorkloadReceipt {
            id: "t".to_owned(),
            store: "s1".to_owned(),
            tier: tier.to_owned(),
            day,
            total: number("30.5"),
            categories: vec!["c1".to_owned(), "c2".to_owned()],
            lines: vec![line("c1", "19.99"), line("c2", "10.51")],
        };
        let receipt = shop.receipt(&translate::receipt(&source, reading).unwrap()).unwrap();
        let account = BenchProgram::member(tier, Day::from_date(translate::day(0))).unwrap();
        let decision = shop.decide(&account, &receipt);
        let fired = decision.entry.outcomes.iter().map(|outcome| outcome.rule.to_string()).collect();
        (fired, decision.entry.delta().redeemable.get())
    }

    #[test]
    fn the_whole_receipt_counts_as_it_does_for_the_peers() {
        // 30 whole units at 3 points, for each of two rules.
        assert_eq!(decide("silver", 10, Reading::Total), (vec!["a".to_owned(), "b".to_owned()], 180));
        assert_eq!(decide("silver", 20, Reading::Total).1, 180);
    }

    #[test]
    fn the_lines_of_the_category_count() {
        // 19.99 is below 20; 10.51 at 3 points is 31.53.
        assert_eq!(decide("silver", 15, Reading::Lines), (vec!["b".to_owned()], 31));
    }

    #[test]
    fn nothing_fires_out_of_tier_or_calendar() {
        for reading in [Reading::Total, Reading::Lines] {
            for (tier, day) in [("gold", 15), ("silver", 9), ("silver", 21)] {
                assert_eq!(decide(tier, day, reading), (Vec::new(), 0), "{tier} {day}");
            }
        }
    }
}
