//! The client.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::connect::GuardedConnector;
use crate::targets::{TargetError, Targets};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("tessera/", env!("CARGO_PKG_VERSION")));

/// The limits of each request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Time to resolve the host and connect, without the TLS handshake.
    pub connect: Duration,
    /// Time from the request to the last byte of the response.
    pub total: Duration,
    /// Size of the response's body.
    pub response_bytes: usize,
}

/// Sends requests to public addresses. Cheap to clone; clones share connections.
///
/// Create it at the first request, not at a function's start: it parses the root certificates.
#[derive(Debug, Clone)]
pub struct Client {
    http: legacy::Client<HttpsConnector<GuardedConnector>, Full<Bytes>>,
    targets: Targets,
    limits: RequestLimits,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct OutboundResponse {
    /// The status. A redirect is a response like any other: none is followed.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The URL or every address of its host is refused. Repeating does not help.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The connection could not be opened: nothing was sent.
    #[error("the connection cannot be opened: {0}")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke: the server may have received the request.
    #[error("the connection broke: {0}")]
    Interrupted(#[source] Box<dyn Error + Send + Sync>),
    /// The time limit passed: the server may have received the request.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    /// The response is larger than the limit. The server has received the request.
    #[error("the response is larger than {0} bytes")]
    TooLarge(usize),
    /// No TLS client can be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(15), response_bytes: 1024 * 1024 }
    }
}

impl Client {
    /// Creates a client.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(targets: Targets, limits: RequestLimits) -> Result<Self, OutboundError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            // Targets::check allows HTTP for loopback alone.
            .https_or_http()
            .enable_http1()
            .wrap_connector(GuardedConnector { targets, timeout: limits.connect });
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Lambda freezes between invocations: an older connection is probably dead.
            .pool_idle_timeout(Duration::from_secs(20))
            .build(connector);
        Ok(Self { http, targets, limits })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// When the target is refused, a limit is exceeded or the connection fails. An error status is a response, not an error.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<OutboundResponse, OutboundError> {
        self.targets.check(request.uri())?;
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let exchange = self.exchange(request.map(Full::new));
        let total = self.limits.total;
        tokio::time::timeout(total, exchange).await.unwrap_or(Err(OutboundError::Timeout(total)))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<OutboundResponse, OutboundError> {
        let response = self.http.request(request).await.map_err(classify)?;
        let (head, body) = response.into_parts();
        let limit = self.limits.response_bytes;
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                OutboundError::TooLarge(limit)
            } else {
                OutboundError::Interrupted(error)
            }
        })?;
        Ok(OutboundResponse { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

impl OutboundResponse {
    /// How long the server asks the caller to wait, see [`retry_after`](crate::retry_after).
    pub fn retry_after(&self, now: Timestamp) -> Option<SignedDuration> {
        crate::retry_after(&self.headers, now)
    }
}

/// The connector's own refusal is hidden in the chain of sources.
fn classify(error: legacy::Error) -> OutboundError {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = source {
        if let Some(refused) = inner.downcast_ref::<TargetError>() {
            return OutboundError::Target(refused.clone());
        }
        source = inner.source();
    }
    if error.is_connect() { OutboundError::Connect(error.into()) } else { OutboundError::Interrupted(error.into()) }
}
