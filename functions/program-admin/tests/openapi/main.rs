//! The description of the API: made from the types, compared with the file that is served and reviewed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(clippy::large_enum_variant, reason = "these types are never made, only described")]

mod answers;
mod bodies;
mod describe;
mod examples;
mod problems;
mod routes;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// The minimum that a writer must send of types that reading completes with defaults; their schemas are made from what
/// is answered, where everything is there.
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
    ("BirthdayTrigger", &[]),
    ("Effect/oneOf/2/properties/reset", &[]),
    ("Multiply", &["factor"]),
    ("WayToEarn", &[]),
];

/// Types of which a value may fit two forms: a step of the ladder is also a tier.
const OVERLAPPING: &[&str] = &["AnyTier", "PutProgramAnswer"];

fn snapshot() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

/// The document as it must be.
fn generated() -> Value {
    let document = describe::document(&routes::routes(), routes::PARAMETERS, routes::TAGS);
    let mut document = serde_json::to_value(document).unwrap();
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
         then: UPDATE_OPENAPI=1 cargo nextest run -p tessera-program-admin, and commit the file"
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
    let routes = routes::routes();
    let document = generated();
    let operations: Vec<&Value> =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values()).collect();
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), routes.len());
    assert_eq!(operations.len(), routes.len());
    for operation in operations {
        assert!(
            operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2')),
            "{operation}"
        );
    }
}

/// The routes of the document, as the template names them.
fn described() -> BTreeSet<String> {
    let name = |route: &describe::Route| format!("{} {}", describe::method_name(&route.method), route.path);
    routes::routes().iter().map(name).collect()
}

/// The routes of `template.yaml`: each HTTP event has its method and its path, on one line or on two.
fn mounted(template: &str) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    let (mut method, mut path): (Option<String>, Option<String>) = (None, None);
    for line in template.lines() {
        if line.trim().starts_with("Type:") {
            (method, path) = (None, None);
        }
        method = field(line, "Method: ").or(method);
        path = field(line, "Path: ").filter(|path| path.starts_with('/')).or(path);
        if let (Some(is), Some(at)) = (&method, &path) {
            routes.insert(format!("{} {at}", is.to_uppercase()));
            (method, path) = (None, None);
        }
    }
    routes
}

/// The value of a field on a line of YAML, quoted or plain.
fn field(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(name)?;
    let rest = rest.trim_start();
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split([',', ' ', '}']).next()?,
    };
    Some(value.to_owned())
}

#[test]
fn the_document_and_the_template_have_the_same_routes() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    assert_eq!(mounted(&template), described());
}
