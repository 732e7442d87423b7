//! The wire between a function's SDK clients and the engines.
//!
//! It replaces the network, below the SDK's retries, signing and parsing. A refusal by policy, a throttle or a lost response
//! reaches the function exactly as from AWS, and the counts are what AWS would bill.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;

use super::activity::Activity;
use super::call::{Engine, EngineRequest};
use super::faults::{CallSide, FaultPlan, InjectedFault};
use super::handler;
use super::meter::Meter;
use super::template::{PolicyStatement, allows};

/// The state that all wires of a stack share.
pub(super) struct Exchange {
    /// The meter.
    pub meter: Meter,
    /// The planned faults.
    pub faults: Option<Arc<FaultPlan>>,
    /// Woken after every write.
    pub activity: Activity,
    /// True when the stack has halted.
    halted: AtomicBool,
    http: Client<Tcp, Full<Bytes>>,
}

impl Exchange {
    /// Creates a pool of loopback connections with zero counts.
    pub fn new(faults: Option<Arc<FaultPlan>>, activity: Activity) -> Self {
        let mut tcp = Tcp::new();
        tcp.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(tcp);
        Self { meter: Meter::default(), faults, activity, halted: AtomicBool::new(false), http }
    }
}

/// A function's wire.
#[derive(Clone)]
pub(super) struct FunctionWire {
    function: Arc<str>,
    /// The policy; `None` for the stack itself, which is unrestricted.
    statements: Option<Arc<[PolicyStatement]>>,
    exchange: Arc<Exchange>,
    read_timeout: Option<Duration>,
}

impl FunctionWire {
    /// Creates a function's wire with its policy.
    pub fn new(function: &str, statements: Option<&[PolicyStatement]>, exchange: &Arc<Exchange>) -> Self {
        Self {
            function: function.into(),
            statements: statements.map(Into::into),
            exchange: Arc::clone(exchange),
            read_timeout: None,
        }
    }

    /// True when faults are planned.
    pub fn meets_faults(&self) -> bool {
        self.exchange.faults.is_some()
    }

    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let Some(call) = EngineRequest::read(target, &body) else {
            return self.send(&request, body).await;
        };
        if let Some(refused) = self.refuse(&call) {
            return Ok(refused);
        }
        self.exchange.meter.permissions(&self.function, &call.needs);
        let fault = self.fault(&call).await;
        match fault {
            Some(InjectedFault::Hold(CallSide::Before)) => self.hold().await,
            Some(fault) if fault.side() == CallSide::Before => return self.strike(fault, &call).await,
            _ => {}
        }
        // Counted before and after, so that a comparison of counts never misses a write in flight.
        let _written = Written(&self.exchange.activity, &call);
        self.exchange.activity.step();
        let response = self.send(&request, body).await?;
        let bytes = response.body().bytes().unwrap_or_default();
        match call.engine {
            Engine::DynamoDb => {
                self.exchange.meter.dynamodb(&self.function, &call.operation, bytes);
            }
            Engine::Sqs => self.exchange.meter.sqs(&self.function, &call.operation),
        }
        match fault {
            Some(InjectedFault::Hold(side)) => {
                if side == CallSide::After {
                    self.hold().await;
                }
                Ok(response)
            }
            Some(fault) => self.strike(fault, &call).await,
            None => Ok(response),
        }
    }

    /// Waits until the plan of faults is cleared.
    async fn hold(&self) {
        if let Some(faults) = &self.exchange.faults {
            faults.released().await;
        }
    }

    /// The fault of a call. On a halted stack, no call returns.
    async fn fault(&self, call: &EngineRequest) -> Option<InjectedFault> {
        let faults = self.exchange.faults.as_ref()?;
        if self.exchange.halted.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        faults.next(&self.function, &call.operation)
    }

    /// Injects a fault.
    async fn strike(&self, fault: InjectedFault, call: &EngineRequest) -> Result<HttpResponse, ConnectorError> {
        match fault {
            // Without the panic hook, whose output would be noise.
            InjectedFault::Panic(_) => std::panic::resume_unwind(Box::new("injected")),
            InjectedFault::Kill(_) => handler::kill().await,
            InjectedFault::Halt(_) => {
                self.exchange.halted.store(true, Ordering::SeqCst);
                if let Some(faults) = &self.exchange.faults {
                    faults.halt();
                }
                std::future::pending().await
            }
            InjectedFault::LostReply => Err(ConnectorError::io("the response was lost (injected)".into())),
            _ => failure(fault, call),
        }
    }

    fn refuse(&self, call: &EngineRequest) -> Option<HttpResponse> {
        let statements = self.statements.as_ref()?;
        let is_refused =
            |(action, resource): &&(String, String)| !allows(statements, action, resource, &call.partitions);
        let (action, resource) = call.needs.iter().find(is_refused)?;
        let function = &self.function;
        tracing::error!(%function, %action, %resource, "refused by the function's own policy");
        let message = format!(
            "{function} is not authorized to perform: {action} on resource: {resource} because no \
             statement of its policy in the template allows it"
        );
        let (status, kind) = match call.engine {
            Engine::DynamoDb => (400, "com.amazon.coral.service#AccessDeniedException"),
            Engine::Sqs => (403, "com.amazonaws.sqs#AccessDenied"),
        };
        json_response(status, &serde_json::json!({ "__type": kind, "message": message })).ok()
    }

    async fn send(&self, request: &HttpRequest, body: Bytes) -> Result<HttpResponse, ConnectorError> {
        let mut builder = http::Request::builder().method(request.method()).uri(request.uri());
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        let request = builder.body(Full::new(body)).map_err(user)?;
        let sending = async {
            let response = self.exchange.http.request(request).await.map_err(io)?;
            let (parts, body) = response.into_parts();
            Ok((parts, body.collect().await.map_err(io)?.to_bytes()))
        };
        let (parts, body) = match self.read_timeout {
            Some(limit) => tokio::time::timeout(limit, sending)
                .await
                .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))??,
            None => sending.await?,
        };
        let status = parts.status.as_u16().try_into().map_err(user)?;
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str() {
                response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

/// Reports the writes of a call when it ends, also when it is cancelled midway.
struct Written<'a>(&'a Activity, &'a EngineRequest);

impl Drop for Written<'_> {
    fn drop(&mut self) {
        self.0.step();
        for table in &self.1.writes {
            self.0.wrote(table);
        }
    }
}

fn user(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::user(error.into())
}

fn io(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::io(error.into())
}

/// The error response of a fault.
fn failure(fault: InjectedFault, call: &EngineRequest) -> Result<HttpResponse, ConnectorError> {
    let transaction = call.operation == "TransactWriteItems";
    let (status, kind) = match (fault, call.engine) {
        (InjectedFault::Throttled, Engine::DynamoDb) => (400, "ThrottlingException"),
        (InjectedFault::Throttled, Engine::Sqs) => (403, "RequestThrottled"),
        (InjectedFault::Conflict, Engine::DynamoDb) if transaction => (400, "TransactionCanceledException"),
        (InjectedFault::Conflict, Engine::DynamoDb) => (400, "TransactionConflictException"),
        (InjectedFault::Unavailable, Engine::DynamoDb) => (500, "InternalServerError"),
        (InjectedFault::Unavailable | InjectedFault::Conflict, Engine::Sqs) => (500, "InternalError"),
        _ => return Err(ConnectorError::timeout("no response in time (injected)".into())),
    };
    let service = match call.engine {
        Engine::DynamoDb => "com.amazonaws.dynamodb.v20120810",
        Engine::Sqs => "com.amazonaws.sqs",
    };
    let mut body = serde_json::json!({ "__type": format!("{service}#{kind}"), "message": "injected" });
    if fault == InjectedFault::Conflict && transaction {
        // The first item is the conflicting one.
        let reason = |item| match item {
            0 => serde_json::json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }),
            _ => serde_json::json!({ "Code": "None" }),
        };
        body["CancellationReasons"] = (0..call.items.max(1)).map(reason).collect();
    }
    json_response(status, &body)
}

fn json_response(status: u16, body: &serde_json::Value) -> Result<HttpResponse, ConnectorError> {
    let status = status.try_into().map_err(user)?;
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

impl HttpConnector for FunctionWire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().exchange(request))
    }
}

impl HttpClient for FunctionWire {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self { read_timeout: settings.read_timeout(), ..self.clone() })
    }
}

impl fmt::Debug for FunctionWire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FunctionWire").field("function", &self.function).finish_non_exhaustive()
    }
}
