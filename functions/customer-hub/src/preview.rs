//! What a basket would earn now.

use std::convert::Infallible;

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::account::Account;
use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::{Context, ReceiptContext, Supply, decide_receipt, next_steps};
use tessera_domain::fact::{ReceiptBody, ReceiptLineBody, read_receipt};
use tessera_domain::ids::MemberId;
use tessera_domain::member::{MemberRef, Profile};
use tessera_domain::points::Points;
use tessera_domain::program::Asked;
use tessera_domain::view::{Explainer, PreviewView, rewards_within_reach};
use tessera_lambda::http::{self, ApiRequest, Response, with_basket_defaults};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::ActiveProgram;

/// The routes of previews.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/receipts/preview", Access::Scope(Scope::ReceiptsWrite), handler!(post))
        .named("previewReceipt", "Facts", "Returns what a basket would earn now")
        .details("Nothing is stored.")
        .localized()
        .takes::<BasketBody>(ReceiptBody::example)
        .gives::<PreviewView>(200, "The decision.")];

/// A basket: a receipt whose id, time and member may be left out.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PreviewedBasket), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `post` reads, with the reader of receipts")]
struct BasketBody {
    /// The shop's own id.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128, nullable = false))]
    id: Option<String>,
    /// The time of the purchase, with offset; absent: now.
    #[cfg_attr(feature = "openapi", schema(format = DateTime, nullable = false))]
    occurred_at: Option<String>,
    /// The member; absent or null: somebody with no history.
    member: Option<MemberRef>,
    /// The store.
    #[cfg_attr(feature = "openapi", schema(max_length = 128))]
    store: Option<String>,
    /// The channel.
    #[cfg_attr(feature = "openapi", schema(max_length = 128))]
    channel: Option<String>,
    /// The currency (ISO 4217).
    currency: String,
    /// Units of the program's currency for one unit of the basket's; required when they differ.
    fx_rate: Option<String>,
    /// What the customer would pay for goods, net of discounts, without shipping.
    total: String,
    /// The discount on the whole order, already subtracted from the total.
    discount: Option<String>,
    /// The lines.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    lines: Option<Vec<ReceiptLineBody>>,
    /// The codes of coupons to use.
    coupons: Option<Vec<String>>,
    /// The referral code to use.
    referral_code: Option<String>,
}

/// `POST /v1/receipts/preview`: the real decision on the account as it is now; nothing is stored.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let now = services.clock.now();
    let body = with_basket_defaults(request.json()?, now);
    let program = services.program(&caller.program).await?;
    let currency = program.compiled.program.currency;
    let basket = read_receipt(&body, currency).map_err(Problem::malformed)?;

    let reference = basket.member.map(|member| caller.verified(&program, member)).transpose()?;
    let looked_up = look_up(services, &program, reference.as_ref()).await?;
    let is_known = looked_up.is_some();
    let (member, profile, account) = match looked_up {
        Some(known) => known,
        None => (nobody()?, None, Account::default()),
    };
    let codes = basket.receipt.coupons.iter().map(FoldedCode::from);
    let coupons = services.store.get_coupons(&program.id, codes).await?;
    let sold_out = services.store.sold_out(&program.id, &program.compiled).await?;
    let seed = tessera_store::seed()?;
    let fact = ReceiptContext { receipt: &basket.receipt, coupons: &coupons };
    let decide = |supply: &Supply| {
        let context =
            Context { program: &program.compiled, member: &member, profile: profile.as_ref(), now, seed, supply };
        Ok::<_, Infallible>(decide_receipt(&context, &account, &fact))
    };
    let mut supply = Supply::without(sold_out.iter().cloned());
    let Ok(decision) = services.store.decide_only(&program.id, &program.compiled, &mut supply, decide).await?;
    let language = request.language(&program, profile.as_ref());
    let mut view = PreviewView::of(&decision.entry, &Explainer::new(&program.compiled, language));
    if is_known {
        let before = account.settled_at(&program.compiled, now);
        let after = &decision.account;
        let reached = rewards_within_reach(&program.compiled, &before, after, &sold_out, now, language);
        view.rewards_within_reach = Some(reached);
        let profile = profile.as_ref();
        let context = Context { program: &program.compiled, member: &member, profile, now, seed, supply: &supply };
        view.next = Some(next_steps(&context, &account, &basket.receipt));
    }
    Ok(http::json(200, &view))
}

/// The redeemable points that a basket would earn somebody with no history now. Reads only the budgets that these draw on.
pub(crate) async fn points_for_newcomer(
    services: &Services,
    program: &ActiveProgram,
    basket: &Value,
    now: Timestamp,
) -> Result<Points, Problem> {
    let basket = read_receipt(basket, program.compiled.program.currency).map_err(Problem::malformed)?;
    // Coupons that rules give change no points.
    let (member, seed, account) = (nobody()?, tessera_store::seed()?, Account::default());
    let fact = ReceiptContext { receipt: &basket.receipt, coupons: &[] };
    let decide = |supply: &Supply| {
        let context = Context { program: &program.compiled, member: &member, profile: None, now, seed, supply };
        Ok::<_, Infallible>(decide_receipt(&context, &account, &fact))
    };
    let mut supply = Supply::default();
    let Ok(decision) = services.store.decide_only(&program.id, &program.compiled, &mut supply, decide).await?;
    let explainer = Explainer::new(&program.compiled, &program.compiled.program.locale);
    Ok(PreviewView::of(&decision.entry, &explainer).points.redeemable)
}

/// A placeholder for somebody who is not known.
fn nobody() -> Result<MemberId, Problem> {
    MemberId::new("m_nobody").map_err(|_| Problem::unavailable())
}

/// Whose basket it is, their profile where a rule asks for it, and their account; `None` for someone unknown.
async fn look_up(
    services: &Services,
    program: &ActiveProgram,
    reference: Option<&MemberRef>,
) -> Result<Option<(MemberId, Option<Profile>, Account)>, Problem> {
    let key = &program.head.identity_key;
    let known = match reference {
        Some(reference) => services.store.resolve(&program.id, key, reference, false).await?.member,
        None => None,
    };
    let Some(member) = known else { return Ok(None) };
    if program.compiled.asks_profile(Asked::Receipt) {
        let found = services.store.open_member(&program.id, &member).await?;
        return Ok(Some(match found {
            Some(found) => (found.member, Some(found.profile), found.account),
            None => (member, None, Account::default()),
        }));
    }
    let (member, account) = services.store.open_account(&program.id, &member).await?;
    Ok(Some((member, None, account)))
}
