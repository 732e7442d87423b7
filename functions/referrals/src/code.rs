//! `GET /v1/referral-codes/{code}`: whose code it is and whether it is valid, for a till; with `.svg`, its picture.

use serde::Serialize;
use tessera_codes::{Format, code128, qr};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::referrals::{may_recommend, referral_url};
use tessera_lambda::{Access, Parameter, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, ReferralCode};

/// The route of codes.
pub(crate) const ROUTES: &[Route] =
    &[Route::get("/v1/referral-codes/{code}", Access::Scope(Scope::MembersRead), handler!(get))
        .named("getReferralCode", "Referrals", "Reads a referral code")
        .details(
            "A code that ends in `.svg` returns a picture: `?format=qr` (default) draws the link, `code128` the code for a till.",
        )
        .query(FORMAT)
        .gives::<ReferralCodeView>(200, "The code.")
        .fails(404)
        .fails(422)];

const FORMAT: Parameter = Parameter::text("format", "Of a picture: `qr` (default) or `code128`.");
/// What the path of a picture ends in. A gateway's route cannot have text after a parameter.
const PICTURE: &str = ".svg";

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
    /// The clicks on the links of its owner.
    clicks: u64,
}

fn unknown() -> Problem {
    Problem::no_match("there is no such referral code")
}

/// `GET /v1/referral-codes/{code}` and `GET /v1/referral-codes/{code}.svg`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let path = request.path("code")?;
    if let Some(code) = path.strip_suffix(PICTURE) {
        return picture(services, request, code).await;
    }
    let program = services.program(&request.caller()?.program).await?;
    let found = find(services, &program, path).await?;
    let store = &services.store;
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
            clicks: store.advocate_counts(&program.id, &advocate.owners()).await?.clicks,
        },
    ))
}

async fn find(services: &Services, program: &ActiveProgram, code: &str) -> Result<ReferralCode, Problem> {
    let code = FoldedCode::parse(code).ok_or_else(unknown)?;
    services.store.referral_code(&program.id, &code, true).await?.ok_or_else(unknown)
}

/// The picture of a code: the link for a phone's camera, the code for a till's scanner.
async fn picture(services: &Services, request: &ApiRequest, code: &str) -> Result<Response, Problem> {
    let draws_link = match Format::from_name(request.query("format").unwrap_or("qr")) {
        Some(Format::Qr) => true,
        Some(Format::Code128) => false,
        Some(Format::Ean13) | None => return Err(Problem::malformed_at("", "?format is qr or code128")),
    };
    let program = services.program(&request.caller()?.program).await?;
    let ReferralCode { code, .. } = find(services, &program, code).await?;
    let drawn = if draws_link { qr(&referral_url(request, &program.id, &code), &code) } else { code128(&code, &code) };
    drawn.map(http::svg).map_err(|error| Problem::not_allowed("not_drawable", error.to_string()))
}
