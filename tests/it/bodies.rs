//! Request bodies: the schema of each and its reader accept and refuse the same.
//!
//! Everything is derived from the description that the stack serves: each example is sent as it is, then without each field,
//! with an unknown one, with values of the wrong type and outside the bounds.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Response, Shop, per_euro, program};

const CLOCK: &str = "2026-03-05T12:00:00+01:00";

/// Optional fields that another field of the example needs: leaving one out is refused, elsewhere in the body.
const NEEDED_BY_OTHERS: &[(&str, &str)] = &[
    // An adjustment does something.
    ("adjustMember", "/award"),
    // A program's rewards and rules keep their references; a receipt's total is that of its lines less the discount.
    ("sendReceipt", "/discount"),
    ("previewReceipt", "/discount"),
    // A refund is of lines or of an amount.
    ("sendRefund", "/lines"),
];

/// A body that differs from the example, and what its reader must say.
struct Variation {
    body: Value,
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    /// It is accepted, or refused for what the rest of the body needs.
    Accepted(String),
    /// It is refused, with a fault at this pointer or below it.
    FaultAt(String),
}

/// The served description, and what its schemas say.
struct Description(Value);

impl Description {
    /// The schema that a value follows: references resolved, alternatives chosen by the value's fields.
    fn schema(&self, schema: &Value, value: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.schema(self.0.pointer(&reference[1..]).unwrap(), value);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut all = json!({ "type": "object", "properties": {}, "required": [] });
            for part in parts {
                let part = self.schema(part, value);
                for (name, field) in part["properties"].as_object().into_iter().flatten() {
                    all["properties"][name] = field.clone();
                }
                let required = part["required"].as_array().cloned().unwrap_or_default();
                all["required"].as_array_mut().unwrap().extend(required);
            }
            return all;
        }
        let alternatives = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
        let Some(alternatives) = alternatives else { return schema.clone() };
        let fits = |alternative: &&Value| match value {
            Value::Object(fields) => {
                let properties = self.schema(alternative, value)["properties"].clone();
                fields.keys().all(|name| properties.get(name).is_some())
            }
            other => self.types(alternative).contains(&kind(other)),
        };
        alternatives.iter().find(fits).map_or(Value::Null, |chosen| self.schema(chosen, value))
    }

    /// The JSON types that a schema allows; empty for any.
    fn types(&self, schema: &Value) -> Vec<&'static str> {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.types(self.0.pointer(&reference[1..]).unwrap());
        }
        let parts = ["oneOf", "anyOf"].iter().filter_map(|name| schema[*name].as_array()).flatten();
        let parts: Vec<Vec<&str>> = parts.map(|part| self.types(part)).collect();
        if !parts.is_empty() {
            // One that allows anything makes the whole do so.
            return if parts.iter().any(Vec::is_empty) { Vec::new() } else { parts.concat() };
        }
        if schema["allOf"].is_array() {
            return vec!["object"];
        }
        let named = |name: &str| TYPES.into_iter().find(|known| *known == name);
        match &schema["type"] {
            Value::String(name) => named(name).into_iter().collect(),
            Value::Array(names) => names.iter().filter_map(|name| named(name.as_str()?)).collect(),
            _ => Vec::new(),
        }
    }

    /// Everything that the schema says of a value within the example's body.
    fn vary(&self, example: &Value, schema: &Value, pointer: &str, found: &mut Vec<Variation>) {
        let value = example.pointer(pointer).unwrap();
        let schema = self.schema(schema, value);
        match value {
            Value::Object(fields) if schema["properties"].is_object() => {
                let at = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                let mut change = |expected: Expected, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                    let mut body = example.clone();
                    change(body.pointer_mut(pointer).unwrap().as_object_mut().unwrap());
                    found.push(Variation { body, expected });
                };
                change(Expected::FaultAt(at("unknown_field")), &|object| {
                    object.insert("unknown_field".to_owned(), json!(1));
                });
                let required: Vec<&str> =
                    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                for (name, property) in schema["properties"].as_object().unwrap() {
                    if required.contains(&name.as_str()) {
                        change(Expected::FaultAt(at(name)), &|object| drop(object.remove(name)));
                    } else if fields.contains_key(name) {
                        change(Expected::Accepted(at(name)), &|object| drop(object.remove(name)));
                    }
                    for wrong in self.wrong(property) {
                        change(Expected::FaultAt(at(name)), &|object| {
                            object.insert(name.clone(), wrong.clone());
                        });
                    }
                }
                for (name, property) in schema["properties"].as_object().unwrap() {
                    if fields.get(name).is_some_and(|value| value.is_object() || value.is_array()) {
                        self.vary(example, property, &at(name), found);
                    }
                }
            }
            Value::Array(items) if !items.is_empty() => {
                self.vary(example, &schema["items"], &format!("{pointer}/0"), found);
            }
            _ => {}
        }
    }

    /// Values that a property does not allow: of the wrong type, and outside its bounds.
    fn wrong(&self, property: &Value) -> Vec<Value> {
        let types = self.types(property);
        let samples =
            [("number", json!(17.5)), ("boolean", json!(true)), ("object", json!({})), ("string", json!("\u{7}"))];
        let is_wrong = |name: &str| !types.contains(&name) && !(name == "number" && types.contains(&"integer"));
        let mut wrong: Vec<Value> = Vec::new();
        if !types.is_empty() {
            wrong.extend(samples.into_iter().find(|(name, _)| is_wrong(name)).map(|(_, value)| value));
        }
        if property["minLength"].as_u64().is_some_and(|least| least > 0) {
            wrong.push(json!(""));
        }
        if let Some(most) = property["maxLength"].as_u64() {
            wrong.push(json!("x".repeat(usize::try_from(most).unwrap() + 1)));
        }
        if let Some(least) = property["minimum"].as_i64() {
            wrong.push(json!(least - 1));
        }
        if let Some(most) = property["maximum"].as_i64() {
            wrong.push(json!(most + 1));
        }
        if let Some(most) = property["maxItems"].as_u64() {
            wrong.push(json!(vec!["x"; usize::try_from(most).unwrap() + 1]));
        }
        if property["minItems"].as_u64().is_some_and(|least| least > 0) {
            wrong.push(json!([]));
        }
        wrong
    }
}

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// One operation that takes a body, and where it is sent.
struct Operation {
    id: String,
    method: Method,
    path: String,
    schema: Value,
    example: Value,
}

impl Operation {
    fn all(description: &Description) -> Vec<Self> {
        let paths = description.0["paths"].as_object().unwrap().iter();
        let operations =
            paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, it)| (path, method, it)));
        let with_body = operations.filter_map(|(path, method, operation)| {
            let content = operation.pointer("/requestBody/content/application~1json")?;
            let example = content["example"].clone();
            let mut path = path.replace("{member}", "c-42");
            if operation["operationId"] == "claimReceipt" {
                path = path.replace("{id}", "anonymous-1");
            }
            // What is put has the id of its path.
            path = path.replace("{id}", example["id"].as_str().filter(|_| method == "put").unwrap_or("0532-0007"));
            Some(Self {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path,
                schema: content["schema"].clone(),
                example,
            })
        });
        with_body.collect()
    }

    async fn send(&self, shop: &Shop, code: &str, body: &Value) -> Response {
        shop.request(self.method.clone(), &self.path.replace("{code}", code), Some(body)).await
    }
}

/// A shop in which every example finds what it refers to; with the code of a coupon.
async fn shop_for(operation: &Operation, all: &[Operation]) -> (Shop, String) {
    let example = |id: &str| all.iter().find(|operation| operation.id == id).unwrap().example.clone();
    let shop = Shop::open(&example("putProgram"), CLOCK).await;
    let done = async |method: Method, path: &str, body: &Value| {
        let response = shop.request(method, path, Some(body)).await;
        assert!(response.status < 300, "{path}: {}", response.body);
        response.body
    };
    done(Method::POST, "/v1/members", &json!({ "id": "c-42" })).await;
    done(Method::POST, "/v1/members/c-42/adjustments", &json!({ "award": 1000, "reason": "a test" })).await;
    done(Method::POST, "/v1/receipts", &example("sendReceipt")).await;
    let mut anonymous = example("sendReceipt");
    (anonymous["id"], anonymous["member"]) = (json!("anonymous-1"), Value::Null);
    done(Method::POST, "/v1/receipts", &anonymous).await;
    let coupon = done(Method::POST, "/v1/members/c-42/redemptions", &json!({ "reward": "five-off" })).await;
    match operation.id.as_str() {
        "addRule" => drop(shop.request(Method::DELETE, "/v1/rules/every-50", None).await),
        "addReward" => drop(shop.request(Method::DELETE, "/v1/rewards/five-off", None).await),
        "putTier" => drop(done(Method::POST, "/v1/tiers", &operation.example).await),
        _ => {}
    }
    (shop, coupon["code"].as_str().unwrap().to_owned())
}

/// The pointers of the faults of a response.
fn faults(response: &Response) -> Vec<&str> {
    response.body["errors"].as_array().into_iter().flatten().filter_map(|fault| fault["pointer"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_accepted_and_every_variation_that_its_schema_refuses_is_refused() {
    let served = Shop::open(&program(&per_euro()), CLOCK).await.get("/v1/openapi.json").await;
    let description = Description(served);
    let all = Operation::all(&description);
    assert!(all.len() >= 20, "{}", all.len());
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for operation in &all {
        let (shop, code) = shop_for(operation, &all).await;
        let mut variations = Vec::new();
        description.vary(&operation.example, &operation.schema, "", &mut variations);
        // Refused ones first: they change nothing.
        variations.sort_by_key(|variation| matches!(variation.expected, Expected::Accepted(_)));
        let refused = variations.iter().filter(|variation| matches!(variation.expected, Expected::FaultAt(_)));
        for Variation { body, expected } in refused {
            let Expected::FaultAt(pointer) = expected else { continue };
            let response = operation.send(&shop, &code, body).await;
            let is_there = |fault: &str| fault == pointer || fault.starts_with(&format!("{pointer}/"));
            if response.status != 400 || !faults(&response).into_iter().any(is_there) {
                wrong.push(format!("{} {pointer} in {body}: {} {}", operation.id, response.status, response.body));
            }
            sent += 1;
        }
        let response = operation.send(&shop, &code, &operation.example).await;
        if response.status >= 300 {
            wrong.push(format!("{}: the example: {} {}", operation.id, response.status, response.body));
        }
        for Variation { body, expected } in &variations {
            let Expected::Accepted(pointer) = expected else { continue };
            let is_needed = NEEDED_BY_OTHERS.contains(&(operation.id.as_str(), pointer.as_str()));
            let response = operation.send(&shop, &code, body).await;
            if (response.status == 400) != is_needed || faults(&response).contains(&pointer.as_str()) {
                wrong.push(format!("{} without {pointer}: {} {}", operation.id, response.status, response.body));
            }
            sent += 1;
        }
    }
    println!("{sent} bodies of {} operations", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
