//! The HTTP gateway: the template's routes on 127.0.0.1, behind the template's authorizer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::clock::StackClock;
use super::guard::Hosts;
use super::handler::{self, BoundHandler, Handler};
use super::http_event::Incoming;
use super::problem::GatewayProblem;
use super::routes::RouteTable;
use super::template::{Authorizer, Template};
use super::{local_api, names};

/// API Gateway's size limit of a request.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// Lambda's size limit of an event. Escaping makes a body with many quotes larger.
const EVENT_LIMIT: usize = 6 * 1024 * 1024;
/// Lambda's size limit of a response.
const ANSWER_LIMIT: usize = 6 * 1024 * 1024;
/// The cache of authorizer responses is cleared when it exceeds this size.
const MAX_DECISIONS: usize = 10_000;
/// API Gateway's time limit of a request.
const PATIENCE: Duration = Duration::from_secs(30);

type Fields = HashMap<String, Value>;
type Decisions = HashMap<(String, String), (Instant, Fields)>;

/// The functions and settings behind the gateway.
pub(super) struct Gateway {
    routes: RouteTable,
    functions: HashMap<String, Handler>,
    decisions: Mutex<Decisions>,
    clock: StackClock,
    local: local_api::Local,
    hosts: Hosts,
}

impl Gateway {
    /// Creates the gateway of a template.
    ///
    /// # Errors
    /// When a route, authorizer or schedule is served by a function of another kind.
    pub fn new(
        template: &Template,
        functions: &HashMap<String, Handler>,
        clock: StackClock,
        local: local_api::Local,
        hosts: Hosts,
    ) -> Result<Self> {
        for route in &template.routes {
            if !matches!(functions.get(&route.function), Some(Handler::Http(_))) {
                bail!("{} {} needs the HTTP function {}", route.method, route.path, route.function);
            }
            let Some(authorizer) = &route.authorizer else { continue };
            if !matches!(functions.get(&authorizer.function), Some(Handler::Authorizer(_))) {
                bail!("{} {} needs the authorizer {}", route.method, route.path, authorizer.function);
            }
        }
        for schedule in &template.schedules {
            if !matches!(functions.get(&schedule.function), Some(Handler::Job(_))) {
                bail!("the schedule {} needs the job {}", schedule.name, schedule.function);
            }
        }
        Ok(Self {
            routes: RouteTable::new(&template.routes),
            functions: functions.clone(),
            decisions: Mutex::default(),
            clock,
            local,
            hosts,
        })
    }

    /// Handles a request.
    async fn handle(&self, peer: SocketAddr, request: Request, request_id: &str) -> Result<Response, GatewayProblem> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        if !self.hosts.named_by(&parts.uri, &parts.headers) {
            // With a name rebound to 127.0.0.1, a foreign page would be same-origin.
            return Err(GatewayProblem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected",
                "Misdirected request",
                "the local stack serves 127.0.0.1 and localhost alone; send one of them as Host",
            ));
        }
        if let Some(local) = path.strip_prefix("/_local/") {
            if self.hosts.is_cross_site(&parts.headers) {
                // These routes need no credentials.
                return Err(GatewayProblem::forbidden("this is not for pages of other sites"));
            }
            let body = read(body).await?;
            return self.local.handle(&parts.method, local, &body).await;
        }
        let taken = self
            .routes
            .find(parts.method.as_str(), path)
            .map_err(|_| GatewayProblem::malformed("the path is not percent-encoded UTF-8"))?
            .ok_or_else(|| GatewayProblem::not_found(format!("there is no route {} {path}", parts.method)))?;
        let incoming = Incoming { parts: &parts, peer, request_id, now: self.clock.now(), taken: &taken };
        let identity = match &taken.route.authorizer {
            Some(authorizer) => Some(self.authorize(authorizer, &incoming).await?),
            None => None,
        };
        let body = read(body).await?;
        let Some(Handler::Http(function)) = self.functions.get(&taken.route.function) else {
            return Err(GatewayProblem::internal());
        };
        // Lambda's own conversion trusts the gateway: a request that it cannot convert (say, a broken Host) would not have
        // reached a function.
        let event = incoming.event(&body, identity);
        // Serializing expands a byte to at most six.
        if body.len() > EVENT_LIMIT / 6
            && serde_json::to_vec(&event).map_or(usize::MAX, |event| event.len()) > EVENT_LIMIT
        {
            let detail = "the request as an event of Lambda is larger than 6 MB";
            return Err(GatewayProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Content too large", detail));
        }
        let request = std::panic::catch_unwind(AssertUnwindSafe(|| Incoming::request(event)))
            .map_err(|_| GatewayProblem::malformed("the request line or the Host header is not readable"))?;
        let response = handler::call(function, request, PATIENCE).await.map_err(|error| {
            tracing::error!(function = %taken.route.function, %error, "no response");
            GatewayProblem::internal()
        })?;
        Ok(outgoing(response))
    }

    /// Asks the authorizer, with a cache as long as the template allows.
    async fn authorize(&self, authorizer: &Authorizer, incoming: &Incoming<'_>) -> Result<Fields, GatewayProblem> {
        let header = incoming.parts.headers.get(header::AUTHORIZATION);
        let header = header.and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
        let Some(header) = header else {
            return Err(GatewayProblem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Unauthorized",
                "this call needs an Authorization header",
            ));
        };
        let key = (authorizer.function.clone(), header.to_owned());
        {
            let decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((until, fields)) = decisions.get(&key)
                && *until > Instant::now()
            {
                return Ok(fields.clone());
            }
        }
        let Some(Handler::Authorizer(function)) = self.functions.get(&authorizer.function) else {
            return Err(GatewayProblem::internal());
        };
        let event = incoming.authorizer_event(header);
        let decision = Self::decide(function, event).await?;
        let fields: Fields = match &decision["context"] {
            Value::Object(fields) => fields.clone().into_iter().collect(),
            _ => Fields::new(),
        };
        if decision["isAuthorized"] != true {
            return Err(GatewayProblem::forbidden("the authorizer refused this call"));
        }
        // An unknown key may be created the next moment, so only positive responses are cached.
        if fields.get("problem").is_some_and(|problem| problem != "") {
            return Ok(fields);
        }
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() >= MAX_DECISIONS {
            decisions.clear();
        }
        decisions.insert(key, (Instant::now() + authorizer.keep, fields.clone()));
        Ok(fields)
    }

    async fn decide<I: Send + 'static>(
        function: &BoundHandler<I, Result<Value, String>>,
        event: I,
    ) -> Result<Value, GatewayProblem> {
        let decision = handler::call(function, event, PATIENCE).await;
        decision.map_err(|error| error.to_string()).flatten().map_err(|error| {
            tracing::error!(error, "the authorizer did not respond");
            GatewayProblem::internal()
        })
    }
}

/// The axum service of a gateway.
pub(super) fn service(gateway: Arc<Gateway>) -> axum::Router {
    axum::Router::new().fallback(front).with_state(gateway)
}

async fn front(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request_id = names::request_id();
    let mut response = match gateway.handle(peer, request, &request_id).await {
        Ok(response) => response,
        Err(problem) => problem.response(&request_id),
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(HeaderName::from_static("apigw-requestid"), value);
    }
    response
}

async fn read(body: Body) -> Result<Bytes, GatewayProblem> {
    axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
            GatewayProblem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "Content too large",
                "a request has at most 10 MB",
            )
        } else {
            GatewayProblem::malformed("the body ended early")
        }
    })
}

fn outgoing(response: lambda_http::Response<lambda_http::Body>) -> Response {
    let (parts, body) = response.into_parts();
    let body = match body {
        lambda_http::Body::Text(text) => Bytes::from(text),
        lambda_http::Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    if body.len() > ANSWER_LIMIT {
        tracing::error!(bytes = body.len(), "a response exceeds Lambda's limit");
        return GatewayProblem::internal().response("");
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}
