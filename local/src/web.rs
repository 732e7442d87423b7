//! Requests to the API and to AWS, over HTTPS or HTTP, through the HTTP client of the AWS SDK: the binary links one TLS library.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::failure::Failure;

/// What the API responds with.
const DATA: [&str; 3] = ["application/json", "application/x-ndjson", "text/csv"];
/// What the types of its problems begin with.
const PROBLEM: &str = "urn:tessera:problem:";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// An HTTP client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct WebClient(SharedHttpClient);

/// A request.
#[derive(Debug, Clone)]
pub struct WebRequest {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A response of any status.
#[derive(Debug, Clone)]
pub struct WebResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WebError(String);

impl WebRequest {
    /// A request without headers and body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// The same, with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same, with an API key. A pasted key often has a line end.
    #[must_use]
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {}", key.trim()))
    }

    /// The same, with a body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same, with JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }
}

impl WebResponse {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// True when the same request may succeed a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }

    /// The response, if the API has done what it was asked. `url`: the API's address.
    ///
    /// # Errors
    /// [`Failure::Refused`] with what is wrong, one fault a line. [`Failure::Unreachable`] when somebody else responds, the server
    /// fails or is busy, or the key is not known.
    pub(crate) fn accepted(self, url: &str) -> Result<Self, Failure> {
        let status = self.status;
        if status.is_success() {
            let kind = self.header("content-type").unwrap_or_default();
            let is_of_api = self.body.is_empty() || DATA.iter().any(|data| kind.starts_with(data));
            return if is_of_api {
                Ok(self)
            } else {
                Err(Failure::Unreachable(format!("{url} is not the API: it responds {status} with {kind:?}")))
            };
        }
        let problem = self.json();
        if !problem["type"].as_str().is_some_and(|kind| kind.starts_with(PROBLEM)) {
            return Err(Failure::Unreachable(format!("{url} responds {status}, and not as the API does")));
        }
        let mut message = problem["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned);
        for fault in problem["errors"].as_array().into_iter().flatten() {
            let [pointer, detail] = ["pointer", "detail"].map(|name| fault[name].as_str().unwrap_or_default());
            message.extend(["\n  ", pointer, " ", detail]);
        }
        let may_help = self.may_pass() || status == StatusCode::UNAUTHORIZED;
        Err(if may_help { Failure::Unreachable(message) } else { Failure::Refused(message) })
    }

    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl WebClient {
    /// A client with connections of its own.
    pub fn new() -> Self {
        // The default client would link a second cryptography library.
        Self(aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
    }

    /// The client as the AWS SDK takes it.
    pub(crate) fn sdk(&self) -> SharedHttpClient {
        self.0.clone()
    }

    /// Sends a request, once.
    ///
    /// # Errors
    /// When the address cannot be used, or nobody responds.
    pub async fn send(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        let (base, path) = split(&request.url)?;
        let mut built = http::Request::builder().method(request.method).uri(path);
        for (name, value) in &request.headers {
            if http::HeaderValue::from_str(value).is_err() {
                return Err(WebError(format!(
                    "the header {name} cannot be sent: it has a line break or control characters"
                )));
            }
            built = built.header(name, value);
        }
        let built = built.body(SdkBody::from(request.body)).map_err(|error| WebError(error.to_string()))?;
        let built = HttpRequest::try_from(built).map_err(|error| WebError(error.to_string()))?;
        let operation = Operation::builder()
            .service_name("web")
            .operation_name("request")
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.0.clone())
            .endpoint_url(base)
            .no_auth()
            .no_retry()
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
            .serializer(|request: HttpRequest| Ok(request))
            .deserializer(|response: &HttpResponse| Ok::<_, OrchestratorError<WebError>>(received(response)))
            .build();
        operation.invoke(built).await.map_err(|error| WebError(innermost(&error)))
    }
}

impl Default for WebClient {
    fn default() -> Self {
        Self::new()
    }
}

/// The cause of an error that has no cause itself: what a person can do something about.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// Checks that a text is the address of a server.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    if is_web { Ok(text.to_owned()) } else { Err("must begin with http:// or https:// and name a host".to_owned()) }
}

/// The origin of an address, and the rest of it.
fn split(url: &str) -> Result<(&str, &str), WebError> {
    let origin = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let origin = origin.ok_or_else(|| WebError(format!("{url} is no address with http or https")))?;
    let start = url.len() - origin.len();
    let end = origin.find(['/', '?']).map_or(url.len(), |end| start + end);
    let (base, path) = url.split_at(end);
    Ok((base, if path.is_empty() { "/" } else { path }))
}

fn received(response: &HttpResponse) -> WebResponse {
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers() {
        let pair = (http::HeaderName::from_bytes(name.as_bytes()), http::HeaderValue::from_str(value));
        if let (Ok(name), Ok(value)) = pair {
            headers.append(name, value);
        }
    }
    let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = Bytes::copy_from_slice(response.body().bytes().unwrap_or_default());
    WebResponse { status, headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_origin_and_a_path() {
        assert_eq!(split("https://a.example/v1/x?y=1").unwrap(), ("https://a.example", "/v1/x?y=1"));
        assert_eq!(split("http://127.0.0.1:3000").unwrap(), ("http://127.0.0.1:3000", "/"));
        assert_eq!(split("http://a?x").unwrap(), ("http://a", "?x"));
        assert!(split("a.example/v1").is_err());
    }

    #[tokio::test]
    async fn https_is_spoken_with_a_server_that_does_not() {
        // The listener takes the greeting of TLS for what it is not, and closes.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let greeted = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 3];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
            first
        });
        assert!(WebClient::new().send(WebRequest::new(Method::GET, url)).await.is_err());
        // A handshake record of TLS 1.0 or later.
        assert_eq!(greeted.await.unwrap()[..2], [22, 3]);
    }
}
