//! Export of a program, page by page, and its restore into an empty one.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tessera_lambda::http::{self, ApiRequest, MAX_DOCUMENT_BYTES, Response};
use tessera_lambda::{Content, Deadline, Parameter, Problem, Route, Services, cursor, handler};
use tessera_store::{ExportKind, RestoreCheck, RestoreError, RestoreProgress};

use crate::ADMIN;

const NDJSON: &str = "application/x-ndjson";
/// When the gateway gives a request up.
const LIMIT: Duration = Duration::from_secs(29);

/// The routes of export and restore.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/export", ADMIN, handler!(get))
        .named("export", "Import and export", "Exports what the program has, one JSON object a line")
        .details(
            "One kind at a time: `program`, `members`, `entries`, `coupons`, `codes`, `referrals`, `audit` or `receipts`. The \
             header `Link` names the next page; a page may be empty and have a next one. No secret is exported.",
        )
        .query(Parameter::text("kind", "What is exported."))
        .query(Parameter::CURSOR)
        .responds(200, "Lines.", Content::Text(NDJSON)),
    Route::put("/v1/restore/{kind}/{n}", ADMIN, handler!(put))
        .named("restore", "Import and export", "Restores a page of an export")
        .details("Only while the program has no member and no fact. The same page again changes nothing.")
        .takes_text(NDJSON, "")
        .gives::<RestoreView>(200, "It is restored.")
        .fails(404)
        .fails(409)
        .fails(413),
    Route::post("/v1/restore/seal", ADMIN, handler!(seal))
        .named("sealRestore", "Import and export", "Proves every restored balance, and closes the restore for ever")
        .details(
            "A large program takes more than one request: 202 says how far the proof has come, and the same request again goes on. \
             A page that is restored meanwhile lets the proof begin again.",
        )
        .gives::<SealView>(200, "Every balance follows from its entries, and the restore is closed.")
        .gives::<SealView>(202, "So many are proven; send the request again.")
        .fails(409)
        .fails(422),
];

/// A restored page.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RestoredPage))]
struct RestoreView {
    /// Its lines.
    restored: usize,
}

/// What the check of a restore has proven.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SealedRestore))]
struct SealView {
    /// Members whose balances are proven.
    members: u64,
    /// Their entries.
    entries: u64,
}

impl SealView {
    const fn of(found: &RestoreProgress) -> Self {
        Self { members: found.members, entries: found.entries }
    }
}

fn problem(error: RestoreError) -> Problem {
    match error {
        RestoreError::InUse => Problem::conflict("program_in_use", "the program has members or facts already"),
        RestoreError::Sealed => Problem::conflict("restore_sealed", "the restore of this program is closed"),
        RestoreError::Changed => Problem::conflict("restore_changed", "pages were restored meanwhile; seal again"),
        RestoreError::Line(_) => Problem::malformed_at("", error.to_string()),
        RestoreError::Store(error) => error.into(),
    }
}

/// `GET /v1/export`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let kind = request.query("kind").unwrap_or_default();
    let kind = ExportKind::from_name(kind).ok_or_else(|| {
        let names: Vec<&str> = ExportKind::ALL.iter().map(|kind| kind.name()).collect();
        Problem::malformed_at("/kind", format!("must be one of {}", names.join(", ")))
    })?;
    let (list, key) = (format!("export/{}", kind.name()), program.head.identity_key.open().await?);
    let after = request.query("cursor").map(|sealed| cursor::open(key.as_bytes(), &list, sealed)).transpose()?;
    let page = services.store.export_page(&program.id, kind, after.as_deref()).await?;
    let response = http::text(NDJSON, page.lines);
    Ok(match page.next {
        Some(next) => {
            let cursor = cursor::seal(key.as_bytes(), &list, &next);
            let link = format!("</v1/export?kind={}&cursor={cursor}>; rel=\"next\"", kind.name());
            http::with_header(response, "link", &link)
        }
        None => response,
    })
}

/// `PUT /v1/restore/{kind}/{n}`
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let kind = ExportKind::from_name(request.path("kind")?);
    let kind = kind.ok_or_else(|| Problem::not_found("an export has no such kind"))?;
    if request.path("n")?.parse::<u32>().is_err() {
        return Err(Problem::not_found("pages are numbered"));
    }
    let bytes = request.body();
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Problem::too_large("a page is larger than 4 MB"));
    }
    let lines = std::str::from_utf8(bytes).map_err(|_| Problem::malformed_at("", "is not UTF-8"))?;
    services.store.open_restore(&program.id).await.map_err(problem)?;
    let restored = services.store.restore_lines(&program, kind, lines).await.map_err(problem)?;
    Ok(http::json(200, &RestoreView { restored }))
}

/// `POST /v1/restore/seal`
async fn seal(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let deadline = Deadline::after(LIMIT);
    request.optional_json()?;
    let program = services.program(&request.caller()?.program).await?;
    let is_late = || deadline.is_near();
    let found = match services.store.seal_restore(&program.id, &is_late).await.map_err(problem)? {
        RestoreCheck::Sealed(found) => found,
        RestoreCheck::Unfinished(found) => return Ok(http::json(202, &SealView::of(&found))),
        RestoreCheck::Refuted(found) => {
            let count = found.discrepancies;
            let detail = format!("{count} balances do not follow from their entries; restore the missing pages");
            let problem = Problem::unprocessable("restore_incomplete", detail);
            return Err(problem.with("discrepancies", json!(found.named)));
        }
    };
    // The restored versions replaced those that are remembered.
    services.programs.forget(&program.id).await;
    let program = services.program(&program.id).await?;
    services.programs.mark_in_use(&program).await?;
    Ok(http::json(200, &SealView::of(&found)))
}
