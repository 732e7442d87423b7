//! The types of events, as they are served and documented.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tessera_domain::event::{EVENT_TYPES, EventType};

use super::shop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_is_served_with_schema_and_example() {
    let shop = shop().await;
    let types = shop.get("/v1/event-types").await;
    let items = types["items"].as_array().unwrap();
    assert_eq!(items.len(), EVENT_TYPES.len());
    for item in items {
        assert_eq!(item["schema"]["properties"]["type"]["const"], item["type"]);
        assert_eq!(item["example"]["type"], item["type"]);
        assert_eq!(item["example"]["specversion"], "1.0");
        assert!(!item["description"].as_str().unwrap().is_empty());
    }
}

/// Every pointer of a value with the kind of value there. Items of lists are alike.
fn shape(value: &Value, at: &str, into: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) => {
            for item in items {
                shape(item, &format!("{at}/*"), into);
            }
            "list"
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| shape(inner, &format!("{at}/{name}"), into));
            "object"
        }
    };
    into.insert(at.to_owned(), kind);
}

/// The fields of every type were written down when they were first sent. New ones are written with `UPDATE_OPENAPI=1`, which
/// removes none.
#[test]
fn types_and_fields_are_only_added() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/event-types.json");
    let known = std::fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let known: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(&known).unwrap();
    let mut all = known.clone();
    for kind in EVENT_TYPES {
        assert_eq!(kind.schema()["$id"], format!("urn:tessera:event:{}:1", kind.name));
        let mut fields = BTreeMap::new();
        shape(&kind.example(), "", &mut fields);
        let fields = fields.into_iter().map(|(pointer, kind)| (pointer, kind.to_owned()));
        all.entry(kind.name.to_owned()).or_default().extend(fields);
    }
    for (name, fields) in &known {
        let kind = EventType::named(name).unwrap_or_else(|| panic!("{name} is sent no more"));
        let mut sent = BTreeMap::new();
        shape(&kind.example(), "", &mut sent);
        for (pointer, of) in fields {
            assert_eq!(sent.get(pointer), Some(&of.as_str()), "{name}: {pointer}");
        }
    }
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let lines: Vec<String> =
            all.iter().map(|(name, fields)| format!("{}: {}", json!(name), json!(fields))).collect();
        std::fs::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
        return;
    }
    assert!(known == all, "a new field is not written down: run this test with UPDATE_OPENAPI=1");
}

/// The page of types, from the same table.
fn page() -> String {
    let mut page = String::from(
        "# Events\n\nEverything that happens to members is an event. Webhook endpoints ([webhooks.md](webhooks.md)) and \
         connections ([Klaviyo](connections/klaviyo.md)) receive\nit. `GET /v1/event-types` serves this list with the JSON \
         Schema of each type.\n\nAn event is a CloudEvents 1.0 envelope. Its `id` is the same in every delivery: deduplicate \
         by it. `source` is\n`urn:tessera:program:{program}`, `subject` the member. Tests and replays carry `\"test\": true`. \
         The schemas \
         are version 1 (`$id`): types and\nfields are only added.\n\n| id | of |\n|---|---|\n| `{entry}~{line}` | a line of the ledger; the id of \
         the line in `GET /v1/members/{member}/entries` |\n| `{entry}~0:{n}` | a further event of the same entry: tier and \
         coupons |\n| `{coupon}:{status}` | a change of a coupon that wrote no entry |\n| `ntc_…` | a notice |\n\n",
    );
    for kind in EVENT_TYPES {
        let example = serde_json::to_string_pretty(&kind.example()).unwrap();
        write!(page, "## {}\n\n{}\n\n```json\n{example}\n```\n\n", kind.name, kind.description).unwrap();
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[test]
fn the_page_of_types_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/events.md is not current: run this test with UPDATE_OPENAPI=1");
}

#[test]
fn an_example_is_whole() {
    for kind in EVENT_TYPES {
        let example = kind.example();
        assert!(example["data"].is_object() && example["id"].as_str().is_some_and(|id| !id.is_empty()), "{example}");
        assert_ne!(example["time"], Value::Null);
    }
}
