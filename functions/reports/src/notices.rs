//! Notices.

use tessera_domain::notice::{NoticeContent, NoticeView};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Parameter, Problem, Route, Services, handler};
use tessera_store::NoticeFilter;

use crate::READ;

const MEMBER: Parameter = Parameter::text("member", "Only the notices about this member, named as in paths.");
const TYPE: Parameter =
    Parameter::text("type", "Only the notices of this type, such as points_expiring, low_stock or data_request.");
/// The name of the list in its cursors.
const LIST: &str = "notices";

/// The route of notices.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/notices", READ, handler!(notices))
    .named("listNotices", "Reports", "Lists the notices of the last 90 days, newest first")
    .counts_misses()
    .query(MEMBER)
    .query(TYPE)
    .paged()
    .lists::<NoticeView>("A page of notices.")
    // The member in the query is unknown.
    .fails(404)];

/// `GET /v1/notices`
async fn notices(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let kind = request.query("type");
    if kind.is_some_and(|kind| !NoticeContent::TYPES.contains(&kind)) {
        return Err(Problem::malformed_at("/type", format!("must be one of {}", NoticeContent::TYPES.join(", "))));
    }
    let program = services.program(&caller.program).await?;
    let member = match request.query("member") {
        None => None,
        Some(named) => Some(services.member_named(&program, named).await?.ok_or_else(Problem::unknown_member)?),
    };
    let name = member.as_ref().map_or_else(|| LIST.to_owned(), |member| format!("{LIST}/{member}"));
    let cursor = ListCursor::new(&program, name);
    let after = cursor.of(request).await?;
    let members = match &member {
        None => Vec::new(),
        Some(member) => services.store.owners(&program.id, member).await?,
    };
    let filter = NoticeFilter { members, kind: kind.map(str::to_owned) };
    let page = services.store.notices(&program.id, &filter, services.clock.now(), limit, after.as_deref()).await?;
    let next_cursor = cursor.seal(page.next.as_deref()).await?;
    Ok(http::json(200, &ListPage { items: page.items, next_cursor }))
}
