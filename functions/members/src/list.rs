//! Lists of a member's things, page by page.

use serde::Serialize;
use tessera_domain::ids::MemberId;
use tessera_domain::view::{CouponView, Explainer, ReceiptView};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, cursor, handler};
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

/// The items of a page unless the request says otherwise.
const USUAL: u32 = 50;
/// The most items of a page.
const MOST: u32 = 250;
/// How many pages of the table are read for one page of a list from which most is left out.
pub(crate) const MOST_READS: u32 = 4;

/// A page of a list.
#[derive(Serialize)]
pub(crate) struct Listed<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; null on the last.
    pub next_cursor: Option<String>,
}

/// How many items the request asks for.
pub(crate) fn limit(request: &ApiRequest) -> Result<u32, Problem> {
    let Some(text) = request.query("limit") else { return Ok(USUAL) };
    text.parse()
        .ok()
        .filter(|limit| (1..=MOST).contains(limit))
        .ok_or_else(|| Problem::malformed_at("/limit", format!("must be a whole number from 1 to {MOST}")))
}

/// One member's list: its cursors work for nothing else.
pub(crate) struct Place<'a> {
    program: &'a ActiveProgram,
    name: String,
}

impl<'a> Place<'a> {
    pub fn new(program: &'a ActiveProgram, list: &str, member: &MemberId) -> Self {
        Self { program, name: format!("{list}/{member}") }
    }

    /// A list of the whole program; `name` says of what.
    pub const fn of_list(program: &'a ActiveProgram, name: String) -> Self {
        Self { program, name }
    }

    /// The position that the request continues from.
    pub async fn of(&self, request: &ApiRequest) -> Result<Option<String>, Problem> {
        let Some(sealed) = request.query("cursor") else { return Ok(None) };
        let key = self.program.head.identity_key.open().await?;
        cursor::open(key.as_bytes(), &self.name, sealed).map(Some)
    }

    /// The cursor of the next position, where there is one.
    pub async fn seal(&self, next: Option<&str>) -> Result<Option<String>, Problem> {
        let Some(next) = next else { return Ok(None) };
        let key = self.program.head.identity_key.open().await?;
        Ok(Some(cursor::seal(key.as_bytes(), &self.name, next)))
    }
}

/// `GET /v1/members/{member}/receipts`: those that were decided on, newest first.
async fn receipts(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = known(services, &program, request).await?;
    let place = Place::new(&program, "receipts", &member);

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
    Ok(http::json(200, &Listed { items, next_cursor: place.seal(next.as_deref()).await? }))
}

/// `GET /v1/members/{member}/coupons`: the latest issued first.
async fn coupons(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = member::named(services, &program, request).await?;
    let place = Place::new(&program, "coupons", &member);
    let after = place.of(request).await?;
    let opened = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    let page = services.store.coupons(&program.id, &opened.owners(), limit, after.as_deref()).await?;
    let profile = &opened.profile;
    let (now, language) = (services.clock.now(), request.language(&program, Some(profile)));
    let views = page.items.iter().map(|coupon| CouponView::new(coupon, Some(profile), now));
    let items: Vec<CouponView> = views.map(|view| view.named(&program.compiled, language)).collect();
    Ok(http::json(200, &Listed { items, next_cursor: place.seal(page.next.as_deref()).await? }))
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
