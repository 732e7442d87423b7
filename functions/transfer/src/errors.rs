//! The error file of an import.

use tessera_import::errors_header;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Content, Parameter, Problem, Route, Services, cursor, handler};

use crate::ADMIN;
use crate::import::find;

/// The most bytes of one response.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The route of error files.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/imports/{id}/errors.csv", ADMIN, handler!(get))
    .named("getImportErrors", "Import and export", "Reads the rows that were refused, or could not be undone")
    .details("Row, column and reason. More than 4 MB continue at the address of the header `Link`.")
    .query(Parameter::CURSOR)
    .responds(200, "CSV.", Content::Text("text/csv"))
    .fails(404)];

/// `GET /v1/imports/{id}/errors.csv`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let (program, id, _) = find(services, request).await?;
    let active = services.program(&program).await?;
    let (list, key) = (format!("import-errors/{id}"), active.head.identity_key.open().await?);
    let key = key.as_bytes();
    let mut after = request.query("cursor").map(|sealed| cursor::open(key, &list, sealed)).transpose()?;
    let mut lines = if after.is_none() { errors_header().to_owned() } else { String::new() };
    loop {
        let (further, next) = services.store.import_errors(&program, &id, after.as_deref()).await?;
        lines.push_str(&further);
        after = next;
        if after.is_none() || lines.len() > MOST_BYTES {
            break;
        }
    }
    let response = http::text("text/csv; charset=utf-8", lines);
    let response = http::with_header(response, "content-disposition", "attachment; filename=\"errors.csv\"");
    Ok(match after {
        Some(after) => {
            let cursor = cursor::seal(key, &list, &after);
            http::with_header(response, "link", &format!("</v1/imports/{id}/errors.csv?cursor={cursor}>; rel=\"next\""))
        }
        None => response,
    })
}
