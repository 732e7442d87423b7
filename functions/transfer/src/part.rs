//! Uploaded parts of a file.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tessera_import::{ImportPlan, RowContext, decode};
use tessera_lambda::http::{self, ApiRequest, MAX_DOCUMENT_BYTES, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{ImportPart, ImportStatus};

use crate::ADMIN;
use crate::import::{MOST_PARTS, StoredRequest, find, packed, unpacked};

/// The route of parts.
pub(crate) const ROUTES: &[Route] = &[Route::put("/v1/imports/{id}/parts/{n}", ADMIN, handler!(put))
    .named("putImportPart", "Import and export", "Uploads a part of an import's file")
    .details(
        "CSV of at most 4 MB, cut between rows; part 1 comes first and alone has the header. UTF-8, or the Windows code page \
         of the program's language; separated by commas, semicolons or tabs.",
    )
    .takes_text("text/csv", "email,points\nada@example.com,100\n")
    .gives::<ImportPartView>(200, "It is stored; a repetition replaces it until the start.")
    .fails(404)
    .fails(409)
    .fails(413)
    .fails(422)];

/// A stored part.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImportPart))]
struct ImportPartView {
    /// Its number.
    part: u32,
    /// Its rows, without the header.
    rows: u64,
}

/// `PUT /v1/imports/{id}/parts/{n}`
async fn put(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let number = request.path("n")?.parse::<u32>().ok().filter(|part| (1..=MOST_PARTS).contains(part));
    let number = number.ok_or_else(|| Problem::not_found(format!("parts are numbered from 1 to {MOST_PARTS}")))?;
    let bytes = request.body();
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Problem::too_large("a part is larger than 4 MB"));
    }
    let (program, id, import) = find(services, request).await?;
    let store = &services.store;
    let checksum = hex::encode(Sha256::digest(bytes));
    if import.status != ImportStatus::Uploading {
        let known = store.get_import_part(&program, &id, number).await?;
        return match known.filter(|part| part.checksum == checksum) {
            Some(part) => Ok(http::json(200, &ImportPartView { part: number, rows: part.rows })),
            None => Err(Problem::conflict("import_started", "the import has started; its file cannot change")),
        };
    }
    let (plan_request, dry_run): StoredRequest = unpacked(&import.request)?;
    let text = decode(bytes, plan_request.code_page).map_err(|error| Problem::malformed_at("", error.to_string()))?;
    let now = services.clock.now();
    let rows = if number == 1 {
        let plan = ImportPlan::find(&plan_request, &text)
            .map_err(|error| Problem::unprocessable("mapping_unknown", error.to_string()))?;
        let active = services.program(&program).await?;
        let context = RowContext { currency: active.compiled.program.currency, zone: &active.compiled.zone };
        let preview =
            serde_json::to_string(&plan.preview(&text, &context)).map_err(|error| Problem::internal(&error))?;
        store.put_import_preview(&program, &id, &preview, now).await?;
        store.plan_import(&program, &id, &packed(&(&plan, dry_run))?).await?;
        plan.count(&text, true)
    } else {
        let Some(plan) = &import.plan else {
            return Err(Problem::conflict("part_missing", "send part 1 first: it has the header"));
        };
        let (plan, _): (ImportPlan, bool) = unpacked(plan)?;
        plan.count(&text, false)
    };
    store.put_import_part(&program, &id, number, bytes, &ImportPart { rows, checksum }, now).await?;
    Ok(http::json(200, &ImportPartView { part: number, rows }))
}
