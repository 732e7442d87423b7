//! A fake of WooCommerce's REST API for coupons that checks what it receives, and misbehaves as a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::outgoing::server::{Reaction, Received, Server};

const BASIC: &str = "Basic Y2tfMTpjc18x";

#[derive(Debug, Default)]
struct State {
    /// By lower-case code, as WooCommerce stores them.
    coupons: BTreeMap<String, Value>,
    status: Option<u16>,
    loses: u32,
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

    /// A coupon that the merchant has created.
    pub fn add_own(&self, code: &str) {
        let coupon = json!({ "id": 1, "code": code, "usage_limit": 1, "description": "The merchant's own" });
        self.state().coupons.insert(code.to_lowercase(), coupon);
    }

    /// The codes that the checkout accepts.
    pub fn live(&self) -> BTreeSet<String> {
        self.state().coupons.keys().map(|code| code.to_uppercase()).collect()
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
            let mut newest: Vec<&Value> = state.coupons.values().collect();
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
    let delete = body["delete"].as_array().unwrap_or(&none).clone();
    if create.len() + delete.len() > 100 {
        state.violations.push(format!("{} coupons", create.len() + delete.len()));
    }
    let mut created = Vec::new();
    for coupon in &create {
        let is_whole = ["code", "discount_type", "amount"].iter().all(|name| coupon[name].is_string());
        if !is_whole || coupon["usage_limit"] != 1 || !coupon["individual_use"].is_boolean() {
            state.violations.push(coupon.to_string());
        }
        let code = coupon["code"].as_str().unwrap_or_default().to_lowercase();
        created.push(if state.coupons.contains_key(&code) {
            let error = json!({ "code": "woocommerce_rest_coupon_code_already_exists",
                                "message": "The coupon code already exists", "data": { "status": 400 } });
            json!({ "id": 0, "error": error })
        } else {
            state.numbers += 1;
            let mut stored = coupon.clone();
            stored["id"] = json!(1_000 + state.numbers);
            stored["code"] = json!(code);
            state.coupons.insert(code, stored.clone());
            stored
        });
    }
    let mut deleted = Vec::new();
    for id in &delete {
        let code = state.coupons.iter().find(|(_, coupon)| coupon["id"] == *id).map(|(code, _)| code.clone());
        deleted.push(match code {
            Some(code) => state.coupons.remove(&code).unwrap_or_default(),
            None => json!({ "id": id, "error": { "code": "woocommerce_rest_shop_coupon_invalid_id", "message": "Invalid ID." } }),
        });
    }
    json!({ "create": created, "delete": deleted })
}
