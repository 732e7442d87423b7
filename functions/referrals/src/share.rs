//! `POST /v1/members/{member}/referral-shares`: a member shared the link.

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::input;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::ReferralShare;

/// The route of shares.
pub(crate) const ROUTES: &[Route] = &[Route::post(
    "/v1/members/{member}/referral-shares",
    Access::ScopeOrMember(Scope::ReferralsWrite),
    handler!(post),
)
.named("shareReferral", "Referrals", "Reports that a member shared the referral link")
.takes::<ShareBody>(ShareBody::example)
.gives::<SharedView>(201, "The code that was shared.")];

/// Where a link was shared.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReferralShare), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `post` reads")]
pub(crate) struct ShareBody {
    /// Where, such as `whatsapp`.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    channel: String,
}

impl ShareBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "channel": "whatsapp" })
    }
}

/// The code that was shared.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SharedReferral))]
struct SharedView {
    /// The member's code.
    code: String,
    /// Where it was shared.
    channel: String,
}

/// `POST /v1/members/{member}/referral-shares`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let channel = input::read(&request.json()?, |node| {
        let object = node.object()?;
        let channel = object.required("channel", |node| node.filled(64));
        object.finish();
        channel
    });
    let channel = channel.map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let member = services.member_for(&program, caller, request.path("member")?).await?;
    let member = member.ok_or_else(Problem::unknown_member)?;
    let opened = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    let code = services.referral_code_of(&program, &opened.member, &opened.account).await?;
    let refused = || Problem::not_allowed("advocate_not_eligible", "this member may not recommend the program");
    let code = code.ok_or_else(refused)?;
    if caller.member.is_some() {
        // The advocate's own network: friends who come from it are suspicious.
        let source = request.source(services);
        let network = services.store.hash_sign(&program.head.identity_key, "network", source.as_str()).await?;
        services.store.note_shared_from(&program.id, &opened.member, &network).await?;
    }
    let natural = request.natural_key();
    let (advocate, at) = (&opened.member, natural.started_at);
    let share = ReferralShare { advocate, code: &code, channel: &channel, natural: &natural.key, at };
    services.store.note_share(&program.id, &share).await?;
    Ok(http::json(201, &SharedView { code, channel }))
}
