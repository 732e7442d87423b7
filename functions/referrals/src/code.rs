//! `GET /v1/referral-codes/{code}`: whose code it is and whether it is valid, for a till.

use serde::Serialize;
use tessera_domain::coupon::FoldedCode;
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::referrals::may_recommend;
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};

/// The route of codes.
pub(crate) const ROUTES: &[Route] =
    &[Route::get("/v1/referral-codes/{code}", Access::Scope(Scope::MembersRead), handler!(get))
        .named("getReferralCode", "Referrals", "Reads a referral code")
        .gives::<ReferralCodeView>(200, "The code.")
        .fails(404)];

/// A referral code.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReferralCode))]
struct ReferralCodeView {
    /// The code, as it is written.
    code: String,
    /// The advocate: the shop's id, otherwise the internal id.
    member: String,
    /// True if a friend can name it today.
    valid: bool,
    /// The first local day on which it is valid.
    starts_on: String,
    /// The last local day on which it is valid; null: no end.
    ends_on: Option<String>,
    /// The clicks on its link.
    clicks: u64,
}

/// `GET /v1/referral-codes/{code}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let program = services.program(&request.caller()?.program).await?;
    let unknown = || Problem::no_match("there is no such referral code");
    let code = FoldedCode::parse(request.path("code")?).ok_or_else(unknown)?;
    let store = &services.store;
    let found = store.referral_code(&program.id, &code, true).await?.ok_or_else(unknown)?;
    let advocate = store.open_member(&program.id, &found.member).await?.ok_or_else(unknown)?;
    let referral = program.compiled.referral.as_ref().ok_or_else(unknown)?;
    let zone = &program.compiled.zone;
    let (first, last) = referral.program.code.validity(found.issued_at, zone);
    let today = Day::of(services.clock.now(), zone);
    let is_in_time = first <= today && last.is_none_or(|last| today <= last);
    let id = advocate.profile.id.as_ref();
    Ok(http::json(
        200,
        &ReferralCodeView {
            code: found.code,
            member: id.map_or_else(|| advocate.member.to_string(), ToString::to_string),
            valid: referral.program.enabled && is_in_time && may_recommend(referral, &advocate.account),
            starts_on: first.to_string(),
            ends_on: last.map(|last| last.to_string()),
            clicks: store.clicks(&program.id, &code).await?,
        },
    ))
}
