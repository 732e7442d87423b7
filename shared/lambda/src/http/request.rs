//! One request, as handlers see it.

use jiff::Timestamp;
use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE};
use lambda_http::http::{HeaderMap, Method};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde::Deserialize;
use serde_json::Value;
use tessera_domain::member::{Locale, Profile};
use tessera_domain::view::choose_language;
use tessera_store::{ActiveProgram, Audit};

use super::{MAX_BODY_BYTES, MAX_DOCUMENT_BYTES, MAX_KEY_BYTES};
use crate::auth::authenticate;
use crate::caller::{AuthContext, Caller};
use crate::limits::{LookUp, misses_of};
use crate::operation::MAX_REASON_BYTES;
use crate::problem::Problem;
use crate::route::Route;
use crate::services::Services;
use crate::source::Source;

/// The longest value of a path parameter, in bytes: above every identifier, and below what a table's sort key can hold.
const MAX_PATH_VALUE_BYTES: usize = 512;

/// One request.
#[derive(Debug)]
pub struct ApiRequest {
    request: Request,
    route: String,
    request_id: String,
    auth: Option<AuthContext>,
    peer: Option<String>,
    domain: Option<String>,
    caller: Option<Caller>,
    /// What the audit calls the change that the route makes.
    audited: Option<&'static str>,
    natural: NaturalKey,
}

/// The part of a body that names a member.
#[derive(Deserialize)]
struct NamedMember {
    #[serde(alias = "friend")]
    member: Option<Value>,
}

/// What a write of this request is known by: the same for every repetition under one `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NaturalKey {
    /// The key.
    pub key: String,
    /// When the first attempt began.
    pub started_at: Timestamp,
}

impl ApiRequest {
    pub(super) fn new(request: Request, now: Timestamp) -> Self {
        let (mut route, mut request_id, mut auth, mut peer, mut domain) = (None, None, None, None, None);
        if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() {
            route.clone_from(&context.route_key);
            request_id.clone_from(&context.request_id);
            peer.clone_from(&context.http.source_ip);
            domain.clone_from(&context.domain_name);
            // A Lambda authorizer's context; empty on a route without one.
            let fields = context.authorizer.as_ref().map(|authorizer| &authorizer.fields);
            let given = fields.filter(|fields| !fields.is_empty());
            auth = given.and_then(|fields| serde_json::to_value(fields).and_then(serde_json::from_value).ok());
        }
        // Writes without an `Idempotency-Key` are known by it: no two calls may share one.
        let request_id =
            request_id.filter(|given| !given.is_empty()).unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string());
        let natural = NaturalKey { key: request_id.clone(), started_at: now };
        let route = route.unwrap_or_default();
        Self { request, route, request_id, auth, peer, domain, caller: None, audited: None, natural }
    }

    pub(super) fn set_natural_key(&mut self, natural: NaturalKey) {
        self.natural = natural;
    }

    /// The method.
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The route that the gateway matched, such as `POST /v1/receipts/{id}/refunds`.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The request's identifier, for logs and problem documents.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// What a write of this request is known by.
    pub const fn natural_key(&self) -> &NaturalKey {
        &self.natural
    }

    /// The `Idempotency-Key` that lets this request be repeated; `None` without one.
    pub fn repeat_key(&self) -> Option<&str> {
        let key = self.natural.key.as_str();
        (key != self.request_id).then_some(key)
    }

    /// A parameter of the path.
    ///
    /// # Errors
    /// 404 when it is empty, or longer than any identifier: no table can hold such a key.
    pub fn path(&self, name: &str) -> Result<&str, Problem> {
        let found = self.request.path_parameters_ref().and_then(|parameters| parameters.first(name));
        let found = found.filter(|value| (1..=MAX_PATH_VALUE_BYTES).contains(&value.len()));
        found.ok_or_else(|| Problem::not_found("there is nothing at this path"))
    }

    /// The decoded parameters of the path, sorted by name.
    pub(super) fn path_parameters(&self) -> Vec<(&str, &str)> {
        let mut parameters: Vec<_> = self.request.path_parameters_ref().iter().flat_map(|all| all.iter()).collect();
        parameters.sort_unstable();
        parameters
    }

    /// The decoded parameters of the query, sorted by name.
    pub(super) fn query_parameters(&self) -> Vec<(&str, &str)> {
        let mut parameters: Vec<_> =
            self.request.query_string_parameters_ref().iter().flat_map(|all| all.iter()).collect();
        parameters.sort_unstable();
        parameters
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters_ref().and_then(|parameters| parameters.first(name))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name).and_then(|value| value.to_str().ok())
    }

    fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// The address of the stack, such as `https://loyalty.example`, by the domain that the request was sent to.
    pub fn origin(&self) -> String {
        let scheme = self.header("x-forwarded-proto").filter(|scheme| *scheme == "http").unwrap_or("https");
        format!("{scheme}://{}", self.domain.as_deref().unwrap_or("localhost"))
    }

    /// The language of the response: `?locale`, else the member's own, else `Accept-Language`, else the program's.
    pub fn language<'p>(&self, program: &'p ActiveProgram, profile: Option<&Profile>) -> &'p str {
        let own = profile.and_then(|profile| profile.locale.as_ref()).map(Locale::as_str);
        choose_language(self.query("locale"), own, self.header("accept-language"), &program.compiled)
    }

    /// The authorized caller.
    ///
    /// # Errors
    /// 401 on a route that needs no credentials.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(no_credentials)
    }

    /// Checks that the caller may use the route, and from here on knows the caller.
    ///
    /// # Errors
    /// 401 without valid credentials; 403 for another scope, program or member; 429 beyond the caller's rate.
    pub(super) async fn authorize(&mut self, services: &Services, route: &Route) -> Result<(), Problem> {
        if !route.access.needs_credentials() {
            return Ok(());
        }
        let context = self.auth.as_ref().ok_or_else(no_credentials)?;
        let caller = Caller::from_context(context, services.clock.now())?;
        route.access.check(&caller)?;
        caller.check_program(self.query("program"))?;
        services.limits.admit(&services.store, &caller, services.clock.now()).await?;
        if let (Some(own), Ok(member)) = (&caller.member, self.path("member"))
            && own.as_str() != member
        {
            // Another spelling of the member may be the same person; only then is a look-up needed.
            let program = services.program(&caller.program).await?;
            services.member_for(&program, &caller, member).await?;
        }
        self.caller = Some(caller);
        self.audited = route.audited;
        Ok(())
    }

    /// The entry of the audit for the change that this request makes to an object, such as `rules/every-50`. The store takes
    /// it with every administrative write.
    ///
    /// # Errors
    /// 400 for a `Tessera-Reason` that cannot be read; 503 on a route that is not declared as audited.
    pub fn audit(&self, object: impl Into<String>) -> Result<Audit, Problem> {
        let (caller, natural) = (self.caller()?, self.natural_key());
        let undeclared = || Problem::internal(&format!("{} is not declared as audited", self.route));
        Ok(Audit {
            actor: caller.actor.clone(),
            key: caller.key.clone(),
            action: self.audited.ok_or_else(undeclared)?.to_owned(),
            object: object.into(),
            reason: self.reason()?,
            at: natural.started_at,
            request: natural.key.clone(),
            changes: Vec::new(),
        })
    }

    /// The header `Tessera-Reason`, in UTF-8.
    fn reason(&self) -> Result<Option<String>, Problem> {
        let Some(given) = self.headers().get("tessera-reason") else { return Ok(None) };
        let text = std::str::from_utf8(given.as_bytes()).ok().map(str::trim);
        let text = text.filter(|text| (1..=MAX_REASON_BYTES).contains(&text.len()));
        let unreadable =
            || Problem::malformed_at("", format!("Tessera-Reason takes 1 to {MAX_REASON_BYTES} bytes of text"));
        text.map(|text| Some(text.to_owned())).ok_or_else(unreadable)
    }

    /// The caller on a route with [`crate::Access::MemberOrAnonymous`]; `None` for an anonymous visitor.
    ///
    /// # Errors
    /// 401 for invalid credentials; 403 for another program; 503 when they cannot be looked up.
    pub async fn authenticate(&self, services: &Services) -> Result<Option<Caller>, Problem> {
        let Some(header) = self.header(AUTHORIZATION.as_str()) else { return Ok(None) };
        let known = services.callers.get(header, services.clock.now());
        let caller = if let Some(caller) = known {
            caller
        } else {
            let caller = authenticate(services, header, &self.source(services)).await?;
            services.callers.insert(header, &caller);
            caller
        };
        caller.check_program(self.query("program"))?;
        services.limits.admit(&services.store, &caller, services.clock.now()).await?;
        Ok(Some(caller))
    }

    /// The network that the request comes from.
    pub fn source(&self, services: &Services) -> Source {
        Source::find(self.peer.as_deref(), self.header("x-forwarded-for"), &services.config.trusted_proxies)
    }

    /// Begins the look-up of the member or the code that the request names, on a route that [looks one up](Route::looks_up).
    ///
    /// # Errors
    /// 429 after too many misses.
    pub(super) fn begin_look_up<'a>(
        &self,
        services: &'a Services,
        route: &Route,
    ) -> Result<Option<LookUp<'a>>, Problem> {
        let Some(caller) = self.caller.as_ref().filter(|_| route.looks_up()) else { return Ok(None) };
        let counter = misses_of(caller, self.client(caller).as_deref(), &self.source(services));
        services.limits.begin(&services.store, counter, services.clock.now()).map(Some)
    }

    /// For whom an API key looks something up: the header `Tessera-Client`, or the member whom the path, the query or the body names.
    fn client(&self, caller: &Caller) -> Option<String> {
        caller.key.as_ref()?;
        let header = self.header("tessera-client").filter(|name| !name.is_empty());
        let in_path = || self.path("member").or_else(|_| self.path("source")).ok();
        let in_query = || self.query("member").or_else(|| self.query("query")).filter(|named| !named.is_empty());
        let named = header.or_else(in_path).or_else(in_query).map(str::to_owned);
        named.or_else(|| {
            let body: NamedMember = serde_json::from_slice(self.body()).ok()?;
            body.member.map(|member| member.to_string())
        })
    }

    /// The program and the id of the API key, for log lines.
    pub(super) fn program_and_key(&self) -> (String, Option<String>) {
        let Some(auth) = &self.auth else { return (String::new(), None) };
        (auth.program.clone(), Some(auth.key.clone()).filter(|key| !key.is_empty()))
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        match self.request.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
            _ => &[],
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 413, 415 or 400.
    pub fn json(&self) -> Result<Value, Problem> {
        self.json_up_to(MAX_BODY_BYTES)
    }

    /// The body as JSON, up to the size of a program document.
    ///
    /// # Errors
    /// 413, 415 or 400.
    pub fn large_json(&self) -> Result<Value, Problem> {
        self.json_up_to(MAX_DOCUMENT_BYTES)
    }

    /// The body as JSON; an empty body is an empty object.
    ///
    /// # Errors
    /// 413, 415 or 400.
    pub fn optional_json(&self) -> Result<Value, Problem> {
        if self.body().is_empty() { Ok(Value::Object(serde_json::Map::new())) } else { self.json() }
    }

    fn json_up_to(&self, most: usize) -> Result<Value, Problem> {
        if self.body().len() > most {
            return Err(Problem::too_large(format!("the body is larger than {} KB", most / 1024)));
        }
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or("application/json");
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !kind.ends_with("+json") {
            return Err(Problem::unsupported_media_type());
        }
        super::json::parse(self.body())
    }

    /// The `Idempotency-Key`, with its quotes taken off (draft -07 writes a quoted string; unquoted is accepted).
    ///
    /// # Errors
    /// 400 when there is one that cannot be read: to go on without it would be to carry a repetition out twice.
    pub(super) fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(given) = self.headers().get("idempotency-key") else { return Ok(None) };
        let key = given
            .to_str()
            .ok()
            .map(str::trim)
            .map(|key| key.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(key));
        let fits = key.filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
        fits.map(Some).ok_or_else(|| {
            Problem::malformed_at("", format!("Idempotency-Key takes 1 to {MAX_KEY_BYTES} printable ASCII characters"))
        })
    }
}

fn no_credentials() -> Problem {
    Problem::unauthorized("send Authorization: Bearer, and an API key or a member's token")
}
