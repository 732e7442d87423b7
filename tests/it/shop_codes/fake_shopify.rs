//! A fake of Shopify's GraphQL Admin API that checks what it receives, and misbehaves as a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::outgoing::server::{Reaction, Received, Server};

/// How the shop misbehaves.
#[derive(Debug, Clone, Default)]
pub struct Misbehaviour {
    /// Every request gets this status.
    pub status: Option<u16>,
    /// This many requests are throttled, in 200 responses.
    pub throttled: u32,
    /// Each job creates every other code only.
    pub half: bool,
    /// This operation is refused with user errors.
    pub refuses: Option<&'static str>,
    /// This operation is done, and its response is lost, this many times.
    pub loses: Option<(&'static str, u32)>,
    /// A job is done after this many requests for it.
    pub polls: u32,
    /// Every token that was given before is refused.
    pub revokes: bool,
}

#[derive(Debug, Default)]
struct Discount {
    title: String,
    input: Value,
    is_active: bool,
}

#[derive(Debug)]
struct Code {
    id: String,
    discount: String,
    is_used: bool,
}

#[derive(Debug)]
struct Job {
    results: Vec<Value>,
    polls: u32,
}

#[derive(Debug, Default)]
struct State {
    tokens: u32,
    discounts: BTreeMap<String, Discount>,
    /// By upper-case code.
    codes: BTreeMap<String, Code>,
    jobs: BTreeMap<String, Job>,
    misbehaviour: Misbehaviour,
    operations: Vec<String>,
    violations: Vec<String>,
    numbers: u64,
}

/// The shop. Clones share it.
#[derive(Clone)]
pub struct FakeShopify {
    state: Arc<Mutex<State>>,
    url: String,
    server: Arc<Server>,
}

impl FakeShopify {
    pub async fn start() -> Self {
        let server = Server::start().await;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        server.react(move |request| respond(request, &mut shared.lock().unwrap()));
        Self { state, url: server.url(""), server: Arc::new(server) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Misbehaves like this from now on.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.state().misbehaviour = misbehaviour;
    }

    /// Finishes all jobs, and behaves from now on.
    pub fn finish_jobs(&self) {
        self.state().jobs.values_mut().for_each(|job| job.polls = 0);
        self.behave();
    }

    /// Behaves from now on.
    pub fn behave(&self) {
        self.misbehave(Misbehaviour::default());
    }

    /// How often an operation was received.
    pub fn count(&self, operation: &str) -> usize {
        self.state().operations.iter().filter(|name| *name == operation).count()
    }

    /// The tokens that were given.
    pub fn tokens(&self) -> u32 {
        self.state().tokens
    }

    /// Nothing that it received was wrong.
    pub fn check(&self) {
        assert_eq!(self.state().violations, Vec::<String>::new());
        drop(self.server.take());
    }

    /// The codes that the checkout accepts now, without those that discounts were created with.
    pub fn live(&self) -> BTreeSet<String> {
        let state = self.state();
        let works = |code: &&Code| !code.is_used && state.discounts[&code.discount].is_active;
        let first: BTreeSet<String> = state
            .discounts
            .values()
            .filter_map(|discount| discount.input["code"].as_str().map(str::to_owned))
            .collect();
        let live = state.codes.iter().filter(|(_, code)| works(code)).map(|(code, _)| code.clone());
        live.filter(|code| !first.contains(code)).collect()
    }

    /// The inputs of the discounts, with whether they work.
    pub fn discounts(&self) -> Vec<(Value, bool)> {
        self.state().discounts.values().map(|discount| (discount.input.clone(), discount.is_active)).collect()
    }

    /// The merchant deletes every discount, and with it its codes.
    pub fn delete_discounts(&self) {
        let mut state = self.state();
        state.discounts.clear();
        state.codes.clear();
    }

    /// A shopper types a code at the checkout; true when it is accepted, which uses it up.
    pub fn checkout(&self, code: &str) -> bool {
        let mut state = self.state();
        let State { codes, discounts, .. } = &mut *state;
        let Some(code) = codes.get_mut(&code.to_uppercase()) else { return false };
        let is_accepted = !code.is_used && discounts[&code.discount].is_active;
        code.is_used |= is_accepted;
        is_accepted
    }
}

/// The name of the operation of a document.
fn operation_of(query: &str) -> String {
    let named = query.split_once(' ').map(|(_, rest)| rest).unwrap_or_default();
    named.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn ok(body: &Value) -> Reaction {
    Reaction::Respond(200, vec![("content-type", "application/json".to_owned())], body.to_string())
}

fn respond(request: &Received, state: &mut State) -> Reaction {
    if let Some(status) = state.misbehaviour.status {
        return Reaction::status(status);
    }
    if request.path == "/admin/oauth/access_token" {
        let body = request.json();
        if body["grant_type"] != "client_credentials" || body["client_secret"] != super::SECRET {
            return Reaction::Respond(400, Vec::new(), json!({ "error": "invalid_client" }).to_string());
        }
        state.tokens += 1;
        let token = format!("shpat_{}", state.tokens);
        return ok(&json!({ "access_token": token, "scope": "write_discounts", "expires_in": 86_399 }));
    }
    if request.path != "/admin/api/2026-10/graphql.json" {
        state.violations.push(format!("path {}", request.path));
        return Reaction::status(404);
    }
    if std::mem::take(&mut state.misbehaviour.revokes) {
        state.tokens += 100;
    }
    let token = format!("shpat_{}", state.tokens);
    if request.headers.get("x-shopify-access-token") != Some(&token) {
        return Reaction::Respond(401, Vec::new(), json!({ "errors": "Invalid API key or access token" }).to_string());
    }
    if state.misbehaviour.throttled > 0 {
        state.misbehaviour.throttled -= 1;
        let status = json!({ "maximumAvailable": 1000.0, "currentlyAvailable": 0, "restoreRate": 50_000.0 });
        return ok(&json!({
            "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
            "extensions": { "cost": { "requestedQueryCost": 100, "throttleStatus": status } },
        }));
    }
    let body = request.json();
    let operation = operation_of(body["query"].as_str().unwrap_or_default());
    state.operations.push(operation.clone());
    let variables = &body["variables"];
    if state.misbehaviour.refuses == Some(operation.as_str()) {
        let errors = json!([{ "field": ["codes"], "code": "INVALID", "message": "The discount is not available" }]);
        let name = match operation.as_str() {
            "CreateDiscount" => "discountCodeBasicCreate",
            "AddCodes" => "discountRedeemCodeBulkAdd",
            "DeleteCodes" => "discountCodeRedeemCodeBulkDelete",
            other => panic!("{other} is never refused"),
        };
        return ok(&json!({ "data": { name: { "userErrors": errors } } }));
    }
    let data = match run(&operation, variables, state) {
        Ok(data) => data,
        Err(violation) => {
            state.violations.push(format!("{operation}: {violation} in {variables}"));
            return ok(&json!({ "errors": [{ "message": violation }] }));
        }
    };
    if let Some((lost, times)) = state.misbehaviour.loses
        && lost == operation
        && times > 0
    {
        state.misbehaviour.loses = Some((lost, times - 1));
        return Reaction::Close;
    }
    let cost =
        json!({ "requestedQueryCost": 10, "throttleStatus": { "currentlyAvailable": 990.0, "restoreRate": 50.0 } });
    ok(&json!({ "data": data, "extensions": { "cost": cost } }))
}

impl State {
    fn id(&mut self, kind: &str) -> String {
        self.numbers += 1;
        format!("gid://shopify/{kind}/{}", self.numbers)
    }

    /// Adds a code to a discount; its id, or why it cannot be added.
    fn add(&mut self, code: &str, discount: &str) -> Result<String, &'static str> {
        let key = code.to_uppercase();
        if self.codes.contains_key(&key) {
            return Err("Code must be unique. Please try a different code.");
        }
        let id = self.id("DiscountRedeemCode");
        self.codes.insert(key, Code { id: id.clone(), discount: discount.to_owned(), is_used: false });
        Ok(id)
    }
}

fn text<'a>(value: &'a Value, what: &'static str) -> Result<&'a str, &'static str> {
    value.as_str().filter(|text| !text.is_empty()).ok_or(what)
}

/// Begins a job that adds codes to a discount.
fn add_codes(variables: &Value, state: &mut State) -> Result<Value, &'static str> {
    let discount = text(&variables["discountId"], "no discount")?.to_owned();
    if !state.discounts.contains_key(&discount) {
        let gone = json!([{ "field": ["discountId"], "code": "INVALID",
                            "message": "Code discount does not exist." }]);
        return Ok(json!({ "discountRedeemCodeBulkAdd": { "bulkCreation": null, "userErrors": gone } }));
    }
    let codes = variables["codes"].as_array().ok_or("no codes")?.clone();
    if codes.is_empty() || codes.len() > 250 {
        return Err("1 to 250 codes");
    }
    let mut results = Vec::new();
    for (place, code) in codes.iter().enumerate() {
        let code = text(&code["code"], "a code without text")?;
        if code.len() < 11 || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("a code that can be guessed");
        }
        let added = if state.misbehaviour.half && place % 2 == 0 {
            Err("Code must be unique. Please try a different code.")
        } else {
            state.add(code, &discount)
        };
        results.push(match added {
            Ok(id) => json!({ "code": code, "errors": [], "discountRedeemCode": { "id": id, "code": code } }),
            Err(why) => {
                json!({ "code": code, "errors": [{ "message": why, "code": "TAKEN" }], "discountRedeemCode": null })
            }
        });
    }
    let id = state.id("DiscountRedeemCodeBulkCreation");
    state.jobs.insert(id.clone(), Job { results, polls: state.misbehaviour.polls });
    Ok(json!({ "discountRedeemCodeBulkAdd": { "bulkCreation": { "id": id }, "userErrors": [] } }))
}

fn run(operation: &str, variables: &Value, state: &mut State) -> Result<Value, &'static str> {
    let nothing: Vec<Value> = Vec::new();
    match operation {
        "CreateDiscount" | "CreateFreeShipping" => create(operation, &variables["discount"], state),
        "FindDiscount" => {
            let code = text(&variables["code"], "no code")?.to_uppercase();
            let node = state.codes.get(&code).map(|code| {
                let title = &state.discounts[&code.discount].title;
                json!({ "id": code.discount, "codeDiscount": { "title": title } })
            });
            Ok(json!({ "codeDiscountNodeByCode": node }))
        }
        "AddCodes" => add_codes(variables, state),
        "DiscountExists" => {
            let id = text(&variables["id"], "no discount")?;
            let node = state.discounts.contains_key(id).then(|| json!({ "id": id }));
            Ok(json!({ "codeDiscountNode": node }))
        }
        "AddingCodes" => {
            let job = state.jobs.get_mut(text(&variables["id"], "no job")?).ok_or("unknown job")?;
            let is_done = job.polls == 0;
            job.polls = job.polls.saturating_sub(1);
            let failed = job.results.iter().filter(|result| result["discountRedeemCode"].is_null()).count();
            Ok(json!({ "discountRedeemCodeBulkCreation": {
                "done": is_done, "codesCount": job.results.len(), "failedCount": failed } }))
        }
        "AddedCodes" => {
            let job = state.jobs.get(text(&variables["id"], "no job")?).ok_or("unknown job")?;
            let page = page(&job.results, variables)?;
            Ok(json!({ "discountRedeemCodeBulkCreation": { "codes": page } }))
        }
        "NewestCodes" => {
            let discount = text(&variables["id"], "no discount")?;
            let own = state.codes.iter().filter(|(_, code)| code.discount == discount);
            let mut own: Vec<(u64, Value)> = own
                .map(|(text, code)| {
                    let number = code.id.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
                    (number, json!({ "id": code.id, "code": text }))
                })
                .collect();
            own.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
            let own: Vec<Value> = own.into_iter().map(|(_, node)| node).collect();
            Ok(json!({ "codeDiscountNode": { "codeDiscount": { "codes": page(&own, variables)? } } }))
        }
        "DeleteCodes" => {
            let discount = text(&variables["discountId"], "no discount")?;
            let ids: BTreeSet<&str> =
                variables["ids"].as_array().ok_or("no ids")?.iter().filter_map(Value::as_str).collect();
            if ids.is_empty() || ids.len() > 250 {
                return Err("1 to 250 ids");
            }
            state.codes.retain(|_, code| code.discount != discount || !ids.contains(code.id.as_str()));
            let id = state.id("Job");
            state.jobs.insert(id.clone(), Job { results: Vec::new(), polls: state.misbehaviour.polls });
            Ok(
                json!({ "discountCodeRedeemCodeBulkDelete": { "job": { "id": id, "done": false }, "userErrors": nothing } }),
            )
        }
        "DeletingCodes" => {
            let job = state.jobs.get_mut(text(&variables["id"], "no job")?).ok_or("unknown job")?;
            let is_done = job.polls == 0;
            job.polls = job.polls.saturating_sub(1);
            Ok(json!({ "job": { "id": variables["id"], "done": is_done } }))
        }
        "Deactivate" | "Activate" => {
            let id = text(&variables["id"], "no discount")?;
            let discount = state.discounts.get_mut(id).ok_or("unknown discount")?;
            discount.is_active = operation == "Activate";
            let name = if discount.is_active { "discountCodeActivate" } else { "discountCodeDeactivate" };
            Ok(json!({ name: { "codeDiscountNode": { "id": id }, "userErrors": nothing } }))
        }
        _ => Err("unknown operation"),
    }
}

/// A page of a list.
fn page(all: &[Value], variables: &Value) -> Result<Value, &'static str> {
    let first = variables["first"].as_u64().filter(|first| (1..=250).contains(first)).ok_or("first is 1 to 250")?;
    let first = usize::try_from(first).unwrap();
    let from: usize = variables["after"].as_str().map_or(Ok(0), str::parse).map_err(|_| "a cursor of another list")?;
    let nodes: Vec<&Value> = all.iter().skip(from).take(first).collect();
    let end = from + nodes.len();
    Ok(json!({ "nodes": nodes, "pageInfo": { "hasNextPage": end < all.len(), "endCursor": end.to_string() } }))
}

fn create(operation: &str, input: &Value, state: &mut State) -> Result<Value, &'static str> {
    let (title, code) = (text(&input["title"], "no title")?, text(&input["code"], "no code")?);
    text(&input["startsAt"], "no startsAt")?;
    if input["usageLimit"] != 1 || input["context"]["all"] != "ALL" || !input["combinesWith"].is_object() {
        return Err("usageLimit, context or combinesWith");
    }
    let name = if operation == "CreateDiscount" {
        let value = &input["customerGets"]["value"];
        let has_amount = value["discountAmount"]["amount"].as_str().is_some_and(|amount| amount.contains('.'));
        let has_share = value["percentage"].as_f64().is_some_and(|share| share > 0.0 && share <= 1.0);
        if has_amount == has_share || input["customerGets"]["items"]["all"] != true {
            return Err("customerGets");
        }
        "discountCodeBasicCreate"
    } else {
        if input["destination"]["all"] != true || !input["customerGets"].is_null() {
            return Err("destination");
        }
        "discountCodeFreeShippingCreate"
    };
    let id = state.id("DiscountCodeNode");
    let payload = match state.add(code, &id) {
        Ok(_) => {
            let discount = Discount { title: title.to_owned(), input: input.clone(), is_active: true };
            state.discounts.insert(id.clone(), discount);
            json!({ "codeDiscountNode": { "id": id }, "userErrors": [] })
        }
        Err(why) => json!({ "codeDiscountNode": null, "userErrors": [{ "code": "TAKEN", "message": why }] }),
    };
    Ok(json!({ name: payload }))
}
