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
    // An amount off has a value; other types of reward have none.
    ("putProgram", "/rewards/0/value"),
    ("addReward", "/value"),
    ("putReward", "/value"),
    // These shops have settings that they need.
    ("putGeneric", "/settings"),
    ("putSquare", "/settings"),
    ("putWoocommerce", "/settings"),
];

/// Required fields that may be missing where a schema serves several routes.
const OPTIONAL_HERE: &[(&str, &str)] = &[
    // The path has the identifier.
    ("putRule", "/id"),
    ("putReward", "/id"),
    ("putTier", "/id"),
    // A tier without a threshold is a VIP tier.
    ("addTier", "/threshold"),
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
            Value::Array(several) => several.iter().filter_map(|name| named(name.as_str()?)).collect(),
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
        let is_allowed = |name: &str| types.contains(&name) || (name == "number" && types.contains(&"integer"));
        let mut wrong: Vec<Value> = Vec::new();
        if !types.is_empty() {
            wrong.extend(samples.into_iter().find(|(name, _)| !is_allowed(name)).map(|(_, value)| value));
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
            let mut path = path.replace("{member}", "c-42").replace("{source}", "c-42");
            for (prefix, name) in [("/v1/referrals/", "{referral}"), ("/v1/imports/", "{import}")] {
                if path.starts_with(prefix) {
                    path = path.replace("{id}", name);
                }
            }
            if operation["operationId"] == "claimReceipt" {
                path = path.replace("{id}", "anonymous-1");
            }
            if operation["operationId"] == "loadCodes" {
                path = path.replace("{id}", "pooled");
            }
            path = path.replace("{connection}", "till");
            if path.starts_with("/v1/webhook-endpoints/") {
                path = path.replace("{id}", "{endpoint}");
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

    async fn send(&self, shop: &Shop, made: &Made, body: &Value) -> Response {
        let names = [
            ("{code}", &made.code),
            ("{endpoint}", &made.endpoint),
            ("{entry}", &made.entry),
            ("{referral}", &made.referral),
            ("{import}", &made.import),
        ];
        let path = names.iter().fold(self.path.clone(), |path, (name, value)| path.replace(name, value));
        let mut body = body.clone();
        if self.id == "addReferral" && body["code"] == self.example["code"] {
            body["code"] = json!(made.referral_code);
        }
        shop.request(self.method.clone(), &path, Some(&body)).await
    }

    /// The body with an identifier that is not taken, for routes that add something.
    fn fresh(&self, body: &Value, number: usize) -> Value {
        let mut body = body.clone();
        if self.id.starts_with("add")
            && body["id"] == self.example["id"]
            && let Some(id) = self.example["id"].as_str()
        {
            body["id"] = json!(format!("{id}-{number}"));
        }
        body
    }
}

/// What a shop has that paths name, and the referral code of a member.
#[derive(Default)]
struct Made {
    code: String,
    endpoint: String,
    entry: String,
    referral: String,
    referral_code: String,
    import: String,
}

/// A shop in which every example finds what it refers to.
async fn shop_for(operation: &Operation, all: &[Operation]) -> (Shop, Made) {
    let example = |id: &str| all.iter().find(|operation| operation.id == id).unwrap().example.clone();
    if operation.id == "addProgramDraft" {
        // Its program replaces the one of the shop, whose tiers have to stay.
        return (Shop::open(&operation.example["program"], CLOCK).await, Made::default());
    }
    let mut document = example("putProgram");
    document["referral"] = example("putReferralProgram");
    // The sixth friend of one network waits for a review.
    document["referral"]["review_at_score"] = json!(20);
    let shop = Shop::open(&document, CLOCK).await;
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
    if operation.id == "loadCodes" {
        let pooled = json!({ "id": "pooled", "name": "Pooled", "type": "custom", "cost": 1, "code": { "pool": true } });
        done(Method::POST, "/v1/rewards", &pooled).await;
    }
    if ["moveCoupon", "moveReceipt", "mergeMember"].contains(&operation.id.as_str()) {
        done(Method::POST, "/v1/members", &json!({ "id": "c-43" })).await;
        done(Method::POST, "/v1/members/c-43/adjustments", &json!({ "award": 1000, "reason": "a test" })).await;
    }
    if operation.id == "putTier" {
        done(Method::POST, "/v1/tiers", &operation.example).await;
    }
    done(Method::PUT, "/v1/integrations/klaviyo", &example("putKlaviyo")).await;
    let endpoint = done(Method::POST, "/v1/webhook-endpoints", &example("addWebhookEndpoint")).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry = text(&shop.entries("c-42").await[0]["id"]);
    let referral_code = text(&shop.get("/v1/members/c-42").await["referral_code"]);
    let mut referral = String::new();
    for friend in 0..if operation.id == "approveReferral" { 6 } else { 1 } {
        let named = json!({ "code": referral_code, "friend": { "email": format!("friend-{friend}@example.com") },
                            "context": { "ip": "203.0.113.9" } });
        referral = text(&done(Method::POST, "/v1/referrals", &named).await["id"]);
    }
    let import = done(Method::POST, "/v1/imports", &json!({ "kind": "members" })).await;
    let part = format!("/v1/imports/{}/parts/1", text(&import["id"]));
    let sent = shop.send_raw(Method::PUT, &part, "text/csv", b"email,points\nada@example.com,100\n".to_vec()).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let made = Made {
        code: text(&coupon["code"]),
        endpoint: text(&endpoint["id"]),
        entry,
        referral,
        referral_code,
        import: text(&import["id"]),
    };
    (shop, made)
}

/// True when a response names a fault at a field or below it. The fault of a choice ("must have exactly one of …") stands at
/// the object that has the choice.
fn has_fault_at(response: &Response, pointer: &str) -> bool {
    response.body["errors"].as_array().into_iter().flatten().any(|fault| {
        let at = fault["pointer"].as_str().unwrap();
        at == pointer || at.starts_with(&format!("{pointer}/")) || is_of_choice_around(fault, pointer)
    })
}

/// True for the fault of a choice of fields of which the one at the pointer is one.
fn is_of_choice_around(fault: &Value, pointer: &str) -> bool {
    let object = pointer.rsplit_once('/').map(|(object, _)| object);
    fault["pointer"].as_str() == object && fault["detail"].as_str().is_some_and(|text| text.starts_with("must have "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_accepted_and_every_variation_that_its_schema_refuses_is_refused() {
    let served = Shop::open(&program(&per_euro()), CLOCK).await.get("/v1/openapi.json").await;
    let description = Description(served);
    let all = Operation::all(&description);
    assert!(all.len() >= 20, "{}", all.len());
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for operation in &all {
        let (shop, made) = shop_for(operation, &all).await;
        let mut variations = Vec::new();
        description.vary(&operation.example, &operation.schema, "", &mut variations);
        // Refused ones first: they change nothing.
        variations.sort_by_key(|variation| matches!(variation.expected, Expected::Accepted(_)));
        let refused = variations.iter().filter(|variation| matches!(variation.expected, Expected::FaultAt(_)));
        for Variation { body, expected } in refused {
            let Expected::FaultAt(pointer) = expected else { continue };
            let is_missing = body.pointer(pointer).is_none();
            if is_missing && OPTIONAL_HERE.contains(&(operation.id.as_str(), pointer.as_str())) {
                continue;
            }
            let response = operation.send(&shop, &made, &operation.fresh(body, sent)).await;
            if response.status != 400 || !has_fault_at(&response, pointer) {
                wrong.push(format!("{} {pointer} in {body}: {} {}", operation.id, response.status, response.body));
            }
            sent += 1;
        }
        let response = operation.send(&shop, &made, &operation.fresh(&operation.example, sent)).await;
        if response.status >= 300 {
            wrong.push(format!("{}: the example: {} {}", operation.id, response.status, response.body));
        }
        sent += 1;
        for Variation { body, expected } in &variations {
            let Expected::Accepted(pointer) = expected else { continue };
            let is_needed = NEEDED_BY_OTHERS.contains(&(operation.id.as_str(), pointer.as_str()));
            let response = operation.send(&shop, &made, &operation.fresh(body, sent)).await;
            let is_choice = response.body["errors"]
                .as_array()
                .is_some_and(|faults| faults.iter().any(|fault| is_of_choice_around(fault, pointer)));
            if (response.status == 400) != (is_needed || is_choice) {
                wrong.push(format!("{} without {pointer}: {} {}", operation.id, response.status, response.body));
            }
            sent += 1;
        }
    }
    println!("{sent} bodies of {} operations", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
