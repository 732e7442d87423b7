//! Rules, rewards and tiers by themselves.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use tessera_domain::input::Fault;
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Problem, Services};

use crate::change::{Edit, document, edit};
use crate::part::{Part, PartError, relative};
use crate::version::{Expected, etag};

/// `GET /v1/{parts}`: all of them, because the document holds them all.
pub(crate) async fn list(services: &Services, request: &ApiRequest, kind: Part) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let current = services.program(&caller.program).await?;
    let document = document(&current.compiled.program);
    Ok(http::json(200, &json!({ "items": kind.all(&document), "next_cursor": null })))
}

/// `GET /v1/{parts}/{id}`
pub(crate) async fn get(services: &Services, request: &ApiRequest, kind: Part) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let current = services.program(&caller.program).await?;
    let document = document(&current.compiled.program);
    Ok(answer(200, current.head.version, kind.get(&document, request.path("id")?).ok_or_else(unknown)?))
}

/// `POST /v1/{parts}`
pub(crate) async fn post(services: &Services, request: &ApiRequest, kind: Part) -> Result<Response<Body>, Problem> {
    store(services, request, 201, |sent| Change::Insert(kind, sent)).await
}

/// `PUT /v1/{parts}/{id}`
pub(crate) async fn put(services: &Services, request: &ApiRequest, kind: Part) -> Result<Response<Body>, Problem> {
    let id = request.path("id")?;
    store(services, request, 200, |sent| Change::Replace(kind, id, sent)).await
}

/// `DELETE /v1/{parts}/{id}`
pub(crate) async fn delete(services: &Services, request: &ApiRequest, kind: Part) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let expected = Expected::read(request.header("if-match"));
    edit(services, &caller.program, expected, &Change::Remove(kind, request.path("id")?)).await?;
    Ok(http::empty(204))
}

/// Edits the document so that it has the part that was sent, and answers with the part as it is stored.
async fn store<'a>(
    services: &Services,
    request: &ApiRequest,
    status: u16,
    change: impl FnOnce(Value) -> Change<'a>,
) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    let expected = Expected::read(request.header("if-match"));
    let (active, pointer) = edit(services, &caller.program, expected, &change(request.json()?)).await?;
    let stored = document(&active.compiled.program);
    Ok(answer(status, active.head.version, stored.pointer(&pointer).ok_or_else(unknown)?))
}

/// What happens to a part.
enum Change<'a> {
    Insert(Part, Value),
    Replace(Part, &'a str, Value),
    Remove(Part, &'a str),
}

impl Edit for Change<'_> {
    fn make(&self, document: &mut Value) -> Result<String, Problem> {
        let made = match self {
            Self::Insert(kind, sent) => kind.insert(document, sent.clone()),
            Self::Replace(kind, id, sent) => kind.replace(document, id, sent.clone()),
            Self::Remove(kind, id) => kind.remove(document, id).map(|()| String::new()),
        };
        made.map_err(problem)
    }

    fn told(&self, faults: Vec<Fault>, pointer: &str) -> Vec<Fault> {
        match self {
            Self::Insert(..) | Self::Replace(..) => relative(faults, pointer),
            Self::Remove(..) => faults,
        }
    }

    fn refused(&self, faults: Vec<Fault>) -> Problem {
        match self {
            Self::Insert(..) | Self::Replace(..) => Problem::malformed(faults),
            // Nothing was sent that could be wrong: what does not hold any more is what still needs the part.
            Self::Remove(..) => Problem::in_use(faults),
        }
    }
}

fn answer(status: u16, version: u32, part: &Value) -> Response<Body> {
    http::with_header(http::json(status, part), "etag", &etag(version))
}

fn unknown() -> Problem {
    Problem::not_found("there is none with this identifier")
}

fn problem(error: PartError) -> Problem {
    match error {
        PartError::Unknown => unknown(),
        PartError::Duplicate(id) => Problem::conflict("already_exists", format!("there is {id} already")),
        PartError::Malformed(fault) => Problem::malformed(vec![fault]),
    }
}
