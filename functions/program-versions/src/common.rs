//! What requests about drafts and those about versions have in common.

use serde::Serialize;
use serde_json::Value;
use tessera_domain::ids::ProgramId;
use tessera_domain::input::{self, Fault, Node, Object};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Problem, Services};
use tessera_store::{DraftAuthor, DraftError, Page, PutProgramError};

/// The API key that sends a request, as the author of a draft.
pub(crate) fn author(request: &ApiRequest) -> Result<DraftAuthor, Problem> {
    let caller = request.caller()?;
    let creator = caller.creators()?.last().cloned();
    Ok(DraftAuthor { name: caller.actor.clone(), key: caller.key.clone().unwrap_or_default(), creator })
}

/// The problem of a draft that was refused. `known`: the version that the caller knew.
pub(crate) async fn refused(services: &Services, program: &ProgramId, known: u32, error: DraftError) -> Problem {
    match error {
        DraftError::Unknown => unknown_draft(),
        DraftError::TooMany => Problem::not_allowed("limit_reached", error.to_string()),
        DraftError::Published => Problem::conflict("draft_published", error.to_string()),
        DraftError::Program(PutProgramError::Stale { current }) => {
            services.stale_version(program, known, current).await.unwrap_or_else(|problem| problem)
        }
        DraftError::Program(PutProgramError::InUse { faults }) => Problem::in_use(faults),
        DraftError::Program(PutProgramError::TwoPerson) => Problem::two_person(),
        DraftError::Program(PutProgramError::Unknown) => Problem::program_missing(program),
        DraftError::Program(PutProgramError::Store(error)) => error.into(),
    }
}

/// The problem of a draft that is not there.
pub(crate) fn unknown_draft() -> Problem {
    Problem::not_found("there is no such draft")
}

/// The size of the page that a request asks for, and where it begins.
pub(crate) async fn page(
    services: &Services,
    request: &ApiRequest,
    list: &str,
) -> Result<(u32, Option<String>), Problem> {
    let limit = page_limit(request)?;
    if request.query("cursor").is_none() {
        return Ok((limit, None));
    }
    let program = services.program(&request.caller()?.program).await?;
    Ok((limit, ListCursor::new(&program, list).of(request).await?))
}

/// The response with a page.
pub(crate) async fn respond<T, V: Serialize>(
    services: &Services,
    request: &ApiRequest,
    list: &str,
    page: Page<T>,
    view: fn(T) -> V,
) -> Result<Response, Problem> {
    let next_cursor = match page.next {
        None => None,
        Some(next) => {
            let program = services.program(&request.caller()?.program).await?;
            ListCursor::new(&program, list).seal(Some(&next)).await?
        }
    };
    Ok(http::json(200, &ListPage { items: page.items.into_iter().map(view).collect(), next_cursor }))
}

/// A body, where there is one, has no fields.
pub(crate) fn read_nothing(body: &Value) -> Result<(), Vec<Fault>> {
    input::read(body, |node: &Node<'_>| node.object().map(Object::finish))
}
