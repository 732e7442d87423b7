//! `POST /v1/referrals`: the shop reports that a friend named a code.

use serde_json::{Value, json};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{MemberId, ReferralId};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::MemberRef;
use tessera_domain::referral::Referral;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::referrals::{AttributionError, NamedCode, ReferralContext, ReferralFault};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::ActiveProgram;

use crate::view::ReferralRecord;

/// The route of new referrals.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/referrals", Access::Scope(Scope::ReferralsWrite), handler!(post))
        .named("addReferral", "Referrals", "Reports that a friend named a code")
        .counts_misses()
        .takes::<ReferralBody>(ReferralBody::example)
        .gives::<ReferralRecord>(201, "The referral.")
        .gives::<ReferralRecord>(200, "The friend had named a code of this advocate before.")
        // The next key with this scope may lack `support`.
        .not_repeating(&["score", "evidence"])];

/// A friend who named a code.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewReferral), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_referral` reads")]
pub(crate) struct ReferralBody {
    /// The advocate's code.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    code: String,
    /// The friend.
    friend: MemberRef,
    /// What the shop knows of the friend, for the checks. It is stored as keyed hashes alone.
    context: Option<ReferralContextBody>,
    /// The click on the advocate's link.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    click: Option<String>,
}

/// What the shop knows of a friend.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReferralContext), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_context` reads")]
pub(crate) struct ReferralContextBody {
    /// The address of the friend's network.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    ip: Option<String>,
    /// The friend's device.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    device: Option<String>,
    /// The friend's means of payment, such as the fingerprint of a card.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    payment: Option<String>,
    /// The friend's postal address.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    address: Option<String>,
}

impl ReferralBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "code": "ADA7K2M9QX4", "friend": { "email": "grace@example.com" }, "context": { "ip": "203.0.113.7" } })
    }
}

struct NewReferral {
    code: String,
    friend: MemberRef,
    context: ReferralContext,
    click: Option<String>,
}

fn read_referral(body: &Value) -> Result<NewReferral, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let code = object.required("code", |code| code.filled(64));
        let friend = object.required("friend", MemberRef::read);
        let context = object.or("context", ReferralContext::default(), read_context);
        let click = object.optional("click", |click| click.filled(128));
        object.finish();
        Some(NewReferral { code: code?, friend: friend?, context: context?, click: click? })
    })
}

fn read_context(node: &Node<'_>) -> Option<ReferralContext> {
    let object = node.object()?;
    let text = |name| object.optional(name, |node| node.filled(500));
    let (ip, device, payment, address) = (text("ip"), text("device"), text("payment"), text("address"));
    object.finish();
    Some(ReferralContext { ip: ip?, device: device?, payment: payment?, address: address? })
}

/// `POST /v1/referrals`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let new = read_referral(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let code = FoldedCode::parse(&new.code).ok_or_else(Problem::unknown_code)?;
    let reference = caller.verified(&program, new.friend)?;
    let named = NamedCode { code, at: request.natural_key().started_at, click: new.click, context: new.context };
    // A code that cannot be taken must neither create nor change a friend.
    let valid = services.check_code(&program, &named).await.map_err(problem)?;
    let known = services.store.resolve(&program.id, &program.head.identity_key, &reference, true).await?;
    if let Some(friend) = &known.member {
        services.check_room(&program, friend, &valid).await.map_err(problem)?;
    }
    services.programs.mark_in_use(&program).await?;
    let now = services.clock.now();
    let friend = services.store.find_or_create_visitor(&program, &reference, now).await?.member;
    let attributed = services.attribute_to(&program, &friend, &named, &valid).await.map_err(problem)?;
    services.evaluate_friend(&program, &friend).await?;
    let status = if attributed.is_new { 201 } else { 200 };
    respond(services, &program, request, status, &friend, &attributed.referral).await
}

/// Responds with a referral as it is stored.
pub(crate) async fn respond(
    services: &Services,
    program: &ActiveProgram,
    request: &ApiRequest,
    status: u16,
    friend: &MemberId,
    id: &ReferralId,
) -> Result<Response, Problem> {
    let (_, one) = find(services, program, friend, id).await?.ok_or_else(unknown_referral)?;
    let is_support = request.caller()?.has(Scope::Support);
    Ok(http::json(status, &ReferralRecord::new(&one, is_support.then_some(friend.as_str()))))
}

/// A referral of a friend, with the owner in whose partition it is.
pub(crate) async fn find(
    services: &Services,
    program: &ActiveProgram,
    friend: &MemberId,
    id: &ReferralId,
) -> Result<Option<(tessera_store::StoredFriend, Referral)>, Problem> {
    let owners = services.store.owners(&program.id, friend).await?;
    let stored = services.store.friend_referrals(&program.id, &owners).await?;
    let found = stored.into_iter().find_map(|stored| {
        let one = stored.known.referrals.iter().find(|one| one.id == *id).cloned()?;
        Some((stored, one))
    });
    Ok(found)
}

/// 404 for an identifier that no referral has.
pub(crate) fn unknown_referral() -> Problem {
    Problem::no_match("there is no such referral")
}

fn problem(error: AttributionError) -> Problem {
    match error {
        AttributionError::Fault(ReferralFault::UnknownCode) => Problem::unknown_code(),
        AttributionError::Fault(fault) => Problem::not_allowed(fault.slug(), fault.to_string()),
        AttributionError::Store(error) => error.into(),
    }
}
