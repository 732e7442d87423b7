//! Who calls, and what they may do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_domain::ids::{CustomerId, ProgramId};

use crate::jwt::Token;
use crate::problem::Problem;
use crate::services::Services;

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Send receipts and refunds.
    ReceiptsWrite,
    /// Send interactions.
    InteractionsWrite,
    /// Send referrals.
    ReferralsWrite,
    /// Read members.
    MembersRead,
    /// Enrol and change members.
    MembersWrite,
    /// Redeem rewards, change coupons.
    RewardsRedeem,
    /// Read reports.
    ReportsRead,
    /// Members, adjustments, coupons and notes.
    Support,
    /// Everything.
    Admin,
}

impl Scope {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::ReceiptsWrite,
        Self::InteractionsWrite,
        Self::ReferralsWrite,
        Self::MembersRead,
        Self::MembersWrite,
        Self::RewardsRedeem,
        Self::ReportsRead,
        Self::Support,
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
            Self::Admin => "admin",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// True when who has this may do what asks for `wanted`.
    fn grants(self, wanted: Self) -> bool {
        self == wanted
            || self == Self::Admin
            || self == Self::Support && matches!(wanted, Self::MembersRead | Self::MembersWrite | Self::RewardsRedeem)
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub program: ProgramId,
    /// What they may do; none for a member.
    pub scopes: Vec<Scope>,
    /// The member, as the shop knows them, when it is a member's token.
    pub member: Option<CustomerId>,
    /// The name of the API key: the actor in the audit.
    pub actor: String,
    expires: Option<Timestamp>,
}

/// The authorizer's answer as the gateway hands it on: texts only, as API Gateway keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthContext {
    /// The tenant.
    pub program: String,
    /// Scopes, with spaces between.
    pub scopes: String,
    /// The member, as the shop knows them.
    pub member: String,
    /// The name of the API key.
    pub actor: String,
    /// When a member's token ends, in seconds.
    pub expires: String,
    /// Why the credential is not good; the rest is empty then.
    pub problem: String,
}

impl Caller {
    /// As the gateway hands it on.
    pub fn to_context(&self) -> AuthContext {
        AuthContext {
            program: self.program.to_string(),
            scopes: self.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "),
            member: self.member.as_ref().map(ToString::to_string).unwrap_or_default(),
            actor: self.actor.clone(),
            expires: self.expires.map(|at| at.as_second().to_string()).unwrap_or_default(),
            problem: String::new(),
        }
    }

    /// Who calls, from what the gateway handed on.
    ///
    /// # Errors
    /// 401 when the credential is bad, or has expired since the authorizer saw it.
    pub fn from_context(context: &AuthContext, now: Timestamp) -> Result<Self, Problem> {
        if !context.problem.is_empty() {
            return Err(Problem::unauthorized(context.problem.clone()));
        }
        let nobody = || Problem::unauthorized("credentials are needed");
        let expires = context.expires.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        if expires.is_some_and(|at| at <= now) {
            return Err(Problem::unauthorized("the token has expired"));
        }
        Ok(Self {
            program: ProgramId::new(context.program.as_str()).map_err(|_| nobody())?,
            scopes: context.scopes.split(' ').filter_map(Scope::from_name).collect(),
            member: CustomerId::new(context.member.as_str()).ok(),
            actor: context.actor.clone(),
            expires,
        })
    }

    /// True when any of these scopes is granted.
    pub fn may(&self, any_of: &[Scope]) -> bool {
        any_of.iter().any(|wanted| self.scopes.iter().any(|scope| scope.grants(*wanted)))
    }

    /// The caller, if any of these scopes is granted.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn require(self, any_of: &[Scope]) -> Result<Self, Problem> {
        if self.may(any_of) {
            return Ok(self);
        }
        let names: Vec<&str> = any_of.iter().map(|scope| scope.name()).collect();
        Err(Problem::forbidden(format!("this needs a key with the scope {}", names.join(" or "))))
    }

    /// The caller, if any of these scopes is granted, or if it is a member: whom they may reach is asked later.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn require_or_member(self, any_of: &[Scope]) -> Result<Self, Problem> {
        if self.member.is_some() { Ok(self) } else { self.require(any_of) }
    }
}

/// Why a credential is not good.
#[derive(Debug, thiserror::Error)]
pub enum AuthFault {
    /// It is not; what to tell.
    #[error("{0}")]
    Bad(&'static str),
    /// It could not be looked up.
    #[error("{}", .0.detail())]
    Unavailable(Problem),
}

impl From<tessera_store::StoreError> for AuthFault {
    fn from(error: tessera_store::StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

const UNKNOWN_KEY: AuthFault = AuthFault::Bad("the API key is not known");
const BAD_TOKEN: AuthFault = AuthFault::Bad("the token is not valid");
const EXPIRED: AuthFault = AuthFault::Bad("the token has expired, or lives for more than an hour");
/// A token may end at most so much later, in seconds.
const LONGEST_TOKEN: i64 = 3600;
/// The longest credential that is looked at.
const LONGEST_CREDENTIAL: usize = 2048;

/// Who an `Authorization` header stands for: an API key's program, or a member by a token of the shop.
///
/// # Errors
/// When it stands for nobody, or cannot be looked up now.
pub async fn authenticate(services: &Services, header: &str) -> Result<Caller, AuthFault> {
    let credential = match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => return Err(AuthFault::Bad("send Authorization: Bearer, and an API key or a member's token")),
    };
    if credential.is_empty() || credential.len() > LONGEST_CREDENTIAL {
        return Err(AuthFault::Bad("the credential is empty or too long"));
    }
    if credential.split('.').count() == 3 && credential.starts_with("eyJ") {
        return member(services, credential).await;
    }
    let found = services.store.find_api_key(credential).await?.ok_or(UNKNOWN_KEY)?;
    Ok(Caller {
        program: found.program,
        scopes: found.key.scopes.iter().filter_map(|name| Scope::from_name(name)).collect(),
        member: None,
        actor: found.key.name,
        expires: None,
    })
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
}

async fn member(services: &Services, token: &str) -> Result<Caller, AuthFault> {
    // Which program's secrets are to be tried is read before the signature is; nothing else is believed of it.
    let token = Token::parse(token).ok_or(BAD_TOKEN)?;
    let claims: Claims = token.claims().ok_or(BAD_TOKEN)?;
    let program = ProgramId::new(claims.iss.as_str()).map_err(|_| BAD_TOKEN)?;
    let key = services.secrets().await.map_err(AuthFault::Unavailable)?;
    let secrets = services.store.storefront_secrets(&program, &key).await?.ok_or(BAD_TOKEN)?;
    let now = services.clock.now();
    if !secrets.valid_at(now).into_iter().any(|secret| token.verify(secret.as_bytes())) {
        return Err(BAD_TOKEN);
    }
    let expires = Timestamp::from_second(claims.exp).map_err(|_| EXPIRED)?;
    if claims.exp <= now.as_second() || claims.exp > now.as_second().saturating_add(LONGEST_TOKEN) {
        return Err(EXPIRED);
    }
    let member = CustomerId::new(claims.sub).map_err(|_| BAD_TOKEN)?;
    Ok(Caller {
        program,
        scopes: Vec::new(),
        actor: format!("member {member}"),
        member: Some(member),
        expires: Some(expires),
    })
}

/// What the authorizer function answers: always authorized, so that the function itself gives the precise answer.
///
/// # Errors
/// When the credential cannot be looked up now; nothing is cached then.
pub async fn authorize(services: &Services, header: Option<&str>) -> Result<Value, String> {
    let context = match authenticate(services, header.unwrap_or_default()).await {
        Ok(caller) => caller.to_context(),
        Err(AuthFault::Bad(why)) => AuthContext { problem: why.to_owned(), ..AuthContext::default() },
        Err(AuthFault::Unavailable(problem)) => return Err(problem.detail().to_owned()),
    };
    Ok(serde_json::json!({ "isAuthorized": true, "context": context }))
}
