//! Protects the local listeners from pages of other sites, and the engines by a secret per run.
//!
//! A browser lets any page send requests to 127.0.0.1. Three checks refuse them: their requests carry `Origin` or
//! `Sec-Fetch-Site`, a name rebound to 127.0.0.1 shows in `Host`, and no page knows the secret.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use subtle::ConstantTimeEq;

/// The values of `Host` under which a loopback listener may be addressed.
#[derive(Debug, Clone)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// The allowed names of a listener.
    pub fn of(address: SocketAddr) -> Self {
        let names = ["127.0.0.1", "localhost", "[::1]"];
        let mut hosts: Vec<String> = names.iter().map(|name| format!("{name}:{}", address.port())).collect();
        if address.port() == 80 {
            // Clients omit the default port.
            hosts.extend(names.map(str::to_owned));
        }
        Self(hosts)
    }

    /// True when the request's one `Host`, and its target's authority if any, name this listener.
    pub fn named_by(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let authority = uri.authority().map(http::uri::Authority::as_str);
        hosts.next().is_none() && host.is_some_and(|host| self.has(host)) && authority.is_none_or(|host| self.has(host))
    }

    /// True for a request from a page of another site. Clients other than browsers send neither header.
    pub fn is_cross_site(&self, headers: &HeaderMap) -> bool {
        let foreign_origin = headers.get_all(header::ORIGIN).iter().any(|origin| {
            let host = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            host.is_none_or(|host| !self.has(host))
        });
        let foreign_site = headers.get_all("sec-fetch-site").iter().any(|site| site != "none" && site != "same-origin");
        foreign_origin || foreign_site
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// The secret of a run. Clients of the engines send it as their access key id.
#[derive(Clone)]
pub(super) struct AccessKey(Arc<str>);

impl AccessKey {
    /// Generates the secret of a run.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes).context("the system has no randomness")?;
        Ok(Self(hex::encode_upper(bytes).into()))
    }

    /// The access key id.
    pub fn id(&self) -> &str {
        &self.0
    }

    /// True when the request is signed with this access key id; compares in constant time.
    fn signed(&self, headers: &HeaderMap) -> bool {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credential = authorization.and_then(|text| text.split_once("Credential=")).map(|(_, rest)| rest);
        let id = credential.and_then(|text| text.split('/').next()).unwrap_or_default();
        id.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// An engine's HTTP service behind these checks.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    hosts: Hosts,
    access_key: AccessKey,
    engine: S,
}

impl<S> Guarded<S> {
    /// Guards an engine's listener.
    pub fn new(address: SocketAddr, access_key: &AccessKey, engine: S) -> Self {
        Self { hosts: Hosts::of(address), access_key: access_key.clone(), engine }
    }

    fn refusal<B>(&self, request: &Request<B>) -> Option<&'static str> {
        let headers = request.headers();
        if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
            return Some("the engines of the local stack serve no browser");
        }
        if !self.hosts.named_by(request.uri(), headers) {
            return Some("the engines of the local stack serve 127.0.0.1 and localhost alone");
        }
        (!self.access_key.signed(headers)).then_some("sign with the access key id of GET /_local/endpoints")
    }
}

impl<S, B> Service<Request<Incoming>> for Guarded<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, B>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if let Some(reason) = self.refusal(&request) {
            let response = refuse(reason).map(Either::Left);
            return Box::pin(async move { Ok(response) });
        }
        let response = self.engine.call(request);
        Box::pin(async move { response.await.map(|response| response.map(Either::Right)) })
    }
}

/// A refusal that SDK clients can parse.
fn refuse(reason: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "__type": "AccessDeniedException", "message": reason });
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value): (http::HeaderName, HeaderValue)| {
            headers.append(name, value);
        });
        headers
    }

    fn hosts(port: u16) -> Hosts {
        Hosts::of(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn only_loopback_names_with_the_port_are_hosts() {
        let path = Uri::from_static("/_local/clock");
        for host in ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"] {
            assert!(hosts(3000).named_by(&path, &headers(&[("host", host)])), "{host}");
        }
        for host in ["127.0.0.1", "127.0.0.1:3001", "evil.example:3000", "127.0.0.1.evil.example:3000", ""] {
            assert!(!hosts(3000).named_by(&path, &headers(&[("host", host)])), "{host}");
        }
        assert!(!hosts(3000).named_by(&path, &headers(&[])));
        assert!(!hosts(3000).named_by(&path, &headers(&[("host", "localhost:3000"), ("host", "evil.example")])));
        let absolute = Uri::from_static("http://evil.example/_local/clock");
        assert!(!hosts(3000).named_by(&absolute, &headers(&[("host", "localhost:3000")])));
        assert!(hosts(80).named_by(&path, &headers(&[("host", "localhost")])));
    }

    #[test]
    fn a_page_of_another_site_is_recognized_by_its_headers() {
        let own = ["http://127.0.0.1:3000", "http://localhost:3000"];
        for origin in own {
            assert!(!hosts(3000).is_cross_site(&headers(&[("origin", origin), ("sec-fetch-site", "same-origin")])));
        }
        assert!(!hosts(3000).is_cross_site(&headers(&[])));
        assert!(!hosts(3000).is_cross_site(&headers(&[("sec-fetch-site", "none")])));
        for origin in ["http://evil.example", "https://127.0.0.1:3000", "http://127.0.0.1:5173", "null"] {
            assert!(hosts(3000).is_cross_site(&headers(&[("origin", origin)])), "{origin}");
        }
        for site in ["cross-site", "same-site", "new"] {
            assert!(hosts(3000).is_cross_site(&headers(&[("sec-fetch-site", site)])), "{site}");
        }
    }

    #[test]
    fn a_request_is_signed_with_the_secret_of_this_run() {
        let (own, other) = (AccessKey::generate().unwrap(), AccessKey::generate().unwrap());
        let signed = |id: &str| {
            let text = format!("AWS4-HMAC-SHA256 Credential={id}/20260301/local/sqs/aws4_request, SignedHeaders=host");
            own.signed(&headers(&[("authorization", &text)]))
        };
        assert!(signed(own.id()));
        for id in [other.id(), "local", "", &own.id()[1..]] {
            assert!(!signed(id), "{id}");
        }
        assert!(!own.signed(&headers(&[])));
        assert!(!own.signed(&headers(&[("authorization", own.id())])));
    }
}
