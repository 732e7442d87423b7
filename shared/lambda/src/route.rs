//! The route table: each function declares its routes once, beside their handlers.
//!
//! Dispatch, authorization, the replay of secrets, the API description, the check against `template.yaml` and the sample
//! events derive from these tables.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use crate::caller::{Caller, Scope};
use crate::http::{ApiRequest, Response};
use crate::operation::{Content, Operation, Parameter, Schema, TextBody, TypeSchema};
use crate::problem::Problem;
use crate::services::Services;

/// A handler's future.
pub type Handling<'a> = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send + 'a>>;

/// A handler: it gets the authorized request and returns a response or a problem.
pub type RouteHandler = for<'a> fn(&'a Services, &'a ApiRequest) -> Handling<'a>;

/// The routes of a function: one table for each module of handlers.
pub type Routes = &'static [&'static [Route]];

/// The parameters of paths that name a member or a code, whose misses count.
pub const LOOKED_UP: [&str; 3] = ["{member}", "{source}", "{code}"];

/// Turns an async function into a [`RouteHandler`]; further arguments follow the request.
#[macro_export]
macro_rules! handler {
    ($function:path $(, $argument:expr)* $(,)?) => {
        |services, request| ::std::boxed::Box::pin($function(services, request $(, $argument)*))
    };
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// API keys with this scope; `admin` covers every scope.
    Scope(Scope),
    /// API keys with this scope, and member tokens, which reach their own member only.
    ScopeOrMember(Scope),
    /// Every API key, whatever its scopes.
    AnyKey,
    /// Member tokens and anonymous visitors. The gateway runs no authorizer here, so the handler authenticates.
    MemberOrAnonymous,
    /// Everybody, without credentials.
    Public,
}

/// One route of a function.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The path template, as in `/v1/receipts/{id}/refunds`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Whether a body or a query names a member or a code that is looked up.
    pub names_in_body: bool,
    /// Whether an `Idempotency-Key` makes repeated requests safe.
    pub takes_idempotency_key: bool,
    /// The fields of the response that a replay omits.
    pub unrepeated: &'static [&'static str],
    /// What the audit calls the administrative change that it makes, such as `rule.replace`.
    pub audited: Option<&'static str>,
    /// What runs an authorized request.
    pub handler: RouteHandler,
    /// How the API description shows it.
    pub operation: Operation,
}

impl Route {
    const fn new(method: &'static str, path: &'static str, access: Access, handler: RouteHandler) -> Self {
        let operation = Operation::EMPTY;
        Self {
            method,
            path,
            access,
            names_in_body: false,
            takes_idempotency_key: false,
            unrepeated: &[],
            audited: None,
            handler,
            operation,
        }
    }

    /// A route that reads.
    pub const fn get(path: &'static str, access: Access, handler: RouteHandler) -> Self {
        Self::new("GET", path, access, handler)
    }

    /// A route that acts; a repeated request with the same `Idempotency-Key` gets the first response again.
    pub const fn post(path: &'static str, access: Access, handler: RouteHandler) -> Self {
        Self { takes_idempotency_key: true, ..Self::new("POST", path, access, handler) }
    }

    /// A route that replaces something.
    pub const fn put(path: &'static str, access: Access, handler: RouteHandler) -> Self {
        Self::new("PUT", path, access, handler)
    }

    /// A route that changes fields of something.
    pub const fn patch(path: &'static str, access: Access, handler: RouteHandler) -> Self {
        Self::new("PATCH", path, access, handler)
    }

    /// A route that deletes something.
    pub const fn delete(path: &'static str, access: Access, handler: RouteHandler) -> Self {
        Self::new("DELETE", path, access, handler)
    }

    /// A route for the preflight requests of browsers. The API description leaves it out.
    pub const fn options(path: &'static str, handler: RouteHandler) -> Self {
        Self::new("OPTIONS", path, Access::Public, handler)
    }

    /// A replay of the response omits these fields: they hold a secret that is shown once, or what only some keys may see.
    #[must_use]
    pub const fn not_repeating(self, fields: &'static [&'static str]) -> Self {
        Self { unrepeated: fields, ..self }
    }

    /// It makes an administrative change, which the audit calls so. The handler gets the entry from [`ApiRequest::audit`].
    #[must_use]
    pub const fn audited(self, action: &'static str) -> Self {
        Self { audited: Some(action), ..self }.header(Parameter::REASON)
    }

    /// The operation id, the heading and a summary, for the API description.
    #[must_use]
    pub const fn named(mut self, id: &'static str, tag: &'static str, summary: &'static str) -> Self {
        self.operation.id = id;
        self.operation.tag = tag;
        self.operation.summary = summary;
        self
    }

    /// Sentences for the API description that the summary has no room for.
    #[must_use]
    pub const fn details(mut self, details: &'static str) -> Self {
        self.operation.details = details;
        self
    }

    /// The request body, which is required, and an example of it.
    #[must_use]
    pub const fn takes<T: Schema>(mut self, example: fn() -> Value) -> Self {
        self.operation = self.operation.with_body(TypeSchema::of::<T>(), true, example);
        self
    }

    /// The request body, which may be left out, and an example of it.
    #[must_use]
    pub const fn may_take<T: Schema>(mut self, example: fn() -> Value) -> Self {
        self.operation = self.operation.with_body(TypeSchema::of::<T>(), false, example);
        self
    }

    /// A request body that is not JSON, and an example of it.
    #[must_use]
    pub const fn takes_text(mut self, media: &'static str, example: &'static str) -> Self {
        self.operation.text_body = Some(TextBody { media, example });
        self
    }

    /// A query parameter.
    #[must_use]
    pub const fn query(mut self, parameter: Parameter) -> Self {
        self.operation = self.operation.with_query(parameter);
        self
    }

    /// A request header.
    #[must_use]
    pub const fn header(mut self, parameter: Parameter) -> Self {
        self.operation = self.operation.with_header(parameter);
        self
    }

    /// Its texts are in the shopper's language: `?locale` or `Accept-Language`.
    #[must_use]
    pub const fn localized(self) -> Self {
        self.query(Parameter::LOCALE).header(Parameter::ACCEPT_LANGUAGE)
    }

    /// It returns pages: `?limit` and `?cursor`.
    #[must_use]
    pub const fn paged(self) -> Self {
        self.query(Parameter::LIMIT).query(Parameter::CURSOR)
    }

    /// Its responses carry the version of the program as `ETag`.
    #[must_use]
    pub const fn etag(mut self) -> Self {
        self.operation.has_etag = true;
        self
    }

    /// It changes the program only if that is still at the version of `If-Match`.
    #[must_use]
    pub const fn if_match(self) -> Self {
        self.header(Parameter::IF_MATCH)
    }

    /// A successful response with a JSON body of this type.
    #[must_use]
    pub const fn gives<T: Schema>(self, status: u16, text: &'static str) -> Self {
        self.responds(status, text, Content::One(TypeSchema::of::<T>()))
    }

    /// A successful response with a list: `{ "items", "next_cursor" }`.
    #[must_use]
    pub const fn lists<T: Schema>(self, text: &'static str) -> Self {
        self.responds(200, text, Content::List(TypeSchema::of::<T>()))
    }

    /// A successful response.
    #[must_use]
    pub const fn responds(mut self, status: u16, text: &'static str, content: Content) -> Self {
        self.operation = self.operation.with_response(status, text, content);
        self
    }

    /// A problem status that the other declarations do not imply.
    #[must_use]
    pub const fn fails(mut self, status: u16) -> Self {
        self.operation = self.operation.with_problem(status);
        self
    }

    /// Declares that the body or the query names a member or a code whose misses count.
    #[must_use]
    pub const fn counts_misses(self) -> Self {
        Self { names_in_body: true, ..self }
    }

    /// True if misses of the route count: it looks up a member or a code that somebody may guess.
    pub fn looks_up(&self) -> bool {
        self.names_in_body || LOOKED_UP.iter().any(|name| self.path.contains(name))
    }

    /// The gateway's route key: `POST /v1/receipts/{id}/refunds`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether a route key is this route's.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        key.split_once(' ') == Some((self.method, self.path))
    }
}

impl Access {
    /// Whether the gateway runs the authorizer before the route.
    pub const fn needs_credentials(self) -> bool {
        matches!(self, Self::Scope(_) | Self::ScopeOrMember(_) | Self::AnyKey)
    }

    /// Whether pages in a browser use the route: member tokens and anonymous visitors reach it.
    pub const fn is_for_browsers(self) -> bool {
        matches!(self, Self::ScopeOrMember(_) | Self::MemberOrAnonymous)
    }

    /// Checks that a caller may use the route.
    ///
    /// # Errors
    /// 403 for everybody else.
    pub(crate) fn check(self, caller: &Caller) -> Result<(), Problem> {
        let (is_allowed, needed) = match self {
            Self::Scope(scope) => (caller.has(scope), format!("an API key with the scope {}", scope.name())),
            Self::ScopeOrMember(scope) => (
                caller.member.is_some() || caller.has(scope),
                format!("a member token or an API key with the scope {}", scope.name()),
            ),
            Self::AnyKey => (caller.key.is_some(), "an API key".to_owned()),
            Self::MemberOrAnonymous | Self::Public => return Ok(()),
        };
        if is_allowed { Ok(()) } else { Err(Problem::forbidden(format!("this route needs {needed}"))) }
    }
}
