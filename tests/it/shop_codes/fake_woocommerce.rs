//! A fake of WooCommerce's REST API for coupons that checks what it receives, and misbehaves as a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::outgoing::server::{Reaction, Received, Server};

/// Our coupons have the ids that follow.
pub const FIRST_ID: u64 = 1_000;
const BASIC: &str = "Basic Y2tfMTpjc18x";

#[derive(Debug, Default)]
struct State {
    /// By lower-case code, as WooCommerce stores them.
    coupons: BTreeMap<String, Value>,
    status: Option<u16>,
    loses: u32,
    half: bool,
    spent: BTreeSet<String>,
    numbers: u64,
    batches: usize,
    violations: Vec<String>,
}

/// The shop.
pub struct FakeWoocommerce {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl FakeWoocommerce {
    pub async fn start() -> Self {
        let server = Server::start().await;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        server.react(move |request| respond(request, &mut shared.lock().unwrap()));
        Self { state, server }
    }

    pub fn url(&self) -> String {
        self.server.url("")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Every request gets this status.
    pub fn respond(&self, status: Option<u16>) {
        self.state().status = status;
    }

    /// Loses the responses of this many requests that it has carried out.
    pub fn lose(&self, responses: u32) {
        self.state().loses = responses;
    }

    /// Creates every other coupon of a batch only, or all.
    pub fn create_half(&self, half: bool) {
        self.state().half = half;
    }

    /// A coupon that the merchant has created.
    pub fn add_own(&self, code: &str) {
        self.add_own_as(1, code);
    }

    /// A coupon that the merchant has created, under an id.
    pub fn add_own_as(&self, id: u64, code: &str) {
        let coupon = json!({ "id": id, "code": code, "usage_limit": 1, "description": "The merchant's own" });
        self.state().coupons.insert(code.to_lowercase(), coupon);
    }

    /// The shop is restored from a backup of before our first coupon, and gives ids to coupons of the merchant's again.
    pub fn restore_with_own(&self, count: u64) {
        self.state().coupons.clear();
        for number in 1..=count {
            self.add_own_as(FIRST_ID + number, &format!("MERCHANT-{number}"));
        }
    }

    /// Gives the next coupon the number after this one.
    pub fn number_from(&self, number: u64) {
        self.state().numbers = number;
    }

    /// The merchant deletes a coupon.
    pub fn delete_by_hand(&self, code: &str) {
        self.state().coupons.remove(&code.to_lowercase()).unwrap();
    }

    /// The merchant changes the description of every coupon.
    pub fn describe_all(&self, description: &str) {
        self.state().coupons.values_mut().for_each(|coupon| coupon["description"] = json!(description));
    }

    /// The codes that the checkout accepts.
    pub fn live(&self) -> BTreeSet<String> {
        let state = self.state();
        state.coupons.keys().filter(|code| works(code, &state)).map(|code| code.to_uppercase()).collect()
    }

    /// The coupons that there are, whether or not they work.
    pub fn coupons(&self) -> usize {
        self.state().coupons.len()
    }

    /// A shopper types a code at the checkout; true when it is accepted, which uses it up.
    pub fn checkout(&self, code: &str) -> bool {
        let (mut state, code) = (self.state(), code.to_lowercase());
        let is_accepted = works(&code, &state);
        if is_accepted {
            state.coupons.get_mut(&code).unwrap()["usage_count"] = json!(1);
            state.spent.insert(code);
        }
        is_accepted
    }

    pub fn coupon(&self, code: &str) -> Option<Value> {
        self.state().coupons.get(&code.to_lowercase()).cloned()
    }

    pub fn batches(&self) -> usize {
        self.state().batches
    }

    /// Nothing that it received was wrong.
    pub fn check(&self) {
        assert_eq!(self.state().violations, Vec::<String>::new());
    }
}

/// True when the checkout accepts a code.
fn works(code: &str, state: &State) -> bool {
    let has_ended = |coupon: &Value| coupon["date_expires"].as_str().is_some_and(|end| !end.is_empty());
    !state.spent.contains(code) && state.coupons.get(code).is_some_and(|coupon| !has_ended(coupon))
}

fn respond(request: &Received, state: &mut State) -> Reaction {
    if let Some(status) = state.status {
        return Reaction::status(status);
    }
    if request.headers.get("authorization").map(String::as_str) != Some(BASIC) {
        return Reaction::status(401);
    }
    let path = request.path.split('?').next().unwrap_or_default();
    let body = match path {
        "/wp-json/wc/v3/coupons/batch" => batch(&request.json(), state),
        "/wp-json/wc/v3/coupons" => {
            let asked = request.path.split_once("include=").map(|(_, rest)| rest.split('&').next().unwrap_or_default());
            let asked: Option<Vec<u64>> = asked.map(|ids| ids.split(',').map(|id| id.parse().unwrap()).collect());
            let is_asked = |coupon: &&Value| {
                asked.as_ref().is_none_or(|ids| coupon["id"].as_u64().is_some_and(|id| ids.contains(&id)))
            };
            let mut newest: Vec<&Value> = state.coupons.values().filter(is_asked).collect();
            newest.sort_by_key(|coupon| std::cmp::Reverse(coupon["id"].as_u64()));
            json!(newest.into_iter().take(100).collect::<Vec<_>>())
        }
        // The hourly poll.
        "/wp-json/wc/v3/webhooks" | "/wp-json/wc/v3/orders" => json!([]),
        other => {
            state.violations.push(other.to_owned());
            return Reaction::status(404);
        }
    };
    if state.loses > 0 && path.ends_with("/batch") {
        state.loses -= 1;
        return Reaction::Close;
    }
    Reaction::Respond(200, vec![("content-type", "application/json".to_owned())], body.to_string())
}

fn batch(body: &Value, state: &mut State) -> Value {
    state.batches += 1;
    let none = Vec::new();
    let create = body["create"].as_array().unwrap_or(&none).clone();
    let update = body["update"].as_array().unwrap_or(&none).clone();
    let delete = body["delete"].as_array().unwrap_or(&none).clone();
    let count = create.len() + update.len() + delete.len();
    if !(1..=100).contains(&count) {
        state.violations.push(format!("{count} coupons"));
    }
    let mut created = Vec::new();
    for (place, coupon) in create.iter().enumerate() {
        let is_whole = ["code", "discount_type", "amount"].iter().all(|name| coupon[name].is_string());
        if !is_whole || coupon["usage_limit"] != 1 || !coupon["individual_use"].is_boolean() {
            state.violations.push(coupon.to_string());
        }
        let code = coupon["code"].as_str().unwrap_or_default().to_lowercase();
        created.push(if state.coupons.contains_key(&code) || (state.half && place % 2 == 0) {
            let error = json!({ "code": "woocommerce_rest_coupon_code_already_exists",
                                "message": "The coupon code already exists", "data": { "status": 400 } });
            json!({ "id": 0, "error": error })
        } else {
            state.numbers += 1;
            let mut stored = coupon.clone();
            stored["id"] = json!(FIRST_ID + state.numbers);
            stored["code"] = json!(code);
            stored["usage_count"] = json!(0);
            state.coupons.insert(code, stored.clone());
            stored
        });
    }
    let unknown = |id: &Value| json!({ "id": id, "error": { "code": "woocommerce_rest_shop_coupon_invalid_id", "message": "Invalid ID." } });
    let mut updated = Vec::new();
    for change in &update {
        // WooCommerce ignores what is null, and `date_expires_gmt`.
        let end = change["date_expires"].as_str();
        if end.is_none() {
            state.violations.push(change.to_string());
        }
        let coupon = state.coupons.values_mut().find(|coupon| coupon["id"] == change["id"]);
        updated.push(coupon.map_or_else(
            || unknown(&change["id"]),
            |coupon| {
                coupon["date_expires"] = json!(end);
                coupon.clone()
            },
        ));
    }
    let mut deleted = Vec::new();
    for id in &delete {
        let code = state.coupons.iter().find(|(_, coupon)| coupon["id"] == *id).map(|(code, _)| code.clone());
        deleted.push(code.and_then(|code| state.coupons.remove(&code)).unwrap_or_else(|| unknown(id)));
    }
    json!({ "create": created, "update": updated, "delete": deleted })
}
