//! Routes: each function declares its own once, beside the handlers.
//!
//! Authorization, the replay of secrets, the check against `template.yaml` and the API description derive from this table.

use crate::auth::{Caller, Scope};
use crate::problem::Problem;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The gateway's route key: method and path template, as in `POST /v1/receipts/{id}/refunds`.
    pub key: &'static str,
    /// Who may use it.
    pub access: Access,
    /// The field of its response that holds a secret; a replay leaves this field out.
    pub secret_field: Option<&'static str>,
}

impl Route {
    /// A route that returns no secret.
    pub const fn new(key: &'static str, access: Access) -> Self {
        Self { key, access, secret_field: None }
    }

    /// The same route, whose response shows a secret once, in this field.
    #[must_use]
    pub const fn returning_secret(self, field: &'static str) -> Self {
        Self { secret_field: Some(field), ..self }
    }

    /// Its method and path template.
    pub fn method_and_path(&self) -> (&'static str, &'static str) {
        self.key.split_once(' ').unwrap_or((self.key, ""))
    }
}

impl Access {
    /// Whether the gateway runs the authorizer before the route.
    pub const fn needs_credentials(self) -> bool {
        matches!(self, Self::Scope(_) | Self::ScopeOrMember(_) | Self::AnyKey)
    }

    /// Lets a caller pass who may use the route.
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
