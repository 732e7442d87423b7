//! The versions of the program.

use serde_json::json;
use tessera_domain::program::SubmittedProgram;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::NewDraft;

use crate::ADMIN;
use crate::common::{author, page, read_nothing, refused, respond};
use crate::view::{DraftView, VersionView, WholeVersionView, document};

/// The name of the list in its cursors.
const LIST: &str = "versions";

/// The routes of versions.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/program/versions", ADMIN, handler!(list))
        .named("listProgramVersions", "Program", "Lists the versions of the program, newest first")
        .details("With what each changed, and who put it in force.")
        .paged()
        .lists::<VersionView>("A page of versions."),
    Route::get("/v1/program/versions/{version}", ADMIN, handler!(get))
        .named("getProgramVersion", "Program", "Reads a version of the program")
        .gives::<WholeVersionView>(200, "The version, with its program."),
    Route::post("/v1/program/versions/{version}/restore", ADMIN, handler!(restore))
        .named("restoreProgramVersion", "Program", "Creates a draft of an earlier version")
        .details("It comes into force when it is published, and is checked as if somebody had sent it now.")
        .audited("version.restore")
        .gives::<DraftView>(201, "The draft."),
];

/// `GET /v1/program/versions`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let (limit, after) = page(services, request, LIST).await?;
    let found = services.store.program_versions(program, limit, after.as_deref()).await?;
    respond(services, request, LIST, found, VersionView::from).await
}

fn unknown() -> Problem {
    Problem::not_found("there is no such version")
}

/// The number in the path.
fn number(request: &ApiRequest) -> Result<u32, Problem> {
    request.path("version")?.parse().map_err(|_| unknown())
}

/// `GET /v1/program/versions/{version}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (program, number) = (&request.caller()?.program, number(request)?);
    let version = services.store.program_version(program, number).await?.ok_or_else(unknown)?;
    let compiled = services.programs.at_version(program, number).await?.ok_or_else(unknown)?;
    let view = WholeVersionView { version: version.into(), program: document(&compiled.program) };
    Ok(http::json(200, &view))
}

/// `POST /v1/program/versions/{version}/restore`
async fn restore(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (program, number) = (&request.caller()?.program, number(request)?);
    read_nothing(&request.optional_json()?).map_err(Problem::malformed)?;
    let compiled = services.programs.at_version(program, number).await?.ok_or_else(unknown)?;
    // What was accepted then may not be now.
    let read = SubmittedProgram::read(&document(&compiled.program));
    let document = read.map_err(Problem::no_longer_valid)?;
    let new = NewDraft {
        document: &document,
        expected: None,
        author: author(request)?,
        note: Some(format!("version {number} again")),
        publish_at: None,
    };
    let audit =
        request.audit("drafts")?.changing([tessera_domain::audit::AuditChange::added("version", json!(number))]);
    match services.store.create_draft(program, new, &audit).await {
        Ok(draft) => Ok(http::json(201, &DraftView::from(draft))),
        Err(error) => Err(refused(services, program, 0, error).await),
    }
}
