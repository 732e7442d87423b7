//! Redemptions: points buy a coupon.

use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::{Redemption, RedemptionFault, decide_redemption};
use tessera_domain::ids::CouponCode;
use tessera_domain::input::Fault;
use tessera_domain::ledger::Cause;
use tessera_domain::program::Asked;
use tessera_domain::view::CouponView;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{Commit, CommitError, Committed, EntryKey, Party, Taking, TakingCode};

use crate::body::{RedemptionBody, read_redemption};
use crate::{REDEEM_OWN, coupon};

/// The routes of redemptions.
pub(crate) const ROUTES: &[Route] = &[Route::post("/v1/members/{member}/redemptions", REDEEM_OWN, handler!(post))
    .named("redeem", "Coupons", "Redeems a reward")
    .takes::<RedemptionBody>(RedemptionBody::example)
    .gives::<CouponView>(201, "The coupon.")];

/// `POST /v1/members/{member}/redemptions`
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let redemption = read_redemption(&request.json()?).map_err(Problem::malformed)?;
    let redemption = Redemption { by_member: caller.member.is_some(), ..redemption };
    let program = services.program(&caller.program).await?;
    let member = services.member_for(&program, caller, request.path("member")?).await?;
    let member = member.ok_or_else(|| match caller.member {
        // The token of an unknown person is a visitor's, and visitors do not redeem.
        Some(_) => refused(&RedemptionFault::NotAMember),
        None => Problem::unknown_member(),
    })?;

    let (now, config) = (services.clock.now(), &program.compiled);
    let key = EntryKey::coupon(request.natural_key().started_at, &request.natural_key().key);
    let profile = config.asks_profile(Asked::Tier);
    // A reservation gets a code from a pool only when it is committed.
    let code = match redemption.reserve_minutes {
        Some(_) => TakingCode::Later,
        None => TakingCode::Now(redemption.points),
    };
    let takes = Some(Taking { reward: &redemption.reward, code });
    let commit = Commit::for_one(&program.id, config, Party { profile, takes, ..Party::new(&member, &key) });
    let committed = services.store.commit(&commit, |seen| {
        let context = seen.context(config, now);
        decide_redemption(&context, seen.account, &redemption)
    });
    // The owner's profile names the owner in the response; it is read meanwhile.
    let (committed, profile) = tokio::join!(committed, services.store.get_profile(&program.id, &member));
    let committed = match committed {
        Ok(committed) => committed,
        Err(CommitError::Refused(fault)) => return Err(refused(&fault)),
        Err(CommitError::Store(error)) => return Err(error.into()),
    };
    let issued = match committed {
        // What fell due before may have issued coupons too.
        Committed::Now(decision) => {
            let code = code_of(&decision.entry.cause).cloned();
            decision.issued.into_iter().find(|issued| Some(&issued.code) == code.as_ref())
        }
        Committed::Already(entry) => match code_of(&entry.cause) {
            Some(code) => services.store.get_coupon(&program.id, &FoldedCode::from(code)).await?,
            None => None,
        },
    };
    let issued = issued.ok_or_else(|| Problem::not_found("the coupon of this redemption is gone"))?;
    // The path may name a member who was merged into the owner.
    let profile = if issued.member == member {
        profile?
    } else {
        services.store.get_profile(&program.id, &issued.member).await?
    };
    coupon::respond_knowing(services, &program, 201, &issued, profile, now).await
}

/// The coupon that an entry is about.
const fn code_of(cause: &Cause) -> Option<&CouponCode> {
    match cause {
        Cause::Coupon { code, .. } => Some(code),
        _ => None,
    }
}

fn refused(fault: &RedemptionFault) -> Problem {
    match fault {
        RedemptionFault::PointsMissing => {
            Problem::malformed(vec![Fault { pointer: "/points".to_owned(), detail: fault.to_string() }])
        }
        RedemptionFault::CodesUnavailable => coupon::codes_unavailable(),
        other => Problem::not_allowed(other.slug(), other.to_string()),
    }
}
