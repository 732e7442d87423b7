//! Lists of a member's things, page by page.

use tessera_domain::ids::MemberId;
use tessera_domain::view::{CouponView, Explainer, ReceiptView};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::ActiveProgram;

use crate::{READ, READ_OWN, member};

/// The routes of lists.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/members/{member}/receipts", READ, handler!(receipts))
        .named("listReceipts", "Members", "Lists the receipts, newest first")
        .localized()
        .paged()
        .lists::<ReceiptView>("A page of receipts."),
    Route::get("/v1/members/{member}/coupons", READ_OWN, handler!(coupons))
        .named("listCoupons", "Members", "Lists the coupons, newest first")
        .localized()
        .paged()
        .lists::<CouponView>("A page of coupons."),
];

/// How many pages of the table are read for one page of a list from which most is left out.
pub(crate) const MOST_READS: u32 = 4;

/// `GET /v1/members/{member}/receipts`: those that were decided on, newest first.
async fn receipts(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = known(services, &program, request).await?;
    let place = ListCursor::new(&program, format!("receipts/{member}"));

    let explainer = Explainer::new(&program.compiled, request.language(&program, None));
    let owners = services.store.owners(&program.id, &member).await?;
    let mut next = place.of(request).await?;
    let mut items: Vec<ReceiptView> = Vec::new();
    for _ in 0..MOST_READS {
        let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let page = services.store.member_receipts(&program.id, &owners, left, next.as_deref()).await?;
        items.extend(page.items.iter().filter_map(|stored| ReceiptView::of_entry(&stored.entry, &explainer)));
        next = page.next;
        if next.is_none() || items.len() >= limit as usize {
            break;
        }
    }
    Ok(http::json(200, &ListPage { items, next_cursor: place.seal(next.as_deref()).await? }))
}

/// `GET /v1/members/{member}/coupons`: the latest issued first.
async fn coupons(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = match caller.member {
        Some(_) => services.own_or_claimed(&program, caller).await?,
        None => Some(member::named(services, &program, request).await?),
    };
    let place = ListCursor::new(&program, format!("coupons/{}", member.as_ref().map_or("", MemberId::as_str)));
    let after = place.of(request).await?;
    let opened = match &member {
        Some(member) => services.store.open_member(&program.id, member).await?,
        None => None,
    };
    let Some(opened) = opened else {
        // Someone who is signed in to the shop, and of whom nothing is stored, has no coupons.
        return match caller.member {
            Some(_) => Ok(http::json(200, &ListPage::<CouponView> { items: Vec::new(), next_cursor: None })),
            None => Err(Problem::unknown_member()),
        };
    };
    let page = services.store.coupons(&program.id, &opened.owners(), limit, after.as_deref()).await?;
    let profile = &opened.profile;
    let (now, language) = (services.clock.now(), request.language(&program, Some(profile)));
    let views = page.items.iter().map(|coupon| CouponView::new(&program.compiled, coupon, Some(profile), now));
    let items: Vec<CouponView> = views.map(|view| view.named(&program.compiled, language)).collect();
    Ok(http::json(200, &ListPage { items, next_cursor: place.seal(page.next.as_deref()).await? }))
}

/// The member that the path names, who must exist: one of our own ids says nothing about that.
pub(crate) async fn known(
    services: &Services,
    program: &ActiveProgram,
    request: &ApiRequest,
) -> Result<MemberId, Problem> {
    let named = member::named(services, program, request).await?;
    let is_inner = request.path("member")? == named.as_str();
    if is_inner && services.store.get_profile(&program.id, &named).await?.is_none() {
        return Err(Problem::unknown_member());
    }
    Ok(named)
}
