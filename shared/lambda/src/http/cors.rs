//! CORS: the pages of a program's `storefront.allowed_origins` may read the responses of browser routes.
//!
//! Browser routes take `?program`, because a preflight request carries no credentials. The gateway's own CORS settings are
//! not used: they are the same for every program.

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use tessera_domain::ids::ProgramId;
use tessera_store::ActiveProgram;

use super::{ApiRequest, Response, empty, with_header};
use crate::limits::misses_of_programs;
use crate::problem::Problem;
use crate::route::Route;
use crate::services::Services;

/// Browser routes read and act; none of them replaces or deletes.
const METHODS: &str = "GET, POST";
/// The request headers of browser routes.
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, accept-language";
/// The response headers that scripts read.
const RESPONSE_HEADERS: &str = "idempotency-replayed, retry-after";
/// How long a browser may remember a preflight response, in seconds; browsers allow no more than two hours.
const MAX_AGE: &str = "600";

/// The paths that pages use. The function that responds to preflight requests has the route tables of no other function, so
/// they are listed here; `preflight_requests_know_the_browser_routes` compares them with the tables.
pub const BROWSER_PATHS: &[&str] = &[
    "/v1/coupons/{code}",
    "/v1/coupons/{code}/apply",
    "/v1/coupons/{code}/cancel",
    "/v1/coupons/{code}/commit",
    "/v1/coupons/{code}/release",
    "/v1/hub",
    "/v1/members",
    "/v1/members/{member}/coupons",
    "/v1/members/{member}/entries",
    "/v1/members/{member}/hub",
    "/v1/members/{member}/redemptions",
    "/v1/members/{member}/referral-shares",
    "/v1/members/{member}/referrals",
];

/// What decides whether a page may read a response, taken from its request.
#[derive(Debug)]
pub(super) struct CrossOrigin {
    origin: Option<String>,
    program: Option<ProgramId>,
    has_credentials: bool,
}

impl CrossOrigin {
    /// The origin and the program of a request; `None` on routes that pages do not use.
    pub fn of(request: &ApiRequest, route: Option<&Route>) -> Option<Self> {
        route.filter(|route| route.access.is_for_browsers())?;
        let (authorized, _) = request.program_and_key();
        let named =
            if authorized.is_empty() { request.query("program").unwrap_or_default() } else { authorized.as_str() };
        Some(Self {
            origin: request.header(ORIGIN.as_str()).map(str::to_owned),
            program: ProgramId::new(named).ok(),
            has_credentials: !authorized.is_empty(),
        })
    }

    /// Adds the headers that let an allowed page read the response.
    pub async fn allow(&self, services: &Services, mut response: Response) -> Response {
        response.headers_mut().entry(VARY).or_insert(HeaderValue::from_static("origin"));
        let (Some(origin), Some(program)) = (&self.origin, &self.program) else { return response };
        // Strangers who guess programs must not cost a read each: what was refused for that is not looked up again.
        if !self.has_credentials && matches!(response.status().as_u16(), 404 | 429) {
            return response;
        }
        let Ok(Some(program)) = services.programs.get(program).await else { return response };
        if !is_allowed(&program, origin) {
            return response;
        }
        let response = with_header(response, ACCESS_CONTROL_ALLOW_ORIGIN.as_str(), origin);
        with_header(response, ACCESS_CONTROL_EXPOSE_HEADERS.as_str(), RESPONSE_HEADERS)
    }
}

/// Responds to a preflight request: 204, with permission if pages use the path, and the program of `?program` allows the
/// page's origin.
///
/// # Errors
/// 404 for an unknown program, 429 after too many of them.
pub async fn preflight(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let response = with_header(empty(204), VARY.as_str(), "origin");
    let (Some(origin), Some(named)) = (request.header(ORIGIN.as_str()), request.query("program")) else {
        return Ok(response);
    };
    if !request.path("path").is_ok_and(is_for_browsers) {
        return Ok(response);
    }
    let unknown = || Problem::not_found("there is no such program");
    let named = ProgramId::new(named).map_err(|_| unknown())?;
    let misses = misses_of_programs(&request.source(services));
    let look_up = services.limits.begin(&services.store, misses, services.clock.now())?;
    let Some(program) = services.programs.get(&named).await? else {
        return Err(look_up.missed(unknown()).await);
    };
    if !is_allowed(&program, origin) {
        return Ok(response);
    }
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    Ok(headers.into_iter().fold(response, |mut response, (name, value)| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
        response
    }))
}

/// Whether pages use a path, which is given without `/v1/`.
fn is_for_browsers(path: &str) -> bool {
    BROWSER_PATHS.iter().any(|template| {
        let mut wanted = template.trim_start_matches("/v1/").split('/');
        let mut given = path.split('/');
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted.starts_with('{') || wanted == given => {}
                _ => return false,
            }
        }
    })
}

fn is_allowed(program: &ActiveProgram, origin: &str) -> bool {
    program.compiled.program.storefront.allowed_origins.iter().any(|allowed| allowed == origin)
}
