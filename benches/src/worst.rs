//! Measures the worst accepted programs: the time of `PUT` to parse, check and compile them, and of the first decision.
//! Prints a Markdown table.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::account::{Account, Status};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};

use crate::BenchError;
use crate::life::BenchProgram;

/// The limits: rules of a program, concurrent multipliers, lines of a receipt.
const RULES: usize = 10_000;
const MULTIPLIERS: usize = 250;
const LINES: usize = 1_000;

/// A document and the receipt of its first decision.
struct Case {
    name: &'static str,
    document: Value,
    receipt: Value,
}

/// Measures every case and prints one row each.
pub fn print() -> Result<(), BenchError> {
    println!("| program | size | rules | read and check | compile | first decision | rules that fired |");
    println!("|---|---|---|---|---|---|---|");
    for case in cases() {
        println!("{}", row(&case)?);
    }
    println!("{}", nested());
    Ok(())
}

fn row(case: &Case) -> Result<String, BenchError> {
    let bytes = case.document.to_string();
    let start = Instant::now();
    let parsed: Value = serde_json::from_str(&bytes).map_err(|why| making(&why))?;
    let program = SubmittedProgram::read(&parsed).map_err(|faults| BenchError::Refused { what: case.name, faults })?;
    let read = start.elapsed();
    let rules = program.program().rules.len();
    let start = Instant::now();
    let compiled = CompiledProgram::new(program, 1);
    let compile = start.elapsed();
    let shop = BenchProgram::with(compiled)?;
    let receipt = shop.receipt(&case.receipt)?;
    let account = Account { enrolled_at: Some(Timestamp::UNIX_EPOCH), ..Account::new(Status::Member) };
    let start = Instant::now();
    let decision = shop.decide(&account, &receipt);
    let decide = start.elapsed();
    let fired: usize =
        [&decision.entry].into_iter().chain(&decision.tier_changes).map(|entry| entry.outcomes.len()).sum();
    let (size, read, compile, decide) = (kilobytes(bytes.len()), millis(read), millis(compile), millis(decide));
    Ok(format!("| {} | {size} | {rules} | {read} | {compile} | {decide} | {fired} |", case.name))
}

/// A document that consists of nesting is refused before it is parsed.
fn nested() -> String {
    let bytes = "[".repeat(4_000_000);
    let start = Instant::now();
    let refused = serde_json::from_str::<Value>(&bytes).is_err();
    let (size, read) = (kilobytes(bytes.len()), millis(start.elapsed()));
    format!("| four million nested lists (refused: {refused}) | {size} | 0 | {read} | | | |")
}

fn making(why: &impl std::fmt::Display) -> BenchError {
    BenchError::Making { what: "worst program", why: why.to_string() }
}

fn millis(time: Duration) -> String {
    format!("{}.{:01} ms", time.as_millis(), time.as_micros() / 100 % 10)
}

fn kilobytes(bytes: usize) -> String {
    format!("{} KB", bytes / 1_000)
}

fn rule(id: &str, on: &Value, then: &Value) -> Value {
    json!({ "id": id, "name": id, "status": "active", "starts_at": "2026-01-01T00:00:00", "on": on, "then": then })
}

fn program(rules: &[Value]) -> Value {
    json!({
        "name": "Worst", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "p", "other": "p" }, "multiplier_stacking": "product" },
        "tiers": { "ladder": (0..20).map(|n| json!({ "id": format!("t{n}"), "name": "T", "threshold": n * 10 })).collect::<Value>(),
                   "vip": (0..20).map(|n| json!({ "id": format!("v{n}"), "name": "V" })).collect::<Value>(),
                   "window": "lifetime" },
        "rules": rules,
    })
}

fn receipt() -> Value {
    json!({ "id": "r", "occurred_at": "2026-03-01T12:00:00Z", "member": { "id": "c-42" }, "store": "milano-01",
            "currency": "EUR", "total": "1000.00" })
}

/// A receipt with the maximum number of lines, each with ten categories of its own.
fn long_receipt() -> Value {
    let line = |n: usize| {
        let categories: Vec<String> = (0..10).map(|k| format!("c{}", (n + k * 97) % MULTIPLIERS)).collect();
        json!({ "id": n.to_string(), "sku": format!("s{n}"), "category": categories, "amount": "1.00" })
    };
    let mut receipt = receipt();
    receipt["lines"] = (0..LINES).map(line).collect();
    receipt
}

fn credit(points: u32) -> Value {
    json!([{ "credit": { "points": points } }])
}

fn per_unit() -> Value {
    json!([{ "credit": { "per_unit": "1" } }])
}

fn multiply(factor: &str, scope: &str) -> Value {
    json!([{ "multiply": { "factor": factor, "scope": scope } }])
}

fn cases() -> Vec<Case> {
    let any = json!({ "receipt": {} });
    let many = |count: usize, prefix: &str, on: &dyn Fn(usize) -> Value, then: &Value| -> Vec<Value> {
        (0..count).map(|n| rule(&format!("{prefix}{n}"), &on(n), then)).collect()
    };
    let category = |n: usize| json!({ "receipt": { "where": { "lines": { "categories": [format!("c{n}")] } } } });
    let always = |_: usize| any.clone();
    let all = program(&many(RULES, "r", &always, &credit(1)));
    let mut multiplied = many(MULTIPLIERS, "m", &always, &multiply("1.01", "receipt"));
    multiplied.extend(many(RULES - MULTIPLIERS, "r", &always, &per_unit()));
    let both = json!([{ "credit": { "points": 1 } }, { "multiply": { "factor": "1.01" } }]);
    let mut own = many(MULTIPLIERS, "m", &always, &both);
    own.extend(many(RULES - MULTIPLIERS, "r", &always, &per_unit()));
    let mut on_lines = many(MULTIPLIERS, "m", &category, &multiply("1.01", "lines"));
    on_lines.extend(many(RULES - MULTIPLIERS, "r", &always, &per_unit()));
    let named: Vec<String> = (0..1_000).map(|n| format!("r{n}")).collect();
    let naming = json!([{ "multiply": { "factor": "1.01", "rules": named } }]);
    let mut listed = many(MULTIPLIERS, "m", &always, &naming);
    listed.extend(many(1_000, "r", &always, &per_unit()));
    let skus: Vec<String> = (0..1_000).map(|n| format!("s{n}")).collect();
    let with_skus = |_: usize| json!({ "receipt": { "where": { "lines": { "skus": skus } } } });
    let lists = many(500, "r", &with_skus, &credit(1));
    vec![
        Case { name: "10,000 rules that all fire", document: all, receipt: receipt() },
        Case { name: "250 multipliers of 9,750 rules", document: program(&multiplied), receipt: receipt() },
        Case { name: "250 multipliers that give points too", document: program(&own), receipt: receipt() },
        Case { name: "250 line multipliers of 9,750 rules", document: program(&on_lines), receipt: long_receipt() },
        Case { name: "250 multipliers that name 1,000 rules each", document: program(&listed), receipt: receipt() },
        Case { name: "500 rules of 1,000 SKUs each", document: program(&lists), receipt: long_receipt() },
        Case { name: "the longest chain of tiers, 10,000 rules", document: program(&tier_rules()), receipt: receipt() },
    ]
}

/// Rules by which one receipt reaches all tiers and then moves between tiers outside the ladder, with the maximum number of
/// copies for tier changes that never happen.
fn tier_rules() -> Vec<Value> {
    let on = |from: Option<usize>, to: &str| match from {
        Some(from) => json!({ "tier_change": { "from": [format!("t{from}")], "to": [to] } }),
        None => json!({ "tier_change": { "to": [to] } }),
    };
    let points = json!([{ "credit": { "points": 10, "kind": "both" } }]);
    let mut rules = vec![rule("start", &json!({ "receipt": {} }), &points)];
    rules.extend((1..19).map(|n| rule(&format!("rise{n}"), &on(None, &format!("t{n}")), &points)));
    rules.push(rule("out", &on(None, "t19"), &json!([{ "vip": "v0" }])));
    let next = |n: usize| json!([{ "vip": format!("v{}", n + 1) }]);
    rules.extend((0..19).map(|n| rule(&format!("vip{n}"), &on(None, &format!("v{n}")), &next(n))));
    let copies = RULES - rules.len();
    let copy = |n: usize| rule(&format!("copy{n}"), &on(Some(n % 18), &format!("v{}", n % 19)), &next(n % 19));
    rules.extend((0..copies).map(copy));
    rules
}
