//! Programs that read, and programs that are refused.
#![allow(clippy::needless_pass_by_value, reason = "documents are written where they are used")]

mod acceptance;
mod bounds;
mod checks;
mod documents;
mod mutations;
mod reading;
mod stored;

use serde_json::{Value, json};

use super::{Program, SubmittedProgram};

/// A small program to which the tests add parts.
fn base() -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" } },
        "tiers": {
            "ladder": [
                { "id": "base", "name": "Base", "threshold": 0 },
                { "id": "silver", "name": "Silver", "threshold": 500 },
            ],
            "vip": [{ "id": "vip", "name": "VIP" }],
        },
        "rewards": [{
            "id": "five-off", "name": "5 € off", "type": "amount_off", "value": "5.00", "cost": 100,
            "code": { "pattern": "ADA-########" },
        }],
        "rules": [rule(&json!({}))],
    })
}

/// An ordinary rule with some fields replaced.
fn rule(changes: &Value) -> Value {
    let mut rule = json!({
        "id": "every-50", "name": "10 points every 50 €", "status": "active", "starts_at": "2026-01-01T00:00:00",
        "on": { "receipt": { "spend": { "every": "50.00" } } }, "then": [{ "credit": { "points": 10 } }],
    });
    for (name, value) in changes.as_object().unwrap() {
        rule[name] = value.clone();
    }
    rule
}

/// The small program with the value at a pointer replaced, or added to its object.
fn with(pointer: &str, value: Value) -> Value {
    let mut program = base();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match program.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    program
}

/// The small program with one rule of its own.
fn with_rule(changes: &Value) -> Value {
    with("/rules", json!([rule(changes)]))
}

fn accepted(program: &Value) -> Program {
    SubmittedProgram::read(program).unwrap_or_else(|faults| panic!("refused: {faults:?}")).into()
}

/// The pointers of all faults.
fn pointers(program: &Value) -> Vec<String> {
    match SubmittedProgram::read(program) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            assert!(!faults.is_empty());
            faults.into_iter().map(|fault| fault.pointer).collect()
        }
    }
}
