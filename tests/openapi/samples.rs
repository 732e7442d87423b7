//! The sample requests of `events/`: each route has one, and `UPDATE_OPENAPI=1` writes what is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tessera_lambda::{Access, Route};

use crate::{document, template};

/// Where the samples of each route stand, by route key.
fn paths() -> BTreeMap<String, PathBuf> {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let path = |trigger: &template::Trigger| events.join(&trigger.function).join(format!("{}.json", trigger.sample));
    template::triggers().iter().map(|trigger| (trigger.key.clone(), path(trigger))).collect()
}

/// A request of a route, as an HTTP API sends it.
fn sample(route: &Route) -> Value {
    let values = [
        ("id", "0532-0007"),
        ("member", "c-42"),
        ("source", "c-42"),
        ("code", "ADA-7K2M9QXT"),
        ("path", "hub"),
        ("n", "1"),
        ("kind", "members"),
        ("program", "prg_01jnq4w8m3k7"),
        ("locale", "it"),
        ("block", "product"),
        ("connection", "till"),
        ("entry", "bV8wMWpucTUyZjljOHQjZSM~0"),
        ("delivery", "dlv_17723565081230011223344556677"),
    ];
    // `{path+}` is the parameter `path`.
    let template = route.path.replace("+}", "}");
    let names: Vec<&str> = template.split(['{', '}']).skip(1).step_by(2).collect();
    let parameters: BTreeMap<&str, &str> = values.into_iter().filter(|(name, _)| names.contains(name)).collect();
    let path =
        parameters.iter().fold(template.clone(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
    let host = "a1b2c3d4e5.execute-api.eu-south-1.amazonaws.com";
    let mut headers = json!({
        "accept": "application/json",
        "host": host,
        "user-agent": "shop-backend/3.1",
        "x-amzn-trace-id": "Root=1-69a40a3c-5f1e7c2d4b6a89e013c5d7f2",
        "x-forwarded-for": "203.0.113.17",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    let mut context = json!({
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": host,
        "domainPrefix": "a1b2c3d4e5",
        "http": {
            "method": route.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.17",
            "userAgent": "shop-backend/3.1",
        },
        "requestId": "Xk324hQpsQ0EJ4A=",
        "routeKey": route.key(),
        "stage": "$default",
        "time": "01/Mar/2026:09:15:08 +0000",
        "timeEpoch": 1_772_356_508_123_i64,
    });
    if let Some(scopes) = scopes(route) {
        headers["authorization"] = json!("Bearer tsk_EXAMPLEexampleEXAMPLEexampleEXAMPLE0001");
        context["authorizer"] = json!({ "lambda": {
            "program": "prg_01jnq4w8m3k7", "scopes": scopes, "member": "", "actor": "shop backend", "expires": "",
            "problem": "",
        } });
    }
    let mut event = json!({
        "version": "2.0", "routeKey": route.key(), "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": context, "isBase64Encoded": false,
    });
    if !parameters.is_empty() {
        event["pathParameters"] = json!(parameters);
    }
    if let Some(body) = route.operation.body {
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = json!((body.example)().to_string());
    }
    if let Some(body) = route.operation.text_body {
        event["headers"]["content-type"] = json!(body.media);
        event["body"] = json!(body.example);
    }
    event
}

/// The scopes of a sample's credential; `None` without credentials.
fn scopes(route: &Route) -> Option<&'static str> {
    match route.access {
        Access::Scope(scope) | Access::ScopeOrMember(scope) => Some(scope.name()),
        Access::AnyKey => Some("receipts:write"),
        Access::MemberOrAnonymous | Access::Public => None,
    }
}

#[test]
fn every_route_has_a_sample_request() {
    let paths = paths();
    let mut missing = Vec::new();
    for (_, route) in document::routes() {
        let Some(path) = paths.get(&route.key()) else { continue };
        if !path.exists() && std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut text = serde_json::to_string_pretty(&sample(&route)).unwrap();
            text.push('\n');
            std::fs::write(path, text).unwrap();
        }
        match std::fs::read(path) {
            Ok(bytes) => {
                let event: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(event["requestContext"]["routeKey"], route.key(), "{}", path.display());
                let sent = event.pointer("/requestContext/authorizer/lambda/scopes").and_then(Value::as_str);
                let is_enough =
                    |sent: &str| sent == "admin" || sent.split(' ').any(|scope| Some(scope) == scopes(&route));
                // A sample of a route for members too may carry a member's token, which has no scopes.
                let is_member = matches!(route.access, Access::ScopeOrMember(_) | Access::AnyKey) && sent == Some("");
                let fits = is_member || matches!(route.access, Access::AnyKey) || sent.is_none_or(is_enough);
                assert!(fits, "{}: {sent:?}", path.display());
            }
            Err(_) => missing.push(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).to_owned()),
        }
    }
    assert!(missing.is_empty(), "write them with UPDATE_OPENAPI=1: {missing:?}");
}
