//! The documentation of the API as one page without script.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

const REFERENCE: &str = "#/components/schemas/";
/// Where the local stack listens, for the examples.
const LOCAL: &str = "http://127.0.0.1:3000";

/// An operation of the API.
struct Operation<'d> {
    method: String,
    path: &'d str,
    value: &'d Value,
}

/// The page.
pub fn page(description: &Value) -> String {
    let operations = operations(description);
    let tags = list(description, "/tags");
    let title = "Tessera API";
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/console/assets/documentation.css";
            }
            body {
                a.skip href="#start" { "Skip to the contents" }
                div.shell {
                    nav aria-label="Operations" {
                        strong { (title) }
                        a href="#start" { "Start here" }
                        @for tag in tags {
                            h2 { (text(tag, "/name")) }
                            ul { @for one in of_tag(&operations, tag) { li { (link_to(one)) } } }
                        }
                        h2 { "Reference" }
                        ul { li { a href="#schemas" { "Schemas" } } }
                    }
                    main {
                        section id="start" { (start(description)) }
                        @for tag in tags {
                            section aria-labelledby=(anchor(tag)) {
                                h2 id=(anchor(tag)) { (text(tag, "/name")) }
                                p.lead { (prose(text(tag, "/description"))) }
                                @for one in of_tag(&operations, tag) { (operation(one, description)) }
                            }
                        }
                        section id="schemas" {
                            h2 { "Schemas" }
                            @for (name, schema) in fields(description, "/components/schemas") {
                                article id={ "schema-" (name) } {
                                    h3 { (name) }
                                    (properties(schema))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn start(description: &Value) -> Markup {
    let example = format!("curl {LOCAL}/v1/program -H \"Authorization: Bearer $TESSERA_KEY\"");
    html! {
        h1 { (text(description, "/info/title")) " API " span.muted { (text(description, "/info/version")) } }
        p.lead { (prose(text(description, "/info/description"))) }
        p { "Start the local stack with " code { "tessera --empty" } ", set " code { "TESSERA_KEY" } " to the admin key that it prints, and send:" }
        pre { code { (example) } }
        p { "The machine-readable description is at " a href="/v1/openapi.json" { code { "/v1/openapi.json" } } "." }
        h2 { "Credentials" }
        dl {
            @for (name, scheme) in fields(description, "/components/securitySchemes") {
                dt { code { (name) } }
                dd { (prose(text(scheme, "/description"))) }
            }
        }
        h2 { "Problems" }
        p { "A request that fails gets a problem document (RFC 9457). Every operation lists the statuses that it can return." }
        dl {
            @for (name, response) in fields(description, "/components/responses") {
                dt { (name) }
                dd { (prose(text(response, "/description"))) }
            }
        }
    }
}

fn operation(operation: &Operation<'_>, description: &Value) -> Markup {
    let Operation { method, path, value } = operation;
    let body = value.pointer("/requestBody/content/application~1json");
    let parameters = list(value, "/parameters");
    html! {
        article id=(text(value, "/operationId")) {
            h3 { (text(value, "/summary")) }
            p.route { span.method { (method) } " " code { (path) } }
            @if let Some(details) = value.get("description").and_then(Value::as_str) { p { (prose(details)) } }
            p.muted { "Credentials: " (credentials(value)) }
            @if !parameters.is_empty() {
                h4 { "Parameters" }
                dl {
                    @for parameter in parameters {
                        dt { code { (text(parameter, "/name")) } " " span.muted { (text(parameter, "/in")) @if parameter["required"] == true { ", required" } } }
                        dd { (prose(text(parameter, "/description"))) " " (constraints(&parameter["schema"])) }
                    }
                }
            }
            @if let Some(body) = body {
                h4 { "Body" }
                p { (kind(&body["schema"])) }
            }
            h4 { "Try it" }
            pre { code { (curl(operation, body.and_then(|body| body.get("example")))) } }
            h4 { "Responses" }
            dl { @for (status, response) in fields(value, "/responses") { (self::response(status, response, description)) } }
        }
    }
}

fn response(status: &str, response: &Value, description: &Value) -> Markup {
    let resolved = response["$ref"].as_str().and_then(|path| description.pointer(path.trim_start_matches('#')));
    let found = resolved.unwrap_or(response);
    let schema = found.pointer("/content/application~1json/schema");
    html! {
        dt { code { (status) } }
        dd { (prose(text(found, "/description"))) @if let Some(schema) = schema { " " (kind(schema)) } }
    }
}

/// What a list needs in its query.
const QUERIES: &[(&str, &str)] = &[("/v1/export", "?kind=program"), ("/v1/referrals", "?status=flagged")];

/// The path of an operation with the identifiers of the examples. What a response has to tell first is in capitals.
fn example_path(operation: &Operation<'_>, example: Option<&Value>) -> String {
    let own = example.filter(|_| operation.method == "PUT").and_then(|example| example["id"].as_str());
    let mut collection = "";
    let mut filled = Vec::new();
    for segment in operation.path.split('/') {
        let Some(name) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) else {
            // Pictures have their extension in the segment of the code.
            filled.push(segment.replace("{code}", "ADA-7K2M9QXT"));
            collection = segment;
            continue;
        };
        filled.push(match (collection, name) {
            (_, "id") if own.is_some() => own.unwrap_or_default().to_owned(),
            ("rules", "id") => "every-50".to_owned(),
            ("rewards", "id") => "five-off".to_owned(),
            ("tiers", "id") => "gold".to_owned(),
            ("receipts" | "interactions", "id") => "0532-0007".to_owned(),
            (_, "member" | "source") => "c-42".to_owned(),
            (_, "code") => "ADA-7K2M9QXT".to_owned(),
            (_, "version" | "n") => "1".to_owned(),
            (_, "kind") => "program".to_owned(),
            (_, "id") => format!("{}_ID", collection.trim_end_matches('s').replace('-', "_").to_uppercase()),
            (_, name) => name.to_uppercase(),
        });
    }
    let query = QUERIES.iter().find(|(path, _)| operation.method == "GET" && *path == operation.path);
    filled.join("/") + query.map_or("", |(_, query)| query)
}

/// A request that works on the local stack, with the example of the description.
fn curl(operation: &Operation<'_>, example: Option<&Value>) -> String {
    let path = example_path(operation, example);
    let method = if operation.method == "GET" { String::new() } else { format!(" -X {}", operation.method) };
    let mut line = format!("curl{method} {LOCAL}{path}");
    let needs = list(operation.value, "/security");
    if !needs.is_empty() {
        line.push_str(" \\\n  -H \"Authorization: Bearer $TESSERA_KEY\"");
    }
    if let Some(example) = example {
        let body = serde_json::to_string_pretty(example).unwrap_or_default().replace('\'', "'\\''");
        line.push_str(" \\\n  -H 'Content-Type: application/json' -d '");
        line.push_str(&body);
        line.push('\'');
    }
    line
}

fn credentials(operation: &Value) -> Markup {
    let needs = list(operation, "/security");
    html! {
        @if needs.is_empty() { "none" }
        @for (index, need) in needs.iter().enumerate() {
            @if index > 0 { ", or " }
            @match need.as_object().and_then(|need| need.iter().next()) {
                Some((name, scopes)) => {
                    code { (name) }
                    @if let Some(scope) = scopes.get(0).and_then(Value::as_str) { " with the scope " code { (scope) } }
                }
                None => { "none" }
            }
        }
    }
}

/// The fields of an object, the forms of a choice, or the kind of anything else.
fn properties(schema: &Value) -> Markup {
    let own = fields(schema, "/properties");
    let required: Vec<&str> = list(schema, "/required").iter().filter_map(Value::as_str).collect();
    let parts = ["/allOf", "/oneOf", "/anyOf"].map(|name| list(schema, name));
    html! {
        @if let Some(words) = schema.get("description").and_then(Value::as_str) { p { (prose(words)) } }
        @if !own.is_empty() {
            dl {
                @for (name, field) in &own {
                    dt { code { (name) } @if required.contains(name) { span.muted { " required" } } }
                    dd { (prose(text(field, "/description"))) " " (kind(field)) " " (constraints(field)) }
                }
            }
        }
        @for (words, forms) in ["All of", "One of", "Any of"].iter().zip(parts) {
            @if !forms.is_empty() {
                p.muted { (words) ":" }
                ul { @for form in forms { li { @if form.get("properties").is_some() || form.get("allOf").is_some() { (properties(form)) } @else { (kind(form)) } } } }
            }
        }
        @if own.is_empty() && list(schema, "/allOf").is_empty() && list(schema, "/oneOf").is_empty() && list(schema, "/anyOf").is_empty() {
            p { (kind(schema)) " " (constraints(schema)) }
        }
    }
}

/// What a value is, with a link to its schema.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix(REFERENCE)) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    let choices: Vec<&Value> = ["/oneOf", "/anyOf", "/allOf"].iter().flat_map(|name| list(schema, name)).collect();
    if !choices.is_empty() {
        return html! { @for (index, choice) in choices.iter().enumerate() { @if index > 0 { " or " } (kind(choice)) } };
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { @for (index, value) in values.iter().enumerate() { @if index > 0 { ", " } code { (value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)) } } };
    }
    let names = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    html! {
        span.kind {
            (if names.is_empty() { "any value".to_owned() } else { names.join(" or ") })
            @if let Some(format) = schema["format"].as_str() { " (" (format) ")" }
        }
        @if names.contains(&"array") && schema.get("items").is_some() { " of " (kind(&schema["items"])) }
    }
}

/// The bounds of a value.
fn constraints(schema: &Value) -> Markup {
    let bounds = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("maxItems", "items at most"),
        ("default", "default"),
        ("pattern", "pattern"),
    ];
    let found: Vec<String> = bounds
        .iter()
        .filter_map(|(name, words)| Some(format!("{words} {}", schema.get(name).filter(|value| !value.is_null())?)))
        .collect();
    html! { @if !found.is_empty() { span.muted { "(" (found.join(", ")) ")" } } }
}

/// Prose with `code` between backticks.
fn prose(words: &str) -> Markup {
    html! { @for (index, part) in words.split('`').enumerate() { @if index % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn operations(description: &Value) -> Vec<Operation<'_>> {
    let paths = fields(description, "/paths");
    paths
        .into_iter()
        .flat_map(|(path, methods)| {
            let each = fields(methods, "").into_iter();
            each.map(move |(method, value)| Operation { method: method.to_uppercase(), path, value })
        })
        .collect()
}

fn of_tag<'o, 'd>(operations: &'o [Operation<'d>], tag: &Value) -> Vec<&'o Operation<'d>> {
    operations.iter().filter(|one| one.value.pointer("/tags/0") == tag.get("name")).collect()
}

fn link_to(operation: &Operation<'_>) -> Markup {
    html! { a href={ "#" (text(operation.value, "/operationId")) } { (text(operation.value, "/summary")) } }
}

fn anchor(tag: &Value) -> String {
    format!("tag-{}", text(tag, "/name"))
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn fields<'v>(value: &'v Value, pointer: &str) -> Vec<(&'v str, &'v Value)> {
    let object = value.pointer(pointer).and_then(Value::as_object);
    object.map(|object| object.iter().map(|(name, value)| (name.as_str(), value)).collect()).unwrap_or_default()
}
