//! Who calls: API keys and member tokens.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tessera_domain::ids::ProgramId;
use tessera_domain::member::{MemberRef, read_id};

use crate::caller::{AUTHORIZER_CACHE_SECONDS, verified_claims};
use crate::jwt::Token;
use crate::limits::LookUp;
use crate::problem::Problem;
use crate::services::Services;
use crate::source::Source;

pub use crate::caller::{AuthContext, Caller, Scope};

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

/// True for a text that can be an API key: `tsk_` and letters, digits or `_`, 128 bytes at most.
pub fn is_api_key(credential: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let random = credential.strip_prefix(API_KEY_PREFIX).unwrap_or_default();
    !random.is_empty() && credential.len() <= LONGEST_API_KEY && random.bytes().all(is_plain)
}

async fn api_key(services: &Services, credential: &str, source: &Source) -> Result<Caller, AuthFault> {
    if !is_api_key(credential) {
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
