//! A program in which anything was replaced by anything is read or refused, never more.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::documents::whole;
use crate::program::{StoredProgram, SubmittedProgram};

/// Words that mean something in some place, so that a mutation gets further than the first look.
const WORDS: [&str; 24] = [
    "id",
    "name",
    "points",
    "rules",
    "receipt",
    "spend",
    "every",
    "50.00",
    "lines",
    "times",
    "per",
    "day",
    "credit",
    "per_unit",
    "kind",
    "multiply",
    "factor",
    "silver",
    "five-off",
    "2026-03-01",
    "2026-03-01T00:00:00Z",
    "EUR",
    "~a/b",
    "",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        (-3_i64..400).prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        word().prop_map(|text| json!(text)),
        "[0-9]{1,30}(\\.[0-9]{1,12})?".prop_map(|text| json!(text)),
        "[-+]?[0-9]{4,6}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9](Z|[+-][0-9]{2}:00)?)?"
            .prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((word(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The pointers of all values of a document.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                places(item, &format!("{pointer}/{place}"), found);
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                places(item, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

fn points_into(document: &Value, pointer: &str) -> bool {
    let parent = pointer.rsplit_once('/').map(|(parent, _)| parent);
    document.pointer(pointer).is_some() || parent.is_some_and(|parent| document.pointer(parent).is_some())
}

/// What is read is written out and stored the same; what is refused says where.
fn is_read_or_refused(document: &Value) -> Result<(), TestCaseError> {
    match SubmittedProgram::read(document) {
        Ok(program) => {
            let again = serde_json::to_value(program.program()).unwrap();
            prop_assert_eq!(&SubmittedProgram::read(&again).unwrap(), &program);
            let stored = program.first_version();
            prop_assert_eq!(StoredProgram::unpack(&stored.pack().unwrap()).unwrap(), stored);
        }
        Err(faults) => {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(points_into(document, &fault.pointer), "{:?}", fault);
                prop_assert!(!fault.detail.is_empty());
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn several_mutations_are_read_or_refused(
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..4)
    ) {
        let mut document = whole();
        for rule in document["rules"].as_array_mut().unwrap() {
            // Active ones reach what only those are asked.
            rule["status"] = json!("active");
        }
        for (place, value) in mutations {
            let mut all = Vec::new();
            places(&document, "", &mut all);
            *document.pointer_mut(place.get(&all).as_str()).unwrap() = value;
        }
        is_read_or_refused(&document)?;
    }

    #[test]
    fn one_mutation_is_read_or_refused(place in any::<prop::sample::Index>(), value in any_json()) {
        let mut document = whole();
        let mut all = Vec::new();
        places(&document, "", &mut all);
        *document.pointer_mut(place.get(&all).as_str()).unwrap() = value;
        is_read_or_refused(&document)?;
    }
}
