//! Notes about members.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::MemberId;
use tessera_domain::input::{self, Fault, Node};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::ListPage;
use tessera_lambda::{Access, Content, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Note};

use crate::list::known;

/// The most notes about a member.
const MAX_NOTES: usize = 100;
/// The longest note, in bytes: all notes about a member fit into one item.
const MAX_TEXT: usize = 1_000;

const SUPPORT: Access = Access::Scope(Scope::Support);

/// The routes of notes.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/members/{member}/notes", SUPPORT, handler!(list))
        .named("listNotes", "Members", "Lists the notes about a member, newest first")
        .paged()
        .lists::<NoteView>("A page of notes."),
    Route::post("/v1/members/{member}/notes", SUPPORT, handler!(post))
        .named("addNote", "Members", "Adds a note about a member")
        .details("A member has at most 100 notes.")
        .audited("note.add")
        .takes::<NoteBody>(NoteBody::example)
        .gives::<NoteView>(201, "The note.")
        .fails(422),
    Route::delete("/v1/members/{member}/notes", SUPPORT, handler!(delete_all))
        .named("deleteNotes", "Members", "Deletes all notes about a member")
        .audited("note.delete")
        .responds(204, "There is none.", Content::Nothing),
    Route::delete("/v1/members/{member}/notes/{id}", SUPPORT, handler!(delete_one))
        .named("deleteNote", "Members", "Deletes a note about a member")
        .audited("note.delete")
        .responds(204, "It is gone.", Content::Nothing),
];

/// A note about a member.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Note))]
pub(crate) struct NoteView {
    /// Its identifier.
    id: String,
    /// When it was written.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    at: jiff::Timestamp,
    /// Who wrote it: the name of the API key.
    actor: String,
    /// The text.
    text: String,
}

impl From<Note> for NoteView {
    fn from(Note { id, at, actor, text }: Note) -> Self {
        Self { id, at, actor, text }
    }
}

/// A note to add.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewNote), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_note` reads")]
pub(crate) struct NoteBody {
    /// The text.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1000))]
    text: String,
}

impl NoteBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "text": "prefers to be called in the evening" })
    }
}

fn read_note(body: &Value) -> Result<String, Vec<Fault>> {
    input::read(body, |node: &Node<'_>| {
        let object = node.object()?;
        let text = object.required("text", |n| n.filled(MAX_TEXT));
        object.finish();
        text
    })
}

/// The member, and those whose accounts it took over: their notes are shown together.
async fn owners(services: &Services, program: &ActiveProgram, request: &ApiRequest) -> Result<Vec<MemberId>, Problem> {
    let member = known(services, program, request).await?;
    Ok(services.store.owners(&program.id, &member).await?)
}

/// `GET /v1/members/{member}/notes`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let owners = owners(services, &program, request).await?;
    let notes = services.store.notes(&program.id, &owners).await?;
    let items: Vec<NoteView> = notes.into_iter().rev().map(NoteView::from).collect();
    let name = format!("notes/{}", owners.first().map_or("", |member| member.as_str()));
    Ok(http::json(200, &ListPage::of_all(services, request, &name, items, |note| &note.id).await?))
}

/// `POST /v1/members/{member}/notes`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let text = read_note(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let owners = owners(services, &program, request).await?;
    let member = owners.first().ok_or_else(Problem::unknown_member)?;
    let natural = request.natural_key();
    // The same for every repetition under one key: a note is added once.
    let hash = Sha256::digest(natural.key.as_bytes());
    let digits = hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let id = format!("nte_{digits:016x}");
    let at = jiff::Timestamp::from_millisecond(natural.started_at.as_millisecond()).unwrap_or(natural.started_at);
    let note = Note { id, at, actor: caller.actor.clone(), text };
    let written = AuditChange::without_values(format!("notes/{}", note.id));
    let audit = request.audit(format!("members/{member}"))?.changing([written]);
    let changed = services.store.change_notes(&program.id, member, &audit, |notes| {
        if notes.iter().all(|known| known.id != note.id) {
            if notes.len() >= MAX_NOTES {
                return Err(());
            }
            notes.push(note.clone());
        }
        Ok(())
    });
    let full = || Problem::not_allowed("limit_reached", format!("a member has at most {MAX_NOTES} notes"));
    changed.await?.map_err(|()| full())?;
    Ok(http::json(201, &NoteView::from(note)))
}

/// `DELETE /v1/members/{member}/notes`
async fn delete_all(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    delete(services, request, |_| true).await?;
    Ok(http::empty(204))
}

/// `DELETE /v1/members/{member}/notes/{id}`
async fn delete_one(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let id = request.path("id")?;
    if delete(services, request, |note| note.id == id).await? == 0 {
        return Err(Problem::not_found("there is no such note"));
    }
    Ok(http::empty(204))
}

/// Deletes notes, whoever's item has them; returns how many there were.
async fn delete(
    services: &Services,
    request: &ApiRequest,
    is_deleted: impl Fn(&Note) -> bool,
) -> Result<usize, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let owners = owners(services, &program, request).await?;
    let found = services.store.notes(&program.id, &owners).await?;
    let deleted: Vec<&Note> = found.iter().filter(|note| is_deleted(note)).collect();
    let Some(member) = owners.first().filter(|_| !deleted.is_empty()) else { return Ok(0) };
    let audit = request.audit(format!("members/{member}"))?;
    let audit = audit.changing(deleted.iter().map(|note| AuditChange::without_values(format!("notes/{}", note.id))));
    for owner in &owners {
        let changed = services.store.change_notes(&program.id, owner, &audit, |notes| {
            notes.retain(|note| !is_deleted(note));
            Ok::<_, std::convert::Infallible>(())
        });
        match changed.await? {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
    Ok(deleted.len())
}
