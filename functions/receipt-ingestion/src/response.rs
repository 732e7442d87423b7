//! The responses to facts.

use jiff::Timestamp;
use serde::Serialize;
use tessera_intake::{IdentityNotes, Intake};
use tessera_lambda::http::{self, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::ActiveProgram;

/// The body of the response to a stored fact; a repeat gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Accepted<'a> {
    /// The fact's identifier, as the shop gave it.
    id: &'a str,
    /// Always `accepted`: the decision follows later.
    #[cfg_attr(feature = "openapi", schema(value_type = AcceptedStatus))]
    status: &'static str,
    /// What became of the identifiers of the request.
    #[serde(flatten)]
    notes: IdentityNotes,
}

/// That a fact is stored.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of `status`")]
enum AcceptedStatus {
    /// It is.
    Accepted,
}

/// 202 for a fact that is stored now, 200 for a repeat.
pub(crate) fn accepted(status: u16, id: &str, notes: IdentityNotes) -> Response {
    http::json(status, &Accepted { id, status: "accepted", notes })
}

/// 422 for a fact whose id was used before with other content.
pub(crate) fn different_content(detail: String) -> Problem {
    Problem::unprocessable("different_content", detail)
}

/// The intake of a program at the time of the request.
pub(crate) fn intake<'a>(services: &'a Services, program: &'a ActiveProgram, now: Timestamp) -> Intake<'a> {
    Intake { store: &services.store, programs: &services.programs, program, now }
}
