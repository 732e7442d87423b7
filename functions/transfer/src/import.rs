//! Imports: created, read, started and undone.

use futures::future::try_join_all;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ProgramId;
use tessera_domain::input::{self, Node};
use tessera_domain::pack::{pack, unpack};
use tessera_import::{ImportKind, ImportPlan, PlanRequest};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::sender::OutgoingMessage;
use tessera_lambda::task::TaskMessage;
use tessera_lambda::{Problem, Queue, Route, Services, handler};
use tessera_store::{ImportCreation, ImportStatus, StoredImport, TaskKind};

use crate::ADMIN;
use crate::body::{self, ImportBody};

/// The most parts of a file: 40 GB.
pub(crate) const MOST_PARTS: u32 = 10_000;
/// Parts that are looked up at once when an import starts.
const AT_ONCE: u32 = 50;

/// The routes of imports.
pub(crate) const ROUTES: &[Route] = &[
    Route::post("/v1/imports", ADMIN, handler!(post))
        .named("createImport", "Import and export", "Creates an import")
        .details("Upload its file in parts, look at the preview, then start it. The same `key` is the same import.")
        .takes::<ImportBody>(ImportBody::example)
        .gives::<ImportView>(201, "It waits for its file.")
        .gives::<ImportView>(200, "There is one with this key.")
        .fails(422),
    Route::get("/v1/imports/{id}", ADMIN, handler!(get))
        .named("getImport", "Import and export", "Reads an import's progress and preview")
        .gives::<ImportView>(200, "The import.")
        .fails(404),
    Route::post("/v1/imports/{id}/start", ADMIN, handler!(start))
        .named("startImport", "Import and export", "Starts an import")
        .audited("import.start")
        .details("Rows that cannot be imported are in its error file. Starting it again changes nothing.")
        .may_take::<StartBody>(StartBody::example)
        .gives::<ImportView>(202, "It is running, or over.")
        .fails(404)
        .fails(422),
    Route::post("/v1/imports/{id}/undo", ADMIN, handler!(undo))
        .named("undoImport", "Import and export", "Undoes a finished import by counter-entries")
        .audited("import.undo")
        .details("The error file says what cannot be undone: points that were spent, coupons that were used.")
        .gives::<ImportView>(202, "It is being undone, or was.")
        .fails(404)
        .fails(409)
        .fails(422),
];

/// An import.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Import))]
pub(crate) struct ImportView {
    /// Its id.
    id: String,
    /// What its rows are.
    kind: ImportKind,
    /// Where it stands.
    state: ImportState,
    /// True when rows are only checked.
    dry_run: bool,
    /// The rows of the file; 0 before the start.
    rows: u64,
    /// Rows that were handled, the refused ones included; while it is undone, rows that were undone.
    done: u64,
    /// Rows that were refused.
    failed: u64,
    /// The first rows and what the columns mean; null before the first part.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<tessera_import::Preview>))]
    preview: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    reason: Option<String>,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportState {
    /// It waits for its file, or for its start.
    Uploading,
    /// Rows are being imported or undone.
    Running,
    /// All rows were imported or refused.
    Done,
    /// It cannot go on.
    Failed,
    /// It was undone, as far as it can be.
    Undone,
}

/// What a start may say.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImportStart), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_start` reads")]
struct StartBody {
    /// The number of parts that were sent: fewer stored ones are refused.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10000))]
    parts: Option<u32>,
}

impl StartBody {
    fn example() -> Value {
        json!({ "parts": 1 })
    }
}

/// The request of an import as it is stored.
pub(crate) type StoredRequest = (PlanRequest, bool);

pub(crate) fn unpacked<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    unpack(bytes).map_err(|error| Problem::internal(&error))
}

pub(crate) fn packed<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    pack(value).map_err(|error| Problem::internal(&error))
}

/// An import that the path names.
pub(crate) async fn find(
    services: &Services,
    request: &ApiRequest,
) -> Result<(ProgramId, String, StoredImport), Problem> {
    let program = request.caller()?.program.clone();
    let id = request.path("id")?.to_owned();
    let found = services.store.get_import(&program, &id).await?;
    let import = found.ok_or_else(|| Problem::not_found("there is no such import"))?;
    Ok((program, id, import))
}

async fn view(
    services: &Services,
    program: &ProgramId,
    id: &str,
    import: &StoredImport,
) -> Result<ImportView, Problem> {
    let (plan, dry_run): StoredRequest = unpacked(&import.request)?;
    let preview = services.store.import_preview(program, id).await?;
    let preview = preview.map(|text| serde_json::from_str(&text)).transpose();
    Ok(ImportView {
        id: id.to_owned(),
        kind: plan.kind,
        state: match import.status {
            ImportStatus::Uploading => ImportState::Uploading,
            ImportStatus::Running | ImportStatus::Undoing => ImportState::Running,
            ImportStatus::Done => ImportState::Done,
            ImportStatus::Failed => ImportState::Failed,
            ImportStatus::Undone => ImportState::Undone,
        },
        dry_run,
        rows: import.rows,
        done: import.counts.done,
        failed: import.counts.failed,
        preview: preview.map_err(|error| Problem::internal(&error))?,
        reason: import.reason.clone(),
    })
}

/// `POST /v1/imports`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let input = body::read(&request.json()?, &program.compiled.program.locale).map_err(Problem::malformed)?;
    // A dry run is another import than the one that it tries out.
    let named = match &input.key {
        Some(key) => format!("key {} {key}", input.dry_run),
        None => format!("request {}", request.natural_key().key),
    };
    let id = format!("imp_{}", &hex::encode(Sha256::digest(named.as_bytes()))[..32]);
    let (store, now) = (&services.store, services.clock.now());
    let stored = packed::<StoredRequest>(&(input.plan, input.dry_run))?;
    if let Some(found) = store.get_import(&program.id, &id).await? {
        return existing(services, &program.id, &id, &found, &stored).await;
    }
    if !store.take_task_budget(&program.id, TaskKind::Import, now).await? {
        let detail = format!("a program has {} imports a day, counted in UTC", TaskKind::Import.daily_budget());
        return Err(Problem::too_many_requests(detail, 3600));
    }
    match store.create_import(&program.id, &id, &stored, now).await? {
        ImportCreation::Created => {
            let found = store.get_import(&program.id, &id).await?.ok_or_else(Problem::unavailable)?;
            Ok(http::json(201, &view(services, &program.id, &id, &found).await?))
        }
        ImportCreation::Exists(found) => existing(services, &program.id, &id, &found, &stored).await,
    }
}

/// Responds with an import that has the key already. Before its start, it takes another mapping or other options; rows of another
/// kind or mode are another import.
async fn existing(
    services: &Services,
    program: &ProgramId,
    id: &str,
    found: &StoredImport,
    wanted: &[u8],
) -> Result<Response, Problem> {
    if found.request != wanted {
        let key_in_use = |detail| Problem::unprocessable("key_in_use", detail);
        let [(before, _), (now, _)] = [unpacked::<StoredRequest>(&found.request)?, unpacked(wanted)?];
        if (before.kind, before.mode) != (now.kind, now.mode) {
            return Err(key_in_use("an import with this key has another kind or mode; send another key"));
        }
        if !services.store.replace_import_request(program, id, wanted).await? {
            return Err(key_in_use("an import with this key has started with other settings; send another key"));
        }
    }
    let found = services.store.get_import(program, id).await?.ok_or_else(Problem::unavailable)?;
    Ok(http::json(200, &view(services, program, id, &found).await?))
}

/// `GET /v1/imports/{id}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (program, id, import) = find(services, request).await?;
    Ok(http::json(200, &view(services, &program, &id, &import).await?))
}

/// `POST /v1/imports/{id}/start`
async fn start(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let expected = input::read(&request.optional_json()?, |node| {
        let object = node.object()?;
        let parts = object.optional("parts", |n: &Node<'_>| n.count(1, MOST_PARTS));
        object.finish();
        parts
    });
    let expected = expected.map_err(Problem::malformed)?;
    let (program, id, import) = find(services, request).await?;
    match import.status {
        ImportStatus::Uploading => {
            let (parts, rows) = check_upload(services, &program, &id, &import, expected).await?;
            let (request_of, dry_run): StoredRequest = unpacked(&import.request)?;
            let audit = request.audit(format!("imports/{id}"))?.changing([
                AuditChange::added("kind", json!(request_of.kind)),
                AuditChange::added("dry_run", json!(dry_run)),
                AuditChange::added("rows", json!(rows)),
            ]);
            services.store.record_audit(&program, &audit).await?;
            services.store.start_import(&program, &id, parts, rows).await?;
            enqueue(services, &program, &id).await?;
        }
        // The message of the first attempt may not have been sent.
        ImportStatus::Running => enqueue(services, &program, &id).await?,
        ImportStatus::Done | ImportStatus::Failed | ImportStatus::Undoing | ImportStatus::Undone => {}
    }
    let import = services.store.get_import(&program, &id).await?.ok_or_else(Problem::unavailable)?;
    Ok(http::json(202, &view(services, &program, &id, &import).await?))
}

/// Checks that the file is complete and mapped; returns its parts and rows.
async fn check_upload(
    services: &Services,
    program: &ProgramId,
    id: &str,
    import: &StoredImport,
    expected: Option<u32>,
) -> Result<(u32, u64), Problem> {
    let Some(plan) = &import.plan else {
        return Err(Problem::unprocessable("part_missing", "part 1 of the file has not been sent"));
    };
    let (plan, _): (ImportPlan, bool) = unpacked(plan)?;
    let missing = plan.missing();
    if !missing.is_empty() {
        let detail = format!("no column is mapped to {}; name it in `mapping`", missing.join(", "));
        return Err(Problem::unprocessable("mapping_incomplete", detail).with("missing", json!(missing)));
    }
    let (mut parts, mut rows) = (0, 0);
    loop {
        let next = (parts + 1..=(parts + AT_ONCE).min(MOST_PARTS))
            .map(|part| services.store.get_import_part(program, id, part));
        let found = try_join_all(next).await?;
        let known = found.iter().take_while(|part| part.is_some()).count();
        rows += found.iter().flatten().take(known).map(|part| part.rows).sum::<u64>();
        parts += u32::try_from(known).unwrap_or(0);
        if known < found.len() || parts >= MOST_PARTS {
            break;
        }
    }
    if expected.is_some_and(|expected| expected != parts) || parts == 0 {
        let detail = format!("part {} of the file is missing", parts + 1);
        return Err(Problem::unprocessable("part_missing", detail));
    }
    Ok((parts, rows))
}

async fn enqueue(services: &Services, program: &ProgramId, id: &str) -> Result<(), Problem> {
    let message = TaskMessage::new(TaskKind::Import, program.clone(), id.to_owned()).to_text();
    Ok(services.send(Queue::Imports, &[OutgoingMessage::standard(message)]).await?)
}

/// `POST /v1/imports/{id}/undo`
async fn undo(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    request.optional_json()?;
    let (program, id, import) = find(services, request).await?;
    let (_, dry_run): StoredRequest = unpacked(&import.request)?;
    if dry_run {
        return Err(Problem::unprocessable("dry_run", "a dry run has written nothing that could be undone"));
    }
    match import.status {
        ImportStatus::Done | ImportStatus::Failed => {
            let audit = request.audit(format!("imports/{id}"))?;
            let audit = audit.changing([AuditChange::removed("rows", json!(import.counts.done))]);
            services.store.record_audit(&program, &audit).await?;
            services.store.start_import_undo(&program, &id).await?;
            enqueue(services, &program, &id).await?;
        }
        ImportStatus::Undoing => enqueue(services, &program, &id).await?,
        ImportStatus::Undone => {}
        ImportStatus::Uploading | ImportStatus::Running => {
            return Err(Problem::conflict("import_not_finished", "the import is not finished"));
        }
    }
    let import = services.store.get_import(&program, &id).await?.ok_or_else(Problem::unavailable)?;
    Ok(http::json(202, &view(services, &program, &id, &import).await?))
}
