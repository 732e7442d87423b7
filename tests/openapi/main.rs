//! The description of the API: generated from the route tables, compared with the file that is served and reviewed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod document;
mod problems;
mod samples;
mod template;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tessera_lambda::Access;

/// The minimum that a writer must send of types that reading completes with defaults; their schemas are generated from
/// responses, where every field is present.
const REQUIRED: &[(&str, &[&str])] = &[
    ("Program", &["name", "currency", "timezone"]),
    ("PointsPolicy", &[]),
    ("Tiers", &["ladder"]),
    ("Tier", &["id", "name", "threshold"]),
    ("VipTier", &["id", "name"]),
    ("Rule", &["id", "starts_at", "on", "then"]),
    ("Storefront", &[]),
    ("CouponPolicy", &[]),
    ("Amount", &[]),
    ("Credit/allOf/1", &[]),
    ("BirthdayTrigger", &[]),
    ("Effect/oneOf/2/properties/reset", &[]),
    ("Multiply", &["factor"]),
    ("WayToEarn", &[]),
];

/// Types of which a value may fit two forms: a step of the ladder is also a tier.
const OVERLAPPING: &[&str] = &["AnyTier", "PutProgramResponse"];

fn snapshot() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/program-admin/openapi.json")
}

/// The document as it must be.
fn generated() -> Value {
    let mut document = serde_json::to_value(document::document()).unwrap();
    for (name, required) in REQUIRED {
        let schema =
            document.pointer_mut(&format!("/components/schemas/{name}")).unwrap_or_else(|| panic!("no {name}"));
        relax(schema, required);
    }
    for name in OVERLAPPING {
        let schema =
            document.pointer_mut(&format!("/components/schemas/{name}")).and_then(Value::as_object_mut).unwrap();
        let forms = schema.remove("oneOf").unwrap_or_else(|| panic!("{name} has no forms"));
        schema.insert("anyOf".to_owned(), forms);
    }
    // A measure stands among the trigger's own fields: without one there is no null, there is nothing.
    let measure = document.pointer_mut("/components/schemas/ReceiptTrigger/allOf/0").unwrap();
    let described = measure.pointer("/oneOf/0").expect("a measure, or null").clone();
    *measure = serde_json::json!({ "anyOf": [described, { "type": "object" }] });
    document["components"]["headers"] = headers();
    document
}

/// The response headers, for which the document's builder has no place.
fn headers() -> Value {
    let header = |kind: &str, description: &str| serde_json::json!({ "description": description, "required": true, "schema": { "type": kind } });
    serde_json::json!({
        "CacheControl": header("string", "`no-store`, except where nothing personal is in the response."),
        "ContentTypeOptions": header("string", "`nosniff`."),
        "ProgramVersion": header("string", "The version of the program, to be sent as `If-Match`."),
        "RetryAfter": header("integer", "After how many seconds the request may succeed."),
    })
}

/// Lets a schema require no more than these fields, in whichever part of it they are.
fn relax(schema: &mut Value, required: &[&str]) {
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        relax(part, required);
    }
    if let Some(fields) = schema.get_mut("required").and_then(Value::as_array_mut) {
        fields.retain(|field| required.iter().any(|name| field == name));
    }
}

#[test]
fn the_snapshot_is_what_the_types_say() {
    let mut text = serde_json::to_string_pretty(&generated()).unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(snapshot(), &text).unwrap();
    }
    let stored = std::fs::read_to_string(snapshot()).unwrap();
    assert!(
        stored == text,
        "functions/program-admin/openapi.json is not what the types say any more; look at what changes for clients, \
         then: UPDATE_OPENAPI=1 cargo nextest run --workspace --all-features --test openapi, and commit the file"
    );
}

#[test]
fn every_reference_leads_somewhere() {
    let document = generated();
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 30);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[test]
fn operations_have_names_of_their_own_and_statuses_one_meaning() {
    let document = generated();
    let operations: Vec<&Value> =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values()).collect();
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), document::described().count());
    assert_eq!(operations.len(), ids.len());
    for operation in operations {
        assert!(
            operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2')),
            "{operation}"
        );
    }
}

#[test]
fn the_scopes_in_the_document_are_the_scopes_enforced() {
    let document = generated();
    for route in document::described() {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        let expected = match route.access {
            Access::Scope(scope) => json!([{ "api_key": [scope.name()] }]),
            Access::ScopeOrMember(scope) => json!([{ "api_key": [scope.name()] }, { "member_token": [] }]),
            Access::AnyKey => json!([{ "api_key": [] }]),
            Access::MemberOrAnonymous => json!([{ "member_token": [] }, {}]),
            Access::Public => json!([]),
        };
        assert_eq!(operation["security"], expected, "{}", route.key());
    }
}

#[test]
fn the_route_tables_and_the_template_have_the_same_routes() {
    let declared: BTreeSet<(String, String)> =
        document::routes().map(|(function, route)| (function.to_owned(), route.key())).collect();
    let mounted: BTreeSet<(String, String)> =
        template::triggers().into_iter().map(|trigger| (trigger.function, trigger.key)).collect();
    assert_eq!(mounted, declared);
}
