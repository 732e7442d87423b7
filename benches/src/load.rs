//! What a cold function does before its first decision: it unpacks a stored program, compiles it, and decides.
//! Prints a table in Markdown.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera_domain::account::{Account, Status};
use tessera_domain::program::{StoredProgram, SubmittedProgram};

use crate::BenchError;
use crate::life::BenchProgram;

/// Each step is repeated so often; the least time counts.
const REPEATS: u32 = 9;

/// Measures programs of growing size and prints a row for each.
pub fn print(sizes: &[usize]) -> Result<(), BenchError> {
    println!("| rules | stored bytes | bytes per rule | unpack, ms | compile, ms | first decision, ms |");
    println!("|---|---|---|---|---|---|");
    for size in sizes {
        let packed = packed(*size)?;
        let (mut unpack, mut compile, mut decide) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..REPEATS {
            let start = Instant::now();
            let stored = StoredProgram::unpack(&packed).map_err(|why| making(&why))?;
            unpack = unpack.min(start.elapsed());
            let start = Instant::now();
            let compiled = stored.compile();
            compile = compile.min(start.elapsed());
            let shop = BenchProgram::with(compiled)?;
            let receipt = shop.receipt(&receipt())?;
            let account = Account { enrolled_at: Some(receipt.occurred_at), ..Account::new(Status::Member) };
            let start = Instant::now();
            let decision = shop.decide(&account, &receipt);
            decide = decide.min(start.elapsed());
            drop(decision);
        }
        let per_rule = packed.len().div_ceil((*size).max(1));
        let [unpack, compile, decide] = [unpack, compile, decide].map(millis);
        println!("| {size} | {} | {per_rule} | {unpack} | {compile} | {decide} |", packed.len());
    }
    Ok(())
}

fn packed(rules: usize) -> Result<Vec<u8>, BenchError> {
    let read = SubmittedProgram::read(&program(rules));
    let submitted = read.map_err(|faults| BenchError::Refused { what: "program", faults })?;
    submitted.first_version().pack().map_err(|why| making(&why))
}

fn making(why: &impl std::fmt::Display) -> BenchError {
    BenchError::Making { what: "stored program", why: why.to_string() }
}

fn millis(time: Duration) -> String {
    format!("{}.{:02}", time.as_millis(), time.as_micros() / 10 % 100)
}

/// The program that `cold-start/decisions.py` puts.
fn program(rules: usize) -> Value {
    let rule = |number: usize| {
        let category =
            if number.is_multiple_of(100) { "winter".to_owned() } else { format!("category-{}", number % 300) };
        json!({
            "id": format!("r{number}"), "name": format!("r{number}"), "status": "active",
            "starts_at": "2020-01-01T00:00:00",
            "on": { "receipt": {
                "where": { "stores": ["milano-01", format!("store-{}", number % 50)],
                           "lines": { "categories": [category] } },
                "spend": { "per_receipt_at_least": format!("{}.00", number % 90 + 1) },
            } },
            "then": [{ "credit": { "per_unit": "1" } }],
        })
    };
    json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" } },
        "rules": (0..rules).map(rule).collect::<Value>(),
    })
}

fn receipt() -> Value {
    json!({
        "id": "r-1", "occurred_at": "2026-03-01T10:15:00+01:00", "member": { "id": "c-42" }, "store": "milano-01",
        "currency": "EUR", "total": "120.00",
        "lines": [{ "id": "1", "category": "winter", "amount": "80.00" },
                  { "id": "2", "category": "socks", "amount": "40.00" }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_rules_take_at_most_64_bytes_each_and_two_chunks() {
        let packed = packed(10_000).unwrap();
        assert!(packed.len() <= 640_000, "{} bytes", packed.len());
    }
}
