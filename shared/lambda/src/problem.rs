//! Errors as RFC 9457 documents.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_http::{Body, Response};
use serde_json::{Map, Value, json};
use tessera_domain::ids::ProgramId;
use tessera_domain::input::Fault;
use tessera_store::{IdentityError, StoreError};

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: u16,
    slug: String,
    detail: String,
    faults: Vec<Fault>,
    retry_after: Option<u32>,
    is_miss: bool,
    more: Map<String, Value>,
}

impl Problem {
    /// A problem: its status, the slug that ends its type, and what the sender can do about it.
    pub fn new(status: u16, slug: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            slug: slug.to_owned(),
            detail: detail.into(),
            faults: Vec::new(),
            retry_after: None,
            is_miss: false,
            more: Map::new(),
        }
    }

    /// 400: the body is not what it should be; every fault of it.
    pub fn malformed(faults: Vec<Fault>) -> Self {
        let places = if faults.len() == 1 { "one place" } else { "several places" };
        Self { faults, ..Self::new(400, "invalid", format!("the request is wrong in {places}; see errors")) }
    }

    /// 400: one place of the request is not what it should be.
    pub fn malformed_at(pointer: &str, detail: impl Into<String>) -> Self {
        Self::malformed(vec![Fault { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// 400: the body is no JSON.
    pub fn no_json(why: &str) -> Self {
        Self::new(400, "invalid", format!("the body is no JSON: {why}"))
    }

    /// 401: no credentials, or bad ones.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(401, "unauthorized", detail)
    }

    /// 403: good credentials for something else.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not_found", detail)
    }

    /// 404: nothing has the code, id, card or address of the path. It counts as a miss.
    pub fn no_match(detail: impl Into<String>) -> Self {
        Self { is_miss: true, ..Self::not_found(detail) }
    }

    /// 422: no referral has this code. It counts as a miss.
    pub fn unknown_code() -> Self {
        Self { is_miss: true, ..Self::not_allowed("unknown_code", "there is no such code") }
    }

    /// 404: nobody has the member's name in the path. It counts as a miss.
    pub fn unknown_member() -> Self {
        Self::no_match("there is no such member")
    }

    /// 409.
    pub fn conflict(slug: &str, detail: impl Into<String>) -> Self {
        Self::new(409, slug, detail)
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, "too_large", detail)
    }

    /// 415.
    pub fn unsupported_media_type() -> Self {
        Self::new(415, "unsupported_media_type", "send the body as application/json")
    }

    /// 422: well-formed, but not allowed.
    pub fn unprocessable(slug: &str, detail: impl Into<String>) -> Self {
        Self::new(422, slug, detail)
    }

    /// 422: well-formed, but not allowed.
    pub fn not_allowed(slug: &str, detail: impl Into<String>) -> Self {
        Self::unprocessable(slug, detail)
    }

    /// 422: what is to be removed or changed is in use.
    pub fn in_use(faults: Vec<Fault>) -> Self {
        Self {
            faults,
            ..Self::new(422, "in_use", "the program is in use, and this cannot change any more; see errors")
        }
    }

    /// 403: two-person publishing needs another person.
    pub fn two_person() -> Self {
        Self::new(
            403,
            "two_person",
            "the program is changed by two persons: create a draft, which a key publishes that descends neither from its \
             author nor from the author's creator",
        )
    }

    /// 422: a document that was valid once has faults by today's checks.
    pub fn no_longer_valid(faults: Vec<Fault>) -> Self {
        Self { faults, ..Self::new(422, "invalid", "the version is no longer valid; see errors") }
    }

    /// 429: more than a limit allows; `retry_after` in seconds.
    pub fn too_many_requests(detail: impl Into<String>, retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(429, "too_many_requests", detail) }
    }

    /// 503: come again.
    pub fn unavailable() -> Self {
        Self { retry_after: Some(1), ..Self::new(503, "unavailable", "try again in a moment") }
    }

    /// 503 for something that the same request goes on with: come again.
    pub fn come_again(slug: &str, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(503, slug, detail) }
    }

    /// 503 for something that people have to provide first: come again in a minute.
    pub fn unavailable_because(slug: &str, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(60), ..Self::new(503, slug, detail) }
    }

    /// 503 for something that cannot happen: logged, and nothing of it told.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "this cannot happen");
        Self::unavailable()
    }

    /// 503: who calls has credentials of a program that is not there. The tables are another deployment's, or half
    /// there; told as 404, a sender would take its fact for refused.
    pub fn program_missing(program: &ProgramId) -> Self {
        tracing::error!(%program, "the program of a caller is not in the table");
        Self::unavailable()
    }

    /// Says more, in a member of its own.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// After how many seconds the request may be repeated, where the problem says so.
    pub const fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// Whether it counts as a miss of a look-up.
    pub const fn is_miss(&self) -> bool {
        self.is_miss
    }

    /// The slug that ends its type.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// What the sender can do about it.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The document, for one request.
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut document = self.more;
        document.insert("type".to_owned(), json!(format!("urn:tessera:problem:{}", self.slug)));
        document.insert("title".to_owned(), json!(status.canonical_reason().unwrap_or("Error")));
        document.insert("status".to_owned(), json!(self.status));
        document.insert("detail".to_owned(), json!(self.detail));
        document.insert("request_id".to_owned(), json!(request_id));
        if !self.faults.is_empty() {
            document.insert("errors".to_owned(), json!(self.faults));
        }
        let mut response = Response::new(Body::from(Value::Object(document).to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Taken { identifier: "id" } => {
                Self::not_allowed("id_taken", "the id belongs to another member")
            }
            IdentityError::Taken { .. } | IdentityError::Changed => Self::unavailable(),
            IdentityError::TooMany(too_many) => Self::not_allowed("limit_reached", too_many.to_string()),
            IdentityError::Store(error) => error.into(),
        }
    }
}

/// Logs the chain of causes, once. The response is 503; 422 for an account that is full, and 404 for a member who was erased
/// meanwhile: trying again would not help.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::AccountFull { .. } = error {
            tracing::warn!(%error, "an account is full");
            return Self::unprocessable("account_full", "the member's account has no room for what this would record");
        }
        if let StoreError::Erased { .. } = error {
            return Self::unknown_member();
        }
        let mut chain = error.to_string();
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
        while let Some(inner) = cause {
            chain.push_str(": ");
            chain.push_str(&inner.to_string());
            cause = inner.source();
        }
        tracing::error!(error = chain, "the store failed");
        Self::unavailable()
    }
}
