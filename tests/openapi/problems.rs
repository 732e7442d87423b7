//! What every problem document has, and which there are.

use tessera_domain::input::Fault;
use utoipa::ToSchema;

/// A problem (RFC 9457).
#[derive(ToSchema)]
#[allow(dead_code, reason = "described, never made")]
pub struct Problem {
    /// `urn:tessera:problem:` and the problem's slug.
    #[schema(rename = "type", example = "urn:tessera:problem:insufficient_points")]
    kind: String,
    /// The problem in general.
    title: String,
    /// The HTTP status.
    status: u16,
    /// This occurrence of it.
    detail: String,
    /// What to quote when asking for help.
    request_id: String,
    /// What is wrong with the body, all of it.
    #[schema(required = false)]
    errors: Vec<Fault>,
    /// With `coupon_state`, when the coupon was used.
    #[schema(required = false, format = DateTime)]
    used_at: String,
}

/// Status, name and description of the problem answers.
pub const PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "Malformed", "The request is malformed; `errors` names every fault."),
    (401, "Unauthorized", "There are no credentials, or they are not valid."),
    (403, "Forbidden", "The credentials do not allow this, or the member is another."),
    (404, "NotFound", "There is no such thing."),
    (409, "Conflict", "It conflicts with what is there (`stale_version`, `in_flight`, `coupon_state`, …)."),
    (413, "TooLarge", "The body is too large."),
    (415, "UnsupportedMediaType", "The body is not `application/json`."),
    (422, "NotAllowed", "Well-formed, but not allowed; the slug in `type` says why."),
    (429, "TooMany", "Too many requests; `Retry-After` says when to come back."),
    (503, "Unavailable", "Not now; `Retry-After` says when to come back."),
];
