//! The program as one document.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_lambda::http::{self, ApiRequest};
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, PutProgramError};

use crate::change::{document, latest, stale};
use crate::diff::diff;
use crate::version::{Expected, etag};

/// `GET /v1/program`
pub(crate) async fn get(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
    let caller = request.caller()?;
    Ok(answer(services.program(&caller.program).await?.as_ref()))
}

/// `PUT /v1/program`
pub(crate) async fn put(services: &Services, request: &ApiRequest) -> Result<Response<Body>, Problem> {
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
        services.programs.put(id, &sent, expected, services.clock.now()).await.map(Put::Stored)
    };
    match put {
        Ok(Put::Stored(active)) => Ok(answer(&active)),
        Ok(Put::Tried(version)) => {
            let current = latest(services, id).await?;
            let changes = diff(&document(&current.program), &document(sent.program()));
            Ok(http::json(200, &json!({ "valid": true, "version": version, "diff": changes })))
        }
        Err(PutProgramError::Stale { current }) => {
            Err(stale(services, id, expected.unwrap_or_default(), current).await?)
        }
        Err(PutProgramError::InUse { faults }) => Err(Problem::in_use(faults)),
        Err(PutProgramError::Unknown) => Err(Problem::program_missing(id)),
        Err(PutProgramError::Store(error)) => Err(error.into()),
    }
}

enum Put {
    Stored(std::sync::Arc<ActiveProgram>),
    Tried(u32),
}

/// The stored document with what only we can say of it.
fn answer(active: &ActiveProgram) -> Response<Body> {
    let mut told = document(&active.compiled.program);
    if let Value::Object(fields) = &mut told {
        fields.insert("id".to_owned(), json!(active.id));
        fields.insert("version".to_owned(), json!(active.head.version));
        fields.insert("updated_at".to_owned(), json!(active.head.updated_at.to_string()));
    }
    http::with_header(http::json(200, &told), "etag", &etag(active.head.version))
}
