//! The audit.

use jiff::Timestamp;
use tessera_domain::audit::AuditEntry;
use tessera_domain::time::Moment;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Access, Parameter, Problem, Route, Scope, Services, ValueKind, handler};
use tessera_store::{ActiveProgram, AuditFilter};

const ACTOR: Parameter = filter("actor", "Only changes by this actor: the name or the id of an API key.");
const ACTION: Parameter = filter("action", "Only this action, such as `rule.replace`, or every action of `rule`.");
const OBJECT: Parameter =
    filter("object", "Only changes of this object, such as `rules/every-50`; `rules` and `every-50` work too.");
const FROM: Parameter = Parameter::text("from", "Only changes from this date or time on.");
const TO: Parameter = Parameter::text("to", "Only changes before this date or time.");
/// The name of the list in its cursors.
const LIST: &str = "audit";
/// The longest value of a filter, in bytes.
const MOST_FILTER_BYTES: usize = 512;

const fn filter(name: &'static str, text: &'static str) -> Parameter {
    Parameter { values: ValueKind::TextBetween(1, MOST_FILTER_BYTES), ..Parameter::text(name, text) }
}

/// The route of the audit.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/audit", Access::Scope(Scope::Admin), handler!(list))
    .named("listAudit", "Access", "Lists administrative changes, newest first")
    .details(
        "Who changed the program, keys, secrets, connections or a member's points by hand, why, and which fields. Of \
         personal data and secrets it has the names of fields, and no values. Facts and redemptions are in the ledger. It \
         is kept for as long as the program.",
    )
    .query(ACTOR)
    .query(ACTION)
    .query(OBJECT)
    .query(FROM)
    .query(TO)
    .paged()
    .lists::<AuditEntry>("A page; it can be short, even empty, and still have a next one.")];

/// `GET /v1/audit`
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    let filter = read_filter(request, &program)?;
    let cursor = ListCursor::new(&program, LIST);
    let after = cursor.of(request).await?;
    let page = services.store.audit(&program.id, &filter, limit, after.as_deref()).await?;
    let next_cursor = cursor.seal(page.next.as_deref()).await?;
    Ok(http::json(200, &ListPage { items: page.items, next_cursor }))
}

fn read_filter(request: &ApiRequest, program: &ActiveProgram) -> Result<AuditFilter, Problem> {
    let text = |name: &str| match request.query(name) {
        Some(text) if text.is_empty() || text.len() > MOST_FILTER_BYTES => {
            Err(Problem::malformed_at(&format!("/{name}"), format!("must have 1 to {MOST_FILTER_BYTES} bytes")))
        }
        given => Ok(given.map(str::to_owned)),
    };
    let time = |name: &str| -> Result<Option<Timestamp>, Problem> {
        let Some(text) = request.query(name) else { return Ok(None) };
        let moment = Moment::parse(text);
        let unreadable = || {
            Problem::malformed_at(&format!("/{name}"), "must be a date or a time, such as 2026-03-01T09:00:00+01:00")
        };
        moment.map(|moment| Some(moment.at(&program.compiled.zone))).ok_or_else(unreadable)
    };
    let (from, to) = (time("from")?, time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::malformed_at("/from", "must be before to"));
    }
    Ok(AuditFilter { actor: text("actor")?, action: text("action")?, object: text("object")?, from, to })
}
