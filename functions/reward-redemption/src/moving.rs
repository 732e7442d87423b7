//! `POST /v1/coupons/{code}/move`: a coupon that was booked on the wrong person.

use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{CouponMove, CouponMoveFault, decide_coupon_move};
use tessera_domain::ids::MemberId;
use tessera_domain::program::Asked;
use tessera_domain::view::CouponView;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::moving::{MoveBody, read_move};
use tessera_lambda::{Access, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Audit, Commit, CommitError, EntryKey, Party};

use crate::coupon::{find, respond_with, state_of, unknown};

/// The routes of moves.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/coupons/{code}/move", Access::Scope(Scope::Support), handler!(post))
        .named("moveCoupon", "Coupons", "Moves a coupon and its cost to another member")
        .audited("coupon.move")
        .details("The points return to the lots that paid for it, and the other member pays.")
        .takes::<MoveBody>(MoveBody::example)
        .gives::<CouponView>(200, "The coupon, as its new owner has it.")];

/// `POST /v1/coupons/{code}/move`. A coupon that its new owner has already is left as it is.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let wanted = read_move(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, caller, request.path("code")?).await?;
    let target = services.move_target(caller, &program, wanted.member).await?;
    let now = services.clock.now();
    if services.store.is_one_member(&program.id, &target, &coupon.member).await? {
        return respond_with(services, &program, 200, &coupon, now).await;
    }
    let moved = make(services, request, &program, &coupon, &target, &wanted.reason).await?;
    respond_with(services, &program, 200, &moved, now).await
}

/// Writes both sides in one transaction.
async fn make(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    coupon: &Coupon,
    target: &MemberId,
    reason: &str,
) -> Result<Coupon, Problem> {
    let (now, config, codes) = (services.clock.now(), &program.compiled, [coupon.code.clone()]);
    let natural = request.natural_key();
    // The two have different keys: after a merge, one list shows the entries of both.
    let [from_key, into_key] = ["from", "into"].map(|side| {
        let natural_key = format!("{}#move#{side}#{}", coupon.code, natural.key);
        EntryKey::coupon(natural.started_at, &natural_key)
    });
    let profile = config.asks_profile(Asked::Tier);
    let from = Party { coupons: &codes, profile, ..Party::new(&coupon.member, &from_key) };
    let into = Party { profile, ..Party::new(target, &into_key) };
    let commit = Commit { program: &program.id, config, parties: [from, into] };
    let by = CouponMove { actor: &request.caller()?.actor, reason };
    let audit = Audit { reason: Some(reason.to_owned()), ..request.audit(format!("coupons/{}", coupon.code))? };
    let committed = services.store.commit_audited(&commit, Some(&audit), |[from, into]| {
        let current = from.coupons.first().unwrap_or(coupon);
        let (source, target) = (from.context(config, now), into.context(config, now));
        decide_coupon_move((&source, from.account), (&target, into.account), current, by)
    });
    match committed.await {
        Ok(_) => {}
        Err(CommitError::Refused(fault)) => return Err(refused(&fault)),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    services.store.get_coupon(&program.id, &FoldedCode::from(&coupon.code)).await?.ok_or_else(unknown)
}

fn refused(fault: &CouponMoveFault) -> Problem {
    match fault {
        CouponMoveFault::State(state) => {
            Problem::not_allowed("coupon_state", format!("the coupon is {}", state_of(*state)))
        }
        CouponMoveFault::OtherOwner => Problem::conflict("coupon_state", fault.to_string()),
        CouponMoveFault::MemberExcluded => Problem::not_allowed("member_excluded", fault.to_string()),
        CouponMoveFault::InsufficientPoints { .. } => Problem::not_allowed("insufficient_points", fault.to_string()),
    }
}
