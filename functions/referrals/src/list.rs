//! Lists of referrals: those of an advocate, and those that a person has to look at.

use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Access, Parameter, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, FoundReferral, Page};

use crate::referral::find;
use crate::view::ReferralRecord;

const STATUS: Parameter = Parameter::text("status", "The status; only `flagged` can be listed for all members.");

/// The routes of lists.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/members/{member}/referrals", Access::ScopeOrMember(Scope::MembersRead), handler!(of_member))
        .named("listReferrals", "Referrals", "Lists the friends whom a member brought, newest first")
        .paged()
        .lists::<ReferralRecord>("A page of referrals."),
    Route::get("/v1/referrals", Access::Scope(Scope::Support), handler!(flagged))
        .named("listFlaggedReferrals", "Referrals", "Lists the referrals that a person has to look at, oldest first")
        .query(STATUS)
        .paged()
        .lists::<ReferralRecord>("A page of referrals."),
];

/// `GET /v1/members/{member}/referrals`
async fn of_member(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = services.member_for(&program, caller, request.path("member")?).await?;
    let Some(member) = member else {
        return match caller.member {
            Some(_) => Ok(http::json(200, &ListPage::<ReferralRecord> { items: Vec::new(), next_cursor: None })),
            None => Err(Problem::unknown_member()),
        };
    };
    let opened = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    let cursor = ListCursor::new(&program, format!("referrals/{}", opened.member));
    let after = cursor.of(request).await?;
    let page = services.store.advocated(&program.id, &opened.owners(), limit, after.as_deref()).await?;
    let is_support = caller.has(Scope::Support) && caller.member.is_none();
    respond(services, &program, page, &cursor, is_support).await
}

/// `GET /v1/referrals?status=flagged`
async fn flagged(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    if request.query("status") != Some("flagged") {
        return Err(Problem::malformed_at("/status", "must be flagged"));
    }
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    let cursor = ListCursor::new(&program, "referrals flagged");
    let after = cursor.of(request).await?;
    let page = services.store.flagged_referrals(&program.id, limit, after.as_deref()).await?;
    respond(services, &program, page, &cursor, true).await
}

async fn respond(
    services: &Services,
    program: &ActiveProgram,
    page: Page<FoundReferral>,
    cursor: &ListCursor<'_>,
    is_support: bool,
) -> Result<Response, Problem> {
    let mut items = Vec::with_capacity(page.items.len());
    for FoundReferral { id, friend } in &page.items {
        if let Some((_, one)) = find(services, program, friend, id).await? {
            items.push(ReferralRecord::new(&one, is_support.then_some(friend.as_str())));
        }
    }
    let next_cursor = cursor.seal(page.next.as_deref()).await?;
    Ok(http::json(200, &ListPage { items, next_cursor }))
}
