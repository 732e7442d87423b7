//! Who calls, and what they may do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_domain::ids::{CustomerId, ProgramId};
use tessera_domain::member::{IdentifierKind, MemberRef, read_id};

use crate::jwt::Token;
use crate::limits::{AUTHORIZER_CACHE_SECONDS, LookUp};
use crate::problem::Problem;
use crate::services::Services;
use crate::source::Source;

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

    fn from_name(name: &str) -> Option<Self> {
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
    creators: Option<Vec<String>>,
    /// The verified identifiers that a member token claims.
    pub claims: MemberRef,
    expires: Option<Timestamp>,
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

/// Why a credential is not good.
#[derive(Debug, thiserror::Error)]
pub enum AuthFault {
    /// It is not; what to tell.
    #[error("{0}")]
    Bad(&'static str),
    /// It is genuine, but names nobody: the text is safe to return to the sender.
    #[error("{0}")]
    Malformed(String),
    /// It could not be looked up.
    #[error("{}", .0.detail())]
    Unavailable(Problem),
    /// It was not looked up: its source sent too many invalid ones in this minute.
    #[error("{}", .0.detail())]
    TooMany(Problem),
}

impl From<AuthFault> for Problem {
    fn from(fault: AuthFault) -> Self {
        match fault {
            AuthFault::Bad(why) => Self::unauthorized(why),
            AuthFault::Malformed(why) => Self::malformed_at("", why),
            AuthFault::Unavailable(problem) | AuthFault::TooMany(problem) => problem,
        }
    }
}

impl From<tessera_store::StoreError> for AuthFault {
    fn from(error: tessera_store::StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

const UNKNOWN_KEY: AuthFault = AuthFault::Bad("the API key is not known");
const BAD_TOKEN: AuthFault = AuthFault::Bad("the token is not valid");
const EXPIRED: AuthFault = AuthFault::Bad("the token has expired, or ends more than an hour from now");
const EARLY: AuthFault = AuthFault::Bad("the token is not valid yet: see its nbf and iat");
/// The longest time until a token ends, in seconds.
const LONGEST_TOKEN: i64 = 3600;
/// The tolerated difference between the shop's clock and ours, in seconds.
const LEEWAY: i64 = 60;
/// The longest credential that is checked, in bytes.
const LONGEST_CREDENTIAL: usize = 2048;
/// What every API key begins with.
const API_KEY_PREFIX: &str = "tsk_";
/// The longest API key, in bytes.
const LONGEST_API_KEY: usize = 128;

/// Who an `Authorization` header stands for: an API key's program, or a member by a token of the shop.
///
/// Size and shape are checked before anything is read: what cannot be a credential costs nothing and is no miss.
///
/// # Errors
/// When it stands for nobody, cannot be looked up now, or comes from a source that sent too many invalid ones.
pub async fn authenticate(services: &Services, header: &str, source: &Source) -> Result<Caller, AuthFault> {
    let credential = match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => return Err(AuthFault::Bad("send Authorization: Bearer, and an API key or a member's token")),
    };
    if credential.is_empty() || credential.len() > LONGEST_CREDENTIAL {
        return Err(AuthFault::Bad("the credential is empty or too long"));
    }
    let caller = if credential.split('.').count() == 3 && credential.starts_with("eyJ") {
        member(services, credential, source).await?
    } else {
        api_key(services, credential, source).await?
    };
    services.limits.accept_credential(credential, services.clock.now());
    Ok(caller)
}

/// Begins the look-up of a credential.
fn begin<'a>(services: &'a Services, credential: &str, source: &Source) -> Result<LookUp<'a>, AuthFault> {
    let begun = services.limits.begin_credential(&services.store, source, credential, services.clock.now());
    begun.map_err(AuthFault::TooMany)
}

/// Counts a credential that nobody has.
async fn missed(look_up: LookUp<'_>, fault: AuthFault) -> AuthFault {
    let problem = look_up.missed(Problem::unauthorized(fault.to_string())).await;
    match problem.status() {
        401 => fault,
        429 => AuthFault::TooMany(problem),
        _ => AuthFault::Unavailable(problem),
    }
}

async fn api_key(services: &Services, credential: &str, source: &Source) -> Result<Caller, AuthFault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let random = credential.strip_prefix(API_KEY_PREFIX).unwrap_or_default();
    if random.is_empty() || credential.len() > LONGEST_API_KEY || !random.bytes().all(is_plain) {
        return Err(UNKNOWN_KEY);
    }
    let look_up = begin(services, credential, source)?;
    let Some(found) = services.store.find_api_key(credential).await? else {
        return Err(missed(look_up, UNKNOWN_KEY).await);
    };
    Ok(Caller {
        program: found.program,
        scopes: found.key.scopes.iter().filter_map(|name| Scope::from_name(name)).collect(),
        member: None,
        actor: found.key.name,
        key: Some(found.key.id),
        verifies: found.key.verifies,
        per_minute: found.key.per_minute,
        creators: Some(found.key.creators),
        claims: MemberRef::default(),
        expires: None,
    })
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    // Of OpenID Connect. A claim of another type proves nothing, and does not make the token invalid.
    #[serde(default)]
    email: Value,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    phone_number: Value,
    #[serde(default)]
    phone_number_verified: Value,
}

/// A reference by the verified identifiers of a token; what is no address or number is left out.
fn verified_claims(email: Option<&str>, phone: Option<&str>) -> MemberRef {
    let email = email.and_then(|email| email.parse().ok());
    let phone = phone.and_then(|phone| phone.parse().ok());
    let reference = MemberRef { email, phone, ..MemberRef::default() };
    let kinds = reference.identifiers().map(|identifier| identifier.kind).collect();
    MemberRef { verified: Some(kinds).filter(|_| !reference.is_empty()), ..reference }
}

impl Claims {
    /// The identifiers that the token claims as verified.
    fn verified(&self) -> MemberRef {
        let proven = |value: &Value, verified: &Value| {
            value.as_str().filter(|_| *verified == Value::Bool(true)).map(ToOwned::to_owned)
        };
        let email = proven(&self.email, &self.email_verified);
        let phone = proven(&self.phone_number, &self.phone_number_verified);
        verified_claims(email.as_deref(), phone.as_deref())
    }

    /// Checks the times and returns when the token ends, leeway included.
    fn ends_at(&self, now: Timestamp) -> Result<Timestamp, AuthFault> {
        let now = now.as_second();
        let latest = now.saturating_add(LEEWAY);
        if self.nbf.is_some_and(|at| at > latest) || self.iat.is_some_and(|at| at > latest) {
            return Err(EARLY);
        }
        let end = self.exp.saturating_add(LEEWAY);
        if end <= now || self.exp > latest.saturating_add(LONGEST_TOKEN) {
            return Err(EXPIRED);
        }
        Timestamp::from_second(end).map_err(|_| EXPIRED)
    }
}

async fn member(services: &Services, credential: &str, source: &Source) -> Result<Caller, AuthFault> {
    // Which program's secrets are to be tried is read before the signature is; nothing else is believed of it.
    let token = Token::parse(credential).ok_or(BAD_TOKEN)?;
    let claims: Claims = token.claims().ok_or(BAD_TOKEN)?;
    let program = ProgramId::new(claims.iss.as_str()).map_err(|_| BAD_TOKEN)?;
    let key = services.secrets().await.map_err(AuthFault::Unavailable)?;
    let look_up = begin(services, credential, source)?;
    let Some(secrets) = services.store.storefront_secrets(&program, &key).await? else {
        return Err(missed(look_up, BAD_TOKEN).await);
    };
    let now = services.clock.now();
    if !secrets.valid_at(now).into_iter().any(|secret| token.verify(secret.as_bytes())) {
        return Err(missed(look_up, BAD_TOKEN).await);
    }
    let expires = claims.ends_at(now)?;
    // The shop signed it: an id that is none is the shop's mistake, not a forgery.
    let member = read_id(&claims.sub).map_err(|why| AuthFault::Malformed(format!("the token's sub {why}")))?;
    Ok(Caller {
        program,
        scopes: Vec::new(),
        actor: format!("member {member}"),
        member: Some(member),
        key: None,
        verifies: Some(Vec::new()),
        per_minute: None,
        creators: None,
        claims: claims.verified(),
        expires: Some(expires),
    })
}

/// What the authorizer function answers: always authorized, so that the function itself gives the precise answer.
///
/// # Errors
/// When the credential cannot be looked up now; nothing is cached then.
pub async fn authorize(services: &Services, header: Option<&str>, source: &Source) -> Result<Value, String> {
    let context = match authenticate(services, header.unwrap_or_default(), source).await {
        Ok(caller) => caller.to_context(),
        Err(AuthFault::Bad(why)) => AuthContext { problem: why.to_owned(), ..AuthContext::default() },
        Err(AuthFault::Malformed(why)) => AuthContext { malformed: why, ..AuthContext::default() },
        Err(AuthFault::Unavailable(problem)) => return Err(problem.detail().to_owned()),
        // The gateway repeats this for the same credential until then, whatever the minute.
        Err(AuthFault::TooMany(problem)) => AuthContext {
            problem: problem.detail().to_owned(),
            retry_at: services.clock.now().as_second().saturating_add(AUTHORIZER_CACHE_SECONDS).to_string(),
            ..AuthContext::default()
        },
    };
    Ok(serde_json::json!({ "isAuthorized": true, "context": context }))
}
