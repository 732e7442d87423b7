//! The program as one document.

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::program::{Difference, Program, SubmittedProgram, diff};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::version::{Expected, etag};
use tessera_lambda::{Parameter, Problem, Route, Services, ValueKind, handler};
use tessera_store::{ActiveProgram, PutProgramError};

use crate::ADMIN;
use crate::change::{document, latest};
use crate::parts;

const DRY_RUN: Parameter =
    Parameter { values: ValueKind::Boolean, ..Parameter::text("dry_run", "Only check, and return what would change.") };

/// The routes of the whole program.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/program", ADMIN, handler!(get))
        .named("getProgram", "Program", "Reads the whole program")
        .etag()
        .gives::<StoredProgramView>(200, "The program."),
    Route::put("/v1/program", ADMIN, handler!(put))
        .named("putProgram", "Program", "Replaces the whole program")
        .details("A document that changes nothing changes no version.")
        .audited("program.replace")
        .query(DRY_RUN)
        .if_match()
        .etag()
        .takes::<Program>(example)
        .gives::<PutProgramView>(200, "The program as it is stored, or what would change.")
        .fails(409)
        .fails(422),
];

/// A program as it is stored.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = StoredProgram))]
#[allow(dead_code, reason = "the schema of what `stored` responds")]
struct StoredProgramView {
    /// Its id.
    id: String,
    /// The current version.
    version: u32,
    /// When that version was stored.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    updated_at: String,
    /// The document.
    #[cfg_attr(feature = "openapi", serde(flatten))]
    program: Program,
}

/// What a `PUT` would do.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DryRun))]
struct DryRunView {
    /// Always true: an invalid document is a problem.
    valid: bool,
    /// The version that would be current.
    version: u32,
    /// What would change.
    diff: Vec<Difference>,
}

/// The stored program, or, with `?dry_run=true`, what would change.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PutProgramResponse), serde(untagged))]
#[allow(dead_code, clippy::large_enum_variant, reason = "the schema of what `put` responds")]
enum PutProgramView {
    /// It is stored.
    Stored(StoredProgramView),
    /// It would be valid.
    Tried(DryRunView),
}

/// An example of a program.
fn example() -> Value {
    json!({
        "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
        "points": { "name": { "one": "punto", "other": "punti" }, "expiry": { "after_months": 12 } },
        "tiers": {
            "ladder": [
                { "id": "base", "name": "Base", "threshold": 0 },
                { "id": "silver", "name": { "it": "Argento", "en": "Silver" }, "threshold": 500 },
            ],
            "vip": [{ "id": "vip", "name": "VIP" }],
        },
        "rewards": [parts::reward_example("five-off"), parts::reward_example("tea")],
        "rules": [parts::rule_example("every-50"), parts::rule_example("per-euro"), parts::rule_example("visit")],
    })
}

/// `GET /v1/program`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    Ok(stored(services.program(&caller.program).await?.as_ref()))
}

/// `PUT /v1/program`
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let dry_run = match request.query("dry_run") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::malformed_at("", "dry_run must be true or false")),
    };
    let sent = SubmittedProgram::read(&request.large_json()?).map_err(Problem::malformed)?;
    let expected = Expected::read(request.header("if-match")).version();
    let id = &caller.program;
    let put = if dry_run {
        services.store.try_program(id, &sent, expected).await.map(Put::Tried)
    } else {
        services
            .programs
            .put(id, &sent, expected, services.clock.now(), &request.audit("program")?)
            .await
            .map(Put::Stored)
    };
    match put {
        Ok(Put::Stored(active)) => {
            services.ask_codes_of_version(id, active.head.version).await;
            Ok(stored(&active))
        }
        Ok(Put::Tried(version)) => {
            let current = latest(services, id).await?;
            let diff = diff(&document(&current.program), &document(sent.program()));
            Ok(http::json(200, &DryRunView { valid: true, version, diff }))
        }
        Err(PutProgramError::Stale { current }) => {
            Err(services.stale_version(id, expected.unwrap_or_default(), current).await?)
        }
        Err(PutProgramError::InUse { faults }) => Err(Problem::in_use(faults)),
        Err(PutProgramError::TwoPerson) => Err(Problem::two_person()),
        Err(PutProgramError::Unknown) => Err(Problem::program_missing(id)),
        Err(PutProgramError::Store(error)) => Err(error.into()),
    }
}

enum Put {
    Stored(std::sync::Arc<ActiveProgram>),
    Tried(u32),
}

/// The response with a stored program.
fn stored(active: &ActiveProgram) -> Response {
    let mut view = document(&active.compiled.program);
    if let Value::Object(fields) = &mut view {
        fields.insert("id".to_owned(), json!(active.id));
        fields.insert("version".to_owned(), json!(active.head.version));
        fields.insert("updated_at".to_owned(), json!(active.head.updated_at.to_string()));
    }
    http::with_header(http::json(200, &view), "etag", &etag(active.head.version))
}
