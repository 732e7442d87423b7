//! `/_local/*`: endpoints of the local stack alone. They need no credentials; the gateway refuses pages of other sites.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_store::Store;

use super::busy::Busy;
use super::clock::{ClockMovedBackwards, StackClock};
use super::problem::GatewayProblem;
use super::schedules::Schedules;
use super::settle::Settler;
use super::wire::Exchange;
use crate::shop::DemoShop;
use crate::verify::verify;

/// Time limit for settling.
const PATIENCE: Duration = Duration::from_mins(2);

/// The state behind the endpoints.
pub(super) struct Local {
    pub clock: StackClock,
    pub settler: Arc<Settler>,
    pub exchange: Arc<Exchange>,
    pub schedules: Arc<Schedules>,
    /// How long the database worked on requests.
    pub busy: Busy,
    /// The engines' URLs and access key id, for other processes.
    pub endpoints: Value,
    /// The store with an operator's permissions; `None` when the template is not Tessera's.
    pub store: Option<Store>,
    /// The demo shop, once there is a program for it.
    pub shop: Arc<OnceLock<DemoShop>>,
}

impl Local {
    /// Handles a request whose path begins with `/_local/`.
    pub async fn handle(&self, method: &Method, path: &str, body: &Bytes) -> Result<Response, GatewayProblem> {
        if let Some(path) = path.strip_prefix("shop/") {
            let shop = self
                .shop
                .get()
                .ok_or_else(|| GatewayProblem::not_found("the demo shop needs the admin key: --admin-key"))?;
            return Ok(shop.handle(method, path, body).await.map(Body::from));
        }
        match (method.as_str(), path) {
            ("GET", "clock") => Ok(json_response(&json!({ "now": self.clock.now() }))),
            ("POST", "clock") => self.set_clock(body).await.map(|value| json_response(&value)),
            ("POST", "settle") => self.settle().await.map(|value| json_response(&value)),
            ("GET", "verify") => self.verify().await.map(|value| json_response(&value)),
            ("GET", "endpoints") => Ok(json_response(&self.endpoints)),
            ("GET", "engine") => Ok(json_response(
                &json!({ "busy_ms": u64::try_from(self.busy.total().as_millis()).unwrap_or(u64::MAX) }),
            )),
            ("GET", "capacity") => Ok(json_response(&self.exchange.meter.json())),
            ("DELETE", "capacity") | ("POST", "capacity/reset") => {
                self.exchange.meter.reset();
                Ok(json_response(&self.exchange.meter.json()))
            }
            ("POST", other) => match other.strip_prefix("jobs/") {
                Some(name) => self.run(name, body).await.map(|value| json_response(&value)),
                None => Err(GatewayProblem::not_found(format!("there is no POST /_local/{other}"))),
            },
            (other, path) => Err(GatewayProblem::not_found(format!("there is no {other} /_local/{path}"))),
        }
    }

    /// Moves the clock. Jobs that were due before run first, at the old time; jobs that fall due by the move have run when
    /// this returns.
    async fn set_clock(&self, body: &Bytes) -> Result<Value, GatewayProblem> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Set {
            now: Timestamp,
        }
        let set: Set = serde_json::from_slice(body).map_err(|error| {
            GatewayProblem::malformed(format!("expected {{\"now\": \"2026-03-01T09:00:00Z\"}}: {error}"))
        })?;
        let backwards = |backwards: ClockMovedBackwards| {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            GatewayProblem::new(status, "clock_backwards", "Time moves forward", backwards.to_string())
        };
        if set.now < self.clock.now() {
            return Err(backwards(ClockMovedBackwards { now: self.clock.now() }));
        }
        if self.clock.stands_still() && self.schedules.run_due().await {
            self.settle().await?;
        }
        let now = self.clock.advance(set.now).map_err(backwards)?;
        self.schedules.run_due().await;
        Ok(json!({ "now": now }))
    }

    async fn settle(&self) -> Result<Value, GatewayProblem> {
        let settled = async {
            self.schedules.idle().await;
            self.settler.settle().await
        };
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(Ok(dead_letters)) => Ok(json!({ "settled": true, "dead_letters": dead_letters })),
            Ok(Err(error)) => {
                tracing::error!(%error, "the stack's activity cannot be read");
                Err(GatewayProblem::internal())
            }
            Err(_) => Err(GatewayProblem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unsettled",
                "Not settled",
                format!("something is still under way after {} s", PATIENCE.as_secs()),
            )),
        }
    }

    async fn verify(&self) -> Result<Value, GatewayProblem> {
        let store =
            self.store.as_ref().ok_or_else(|| GatewayProblem::not_found("this template has no ledger".to_owned()))?;
        self.settle().await?;
        let proven = verify(store).await.map_err(|error| {
            tracing::error!(%error, "the ledger cannot be read");
            GatewayProblem::internal()
        })?;
        Ok(json!(proven))
    }

    async fn run(&self, name: &str, body: &Bytes) -> Result<Value, GatewayProblem> {
        let input = if body.is_empty() { None } else { Some(serde_json::from_slice(body)) };
        let input = input.transpose().map_err(|error| GatewayProblem::malformed(format!("not JSON: {error}")))?;
        let ran = self.schedules.run(name, input).await;
        let ran = ran.ok_or_else(|| GatewayProblem::not_found(format!("the template has no job {name}")))?;
        ran.map_err(|error| {
            tracing::error!(job = name, error = format!("{error:#}"), "the job failed");
            GatewayProblem::internal()
        })
    }
}

fn json_response(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
