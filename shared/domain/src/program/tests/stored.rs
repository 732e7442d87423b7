use std::sync::Arc;

use serde_json::{Value, json};

use super::documents::whole;
use crate::account::{Account, Status};
use crate::decide::{Context, ReceiptContext, Seed, Supply, decide_receipt};
use crate::fact::read_receipt;
use crate::ids::{MemberId, RewardId};
use crate::pack::{pack, unpack};
use crate::program::{CodeSource, CompiledProgram, Program, StoredProgram, SubmittedProgram};
use crate::rule::{Bound, Effect, Limit, Period};

fn submitted(document: &Value) -> SubmittedProgram {
    SubmittedProgram::read(document).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The stored bytes of a document, changed by `change`.
fn changed(document: &Value, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let packed = submitted(document).first_version().pack().unwrap();
    let mut value: Value = unpack(&lz4_flex::decompress_size_prepended(&packed).unwrap()).unwrap();
    // `serde_json` writes null as what CBOR calls an empty list; an absent field is none as well.
    drop_nulls(&mut value);
    change(&mut value);
    lz4_flex::compress_prepend_size(&pack(&value).unwrap())
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The pointers of all objects in a value.
fn objects(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(pointer.to_owned());
            members.iter().for_each(|(name, value)| objects(value, &format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, value)| objects(value, &format!("{pointer}/{place}"), found));
        }
        _ => {}
    }
}

#[test]
fn a_stored_program_that_todays_checks_refuse_is_read_and_decides() {
    let document = json!({
        "name": "Club", "currency": "EUR", "timezone": "Europe/Rome",
        "rewards": [{ "id": "five-off", "name": "5 off", "type": "amount_off", "value": "5.00", "cost": 100,
                      "code": { "pattern": "ADA-########" } }],
        "rules": [{ "id": "one", "status": "active", "starts_at": "2026-01-01T00:00:00", "on": { "receipt": {} },
                    "then": [{ "credit": { "points": 7 } }] }],
    });
    // Suppose that none of this was checked when the version was stored.
    let mut program = Program::from(submitted(&document));
    program.locale = "klingon language".to_owned();
    program.points.hold_days = 9_999;
    program.rewards[0].code = CodeSource::Pattern("#".to_owned());
    let rule = Arc::make_mut(&mut program.rules[0]);
    rule.name = "n".repeat(10_000);
    rule.limit = vec![Limit { bound: Bound::Times(u32::MAX), per: Period::Lifetime, every: 5_000, rolling: false }; 30];
    rule.then.push(Effect::Reward { reward: RewardId::new("unknown").unwrap() });
    let again = serde_json::to_value(&program).unwrap();
    let faults = SubmittedProgram::read(&again).unwrap_err();
    assert!(faults.len() >= 5, "{faults:?}");

    let stored = StoredProgram::new(program.clone(), 3, vec![2]);
    let compiled = StoredProgram::unpack(&stored.pack().unwrap()).unwrap().compile();
    assert_eq!((&compiled.program, compiled.version), (&program, 3));
    assert_eq!(decide(&compiled), 7);
    // A change of any part is checked as a whole.
    assert!(SubmittedProgram::with_rules(&program, &json!([])).is_err());
}

fn decide(program: &CompiledProgram) -> i64 {
    let receipt = json!({ "id": "r", "occurred_at": "2026-03-01T12:00:00Z", "member": { "id": "c-1" },
                          "currency": "EUR", "total": "10.00" });
    let receipt = read_receipt(&receipt, program.program.currency).unwrap().receipt;
    let (member, supply) = (MemberId::new("m_1").unwrap(), Supply::default());
    let now = receipt.occurred_at;
    let context = Context { program, member: &member, profile: None, now, seed: Seed([7; 32]), supply: &supply };
    let account = Account { enrolled_at: Some(now), ..Account::new(Status::Member) };
    let fact = ReceiptContext { receipt: &receipt, coupons: &[] };
    decide_receipt(&context, &account, &fact)
        .entry
        .outcomes
        .iter()
        .map(|outcome| outcome.credits().redeemable.get())
        .sum()
}

#[test]
fn an_optional_field_may_be_absent() {
    let document = whole();
    let read = StoredProgram::unpack(&changed(&document, |_| ())).unwrap();
    assert_eq!(read, submitted(&document).first_version());
}

#[test]
fn a_plural_form_that_is_null_is_absent_in_the_stored_program_too() {
    let mut document = whole();
    document["points"]["name"]["it"]["one"] = Value::Null;
    let version = submitted(&document).first_version();
    assert_eq!(StoredProgram::unpack(&version.pack().unwrap()).unwrap(), version);
}

#[test]
fn a_field_that_is_not_known_is_refused_wherever_it_stands() {
    // Maps whose names are data: a further one is no field.
    let data = ["/points/name", "/storefront/colours", "/attributes", "/properties"];
    let text = ["/name", "/description", "/title"];
    let document = whole();
    let mut found = Vec::new();
    changed(&document, |value| objects(value, "", &mut found));
    let fields = found.iter().filter(|pointer| {
        let is_data = data.iter().any(|data| pointer.contains(data)) || text.iter().any(|text| pointer.ends_with(text));
        !is_data && !pointer.contains("/benefits/")
    });
    let mut tried = 0;
    for pointer in fields {
        let bytes = changed(&document, |value| {
            let object = value.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
            object.insert("zz".to_owned(), json!(1));
        });
        assert!(StoredProgram::unpack(&bytes).is_err(), "{pointer}");
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn damaged_bytes_are_refused() {
    let packed = submitted(&whole()).first_version().pack().unwrap();
    assert!(StoredProgram::unpack(&packed[..packed.len() / 2]).is_err());
    assert!(StoredProgram::unpack(&[]).is_err());
    assert!(StoredProgram::unpack(&[0xff, 0xff, 0xff, 0xff, 0]).is_err());
}

#[test]
fn a_rule_keeps_the_version_in_which_it_last_changed() {
    let mut document = whole();
    let first = submitted(&document).first_version().compile();
    assert_eq!(submitted(&document).next_version(&first), None);
    document["rules"][1]["name"] = json!("Renamed");
    let second = submitted(&document).next_version(&first).unwrap();
    assert_eq!(second.version(), 2);
    let versions: Vec<u32> = second.compile().rules.iter().map(|rule| rule.version).collect();
    assert_eq!(versions.iter().filter(|version| **version == 2).count(), 1);
    assert_eq!(versions[1], 2);
}
