//! The storefront view, in two round trips: who it is, then all that is theirs at once.

use std::collections::BTreeSet;

use tessera_domain::account::Account;
use tessera_domain::ids::{MemberId, ProgramId, RewardId};
use tessera_domain::view::{HubView, ReferralView, Visitor};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::limits::misses_of_programs;
use tessera_lambda::referrals::{may_recommend, referral_url};
use tessera_lambda::{Access, Caller, Parameter, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, AdvocateCounts, OpenedMember, StoreError};

/// How many of the latest coupons are read; whoever has more finds them in the list of coupons.
const MOST_COUPONS: u32 = 100;

/// The routes of the storefront view.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/members/{member}/hub", Access::ScopeOrMember(Scope::MembersRead), handler!(of_member))
        .named("getMemberHub", "Members", "Reads what the storefront shows of a member")
        .localized()
        .gives::<HubView>(200, "The hub."),
    Route::get("/v1/hub", Access::MemberOrAnonymous, handler!(of_whoever_calls))
        .named("getHub", "Members", "Reads what the storefront shows to anyone")
        .query(Parameter::PROGRAM)
        .localized()
        .gives::<HubView>(200, "The hub.")
        .fails(404),
];

/// `GET /v1/members/{member}/hub`: by the shop for anyone, by a member's token for that member.
async fn of_member(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let path = request.path("member")?;
    // The token's own name needs no second look at who it is.
    if caller.member.as_ref().is_some_and(|own| own.as_str() == path) {
        return own(services, request, &program, caller).await;
    }
    let (named, sold_out) = tokio::join!(
        services.member_for(&program, caller, path),
        services.store.sold_out(&program.id, &program.compiled)
    );
    let view = match named? {
        Some(named) => view_of(services, request, &program, &named, &sold_out?).await?,
        None => None,
    };
    match view {
        Some((view, _)) => Ok(http::json(200, &view)),
        // A name that leads nowhere: for its own token that is a stranger's, for a shop it is a mistake.
        None if caller.member.is_some() => own(services, request, &program, caller).await,
        None => Err(Problem::unknown_member()),
    }
}

/// `GET /v1/hub`: by a member's token for that member; for everyone else, the program in general.
async fn of_whoever_calls(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let Some(caller) = request.authenticate(services).await? else {
        let asked = asked(request)?;
        let misses = misses_of_programs(&request.source(services));
        let look_up = services.limits.begin(&services.store, misses, services.clock.now())?;
        let Some(program) = services.programs.get(&asked).await? else {
            return Err(look_up.missed(unknown_program()).await);
        };
        return anonymous(services, request, &program).await;
    };
    let program = services.program(&caller.program).await?;
    if caller.member.is_none() {
        return anonymous(services, request, &program).await;
    }
    own(services, request, &program, &caller).await
}

/// The program that a request without credentials names.
fn asked(request: &ApiRequest) -> Result<ProgramId, Problem> {
    let named = request.query("program").unwrap_or_default();
    if named.is_empty() {
        return Err(Problem::unauthorized("send a member's token, or name the program: ?program=…"));
    }
    ProgramId::new(named).map_err(|_| unknown_program())
}

fn unknown_program() -> Problem {
    Problem::not_found("there is no such program")
}

/// The response to a member's token.
async fn own(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    caller: &Caller,
) -> Result<Response, Problem> {
    let (view, _) = of_token(services, request, program, caller).await?;
    Ok(http::json(200, &view))
}

/// What a member token shows, and its language. Someone who is signed in to the shop, and of whom nothing is stored, is a
/// visitor with nothing.
///
/// Two round trips: who it is, and meanwhile what is sold out; then everything that is theirs.
pub(crate) async fn of_token(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    caller: &Caller,
) -> Result<(HubView, String), Problem> {
    let (own, sold_out) =
        tokio::join!(services.own_or_claimed(program, caller), services.store.sold_out(&program.id, &program.compiled));
    let sold_out = sold_out?;
    if let Some(own) = own?
        && let Some(known) = view_of(services, request, program, &own, &sold_out).await?
    {
        return Ok(known);
    }
    let visitor = Visitor { profile: None, account: &Account::default(), coupons: &[] };
    let language = request.language(program, None);
    let view = HubView::new(&program.compiled, Some(&visitor), &sold_out, services.clock.now(), language);
    Ok((view, language.to_owned()))
}

/// The view of a member, and its language; `None` when there is no such member.
async fn view_of(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    member: &MemberId,
    sold_out: &BTreeSet<RewardId>,
) -> Result<Option<(HubView, String)>, Problem> {
    let store = &services.store;
    let own = std::slice::from_ref(member);
    let (found, coupons, counts) = tokio::join!(
        store.view_member(&program.id, member),
        store.coupons_for_view(&program.id, own, MOST_COUPONS),
        counts_of(services, program, own)
    );
    let Some(opened) = found? else { return Ok(None) };
    let (owners, mut coupons, mut counts) = (opened.owners(), coupons?, counts?);
    if owners != own {
        coupons = store.coupons_for_view(&program.id, &owners, MOST_COUPONS).await?;
        counts = counts_of(services, program, &owners).await?;
    }
    let OpenedMember { profile, account, .. } = &opened;
    let visitor = Visitor { profile: Some(profile), account, coupons: &coupons };
    let language = request.language(program, Some(profile));
    let mut view = HubView::new(&program.compiled, Some(&visitor), sold_out, services.clock.now(), language);
    view.referral = referral_of(services, request, program, &opened, counts).await?;
    Ok(Some((view, language.to_owned())))
}

/// The counts of an advocate; a program without referrals costs no read.
async fn counts_of(
    services: &Services,
    program: &ActiveProgram,
    owners: &[MemberId],
) -> Result<AdvocateCounts, StoreError> {
    if program.compiled.referral.is_none() {
        return Ok(AdvocateCounts::default());
    }
    services.store.advocate_counts(&program.id, owners).await
}

/// What a member may share; `None` for whoever may not recommend the program. Whoever enrolled before the program had
/// referrals gets a code now.
async fn referral_of(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    opened: &OpenedMember,
    counts: AdvocateCounts,
) -> Result<Option<ReferralView>, Problem> {
    let Some(referral) = program.compiled.referral.as_ref().filter(|referral| referral.program.enabled) else {
        return Ok(None);
    };
    let OpenedMember { member, profile, account } = opened;
    if !may_recommend(referral, account) {
        return Ok(None);
    }
    let code = match &profile.referral_code {
        Some(code) => Some(code.clone()),
        None => services.referral_code_of(program, member, account).await?,
    };
    Ok(code.map(|code| ReferralView {
        url: referral_url(request, &program.id, &code),
        code,
        clicks: counts.clicks,
        qualified: counts.qualified,
    }))
}

/// What everybody sees.
async fn anonymous(services: &Services, request: &ApiRequest, program: &ActiveProgram) -> Result<Response, Problem> {
    let language = request.language(program, None);
    let sold_out = services.store.sold_out(&program.id, &program.compiled).await?;
    let view = HubView::new(&program.compiled, None, &sold_out, services.clock.now(), language);
    Ok(http::public(http::json(200, &view)))
}
