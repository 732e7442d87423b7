//! Converts an HTTP request to the event of an HTTP API (payload 2.0), and the response back.

use std::collections::HashMap;
use std::net::SocketAddr;

use aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2CustomAuthorizerV2Request, ApiGatewayV2httpRequest,
    ApiGatewayV2httpRequestContext, ApiGatewayV2httpRequestContextHttpDescription,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use lambda_http::request::LambdaRequest;
use serde_json::Value;

use super::names;
use super::routes::RouteMatch;

/// A request with the gateway's additions.
pub(super) struct Incoming<'a> {
    pub parts: &'a Parts,
    pub peer: SocketAddr,
    pub request_id: &'a str,
    pub now: Timestamp,
    pub taken: &'a RouteMatch<'a>,
}

impl Incoming<'_> {
    /// The route key, such as `POST /v1/receipts`.
    fn route_key(&self) -> String {
        format!("{} {}", self.taken.route.method, self.taken.route.path)
    }

    /// Joins headers of the same name with commas; cookies are separate.
    fn headers(&self) -> HeaderMap {
        let mut joined = HeaderMap::new();
        for name in self.parts.headers.keys().filter(|name| *name != header::COOKIE) {
            let values: Vec<&[u8]> = self.parts.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            if let Ok(value) = HeaderValue::from_bytes(&values.join(&b","[..])) {
                joined.insert(name.clone(), value);
            }
        }
        // As API Gateway does, so that a caller cannot forge the source.
        let peer = self.peer.ip().to_string();
        let forwarded = match self.header(&HeaderName::from_static("x-forwarded-for")) {
            Some(before) => format!("{before}, {peer}"),
            None => peer,
        };
        for (name, value) in [("x-forwarded-for", forwarded), ("x-forwarded-proto", "http".to_owned())] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                joined.insert(HeaderName::from_static(name), value);
            }
        }
        let trace = HeaderName::from_static("x-amzn-trace-id");
        if let Ok(value) = HeaderValue::from_str(&format!("Root={}", self.request_id)) {
            joined.entry(trace).or_insert(value);
        }
        joined
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn context(&self, authorizer: Option<HashMap<String, Value>>) -> ApiGatewayV2httpRequestContext {
        let mut http = ApiGatewayV2httpRequestContextHttpDescription::default();
        http.method = self.parts.method.clone();
        http.path = Some(self.parts.uri.path().to_owned());
        http.protocol = Some("HTTP/1.1".to_owned());
        http.source_ip = Some(self.peer.ip().to_string());
        http.user_agent = self.header(&header::USER_AGENT).map(str::to_owned);
        let host = self.header(&header::HOST).unwrap_or("localhost").to_owned();
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.route_key = Some(self.route_key());
        context.account_id = Some(names::ACCOUNT.to_owned());
        context.stage = Some("$default".to_owned());
        context.request_id = Some(self.request_id.to_owned());
        context.authorizer = authorizer.map(|fields| {
            let mut authorizer = ApiGatewayRequestAuthorizer::default();
            authorizer.fields = fields;
            authorizer
        });
        context.apiid = Some(names::STACK.to_owned());
        context.domain_prefix = Some(host.split(['.', ':']).next().unwrap_or_default().to_owned());
        context.domain_name = Some(host);
        context.time = Some(self.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string());
        context.time_epoch = self.now.as_millisecond();
        context.http = http;
        context
    }

    /// The authorizer's event, with the header that identifies the caller.
    pub fn authorizer_event(&self, identity: &str) -> ApiGatewayV2CustomAuthorizerV2Request {
        let mut event = ApiGatewayV2CustomAuthorizerV2Request::default();
        event.version = Some("2.0".to_owned());
        event.type_ = Some("REQUEST".to_owned());
        event.route_arn = Some(format!(
            "arn:aws:execute-api:{}:{}:{}/$default/{}{}",
            names::REGION,
            names::ACCOUNT,
            names::STACK,
            self.parts.method,
            self.parts.uri.path()
        ));
        event.identity_source = Some(vec![identity.to_owned()]);
        event.route_key = Some(self.route_key());
        event.raw_path = Some(self.parts.uri.path().to_owned());
        event.raw_query_string = Some(self.parts.uri.query().unwrap_or_default().to_owned());
        event.headers = self.headers();
        event.request_context = self.context(None);
        event.path_parameters.clone_from(&self.taken.parameters);
        event
    }

    /// The function's event.
    pub fn event(&self, body: &Bytes, authorizer: Option<HashMap<String, Value>>) -> ApiGatewayV2httpRequest {
        let mut event = ApiGatewayV2httpRequest::default();
        event.version = Some("2.0".to_owned());
        event.route_key = Some(self.route_key());
        event.raw_path = Some(self.parts.uri.path().to_owned());
        let query = self.parts.uri.query().unwrap_or_default();
        event.raw_query_string = Some(query.to_owned());
        // Parsing a query string cannot fail.
        event.query_string_parameters = query.parse().unwrap_or_default();
        event.cookies = self
            .header(&header::COOKIE)
            .map(|cookies| cookies.split(';').map(|cookie| cookie.trim().to_owned()).collect());
        event.headers = self.headers();
        event.path_parameters.clone_from(&self.taken.parameters);
        event.request_context = self.context(authorizer);
        if !body.is_empty() {
            let text = std::str::from_utf8(body).ok().filter(|_| self.is_text());
            event.is_base64_encoded = text.is_none();
            event.body = Some(text.map_or_else(|| STANDARD.encode(body), str::to_owned));
        }
        event
    }

    /// The function's request, converted from the event by Lambda's own code.
    pub fn request(event: ApiGatewayV2httpRequest) -> lambda_http::Request {
        LambdaRequest::ApiGatewayV2(event).into()
    }

    /// True when an HTTP API passes a body of this media type as text, not as base64.
    fn is_text(&self) -> bool {
        let kind = self.header(&header::CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind.starts_with("text/")
            || kind.ends_with("+json")
            || kind.ends_with("+xml")
            || matches!(kind.as_str(), "application/json" | "application/xml" | "application/javascript")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lambda_http::RequestExt;
    use lambda_http::request::RequestContext;

    use super::*;
    use crate::stack::template::TemplateRoute;

    fn incoming<T>(request: http::Request<()>, check: impl FnOnce(&Incoming<'_>) -> T) -> T {
        let (parts, ()) = request.into_parts();
        let route = TemplateRoute {
            method: "POST".to_owned(),
            path: "/v1/receipts/{id}/refunds".to_owned(),
            function: "f".to_owned(),
            authorizer: None,
        };
        let taken = RouteMatch { route: &route, parameters: HashMap::from([("id".to_owned(), "a b".to_owned())]) };
        check(&Incoming {
            parts: &parts,
            peer: "127.0.0.1:9".parse().unwrap(),
            request_id: "r-1",
            now: "2026-03-01T09:00:00Z".parse().unwrap(),
            taken: &taken,
        })
    }

    fn post() -> http::request::Builder {
        http::Request::post("/v1/receipts/a%20b/refunds?x=1&y=%C3%A0").header("host", "127.0.0.1:3000")
    }

    #[test]
    fn a_function_gets_the_event_of_an_http_api() {
        let request = post()
            .header("content-type", "application/json; charset=utf-8")
            .header("X-Two", "a")
            .header("x-two", "b")
            .body(())
            .unwrap();
        incoming(request, |incoming| {
            let fields = HashMap::from([("program".to_owned(), Value::from("p"))]);
            let request = Incoming::request(incoming.event(&Bytes::from_static(b"{\"a\":1}"), Some(fields)));
            assert_eq!(request.method(), "POST");
            assert_eq!(request.path_parameters().first("id"), Some("a b"));
            assert_eq!(request.query_string_parameters().first("y"), Some("à"));
            assert_eq!(request.headers()["x-two"], "a,b");
            assert!(matches!(request.body(), lambda_http::Body::Text(text) if text == "{\"a\":1}"));
            let RequestContext::ApiGatewayV2(context) = request.request_context() else { panic!() };
            assert_eq!(context.route_key.as_deref(), Some("POST /v1/receipts/{id}/refunds"));
            assert_eq!(context.request_id.as_deref(), Some("r-1"));
            assert_eq!(context.http.source_ip.as_deref(), Some("127.0.0.1"));
            assert_eq!(context.authorizer.unwrap().fields["program"], "p");
        });
    }

    #[test]
    fn binary_bodies_are_base64() {
        for (kind, body) in [("application/octet-stream", &b"abc"[..]), ("application/json", &b"\xff\xfe"[..])] {
            let request = post().header("content-type", kind).body(()).unwrap();
            incoming(request, |incoming| {
                let request = Incoming::request(incoming.event(&Bytes::from_static(body), None));
                assert!(matches!(request.body(), lambda_http::Body::Binary(bytes) if bytes == body));
            });
        }
    }

    #[test]
    fn the_authorizer_gets_its_identity_source() {
        let request = post().header("authorization", "Bearer t").body(()).unwrap();
        incoming(request, |incoming| {
            let event = incoming.authorizer_event("Bearer t");
            assert_eq!(event.identity_source.as_deref(), Some(&["Bearer t".to_owned()][..]));
            assert_eq!(event.headers["authorization"], "Bearer t");
            assert_eq!(event.path_parameters["id"], "a b");
        });
    }
}
