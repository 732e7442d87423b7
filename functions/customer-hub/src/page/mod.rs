//! Pages without script: the programme page, and blocks for the pages of a shop.

mod blocks;
mod looks;
mod view;
mod words;

use std::sync::Arc;

use tessera_domain::ids::ProgramId;
use tessera_domain::locale::nearest;
use tessera_domain::view::HubView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::limits::misses_of_programs;
use tessera_lambda::{Access, Problem, Route, Services, handler};
use tessera_store::ActiveProgram;

use self::blocks::Block;
use self::view::PageView;
use crate::hub;

const PAGE_CSS: &str = include_str!("page.css");
const BLOCK_CSS: &str = include_str!("block.css");

/// The routes of pages.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/p/{program}", Access::Public, handler!(page)),
    Route::get("/p/{program}/{locale}", Access::Public, handler!(page)),
    Route::get("/p/{program}/blocks/{block}", Access::MemberOrAnonymous, handler!(block)),
];

/// `GET /p/{program}`, in the language of the path, else of `Accept-Language`.
async fn page(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = find(services, request).await?;
    let language = match request.path("locale") {
        Ok(tag) => nearest(tag, program.compiled.locales())
            .ok_or_else(|| Problem::not_found("there is no page in this language"))?,
        Err(_) => request.language(&program, None),
    };
    let sold_out = services.store.sold_out(&program.id, &program.compiled).await?;
    let hub = HubView::new(&program.compiled, None, &sold_out, services.clock.now(), language);
    let sheet = looks::sheet(&program.compiled.program.storefront, ":root", "", PAGE_CSS);
    let page = PageView { program: &program.compiled, id: program.id.as_str(), hub: &hub, language, sheet: &sheet };
    Ok(shared(html(page.render(), &sheet, language)))
}

/// `GET /p/{program}/blocks/{block}`
async fn block(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let block = Block::from_name(request.path("block")?);
    let block = block.ok_or_else(|| Problem::not_found("the blocks are product, cart and account"))?;
    let program = find(services, request).await?;
    let sheet = looks::sheet(&program.compiled.program.storefront, ".tessera-block", "tessera-", BLOCK_CSS);
    if block == Block::Account {
        let unauthorized = || Problem::unauthorized("the account block needs a member token");
        let caller = request.authenticate(services).await?.ok_or_else(unauthorized)?;
        if caller.program != program.id {
            return Err(Problem::forbidden("the credential belongs to another program"));
        }
        if caller.member.is_none() {
            return Err(Problem::malformed_at("", "the account block shows one member: send that member's token"));
        }
        let (hub, language) = hub::of_token(services, request, &program, &caller).await?;
        let content = blocks::account(&hub, &program.compiled, &language);
        let response = html(blocks::fragment(&content, &sheet, &language), &sheet, &language);
        return Ok(http::with_header(response, "cache-control", "private, no-store"));
    }
    let language = request.language(&program, None);
    let content = blocks::promise(block, services, request, &program, language).await?;
    Ok(shared(html(blocks::fragment(&content, &sheet, language), &sheet, language)))
}

/// The program that the path names. Names of no program count as misses of their source.
async fn find(services: &Services, request: &ApiRequest) -> Result<Arc<ActiveProgram>, Problem> {
    let unknown = || Problem::not_found("there is no such program");
    let id = ProgramId::new(request.path("program")?).map_err(|_| unknown())?;
    let misses = misses_of_programs(&request.source(services));
    let look_up = services.limits.begin(&services.store, misses, services.clock.now())?;
    match services.programs.get(&id).await? {
        Some(program) => Ok(program),
        None => Err(look_up.missed(unknown()).await),
    }
}

fn html(text: String, sheet: &str, language: &str) -> Response {
    let response = http::html(text);
    let response = http::with_header(response, "content-security-policy", &looks::policy(sheet));
    let response = http::with_header(response, "content-language", language);
    http::with_header(response, "referrer-policy", "strict-origin-when-cross-origin")
}

/// Lets anyone keep a page for a minute.
fn shared(response: Response) -> Response {
    let response = http::with_header(response, "cache-control", "public, max-age=60");
    http::with_header(response, "vary", "accept-language, origin")
}
