//! The referral link: `GET /r/{program}/{code}` counts the click and leads to the shop.
//!
//! The target is the program's `storefront.shop_url` and nothing else: no part of the request can change it.

mod bots;
mod target;

use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::limits::misses_of_programs;
use tessera_lambda::{Access, Content, Problem, Route, Routes, Services, Variable, handler};
use tessera_store::{ActiveProgram, ReferralCode};

use bots::is_counted;
use target::shop_address;

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[Variable::SecretsKeyParameter];

/// Its routes.
pub const ROUTES: Routes = &[&[Route::get("/r/{program}/{code}", Access::Public, handler!(follow))
    .named("followReferralLink", "Referrals", "Leads a friend to the shop")
    .details(
        "The shop's address gets `ref` and `ref_click`; for an unknown or expired code it stays as it is. Bots, prefetches and \
         repetitions within 30 minutes are not counted.",
    )
    .responds(302, "To the shop.", Content::Nothing)
    .fails(404)
    .fails(429)]];

/// How many characters of the visitor's software distinguish it.
const MAX_AGENT: usize = 300;
/// The length of a click's identifier, in characters.
const CLICK_LENGTH: usize = 32;

/// `GET /r/{program}/{code}`
async fn follow(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("there is no such link");
    let program = ProgramId::new(request.path("program")?).map_err(|_| unknown())?;
    // What cannot be a code is an unknown one.
    let code = FoldedCode::parse(request.path("code")?);
    let (source, now) = (request.source(services), services.clock.now());
    let look_up = services.limits.begin(&services.store, misses_of_programs(&source), now)?;
    let Some(program) = services.programs.get(&program).await? else {
        return Err(look_up.missed(unknown()).await);
    };
    let shop = program.compiled.program.storefront.shop_url.clone().ok_or_else(unknown)?;
    let (agent, key) = (request.header("user-agent").unwrap_or_default(), &program.head.identity_key);
    let agent: String = agent.chars().take(MAX_AGENT).collect();
    let network = services.store.hash_sign(key, "network", source.as_str()).await?;
    let looked_up = match code {
        Some(code) => {
            let visitor = format!("{code}#{}#{agent}", source.as_str());
            let click = services.store.hash_sign(key, "click", &visitor).await?;
            let click: String = click.chars().take(CLICK_LENGTH).collect();
            let found = services.store.look_up_click(&program.id, &code, &click, now).await?;
            found.map(|(found, repeats)| (code, click, found, repeats))
        }
        None => None,
    };
    let Some((code, click, found, repeats)) = looked_up else {
        // Guessing codes is bounded; a friend with an old link still gets to the shop.
        return match look_up.missed(unknown()).await {
            limited if limited.status() == 429 => Err(limited),
            _ => Ok(redirect(&shop)),
        };
    };
    if !is_valid(services, &program, &found) {
        return Ok(redirect(&shop));
    }
    if !repeats && is_counted(request, &agent) {
        services.store.count_click(&program.id, &code, &found.member, &click, &network, now).await?;
    }
    Ok(redirect(&shop_address(&shop, &found.code, &click)))
}

/// True if a code can be named today. Whether its owner may recommend the program is judged when it is named.
fn is_valid(services: &Services, program: &ActiveProgram, code: &ReferralCode) -> bool {
    let Some(referral) = program.compiled.referral.as_ref().filter(|referral| referral.program.enabled) else {
        return false;
    };
    let zone = &program.compiled.zone;
    let (first, last) = referral.program.code.validity(code.issued_at, zone);
    let today = Day::of(services.clock.now(), zone);
    first <= today && last.is_none_or(|last| today <= last)
}

fn redirect(to: &str) -> Response {
    http::with_header(http::empty(302), "location", to)
}
