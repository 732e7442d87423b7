//! What a basket would earn now.

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::account::Account;
use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{Context, ReceiptContext, Supply, decide_receipt};
use tessera_domain::fact::{Receipt, read_receipt};
use tessera_domain::ids::MemberId;
use tessera_domain::member::{MemberRef, Profile};
use tessera_domain::program::Asked;
use tessera_domain::view::{Explainer, PreviewView};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Services};
use tessera_store::ActiveProgram;

use crate::language;

/// `POST /v1/receipts/preview`: the real decision on the account as it is now; nothing is stored.
pub(crate) async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let now = services.clock.now();
    let body = with_defaults(request.json()?, now);
    let program = services.program(&caller.program).await?;
    let currency = program.compiled.program.currency;
    let basket = read_receipt(&body, currency).map_err(Problem::malformed)?;

    let reference = basket.member.map(|member| caller.verified(&program, member)).transpose()?;
    let (member, profile, account) = look_up(services, &program, reference.as_ref()).await?;
    let coupons = coupons(services, &program, &basket.receipt).await?;
    let supply = Supply::without(services.store.sold_out(&program.id, &program.compiled).await?);
    let context = Context {
        program: &program.compiled,
        member: &member,
        profile: profile.as_ref(),
        now,
        seed: tessera_store::seed()?,
        supply: &supply,
    };
    let fact = ReceiptContext { receipt: &basket.receipt, coupons: &coupons };
    let decision = decide_receipt(&context, &account, &fact);
    let explainer = Explainer::new(&program.compiled, language(request, &program, profile.as_ref()));
    Ok(http::json(200, &PreviewView::of(&decision.entry, &explainer)))
}

/// The body with what a basket does not have yet: an id, a time, perhaps a customer.
pub(crate) fn with_defaults(mut body: Value, now: Timestamp) -> Value {
    if let Value::Object(basket) = &mut body {
        basket.entry("id").or_insert_with(|| json!("preview"));
        basket.entry("occurred_at").or_insert_with(|| json!(now.to_string()));
        basket.entry("member").or_insert(Value::Null);
    }
    body
}

/// Whose basket it is, their profile where a rule asks for it, and their account; someone unknown has nothing yet.
async fn look_up(
    services: &Services,
    program: &ActiveProgram,
    reference: Option<&MemberRef>,
) -> Result<(MemberId, Option<Profile>, Account), Problem> {
    let key = &program.head.identity_key;
    let known = match reference {
        Some(reference) => services.store.resolve(&program.id, key, reference, false).await?.member,
        None => None,
    };
    if let Some(member) = known {
        if program.compiled.asks_profile(Asked::Receipt) {
            let found = services.store.get_member(&program.id, &member).await?;
            let (profile, account) = found.unzip();
            return Ok((member, profile, account.unwrap_or_default()));
        }
        let account = services.store.get_account(&program.id, &member).await?;
        return Ok((member, None, account.unwrap_or_default()));
    }
    let nobody = MemberId::new("m_nobody").map_err(|_| Problem::unavailable())?;
    Ok((nobody, None, Account::default()))
}

/// The coupons that the basket names.
pub(crate) async fn coupons(
    services: &Services,
    program: &ActiveProgram,
    basket: &Receipt,
) -> Result<Vec<Coupon>, Problem> {
    Ok(services.store.get_coupons(&program.id, basket.coupons.iter().map(FoldedCode::from)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basket_needs_only_what_is_in_it() {
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let bare = with_defaults(json!({ "currency": "EUR", "total": "24.00" }), now);
        assert_eq!((&bare["id"], &bare["occurred_at"]), (&json!("preview"), &json!("2026-03-01T09:00:00Z")));
        assert_eq!(bare["member"], Value::Null);
        let told = json!({ "id": "b-1", "occurred_at": "2026-02-01T09:00:00Z", "member": { "id": "c-1" } });
        assert_eq!(with_defaults(told.clone(), now), told);
        assert_eq!(with_defaults(json!([]), now), json!([]));
    }
}
