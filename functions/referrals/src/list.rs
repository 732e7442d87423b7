//! Lists of referrals: those of an advocate, and those that a person has to look at.

use serde::Serialize;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Parameter, Problem, Route, Scope, Services, cursor, handler};
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

/// The items of a page unless the request says otherwise, and the most.
const USUAL: u32 = 50;
const MOST: u32 = 250;

/// A page of a list.
#[derive(Serialize)]
struct Listed {
    items: Vec<ReferralRecord>,
    next_cursor: Option<String>,
}

/// `GET /v1/members/{member}/referrals`
async fn of_member(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = services.member_for(&program, caller, request.path("member")?).await?;
    let Some(member) = member else {
        return match caller.member {
            Some(_) => Ok(http::json(200, &Listed { items: Vec::new(), next_cursor: None })),
            None => Err(Problem::unknown_member()),
        };
    };
    let opened = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    let name = format!("referrals/{}", opened.member);
    let after = place(&program, request, &name).await?;
    let page = services.store.advocated(&program.id, &opened.owners(), limit, after.as_deref()).await?;
    let is_support = caller.has(Scope::Support) && caller.member.is_none();
    respond(services, &program, page, &name, is_support).await
}

/// `GET /v1/referrals?status=flagged`
async fn flagged(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    if request.query("status") != Some("flagged") {
        return Err(Problem::malformed_at("/status", "must be flagged"));
    }
    let limit = limit(request)?;
    let program = services.program(&caller.program).await?;
    let name = "referrals flagged";
    let after = place(&program, request, name).await?;
    let page = services.store.flagged_referrals(&program.id, limit, after.as_deref()).await?;
    respond(services, &program, page, name, true).await
}

async fn respond(
    services: &Services,
    program: &ActiveProgram,
    page: Page<FoundReferral>,
    name: &str,
    is_support: bool,
) -> Result<Response, Problem> {
    let mut items = Vec::with_capacity(page.items.len());
    for FoundReferral { id, friend } in &page.items {
        if let Some((_, one)) = find(services, program, friend, id).await? {
            items.push(ReferralRecord::new(&one, is_support.then_some(friend.as_str())));
        }
    }
    let next_cursor = match &page.next {
        None => None,
        Some(next) => {
            let key = program.head.identity_key.open().await?;
            Some(cursor::seal(key.as_bytes(), name, next))
        }
    };
    Ok(http::json(200, &Listed { items, next_cursor }))
}

/// The position that the request continues from.
async fn place(program: &ActiveProgram, request: &ApiRequest, name: &str) -> Result<Option<String>, Problem> {
    let Some(sealed) = request.query("cursor") else { return Ok(None) };
    let key = program.head.identity_key.open().await?;
    cursor::open(key.as_bytes(), name, sealed).map(Some)
}

fn limit(request: &ApiRequest) -> Result<u32, Problem> {
    let Some(text) = request.query("limit") else { return Ok(USUAL) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::malformed_at("/limit", format!("must be a whole number from 1 to {MOST}")))
}
