//! A shop: a stack with one program, and an HTTP client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_local::Platform;
use tessera_local::redrive::{self, RedriveQueue};
use tessera_local::stack::{StackOptions, Storage};

pub const KEY: &str = "tsk_tests_admin";

/// A stack with one program, and a client that has its admin key.
pub struct Shop {
    pub stack: Platform,
    pub program: String,
    pub secret: String,
    client: reqwest::Client,
}

/// A response with its body parsed as JSON.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Response {
    /// The problem's slug. Panics when the response is not a problem document.
    pub fn problem(&self) -> &str {
        let kind = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        assert!(self.body["request_id"].is_string() && self.body["title"].is_string(), "{self:?}");
        self.body["type"].as_str().unwrap().strip_prefix("urn:tessera:problem:").unwrap()
    }
}

/// Starts a stack whose functions do not look for newer versions of a program by time: such a read would disturb the tests that
/// count calls. On the local stack they see a change at once anyway.
async fn start(mut options: StackOptions) -> Platform {
    options.parameters.entry("ProgramRecheckMilliseconds".to_owned()).or_insert_with(|| "3600000".to_owned());
    Platform::start(options).await.unwrap()
}

impl Shop {
    /// Starts a stack in memory with a program and a fixed clock.
    pub async fn open(program: &Value, clock: &str) -> Self {
        let options = StackOptions { clock: Some(clock.parse().unwrap()), ..StackOptions::default() };
        Self::with(program, options).await
    }

    pub async fn with(program: &Value, options: StackOptions) -> Self {
        let stack = start(options).await;
        let document = SubmittedProgram::read(program).unwrap();
        let created =
            stack.store().create_program(&document, Some(KEY), stack.secrets_key(), stack.now()).await.unwrap();
        Self {
            stack,
            program: created.id.to_string(),
            secret: created.storefront_secret,
            client: reqwest::Client::new(),
        }
    }

    /// Starts a stack on the folder of an earlier one.
    pub async fn reopen(folder: &std::path::Path) -> Self {
        Self::again(StackOptions { storage: Storage::Folder(folder.to_owned()), ..StackOptions::default() }).await
    }

    /// Starts a stack on existing data.
    pub async fn again(options: StackOptions) -> Self {
        let stack = start(options).await;
        Self { stack, program: String::new(), secret: String::new(), client: reqwest::Client::new() }
    }

    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        self.request_with(method, path, body, &[("authorization", &format!("Bearer {KEY}"))]).await
    }

    pub async fn request_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.stack.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Self::response(request).await
    }

    /// Sends a body that need not be JSON.
    pub async fn raw(&self, path: &str, kind: &str, body: Vec<u8>) -> Response {
        self.send_raw(Method::POST, path, kind, body).await
    }

    /// Sends a body that need not be JSON, by any method.
    pub async fn send_raw(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.stack.url())).bearer_auth(KEY);
        Self::response(request.header("content-type", kind).body(body)).await
    }

    /// Sends bytes without an API key, as a shop delivers them.
    pub async fn deliver(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let mut request = self.client.post(format!("{}{path}", self.stack.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::response(request.body(body)).await
    }

    /// Reads a text.
    pub async fn text(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.stack.url())).bearer_auth(KEY);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "GET {path}");
        response.text().await.unwrap()
    }

    async fn response(request: reqwest::RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Response { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path, None).await;
        assert_eq!(response.status, 200, "GET {path}: {}", response.body);
        response.body
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path, Some(body)).await
    }

    pub async fn settle(&self) {
        self.stack.settle().await.unwrap();
    }

    /// Moves all dead letters back to their queues.
    pub async fn redrive(&self) {
        let stack = self.stack.stack();
        let (sqs, run) = (stack.clients("operator").sqs, uuid::Uuid::now_v7().to_string());
        let queues = &stack.template().queues;
        let url = |name: &str| RedriveQueue { sqs: &sqs, url: &queues[name].url };
        for (name, queue) in queues {
            if let Some(dead) = &queue.dead_letter {
                let dead = dead.rsplit(':').next().unwrap();
                redrive::dead_letters(url(dead), url(name), &run).await.unwrap();
            }
        }
    }

    pub async fn clock(&self, now: &str) {
        let response = self.post("/_local/clock", &json!({ "now": now })).await;
        assert_eq!(response.status, 200, "{}", response.body);
        self.settle().await;
    }

    pub async fn member(&self, member: &str) -> Value {
        self.get(&format!("/v1/members/{member}")).await
    }

    pub async fn entries(&self, member: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/v1/members/{member}/entries?limit=50{cursor}")).await;
            entries.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return entries,
            }
        }
    }

    /// Settles the stack, and verifies all balances and decisions.
    pub async fn verify(&self) -> tessera_local::verify::Verification {
        self.settle().await;
        let report = tessera_local::verify::verify(self.stack.store()).await.unwrap();
        assert_eq!(report.discrepancies, Vec::<String>::new());
        report
    }
}

/// A member token with these claims, signed as a shop's backend signs it.
pub fn token(claims: &Value, secret: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A program with these rules.
pub fn program(rules: &Value) -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" } },
        "tiers": { "ladder": [
            { "id": "base", "name": "Base", "threshold": 0 }, { "id": "silver", "name": "Silver", "threshold": 500 },
            { "id": "gold", "name": "Gold", "threshold": 1000 },
        ] },
        "rewards": [
            { "id": "five-off", "name": "Five", "type": "amount_off", "value": "5.00", "cost": 100, "minimum_spend": "20.00",
              "code": { "pattern": "ADA-########" } },
            { "id": "last-one", "name": "Last", "type": "free_product", "value": "SKU-9", "cost": 10, "stock": 3,
              "code": { "pattern": "LAST-########" } },
        ],
        "rules": rules,
    })
}

pub fn per_euro() -> Value {
    json!([{ "id": "per-euro", "name": "A point per euro", "status": "active", "starts_at": "2026-01-01T00:00:00",
             "on": { "receipt": {} }, "then": [{ "credit": { "per_unit": "1", "kind": "both" } }] }])
}

pub fn receipt(id: &str, member: &str, total: &str) -> Value {
    json!({ "id": id, "occurred_at": "2026-03-01T10:00:00+01:00", "member": { "id": member }, "store": "milano-01",
            "channel": "pos", "currency": "EUR", "total": total })
}
