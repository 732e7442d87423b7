//! Drafts of the program.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_domain::input::{self, Fault};
use tessera_domain::program::{Program, SubmittedProgram, diff};
use tessera_domain::time::Moment;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::version::Expected;
use tessera_lambda::{Access, Caller, Content, Parameter, Problem, Route, Scope, Services, ValueKind, handler};
use tessera_store::{DraftAuthor, DraftError, DraftStatus, NewDraft, ProgramDraft, PutProgramError};

use crate::ADMIN;
use crate::common::{author, page, read_nothing, refused, respond, unknown_draft};
use crate::view::{DraftView, WholeDraftView, document};

/// The name of the list in its cursors.
const LIST: &str = "drafts";
/// The longest note, in bytes.
const MOST_NOTE_BYTES: usize = 500;

const DRY_RUN: Parameter = Parameter {
    values: ValueKind::Boolean,
    ..Parameter::text("dry_run", "Publish nothing, and return everything that the draft changes.")
};

/// The routes of drafts.
pub(crate) const ROUTES: &[Route] = &[
    Route::post("/v1/program/drafts", ADMIN, handler!(post))
        .named("addProgramDraft", "Program", "Creates a draft of the program")
        .details(
            "It is checked like a `PUT` of the program, and changes nothing until it is published. At most 100 drafts wait to be \
             published.",
        )
        .audited("draft.create")
        .if_match()
        .takes::<DraftBody>(DraftBody::example)
        .gives::<DraftView>(201, "The draft."),
    Route::get("/v1/program/drafts", ADMIN, handler!(list))
        .named("listProgramDrafts", "Program", "Lists the drafts of the program, newest first")
        .paged()
        .lists::<DraftView>("A page of drafts."),
    Route::get("/v1/program/drafts/{id}", ADMIN, handler!(get))
        .named("getProgramDraft", "Program", "Reads a draft of the program")
        .gives::<WholeDraftView>(200, "The draft, with its program and everything that it changes."),
    Route::delete("/v1/program/drafts/{id}", ADMIN, handler!(delete))
        .named("deleteProgramDraft", "Program", "Deletes a draft of the program")
        .audited("draft.delete")
        .responds(204, "It is deleted, and is not published at its time.", Content::Nothing)
        .fails(409),
    Route::post("/v1/program/drafts/{id}/publish", Access::Scope(Scope::Publisher), handler!(publish))
        .named("publishProgramDraft", "Program", "Publishes a draft of the program")
        .details(
            "With `publish_at`, it approves the draft, which comes into force at that time, give or take 15 minutes. With \
             two-person publishing, neither its author nor a key that descends from the author or the author's creator can \
             publish it: 403 `two_person`. With `dry_run`, it changes nothing and returns the draft with everything that it \
             changes: a key that may only publish sees what it approves.",
        )
        .audited("draft.publish")
        .query(DRY_RUN)
        .gives::<DraftView>(200, "The draft, published or scheduled, or as it would be published."),
];

/// A draft to create.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AddProgramDraft), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_draft` reads")]
struct DraftBody {
    /// The whole program as it would be.
    program: Program,
    /// When it is to come into force, a date or a time; without an offset it is the program's.
    publish_at: Option<String>,
    /// What the publisher should know.
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    note: Option<String>,
}

impl DraftBody {
    fn example() -> Value {
        json!({
            "program": { "name": "Club Ada", "currency": "EUR", "timezone": "Europe/Rome", "locale": "it",
                         "points": { "name": { "one": "punto", "other": "punti" } }, "rewards": [], "rules": [] },
            "publish_at": "2026-04-01T00:00:00", "note": "spring rules",
        })
    }
}

/// What a request asks for.
struct WantedDraft {
    program: Value,
    publish_at: Option<Timestamp>,
    note: Option<String>,
}

/// Reads the body of `POST /v1/program/drafts`, except for the program.
fn read_draft(body: &Value, zone: &TimeZone) -> Result<WantedDraft, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let program = object.required("program", |program| Some(program.value.clone()));
        let publish_at = object.optional("publish_at", |node| {
            let read = |text: &str| Moment::parse(text).ok_or("must be a date or a time, such as \"2026-03-01\"");
            node.parsed(read).map(|moment| moment.at(zone))
        });
        let note = object.optional("note", |node| node.text(MOST_NOTE_BYTES));
        object.finish();
        Some(WantedDraft { program: program?, publish_at: publish_at?, note: note? })
    })
}

/// `POST /v1/program/drafts`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = &request.caller()?.program;
    let zone = services.program(program).await?.compiled.zone.clone();
    let wanted = read_draft(&request.large_json()?, &zone).map_err(Problem::malformed)?;
    let below = |fault: Fault| Fault { pointer: format!("/program{}", fault.pointer), ..fault };
    let read = SubmittedProgram::read(&wanted.program);
    let document = read.map_err(|faults| Problem::malformed(faults.into_iter().map(below).collect()))?;
    let expected = Expected::read(request.header("if-match")).version();
    let WantedDraft { publish_at, note, .. } = wanted;
    let new = NewDraft { document: &document, expected, author: author(request)?, note, publish_at };
    match services.store.create_draft(program, new, &request.audit("drafts")?).await {
        Ok(draft) => Ok(http::json(201, &DraftView::from(draft))),
        Err(error) => Err(refused(services, program, expected.unwrap_or_default(), error).await),
    }
}

/// `GET /v1/program/drafts`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (limit, after) = page(services, request, LIST).await?;
    let found = services.store.drafts(&request.caller()?.program, limit, after.as_deref()).await?;
    respond(services, request, LIST, found, DraftView::from).await
}

/// The draft that the path names.
async fn named(services: &Services, request: &ApiRequest) -> Result<ProgramDraft, Problem> {
    services.store.draft(&request.caller()?.program, request.path("id")?).await?.ok_or_else(unknown_draft)
}

/// `GET /v1/program/drafts/{id}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (program, draft) = (&request.caller()?.program, named(services, request).await?);
    Ok(http::json(200, &whole(services, program, draft).await?))
}

/// A draft with its program and everything that it changes.
async fn whole(services: &Services, program: &ProgramId, draft: ProgramDraft) -> Result<WholeDraftView, Problem> {
    let would_be = document(&services.store.draft_program(program, &draft).await?.program);
    let base = services.programs.at_version(program, draft.base_version).await?;
    let base = base.ok_or_else(|| Problem::internal(&"the version that a draft was made from is not there"))?;
    let changes = diff(&document(&base.program), &would_be);
    Ok(WholeDraftView { draft: DraftView::from(draft).with_whole_diff(changes), program: would_be })
}

/// `DELETE /v1/program/drafts/{id}`
async fn delete(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (program, id) = (&request.caller()?.program, request.path("id")?);
    match services.store.delete_draft(program, id, &request.audit(format!("drafts/{id}"))?).await {
        Ok(()) => Ok(http::empty(204)),
        Err(error) => Err(refused(services, program, 0, error).await),
    }
}

/// `POST /v1/program/drafts/{id}/publish`
async fn publish(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    read_nothing(&request.optional_json()?).map_err(Problem::malformed)?;
    let draft = named(services, request).await?;
    // Another function may have switched it on a moment ago: the head says so, and not a cached program.
    let head = services.store.load_head(&caller.program).await?;
    let head = head.ok_or_else(|| Problem::program_missing(&caller.program))?;
    let current = services.programs.at_version(&caller.program, head.version).await?;
    let is_two_person = current.is_some_and(|current| current.program.publishing.two_person);
    if is_two_person && !is_second_person(caller, &draft.author)? {
        return Err(Problem::two_person());
    }
    if is_dry_run(request)? {
        if draft.status == DraftStatus::Draft && draft.base_version != head.version {
            let stale = DraftError::Program(PutProgramError::Stale { current: head.version });
            return Err(refused(services, &caller.program, draft.base_version, stale).await);
        }
        return Ok(http::json(200, &whole(services, &caller.program, draft).await?.draft));
    }
    let audit = request.audit(format!("drafts/{}", draft.id))?;
    let published = services.store.publish_draft(&caller.program, &draft.id, &audit, services.clock.now()).await;
    match published {
        Ok(draft) => {
            services.programs.forget(&caller.program).await;
            services.ask_codes_of_version(&caller.program, draft.base_version + 1).await;
            Ok(http::json(200, &DraftView::from(draft)))
        }
        Err(error) => Err(refused(services, &caller.program, draft.base_version, error).await),
    }
}

/// Whether the request only asks what would be published.
fn is_dry_run(request: &ApiRequest) -> Result<bool, Problem> {
    match request.query("dry_run") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed_at("", "dry_run must be true or false")),
    }
}

/// Whether an API key is another person's than the author of a draft: it is another key, and descends neither from the
/// author's nor from the one that created the author's.
fn is_second_person(caller: &Caller, author: &DraftAuthor) -> Result<bool, Problem> {
    let (creators, key) = (caller.creators()?, caller.key.as_deref().unwrap_or_default());
    let descends_from = |of: &String| creators.contains(of);
    Ok(key != author.key && !descends_from(&author.key) && !author.creator.as_ref().is_some_and(descends_from))
}
