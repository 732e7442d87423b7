//! Who sent a request, and what they may do.

mod cache;

pub(crate) use cache::CallerCache;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::ids::{CustomerId, ProgramId};
use tessera_domain::member::{IdentifierKind, MemberRef};

use crate::problem::Problem;

/// For how long the gateway may repeat what the authorizer said of a credential, in seconds.
pub(crate) const AUTHORIZER_CACHE_SECONDS: i64 = 60;

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Scope {
    /// Send receipts and refunds.
    #[cfg_attr(feature = "openapi", schema(rename = "receipts:write"))]
    ReceiptsWrite,
    /// Send interactions.
    #[cfg_attr(feature = "openapi", schema(rename = "interactions:write"))]
    InteractionsWrite,
    /// Send referrals.
    #[cfg_attr(feature = "openapi", schema(rename = "referrals:write"))]
    ReferralsWrite,
    /// Read members.
    #[cfg_attr(feature = "openapi", schema(rename = "members:read"))]
    MembersRead,
    /// Enrol and change members.
    #[cfg_attr(feature = "openapi", schema(rename = "members:write"))]
    MembersWrite,
    /// Redeem rewards, change coupons.
    #[cfg_attr(feature = "openapi", schema(rename = "rewards:redeem"))]
    RewardsRedeem,
    /// Read reports.
    #[cfg_attr(feature = "openapi", schema(rename = "reports:read"))]
    ReportsRead,
    /// Correct points, move, merge, erase and exclude members.
    #[cfg_attr(feature = "openapi", schema(rename = "support"))]
    Support,
    /// Publish drafts of the program.
    #[cfg_attr(feature = "openapi", schema(rename = "publisher"))]
    Publisher,
    /// Everything.
    #[cfg_attr(feature = "openapi", schema(rename = "admin"))]
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 10] = [
        Self::ReceiptsWrite,
        Self::InteractionsWrite,
        Self::ReferralsWrite,
        Self::MembersRead,
        Self::MembersWrite,
        Self::RewardsRedeem,
        Self::ReportsRead,
        Self::Support,
        Self::Publisher,
        Self::Admin,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReceiptsWrite => "receipts:write",
            Self::InteractionsWrite => "interactions:write",
            Self::ReferralsWrite => "referrals:write",
            Self::MembersRead => "members:read",
            Self::MembersWrite => "members:write",
            Self::RewardsRedeem => "rewards:redeem",
            Self::ReportsRead => "reports:read",
            Self::Support => "support",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub program: ProgramId,
    /// What an API key may do; empty for a member.
    pub scopes: Vec<Scope>,
    /// The member, by the shop's own id, when the credential is a member token.
    pub member: Option<CustomerId>,
    /// The name of the API key: the actor in the audit.
    pub actor: String,
    /// The id of the API key; `None` for a member token.
    pub key: Option<String>,
    /// The identifiers that the API key may state as verified; `None` sets no bound.
    pub verifies: Option<Vec<IdentifierKind>>,
    /// The API key's own rate limit, where it differs from the default.
    pub per_minute: Option<u32>,
    /// The ids of the keys that the API key descends from, its creator last; `None` where the authorizer does not say.
    pub(crate) creators: Option<Vec<String>>,
    /// The verified identifiers that a member token claims.
    pub claims: MemberRef,
    pub(crate) expires: Option<Timestamp>,
}

/// The authorizer's response as the gateway passes it on: only strings, as API Gateway requires.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthContext {
    /// The tenant.
    pub program: String,
    /// Scopes, separated by spaces.
    pub scopes: String,
    /// The member, by the shop's own id.
    pub member: String,
    /// The name of the API key.
    pub actor: String,
    /// The id of the API key.
    pub key: String,
    /// The kinds of identifiers that it may verify, separated by spaces; `*` sets no bound.
    pub verifies: String,
    /// The API key's own rate limit.
    pub per_minute: String,
    /// After a slash, the ids of the keys that the API key descends from, separated by spaces. Without the slash, they are not
    /// known: the authorizer is of an older version.
    pub creators: String,
    /// The verified e-mail address of a member token.
    pub email: String,
    /// The verified phone number of a member token.
    pub phone: String,
    /// When a member token ends, in seconds.
    pub expires: String,
    /// Why the credential is refused; the fields above are empty then.
    pub problem: String,
    /// When it may be sent again, in seconds since 1970: it was not looked up, because its source sent too many invalid ones.
    pub retry_at: String,
    /// Why a genuine credential names nobody; the rest is empty then.
    pub malformed: String,
}

/// In [`AuthContext::verifies`]: any kind of identifier. The empty text stands for none, so a field that is lost grants nothing.
const VERIFIES_ANY: &str = "*";

impl Caller {
    /// The caller as the gateway passes it on.
    pub fn to_context(&self) -> AuthContext {
        let verifies = self.verifies.as_ref().map_or_else(
            || VERIFIES_ANY.to_owned(),
            |kinds| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" "),
        );
        AuthContext {
            program: self.program.to_string(),
            scopes: self.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "),
            member: self.member.as_ref().map(ToString::to_string).unwrap_or_default(),
            actor: self.actor.clone(),
            key: self.key.clone().unwrap_or_default(),
            verifies,
            per_minute: self.per_minute.map(|limit| limit.to_string()).unwrap_or_default(),
            creators: self.creators.as_ref().map(|ids| format!("/{}", ids.join(" "))).unwrap_or_default(),
            email: self.claims.email.as_ref().map(ToString::to_string).unwrap_or_default(),
            phone: self.claims.phone.as_ref().map(ToString::to_string).unwrap_or_default(),
            expires: self.expires.map(|at| at.as_second().to_string()).unwrap_or_default(),
            problem: String::new(),
            retry_at: String::new(),
            malformed: String::new(),
        }
    }

    /// The caller whom the gateway passed on.
    ///
    /// # Errors
    /// 401 when the credential is invalid, or has expired since the authorizer checked it; 400 when its member has no valid
    /// id; 429 when it was not looked up.
    pub fn from_context(context: &AuthContext, now: Timestamp) -> Result<Self, Problem> {
        if let Ok(retry_at) = context.retry_at.parse::<i64>() {
            let seconds = u32::try_from(retry_at.saturating_sub(now.as_second())).unwrap_or_default();
            return Err(Problem::too_many_requests(context.problem.clone(), seconds.max(1)));
        }
        if !context.problem.is_empty() {
            return Err(Problem::unauthorized(context.problem.clone()));
        }
        if !context.malformed.is_empty() {
            return Err(Problem::malformed_at("", context.malformed.clone()));
        }
        let nobody = || Problem::unauthorized("credentials are needed");
        let expires = context.expires.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        if expires.is_some_and(|at| at <= now) {
            return Err(Problem::unauthorized("the token has expired"));
        }
        let verifies = context.verifies.split(' ').filter_map(IdentifierKind::from_name).collect();
        Ok(Self {
            program: ProgramId::new(context.program.as_str()).map_err(|_| nobody())?,
            scopes: context.scopes.split(' ').filter_map(Scope::from_name).collect(),
            member: CustomerId::new(context.member.as_str()).ok(),
            actor: context.actor.clone(),
            key: Some(context.key.clone()).filter(|key| !key.is_empty()),
            verifies: if context.verifies == VERIFIES_ANY { None } else { Some(verifies) },
            per_minute: context.per_minute.parse().ok(),
            creators: context
                .creators
                .strip_prefix('/')
                .map(|ids| ids.split(' ').filter(|id| !id.is_empty()).map(ToOwned::to_owned).collect()),
            claims: verified_claims(Some(&context.email), Some(&context.phone)),
            expires,
        })
    }

    /// The ids of the keys that the API key descends from, its creator last.
    ///
    /// # Errors
    /// 503 when they are not known: an authorizer of an older version answered, and its answer is cached for a minute.
    pub fn creators(&self) -> Result<&[String], Problem> {
        self.creators.as_deref().ok_or_else(Problem::unavailable)
    }

    /// True when the member token has ended.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// Whether the API key has this scope; `admin` covers every scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|own| *own == scope || *own == Scope::Admin)
    }

    /// Checks the program that a request names in its query.
    ///
    /// # Errors
    /// 403 when the credential belongs to another program.
    pub(crate) fn check_program(&self, named: Option<&str>) -> Result<(), Problem> {
        if named.is_some_and(|named| named != self.program.as_str()) {
            return Err(Problem::forbidden("the credential belongs to another program than ?program names"));
        }
        Ok(())
    }
}

/// A reference by the verified identifiers of a token; what is no address or number is left out.
pub(crate) fn verified_claims(email: Option<&str>, phone: Option<&str>) -> MemberRef {
    let email = email.and_then(|email| email.parse().ok());
    let phone = phone.and_then(|phone| phone.parse().ok());
    let reference = MemberRef { email, phone, ..MemberRef::default() };
    let kinds = reference.identifiers().map(|identifier| identifier.kind).collect();
    MemberRef { verified: Some(kinds).filter(|_| !reference.is_empty()), ..reference }
}
